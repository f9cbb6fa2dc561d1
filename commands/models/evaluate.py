"""The command evaluate."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from ...printable import printable
from ...runs.json_numbers import finite
from ...workflows.evaluate import Evaluated, Options
from ...workflows.evaluate import evaluate as evaluate_runs
from ..screen import markdown_of, print_tables, progress_for


def evaluate(arguments: Namespace) -> int:
    """Evaluate a run, or each fold on its own test pieces; prints a table, a JSON object or Markdown."""
    options = Options(
        split=arguments.split,
        overrides=tuple(arguments.set),
        cache=arguments.cache,
        jobs=arguments.jobs,
        device=arguments.device,
    )
    progress = progress_for(arguments)
    found = evaluate_runs(arguments.folder, arguments.data, options, progress)
    if arguments.json:
        _print_json(found)
    elif arguments.markdown:
        print(markdown_of(found.evaluation, found.task.headline))
    else:
        title = f"{found.graph_name} on {found.corpus.name}, {_tracks(found.side)}"
        print_tables(title, found.evaluation, found.task.headline)
    return 1 if found.failed else 0


def _tracks(side: str) -> str:
    """What was judged, in words."""
    if side == "all":
        return "all recordings"
    return f"{side} tracks"


def _print_json(found: Evaluated) -> None:
    figures = found.evaluation.figures
    tracks = found.evaluation.tracks
    # JSON has no NaN; null alone would leave the reader to guess.
    undefined = [name for name, value in figures.items() if finite(value) is None]
    if undefined:
        names = printable(", ".join(undefined))
        print(f"note: undefined on these tracks, and null: {names}", file=sys.stderr)
    listed = {
        "task": found.task.name,
        "data": found.corpus.name,
        "n_tracks": len(tracks),
        "side": found.side,
        "figures": figures,
        "tracks": tracks,
    }
    print(json.dumps(finite(listed), allow_nan=False))
