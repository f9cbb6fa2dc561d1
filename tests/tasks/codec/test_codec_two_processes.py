"""A codec that two processes train is that of one with both batches, quantized from the same step on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.features.cache import FeatureCache
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import fit
from mirbricks.workflows.loading import load_experiment

HERE = Path(__file__).parent
GRAPH = """\
name: tiny_codec
input: B C=1 T
layers:
  - MDCT: {num_bands: 32}
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - FiniteScalarQuantizer: {name: quantizer, levels: [5, 5, 5, 5, 5, 5, 5, 5]}
  - Conv1d: {out_channels: 32, kernel_size: 3, padding: same}
  - InverseMDCT: {num_bands: 32}
feature: {type: waveform, sr_hz: 8000}
task: {type: codec, patch_frames: 512, quantize_from: 3, losses: {l1: 1}}
train: {steps: 6, validate_every: 3, batch_size: 2}
"""


def prepared(folder: Path) -> tuple[Any, Any]:
    """The experiment of the graph in the folder, and its learner on all recordings of the corpus there."""
    experiment = load_experiment(folder / "graph.yaml")
    items = Corpus.open(folder / "corpus").items
    cache = FeatureCache(folder / "cache", experiment.feature)
    assert cache.build(items, n_jobs=1) == []
    experiment.task.check_graph(experiment.model)
    learner = experiment.task.learner(items, items, cache, seed=0, batch_size=2)
    return experiment, learner


def trained(folder: Path, name: str, experiment: Any, learner: Any) -> dict[str, Any]:
    run = RunFolder.create(folder / name)
    fit(experiment.model, learner, experiment.train, run, show=False)
    found: dict[str, Any] = RunFolder(folder / name).load_state()["model"]
    return found


@pytest.mark.slow
def test_two_processes_equal_one_with_both_batches(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    (tmp_path / "corpus").mkdir()
    synthesise_polyphony(tmp_path / "corpus", n_clips=2, seconds=1.0, seed=1)
    experiment, both = prepared(tmp_path)
    code = tmp_path / "two.py"
    code.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path\n"
        "import test_codec_two_processes as t\n"
        "folder = Path(sys.argv[1])\n"
        "t.trained(folder, 'two', *t.prepared(folder))\n"
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "--standalone", str(code), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr

    single = both.batch

    def joined(step: int) -> Batch:
        one, other = single(2 * step), single(2 * step + 1)
        inputs = (torch.cat((one.inputs[0], other.inputs[0])),)
        return replace(
            one,
            inputs=inputs,
            targets=torch.tensor(step),
            items=one.items + other.items,
        )

    both.batch = joined
    one = trained(tmp_path, "one", experiment, both)
    two = RunFolder(tmp_path / "two").load_state()["model"]
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)
