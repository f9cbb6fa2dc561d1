"""A training that two processes share is that of one with both batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.data.corpus import Corpus
from mirbricks.features.cache import FeatureCache
from mirbricks.runs.folder import RunFolder
from mirbricks.training.loop import fit
from mirbricks.workflows.loading import load_experiment

HERE = Path(__file__).parent


def prepared(folder: Path) -> tuple[Any, Any]:
    """The experiment of a graph in the folder, and its learner on all pieces of the corpus there."""
    experiment = load_experiment(folder / "graph.yaml")
    items = Corpus.open(folder / "corpus").items
    cache = FeatureCache(folder / "cache", experiment.feature)
    assert cache.build(items, n_jobs=1) == []
    size = experiment.train.batch_size
    learner = experiment.task.learner(items, items, cache, seed=0, batch_size=size)
    return experiment, learner


def trained(folder: Path, name: str, experiment: Any, learner: Any) -> None:
    run = RunFolder.create(folder / name)
    fit(experiment.model, learner, experiment.train, run, show=False)


@pytest.mark.slow
def test_two_processes_equal_one_with_both_batches(
    duos: Path, tmp_path: Path, joined: Any
) -> None:
    from .conftest import GRAPH

    short = GRAPH.replace(
        "steps: 80, validate_every: 40", "steps: 6, validate_every: 3"
    )
    (tmp_path / "graph.yaml").write_text(short)
    (tmp_path / "corpus").symlink_to(duos)
    code = tmp_path / "two.py"
    code.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "import test_two_processes as t\n"
        "folder = Path(sys.argv[1])\n"
        "t.trained(folder, 'two', *t.prepared(folder))\n"
    )
    experiment, both = prepared(tmp_path)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "--standalone", str(code), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr

    both.batch = joined(both.mixes.batch)
    trained(tmp_path, "one", experiment, both)
    one = RunFolder(tmp_path / "one").load_state()["model"]
    two = RunFolder(tmp_path / "two").load_state()["model"]
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)
