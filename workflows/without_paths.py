"""A command as others may see it: nothing of the machine on which it was given."""

from __future__ import annotations

import shlex
from pathlib import Path

from ..zoo import GRAPHS


def without_paths(command: str) -> str:
    """The commands, one per line, each path cut to its last part, but for the graphs that come with mirbricks."""
    return "\n".join(
        shlex.join(map(_without_path, shlex.split(line)))
        for line in command.splitlines()
    )


def _without_path(word: str) -> str:
    path = Path(word)
    if path.suffix == ".yaml" and (GRAPHS / path.name).is_file():
        return f"{GRAPHS.name}/{path.name}"
    # In --set task.codec=/home/ann/runs/a the path stands behind the key.
    key, equals, value = word.rpartition("=")
    # Such a path means something on one machine only, and may hold a user's name.
    if value.startswith(("/", "..", "~")):
        return f"{key}{equals}{Path(value).name}"
    return word
