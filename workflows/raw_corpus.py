"""A folder that is not a corpus yet: the import that would make it one."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

from ..data.corpus import Corpus
from ..data.stores.audio import AUDIO_ENDINGS
from ..errors import DataError

# Columns that hold labels; where a table has several, the first of these is the one for people.
LABELS = ("class_name", "category", "instrument", "genre", "label", "tag", "class")


def open_corpus(folder: str) -> Corpus:
    """`Corpus.open`; its E410 names the command that imports what is there instead."""
    try:
        return Corpus.open(folder)
    except DataError as error:
        help = None
        if error.code == "E410":
            help = _import_of(Path(folder))
        if help is None:
            raise
        raise DataError(
            error.message,
            code=error.code,
            where=error.where,
            facts=error.facts,
            help=help,
        ) from error


def _import_of(folder: Path) -> str | None:
    """The command for a folder with a table beside the audio, or with a folder of audio per label."""
    try:
        there = sorted(folder.iterdir())
        tables = [path for path in there if path.suffix == ".csv" and _options(path)]
        # A few files of each folder show what it holds; a corpus may have a hundred thousand.
        inside = []
        for path in there:
            if path.is_dir():
                inside += list(path.iterdir())[:20]
    except OSError:
        return None
    out = f"corpora/{folder.resolve().name}"
    if tables:
        words = ["csv", str(tables[0]), "--out", out, *_options(tables[0])]
    elif any(path.suffix.lower() in AUDIO_ENDINGS for path in inside):
        words = ["folders", str(folder), "--out", out]
    else:
        return None
    return f"bring it in first: `mirbricks data import {shlex.join(words)}`, then --data {shlex.quote(out)}"


def _options(table: Path) -> list[str]:
    """The options for the columns that a table has; an empty list without labels."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, ValueError):
        return []
    labels = [name for name in LABELS if name in header]
    if not labels:
        return []
    options = ["--set", f"tags={labels[0]}"]
    # Folds that a corpus publishes are those of the literature's figures.
    if "fold" in header:
        options = ["--set", "fold=fold", *options]
    return options
