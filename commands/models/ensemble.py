"""The command ensemble."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ...workflows.ensemble import ensemble as make_ensemble


def ensemble(arguments: Namespace) -> int:
    """Make one model of several trainings."""
    out = Path(arguments.out)
    made = make_ensemble(arguments.folders, out, arguments.command)
    what = f"the mean of {made.n_runs} runs, {made.parameters:,} parameters"
    judged = "it"
    if made.n_folds > 1:
        what = f"{made.n_folds} folds, each {what}"
        judged = "them"
    print(f"{out}: {what}; `mirbricks evaluate {out} --data DIR` judges {judged}")
    return 0
