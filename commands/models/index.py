"""The command index."""

from __future__ import annotations

from argparse import Namespace

from ...printable import printable
from ...workflows.compressed import Compressed
from ...workflows.index import index as write_index
from ..screen import plural, progress_for


def index(arguments: Namespace) -> int:
    """Embed the recordings of --data and write --out; those that cannot be used are reported and left out."""
    made = write_index(
        arguments.folder,
        arguments.data,
        arguments.out,
        compress=arguments.compress,
        cache=arguments.cache,
        jobs=arguments.jobs,
        device=arguments.device,
        progress=progress_for(arguments),
    )
    count = plural(len(made.index.keys), "recording")
    library = made.index.library
    begin = printable(f"{arguments.out}: {count} of '{made.index.corpus}'")
    if not isinstance(library, Compressed):
        print(f"{begin}, {library.vectors.shape[-1]} numbers each")
        return 1 if made.failed else 0
    n_lists = len(library.centres)
    size = f"{library.codes.shape[1]} bytes each in {plural(n_lists, 'list')}"
    print(f"{begin}, {size}")
    # What is lost is reported where it can still be changed: against the exact search.
    for most, share in made.recall.items():
        looked = f"looking into {plural(library.probes, 'list')}"
        print(f"recall@{most} {share:.3f} of the exact search, {looked}")
    return 1 if made.failed else 0
