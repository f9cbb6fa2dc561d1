"""What of a training is kept between two steps, and how it is put back: resumed, it is as if it had never stopped."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import nn

from ..errors import RunError
from ..runs.folder import RunFolder
from .optimization import TrainConfig

Stopped = Literal["finished", "patience", "interrupted"]

COUNTERS = (
    "validated",
    "waited",
    "best_step",
    "best_figures",
    "losses",
    "seconds",
    "side_values",
)


class Kept(Protocol):
    """A training between two steps; its counters are attributes under the names of COUNTERS."""

    run: RunFolder
    config: TrainConfig
    model: nn.Module
    average: nn.Module | None
    own: nn.Module | None
    optimizer: torch.optim.Optimizer
    step: int


def state_of(training: Kept, stopped: Stopped | None) -> dict[str, Any]:
    """The state of a training: weights, optimizer, counters; tensors and plain values only."""
    average = training.average
    own = training.own
    return {
        "step": training.step,
        "stopped": stopped,
        "config": training.config.model_dump(),
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "average": None if average is None else average.state_dict(),
        "learner": None if own is None else own.state_dict(),
        "counters": {name: getattr(training, name) for name in COUNTERS},
    }


def restore(training: Kept, state: dict[str, Any]) -> None:
    """Put a state back. Raises E606 where it is damaged, E607 for another graph, E608 for other settings."""
    changed = _changed(state["config"], training.config)
    run = training.run
    if changed:
        raise RunError(
            f"cannot resume '{run.path}': the settings of the training have changed",
            code="E608",
            facts=changed,
            help="resume with the old values, or begin a new training in another folder",
        )
    # The weights are held against the graph first: torch's own message for a misfit names no remedy.
    run.check_weights(state["model"], training.model.state_dict())
    training.model.load_state_dict(state["model"])
    try:
        training.optimizer.load_state_dict(state["optimizer"])
        if training.average is not None:
            training.average.load_state_dict(state["average"])
        if training.own is not None:
            training.own.load_state_dict(state["learner"])
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise run.damaged("state.pt", error) from error
    training.step = state["step"]
    # Names that this version does not know are not set: the file may be a stranger's.
    for name in COUNTERS:
        if name in state["counters"]:
            setattr(training, name, state["counters"][name])


def _changed(old: dict[str, Any], config: TrainConfig) -> list[tuple[str, str]]:
    """What differs; a constant schedule does not depend on the number of steps, so more of them may be trained."""
    free = {"steps"} if config.schedule == "constant" else set()
    facts = []
    for name, value in config.model_dump().items():
        if name not in free and old.get(name) != value:
            facts.append((name, f"{old.get(name)} in the run, {value} now"))
    return facts
