"""A report drawn from stored figures: where they have another form, one message names the file."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mirbricks.cli import main

GRAPH = """\
name: tiny
input: B C=1 F=16 T
layers:
  - Mean: {dim: [2, 3]}
  - Linear: {name: tags, out_features: 2}
feature: {type: logmel, sr_hz: 8000, n_fft: 512, hop_length: 256, n_mels: 16, fmax_hz: 3900.0}
dataset: {folds: 3}
task: {type: tagging, labels: one, annotation: class, patch_frames: 16}
train: {steps: 1, batch_size: 2, validate_every: 1}
"""
STRANGE: tuple[Any, ...] = ([], {}, "abc", None, [[1.0]], -1, 10**400, True, [0.5])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and a run."""
    folder = tmp_path_factory.mktemp("damaged")
    drawn = np.random.default_rng(0)
    for number in range(8):
        place = folder / "sounds" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        noise = drawn.standard_normal(8000) / 9
        soundfile.write(place / f"{number}.wav", noise, 8000)
    (folder / "graph.yaml").write_text(GRAPH)
    corpus = str(folder / "corpus")
    run = str(folder / "run")
    assert (
        main(["data", "import", "folders", str(folder / "sounds"), "--out", corpus])
        == 0
    )
    graph = str(folder / "graph.yaml")
    assert main(["train", graph, "--data", corpus, "--out", run, "--jobs", "1"]) == 0
    return folder


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every container with every key or number in it."""
    if isinstance(value, dict):
        here = list(value.items())
    elif isinstance(value, list):
        here = list(enumerate(value))
    else:
        return []
    found = [(value, key) for key, _ in here]
    for _, inner in here:
        found += places_in(inner)
    return found


def test_stored_figures_of_another_form(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = trained / "run" / "settings.json"
    whole = path.read_text()
    draw = random.Random(16)
    refused = 0
    for _ in range(16):
        settings = json.loads(whole)
        container, key = draw.choice(places_in(settings["tracks"]))
        container[key] = draw.choice(STRANGE)
        path.write_text(json.dumps(settings))
        words = ["report", str(trained / "run"), "--data", str(trained / "corpus")]
        code = main([*words, "--jobs", "1"])
        said = capsys.readouterr().err
        # A changed figure may still be drawn; what cannot be is one message and no traceback.
        assert code in (0, 1)
        if code:
            assert said.count("[E") == 1
            refused += 1
    path.write_text(whole)
    assert refused >= 4
    assert (
        main(["report", str(trained / "run"), "--data", str(trained / "corpus")]) == 0
    )


def test_the_words(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trained / "run" / "settings.json"
    whole = path.read_text()
    settings = json.loads(whole)
    next(iter(settings["tracks"].values()))["scores"][1] = []
    path.write_text(json.dumps(settings))
    assert (
        main(["report", str(trained / "run"), "--data", str(trained / "corpus")]) == 1
    )
    path.write_text(whole)
    said = capsys.readouterr().err
    assert said.startswith(
        f"'{path}' cannot be read: it is damaged, or not a file of a run\n"
        "  reason  the figures of its tracks cannot be drawn (ValueError: "
    )
    assert said.endswith(
        "\n  help: take the file from a copy of the run, or train again in a new folder     [E606]\n"
    )
