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
        print(
            json.dumps(about | {"parameters": made.parameters, "sha256": made.sha256})
        )
        return 0
    size = f"{made.size / 1e6:.2f} MB"
    where = "in it" if made.folder.is_file() else made.card
    print(f"{made.folder}: {size}, {made.parameters:,} parameters; the card is {where}")
    print(f"sha256 {made.sha256}")
    return 0
