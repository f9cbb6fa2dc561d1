"""A training that is profiled: a trace and a table, and the same weights; the wait for batches in its records."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import FitResult, TrainConfig, fit
from mirbricks.training.profiling import TRACE, WAITING

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import Lines  # beside this file


def _train(
    folder: Path, learner: Lines, steps: int, **options: Any
) -> tuple[FitResult, torch.Tensor]:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    config = TrainConfig(steps=steps, validate_every=steps)
    run = RunFolder.create(folder)
    result = fit(model, learner, config, run, show=False, **options)
    return result, model.weight.detach()


def test_a_profile_is_a_trace_and_a_table_and_changes_no_weight(tmp_path: Path) -> None:
    result, weights = _train(tmp_path / "a", Lines(), 20, profiled=True)
    _, plain = _train(tmp_path / "b", Lines(), 20)
    assert torch.equal(weights, plain)
    assert result.profile is not None
    assert "Self CPU" in result.profile
    trace = json.loads((tmp_path / "a" / TRACE).read_text())
    named = [event for event in trace["traceEvents"] if event.get("name") == WAITING]
    assert len(named) == 10
    assert not (tmp_path / "b" / TRACE).exists()


@pytest.mark.parametrize(("steps", "traced"), [(2, False), (3, True), (5, True)])
def test_a_short_training_is_profiled_as_far_as_it_goes(
    tmp_path: Path, steps: int, traced: bool
) -> None:
    result, _ = _train(tmp_path, Lines(), steps, profiled=True)
    assert (result.profile is not None) == traced
    assert (tmp_path / TRACE).exists() == traced


@pytest.mark.parametrize(
    ("delay_s", "least", "most"), [(0.0, 0.0, 0.5), (0.02, 0.5, 1.0)]
)
def test_records_say_how_long_batches_were_waited_for(
    tmp_path: Path, delay_s: float, least: float, most: float
) -> None:
    class Slow(Lines):
        def batch(self, step: int) -> Batch:
            # Sleeping takes no core: what it delays is the wait alone.
            time.sleep(delay_s)
            return super().batch(step)

        def loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
            if not delay_s:
                time.sleep(0.005)
            return super().loss(outputs, batch)

    _train(tmp_path, Slow(), 10)
    records = RunFolder(tmp_path).read_metrics()
    shares = [record["waiting"] for record in records if "waiting" in record]
    assert len(shares) == 1
    assert least <= shares[0] <= most
