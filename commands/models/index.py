"""The command index."""

from __future__ import annotations

from argparse import Namespace

from ...workflows.index import index as write_index
from ..screen import plural, progress_for


def index(arguments: Namespace) -> int:
    """Embed the recordings of --data and write --out; those that cannot be used are reported and left out."""
    made = write_index(
        arguments.folder,
        arguments.data,
        arguments.out,
        cache=arguments.cache,
        jobs=arguments.jobs,
        device=arguments.device,
        progress=progress_for(arguments),
    )
    count = plural(len(made.index.keys), "recording")
    size = made.index.library.vectors.shape[-1]
    print(f"{arguments.out}: {count} of '{made.index.corpus}', {size} numbers each")
    return 1 if made.failed else 0
