"""Loggers are told what metrics.jsonl holds, and cannot cost a training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mirbricks.errors import MirbricksError, RunError
from mirbricks.runs.folder import RunFolder
from mirbricks.training.loggers import LOGGERS, Logger, Loggers
from mirbricks.training.loggers.base import flat

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import Interrupting, train  # beside this file


class Kept(Logger):
    name = "kept"
    records: list[Mapping[str, Any]]
    made: list[Kept]

    def __init__(self, run: Path, step: int) -> None:
        super().__init__(run, step)
        self.records = []
        self.closed = False
        MADE.append(self)

    def record(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.closed = True


class Failing(Logger):
    name = "failing"

    def record(self, record: Mapping[str, Any]) -> None:  # noqa: ARG002
        raise OSError("no room\nleft")


MADE: list[Kept] = []


def test_a_logger_is_told_what_the_run_keeps(tmp_path: Path) -> None:
    MADE.clear()
    train(tmp_path / "run", loggers=Loggers([Kept]))
    (kept,) = MADE
    assert kept.closed
    assert kept.run == tmp_path / "run"
    assert kept.records == RunFolder(tmp_path / "run").read_metrics()


def test_a_resumed_training_says_from_where(tmp_path: Path) -> None:
    MADE.clear()
    train(tmp_path / "run", Interrupting(13), loggers=Loggers([Kept]))
    train(tmp_path / "run", resume=True, loggers=Loggers([Kept]))
    first, second = MADE
    assert first.closed
    assert (first.step, second.step) == (0, 14)
    told = [*first.records, *second.records]
    assert told == RunFolder(tmp_path / "run").read_metrics()


def test_a_logger_that_fails_is_named_once_and_costs_nothing(tmp_path: Path) -> None:
    MADE.clear()
    complaints: list[MirbricksError] = []
    result, _ = train(
        tmp_path / "run", loggers=Loggers([Failing, Kept], complaints.append)
    )
    assert result.stopped == "finished"
    (error,) = complaints
    assert error.message == "the logger 'failing' raised OSError: no room left"
    assert MADE[0].records == RunFolder(tmp_path / "run").read_metrics()


def test_an_unknown_logger_is_named() -> None:
    with pytest.raises(RunError, match="E618") as error:
        LOGGERS.get("tensorbord")
    assert "did you mean 'tensorboard'" in str(error.value)


def test_numbers_within_mappings_have_paths() -> None:
    record = {"step": 3, "loss": 1, "valid": {"a": 0.5, "b": None}, "why": "x"}
    assert flat(record) == {"loss": 1.0, "valid/a": 0.5}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_the_curves(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path / "run", loggers=Loggers([LOGGERS.get("tensorboard")]))
    events = EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    wanted = [
        (record["step"], record["loss"])
        for record in RunFolder(tmp_path / "run").read_metrics()
        if "loss" in record
    ]
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    assert [step for step, _ in found] == [step for step, _ in wanted]
    for (_, a), (_, b) in zip(found, wanted, strict=True):
        assert a == pytest.approx(b)
    assert "valid/negative error" in events.Tags()["scalars"]
