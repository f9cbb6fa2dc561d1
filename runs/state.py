"""state.pt: what a training that goes on must find in it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

STATE_KEYS = {"step", "stopped", "config", "model", "optimizer", "average", "counters"}
ENDINGS = (None, "finished", "patience", "interrupted")


def fault_of(state: Any) -> str | None:
    """Why this cannot be the state of a training, in words; None where it can be."""
    if not isinstance(state, dict) or not state.keys() >= STATE_KEYS:
        return "it is not the state of a training"
    # torch.load promises plain values and tensors, but not under which name: each is looked at before it is used.
    step = state["step"]
    if not isinstance(step, int) or isinstance(step, bool) or step < 0:
        return f"'step' is not a number of steps: {step!r}"
    if state["stopped"] not in ENDINGS:
        return f"'stopped' is not one of {', '.join(map(str, ENDINGS))}"
    for name in ("config", "optimizer", "counters"):
        if not isinstance(state[name], dict):
            return f"'{name}' is not a mapping"
    for name in ("model", "average"):
        weights = state[name]
        if weights is not None and not _are_tensors(weights):
            return f"'{name}' is not a mapping of names to tensors"
    return None


def _are_tensors(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(isinstance(tensor, Tensor) for tensor in value.values())
