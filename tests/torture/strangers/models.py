"""Packed models: archives of a graph, weights with settings in them, and a card."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import safetensors.torch

from mirbricks.runs.folder import RunFolder
from mirbricks.runs.settings import read_settings
from mirbricks.workflows.experiment import Experiment
from mirbricks.workflows.hosted import archive_of, here
from mirbricks.workflows.loading import load_experiment, load_run

from ..mutate import Rng, damaged_bytes, damaged_text
from ..verbs import GRAPH
from .corpora import damage_json

WHOLE = 0.02  # of the models: the graph in it is compiled, too
_KEPT = {
    "corpus": "c",
    "data": "c",
    "fold": 0,
    "command": "mirbricks train",
    "tuned": {"labels": ["a", "b"], "thresholds": []},
    "figures": {"accuracy": 0.5},
    "evaluated_on": "test",
    "tracks": {},
    "split": {"train": ["x"], "valid": [], "test": []},
    "versions": {"mirbricks": "0.2.0"},
    "best_step": 2,
    "training_s": 0.1,
    "stopped": "finished",
    "overrides": [],
    "also": [],
}


def models(sound: Path) -> Callable[[Rng, Path], None]:
    graph = GRAPH.encode()
    # Here, so that no child needs to import every task again.
    state = _sound_experiment(sound).model.state_dict()

    def damaged(rng: Rng, at: Path) -> None:
        settings = json.dumps(_KEPT)
        text = graph
        way = int(rng.integers(4))
        if way == 0:
            settings = damaged_text(rng, settings).decode("utf-8", "replace")
        if way == 1:
            other = json.loads(settings)
            damage_json(rng, other)
            settings = json.dumps(other)
        if way == 2:
            text = damaged_text(rng, GRAPH)
        weights = safetensors.torch.save(state, {"settings": settings})
        if way == 3:
            weights = damaged_bytes(rng, weights, 400)
        contents = {"graph.yaml": text, "weights.safetensors": weights, "card.md": b"x"}
        packed = archive_of(contents)
        # The damage of some is that of the archive; the others reach what is in them.
        if rng.random() < 0.3:
            packed = damaged_bytes(rng, packed)
        # A damaged graph is read, whatever that takes.
        is_whole = way == 2 or rng.random() < WHOLE
        (at / ("whole.mirb" if is_whole else "x.mirb")).write_bytes(packed)

    return damaged


@functools.lru_cache(maxsize=1)
def _sound_experiment(folder: Path) -> Experiment:
    path = folder / "tiny.yaml"
    path.write_text(GRAPH)
    return load_experiment(path)


def read_model(at: Path) -> None:
    whole = at / "whole.mirb"
    if whole.exists():
        load_run(RunFolder.open(here(whole)))
        return
    run = RunFolder.open(here(at / "x.mirb"))
    # As `load_run` reads it, but for the graph, which is the sound one here.
    experiment = _sound_experiment(at.parent / "sound")
    read_settings(run, experiment.task)
    run.load_weights(experiment.model)
