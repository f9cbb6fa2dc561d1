"""The command data export."""

from __future__ import annotations

from argparse import Namespace

from ...data.importers.contract import importer_of
from ...data.importers.exporting import export_corpus as export
from ...data.importers.exporting import stored_items
from ...data.importing.report import by_reason
from ...printable import printable
from ..screen import console, counting, plural, watched


def export_corpus(arguments: Namespace) -> int:
    """Write a corpus as a layout of files, print what was written and what the layout has no place for."""
    importer = importer_of(
        arguments.kind, arguments.set, with_audio=not arguments.no_audio
    )
    corpus = stored_items(arguments.corpus, with_audio=not arguments.no_audio)
    with counting("recordings", len(corpus), show=watched(arguments)) as on_done:
        report = export(importer, corpus, arguments.out, on_done)
    count = plural(report.n_audio, "audio file")
    console().print(
        f"{plural(report.n_recordings, 'recording')}, {count} in {printable(arguments.out)}",
        soft_wrap=True,
    )
    for line in by_reason(report.left_out):
        console().print(f"  {printable(line)}", soft_wrap=True)
    return 0
