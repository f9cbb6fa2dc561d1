"""The command pack."""

from __future__ import annotations

import json
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
        hub=arguments.hub,
    )
    made = pack_run(arguments.folder, Path(arguments.out), options)
    if arguments.json:
        about = {"folder": str(made.folder), "bytes": made.size}
        print(json.dumps(about | {"parameters": made.parameters}))
        return 0
    size = f"{made.size / 1e6:.2f} MB"
    print(
        f"{made.folder}: {size}, {made.parameters:,} parameters; the card is {made.card}"
    )
    return 0
