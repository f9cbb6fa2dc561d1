"""The command pack."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ...workflows.pack import Options
from ...workflows.pack import pack as pack_run


def pack(arguments: Namespace) -> int:
    """Pack a run into a new folder."""
    corpora = arguments.corpora.split(",") if arguments.corpora else ()
    options = Options(
        half=arguments.half,
        evaluations=tuple(arguments.evaluation),
        figure=arguments.figure,
        corpora=tuple(corpora),
        notes=tuple(arguments.note),
    )
    made = pack_run(arguments.folder, Path(arguments.out), options)
    size = f"{made.size / 1e6:.2f} MB"
    print(
        f"{made.folder}: {size}, {made.parameters:,} parameters; the card is {made.card}"
    )
    return 0
