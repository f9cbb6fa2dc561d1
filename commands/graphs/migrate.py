"""The command migrate: a graph file in the tutorial's dialect, or with old names of fields, as it is written today."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ...compiler.compile import load_graph
from ...compiler.migrating.migrate import migrate as migrated
from ...printable import printable
from ...workflows.new_file import refuse_existing, write_new
from .input_shape import input_shape


def migrate(arguments: Namespace) -> int:
    """Print the native form, or write it to --out; what the user should know goes to standard error."""
    if arguments.out:
        refuse_existing(arguments.out)
    result = migrated(arguments.file, input_shape(arguments.input), _read)
    if arguments.out:
        write_new(arguments.out, result.text)
    else:
        print(result.text, end="")
    # On standard error, so that `mirbricks migrate old.yaml > new.yaml` writes the graph alone.
    for note in result.notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    return 0


def _read(path: str | Path) -> None:
    """Read a native file with its sections, where it is a whole experiment: they too may have old names of fields."""
    graph = load_graph(path)
    if "task" in graph.source.data:
        from ...workflows.loading import load_experiment

        load_experiment(path)
