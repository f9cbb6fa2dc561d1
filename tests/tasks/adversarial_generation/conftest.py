"""A corpus of notes with its features, and a GAN of two small graphs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.compiler.module import GraphModule
from mirbricks.data.corpus import Corpus, Item
from mirbricks.features.cache import FeatureCache
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.tasks.adversarial_generation import (
    AdversarialGeneration,
    AdversarialGenerationConfig,
)

sys.path.insert(0, str(Path(__file__).parent))
from small_gan import write_graphs, write_notes  # beside this file


@dataclass
class SmallGan:
    """A task with its two graphs and the recordings of each side."""

    task: AdversarialGeneration
    model: GraphModule
    cache: FeatureCache
    sides: dict[str, list[Item]]

    def learner(self, batch_size: int = 4) -> Any:
        return self.task.learner(
            self.sides["train"],
            self.sides["valid"],
            self.cache,
            seed=0,
            batch_size=batch_size,
        )


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_notes(tmp_path_factory.mktemp("gan") / "notes")


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gan_cache")


@pytest.fixture
def small_gan(
    notes: Corpus, cache_folder: Path, tmp_path: Path
) -> Callable[..., SmallGan]:
    """small_gan(loss="wgan_gp", ...): settings of the task, and `graphs` for `write_graphs`."""

    def make(graphs: dict[str, str] | None = None, **changes: Any) -> SmallGan:
        path = write_graphs(tmp_path, **(graphs or {}))
        torch.manual_seed(0)
        graph = load_graph(path)
        model = compile_graph(graph)
        critic = compile_graph(load_graph(tmp_path / "discriminator.yaml"))
        feature = LogMelFeatureConfig(**graph.source.data["feature"])
        config = graph.section("task", AdversarialGenerationConfig)
        task = AdversarialGeneration(config.model_copy(update=changes), feature)
        task.models = {"adversary": critic}
        task.check_graph(model)

        cache = FeatureCache(cache_folder, feature)
        cache.build(notes.items, n_jobs=1)
        sides: dict[str, list[Item]] = {}
        for item in notes.items:
            sides.setdefault(item.annotations["split"][0].value, []).append(item)
        return SmallGan(task, model, cache, sides)

    return make
