"""A training whose processes torchrun started again after a failure: it goes on from the state that they saved."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import MirbricksError
from ..runs.folder import STATE, RunFolder

LAUNCH = "launch"  # in settings.json: which launch of torchrun began the training
UNNAMED = "none"  # what torchrun calls one of several nodes that got no --rdzv-id


def _launch() -> str | None:
    """What torchrun calls the launch that this process belongs to; None without torchrun, or without a name."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", UNNAMED)
    return None if name == UNNAMED else name


def noted_launch() -> dict[str, str]:
    """For settings.json: the launch that begins a training; empty without one."""
    name = _launch()
    return {} if name is None else {LAUNCH: name}


def goes_on(out: Path) -> bool:
    """Whether torchrun started this process again, and the training in `out` was begun by the same launch.

    A run that lay there before is not gone on with unasked: the user may have named its folder by mistake.
    """
    if os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0" or _launch() is None:
        return False
    # Killed before its first state was saved, a training begins again, with the weights it was to begin with.
    if not (out / STATE).is_file():
        return False
    try:
        begun_by = RunFolder(out).read_settings().get(LAUNCH)
    except MirbricksError:  # it is reported where the run is opened
        return False
    return begun_by == _launch()
