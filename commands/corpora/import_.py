"""The commands data import and data kinds."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...data.importers.contract import (
    IMPORTERS,
    exported_kinds,
    importer_of,
    kinds,
)
from ...data.importing.corpus import How, import_recordings
from ...data.importing.finding import find_recordings
from ...data.importing.staging import Float32
from ...printable import printable, printable_json
from ..screen import console, counting, watched
from ..wrapping import wrapped


def import_corpus(arguments: Namespace) -> int:
    """Import a corpus; print what came in and what was left out."""
    importer = importer_of(
        arguments.kind, arguments.set, with_audio=not arguments.no_audio
    )
    found = find_recordings(importer, arguments.source)
    how = How(
        arguments.sr,
        _resampled if arguments.sr else None,
        arguments.clip,
        arguments.jobs,
        arguments.channels,
    )
    # The importer has looked through the source; from here on audio is decoded.
    name = arguments.name or _name_of(Path(arguments.source))
    with counting(
        "audio files",
        len(found.recordings),
        show=importer.with_audio and watched(arguments),
    ) as on_done:
        report = import_recordings(found, arguments.out, name, how, on_done)
    if arguments.json:
        print(printable_json(report.to_json()))
    else:
        for line in report.lines():
            console().print(printable(line), soft_wrap=True)
    return int(bool(arguments.strict and report.left_out))


def list_kinds(arguments: Namespace) -> int:
    """A line for each kind, or one kind with its options."""
    known = kinds()
    both = exported_kinds()
    if arguments.json:
        asked = [arguments.kind] if arguments.kind else list(known)
        print(json.dumps({kind: _described(kind) for kind in asked}))
        return 0
    if arguments.kind is None:
        width = max(map(len, known))
        for kind, cls in known.items():
            line = f"{kind:<{width}}  {cls.text}"
            if kind not in both:
                line += " (import only)"
            # The text hangs beside the names.
            console().print(wrapped(line, width + 2), soft_wrap=True)
        return 0
    cls = IMPORTERS.get(arguments.kind)
    console().print(f"{arguments.kind}: {cls.text}", soft_wrap=True)
    for key, field in cls.Options.model_fields.items():
        console().print(
            f"  --set {key}=...  {field.description or f'default: {field.default}'}",
            soft_wrap=True,
        )
    return 0


def _described(kind: str) -> dict[str, Any]:
    cls = IMPORTERS.get(kind)
    options = {
        key: field.description for key, field in cls.Options.model_fields.items()
    }
    exports = kind in exported_kinds()
    return {"text": cls.text, "exports": exports, "options": options}


def _name_of(source: Path) -> str:
    """The name of the folder; of a table, that of the folder it lies in."""
    if source.is_dir():
        folder = source.resolve()
    else:
        folder = source.resolve().parent
    return folder.name.lstrip(".") or "corpus"


def _resampled(
    blocks: Iterable[Float32], from_hz: int, to_hz: int
) -> Iterator[Float32]:
    """In worker processes, which import torch only if there is something to convert."""
    import torch

    from ...features.resample import resample_stream

    for piece in resample_stream(map(torch.from_numpy, blocks), from_hz, to_hz):
        yield piece.numpy()
