"""The command evaluate: whole, or in shards."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from ...data.shards import Shard
from ...printable import listed, printable
from ...runs.json_numbers import finite
from ...workflows.evaluate import Evaluated
from ...workflows.evaluate import evaluate as evaluate_runs
from ...workflows.evaluate_shards import ShardDone, evaluate_shard, join_shards
from ...workflows.run_on_corpus import Options
from ..screen import markdown_of, plural, print_tables, progress_for

MOST_LISTED = 8


def evaluate(arguments: Namespace) -> int:
    """Evaluate a run, or each fold on its own test pieces; prints a table, a JSON object or Markdown."""
    options = Options(
        split=arguments.split,
        overrides=tuple(arguments.set),
        cache=arguments.cache,
        jobs=arguments.jobs,
        device=arguments.device,
        backend=arguments.backend,
    )
    progress = progress_for(arguments)
    run, data, out = arguments.folder, arguments.data, Path(arguments.out)
    shard = Shard(*arguments.shard)
    if arguments.join:
        found = join_shards(run, data, options, out, progress)
    elif shard.of == 1:
        found = evaluate_runs(run, data, options, progress)
    else:
        done = evaluate_shard(run, data, options, shard, out, progress)
        if done.together is None:
            _print_shard(done, shard, arguments.json)
            return 1 if done.failed else 0
        found = done.together
    _print(found, arguments)
    return 1 if found.failed else 0


def _print(found: Evaluated, arguments: Namespace) -> None:
    if arguments.json:
        _print_json(found)
    elif arguments.markdown:
        print(markdown_of(found.evaluation, found.task.headline))
    else:
        title = f"{found.graph_name} on {found.corpus.name}, {_tracks(found.side)}"
        print_tables(title, found.evaluation, found.task.headline)


def _print_shard(done: ShardDone, shard: Shard, as_json: bool) -> None:
    """What is there of an evaluation that others go on with."""
    if as_json:
        found = {
            "shard": list(shard),
            "file": str(done.path),
            "recordings": done.keys,
            "missing": done.missing,
        }
        print(json.dumps(found))
        return
    count = plural(len(done.keys), "recording")
    print(f"shard {shard.number} of {shard.of}: {count} in {printable(done.path)}")
    missing = [str(number) for number in done.missing]
    print(f"still missing: {listed(missing, MOST_LISTED, quote='')}")


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
