"""What of a training is kept between two steps, and how it is put back: resumed, it is as if it had never stopped."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from torch import nn

from ..errors import RunError
from ..runs.folder import RunFolder
from .optimization import TrainConfig
from .sharding import load, load_optimizer
from .turns import MovingTurn

Stopped = Literal["finished", "patience", "interrupted"]

COUNTERS = ("validated", "waited", "best_step", "best_figures", "seconds")


class Kept(Protocol):
    """A training between two steps; its counters are attributes under the names of COUNTERS."""

    run: RunFolder
    config: TrainConfig
    model: nn.Module
    parts: dict[str, nn.Module]
    average: nn.Module | None
    own: nn.Module | None
    turns: list[MovingTurn]
    step: int

    @property
    def main(self) -> MovingTurn: ...


def state_of(training: Kept, stopped: Stopped | None) -> dict[str, Any]:
    """The state of a training: weights, optimizers, counters; tensors and plain values only."""
    average = training.average
    own = training.own
    main = training.main
    counters = {name: getattr(training, name) for name in COUNTERS}
    counters |= {"losses": main.values, "side_values": main.sides.values}
    counters |= {"part_values": main.parts.values}
    return {
        "step": training.step,
        "stopped": stopped,
        "config": training.config.model_dump(),
        "model": training.model.state_dict(),
        "optimizer": main.optimizer.state_dict(),
        "average": None if average is None else average.state_dict(),
        "learner": None if own is None else own.state_dict(),
        "counters": counters,
        "parts": {name: part.state_dict() for name, part in training.parts.items()},
        "turns": {one.name: _of_turn(one) for one in training.turns if one is not main},
    }


def _of_turn(turn: MovingTurn) -> dict[str, Any]:
    return {
        "optimizer": turn.optimizer.state_dict(),
        "losses": turn.values,
        "side_values": turn.sides.values,
        "part_values": turn.parts.values,
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
    load(training.model, state["model"])
    main = training.main
    counters = state["counters"]
    try:
        for name, part in training.parts.items():
            part.load_state_dict(state["parts"][name])
        _restore_turn(main, {**counters, "optimizer": state["optimizer"]})
        for turn in training.turns:
            if turn is not main:
                _restore_turn(turn, state["turns"][turn.name])
        if training.average is not None:
            load(training.average, state["average"])
        if training.own is not None:
            training.own.load_state_dict(state["learner"])
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise run.damaged("state.pt", error) from error
    training.step = state["step"]
    # Names that this version does not know are not set: the file may be a stranger's.
    for name in COUNTERS:
        if name in counters:
            setattr(training, name, counters[name])


def _restore_turn(turn: MovingTurn, state: dict[str, Any]) -> None:
    load_optimizer(turn.optimizer, state["optimizer"])
    turn.values = state["losses"]
    # States of older versions have no means of parts.
    turn.sides.values = state.get("side_values", {})
    turn.parts.values = state.get("part_values", {})


def _changed(old: dict[str, Any], config: TrainConfig) -> list[tuple[str, str]]:
    """What differs; a constant schedule does not depend on the number of steps, so more of them may be trained."""
    free = {"steps"} if config.schedule == "constant" else set()
    facts = []
    for name, value in config.model_dump().items():
        # A setting that an older version did not have was what is its default today.
        before = old.get(name, TrainConfig.model_fields[name].default)
        if name not in free and before != value:
            facts.append((name, f"{before} in the run, {value} now"))
    return facts
