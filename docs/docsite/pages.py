"""Every page that is made in the build and not written by hand; made again only when what it is made of has changed."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import torch

from . import (
    api_pages,
    block_pages,
    command_pages,
    error_pages,
    front,
    gallery,
    graph_pages,
    zoo_pages,
)
from .staging import DOCS, ROOT

ROOMS = (
    front,
    gallery,
    block_pages,
    graph_pages,
    zoo_pages,
    error_pages,
    command_pages,
    api_pages,
)
SHARED = [DOCS / "docsite" / name for name in ("markdown.py", "staging.py")]
MADE = DOCS / "_build" / "made"
OUTSIDE = ("docs", "tests", "bench", "out", "runs", "build", "examples")


def generated(
    names: Sequence[str] | None = None,
) -> Iterator[tuple[str, str | bytes]]:
    """The place of each file below the site's source, and its content; of some rooms, or of all."""
    for room in ROOMS:
        if names is not None and room.__name__.rpartition(".")[2] not in names:
            continue
        yield from made_by(room).items()


def made_by(room: ModuleType) -> dict[str, str | bytes]:
    """What a room makes: from the last build, where neither the package nor the pages have changed since."""
    name = room.__name__.rpartition(".")[2]
    kept = MADE / f"{name}.pickle"
    stamp = fingerprint(room)
    if kept.is_file():
        # Our own file, below our own folder.
        found, pages = pickle.loads(kept.read_bytes())
        if found == stamp:
            return dict(pages)
    pages = dict(room.pages())
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps((stamp, pages)))
    return pages


def fingerprint(room: ModuleType) -> str:
    """A hash of all that a room makes its pages of: the package, the room itself, and the files it names in `ALSO`."""
    own = [Path(str(room.__file__)), *SHARED]
    for pattern in getattr(room, "ALSO", ()):
        own += sorted(DOCS.glob(pattern))
    return _digest(own, _package())


@lru_cache(maxsize=1)
def _package() -> str:
    return _digest(sorted(_sources()), torch.__version__)


def _digest(paths: Sequence[Path], before: str) -> str:
    digest = hashlib.sha256(before.encode())
    for path in paths:
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for kind in ("*.py", "*.yaml", "card.md", "*.safetensors"):
        for path in ROOT.rglob(kind):
            parts = path.relative_to(ROOT).parts
            if not parts[0].startswith(".") and parts[0] not in OUTSIDE:
                yield path
