"""A training of the small GAN that several processes can share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from small_gan import write_graphs, write_notes

from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.data.corpus import Corpus
from mirbricks.features.cache import FeatureCache
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.adversarial_generation import (
    AdversarialGeneration,
    AdversarialGenerationConfig,
)
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit

CONFIG = TrainConfig(steps=10, validate_every=10, batch_size=3)


def prepare(folder: Path) -> None:
    """Graphs, corpus and features, before any process needs them."""
    write_graphs(folder)
    write_notes(folder / "notes")
    parts_of(folder)


def parts_of(folder: Path) -> tuple[Any, Any, Any]:
    """Task, model and learner, with the same first weights each time."""
    torch.manual_seed(0)
    graph = load_graph(folder / "gan.yaml")
    model = compile_graph(graph)
    critic = compile_graph(load_graph(folder / "discriminator.yaml"))
    feature = LogMelFeatureConfig(**graph.source.data["feature"])
    config = graph.section("task", AdversarialGenerationConfig)
    task = AdversarialGeneration(config, feature)
    task.models = {"adversary": critic}
    task.check_graph(model)
    cache = FeatureCache(folder / "cache", feature)
    items = Corpus.open(folder / "notes").items
    cache.build(items, n_jobs=1)
    return task, model, task.learner(items, items, cache, seed=0, batch_size=3)


def weights_of(task: Any, model: Any) -> dict[str, Any]:
    """Of both graphs, by name."""
    found = {f"generator/{name}": x for name, x in model.state_dict().items()}
    for name, x in task.models["adversary"].state_dict().items():
        found[f"adversary/{name}"] = x
    return found


def main(folder: Path, out: Path) -> None:
    """One of the processes; each writes the same weights, the first one does it."""
    task, model, learner = parts_of(folder)
    fit(model, learner, CONFIG, RunFolder(out), beside=task.models, show=False)
    if RunFolder(out).path.joinpath("state.pt").exists():
        temporary = out.parent / f"{out.name}.{id(task)}.pt"
        torch.save(weights_of(task, model), temporary)
        temporary.rename(out.parent / f"{out.name}.pt")


def together(folder: Path, out: Path) -> dict[str, Any]:
    """The weights that one process comes to with both batches of each step."""
    task, model, learner = parts_of(folder)
    drawn = learner.batch

    def batch(step: int) -> Batch:
        one = drawn(2 * step)
        other = drawn(2 * step + 1)
        return Batch(
            (torch.cat([one.inputs[0], other.inputs[0]]),),
            joined(one.targets, other.targets),
            one.items + other.items,
            joined(one.named, other.named),
        )

    learner.batch = batch
    fit(model, learner, CONFIG, RunFolder(out), beside=task.models, show=False)
    return weights_of(task, model)


def joined(one: Any, other: Any) -> dict[str, Any]:
    """The rows of both, by name."""
    return {name: torch.cat([one[name], other[name]]) for name in one}
