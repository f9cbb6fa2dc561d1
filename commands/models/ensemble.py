"""The command ensemble."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ...workflows.ensemble import ensemble as make_ensemble


def ensemble(arguments: Namespace) -> int:
    """Make one model of several trainings."""
    out = Path(arguments.out)
    made = make_ensemble(arguments.folders, out, arguments.command)
    print(
        f"{out}: the mean of {made.n_runs} runs, {made.parameters:,} parameters; "
        f"`mirbricks evaluate {out} --data DIR` judges it"
    )
    return 0
