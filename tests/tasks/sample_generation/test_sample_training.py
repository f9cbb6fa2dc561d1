"""A model of samples in the training loop: resumed to the bit, two processes as one, packed and loaded elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mirbricks as mb
from mirbricks.data.corpus import Corpus
from mirbricks.features.cache import (
    FeatureCache as FeatureCache,  # of the processes, too
)
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit
from mirbricks.workflows.pack import Options, pack

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "training"))
import test_sample_generation as toys  # beside this file
from toy_training import same  # that of the loop's own tests

HERE = Path(__file__).parent
STEPS = 6
GRAPHS = {"conditioned": toys.CONDITIONED, "samplernn": toys.SAMPLERNN}


def made(corpus: Corpus, cache: FeatureCache, name: str) -> tuple[Any, Any]:
    """A graph and its learner, with everything that is drawn at random."""
    settings: dict[str, Any] = {"patch_frames": 60}
    if name == "conditioned":
        settings |= {"conditions": ("label",), "condition_dropout": 0.4}
    task, model = toys.made(GRAPHS[name], **settings)
    items = corpus.items
    return model, task.learner(items, items[:2], cache, seed=0, batch_size=4)


def trained(run: Path, model: Any, learner: Any, **more: Any) -> RunFolder:
    config = TrainConfig(
        steps=STEPS, validate_every=3, lr=1e-2, warmup_steps=2, average_decay=0.9
    )
    fit(model, learner, config, RunFolder(run), show=False, **more)
    return RunFolder(run)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("at", [2, 4])
def test_resumed_equals_undisturbed_to_the_bit(
    tmp_path: Path, name: str, at: int
) -> None:
    corpus, cache = toys.tones_in(tmp_path)
    whole = trained(tmp_path / "whole", *made(corpus, cache, name))
    model, cut = made(corpus, cache, name)
    loss, seen = cut.loss, []

    def interrupted(outputs: Any, batch: Batch) -> Any:
        seen.append(batch)
        if len(seen) == at:
            signal.raise_signal(signal.SIGINT)
        return loss(outputs, batch)

    cut.loss = interrupted
    trained(tmp_path / "parts", model, cut)
    assert RunFolder(tmp_path / "parts").load_state()["step"] == at
    parts = trained(tmp_path / "parts", *made(corpus, cache, name), resume=True)

    same(whole.load_state(), parts.load_state())
    same(whole.read_metrics(), parts.read_metrics())
    same(whole.read_weights()[0], parts.read_weights()[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
def test_two_processes_are_as_one_with_both_batches(
    tmp_path: Path, name: str, joined: Any
) -> None:
    corpus, cache = toys.tones_in(tmp_path)
    code = tmp_path / "two.py"
    code.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "import test_sample_training as t\n"
        "folder = Path(sys.argv[1])\n"
        "corpus = t.Corpus.open(folder)\n"
        "cache = t.FeatureCache(folder / 'cache', t.toys.FEATURE)\n"
        f"t.trained(folder / 'two', *t.made(corpus, cache, {name!r}))\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--nproc-per-node=2", "--standalone", str(code), str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr

    model, both = made(corpus, cache, name)
    both.batch = joined(both.batch)
    one = trained(tmp_path / "one", model, both)
    two = RunFolder(tmp_path / "two")
    for key, value in one.load_state()["model"].items():
        torch.testing.assert_close(
            two.load_state()["model"][key], value, rtol=1e-4, atol=1e-5
        )


def test_a_packed_model_makes_the_same_sounds_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    toys.tones_in(here)
    graph = {
        **toys.WAVENET,
        "feature": {"type": "waveform", "sr_hz": toys.SR_HZ},
        "dataset": {"folds": 4},
        "task": {
            "type": "sample_generation",
            "patch_frames": 60,
            "quantization_channels": toys.K,
            "generate_s": 0.02,
        },
        "train": {"steps": 2, "batch_size": 2, "validate_every": 1},
    }
    (here / "g.yaml").write_text(json.dumps(graph))
    mb.train(here / "g.yaml", here, here / "run", cache=here / "cache")
    expected = mb.load(here / "run").generate(2, seed=3)
    pack(here / "run", tmp_path / "packed", Options())

    shutil.rmtree(here)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = mb.load(tmp_path / "packed").generate(2, seed=3)

    assert len(found) == 2
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.samples, other.samples)
