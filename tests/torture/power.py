"""A power cut at any moment: what the disk may hold then, from the recorded changes of a command.

Until it is synced, a write may be on the disk or not, whole or in part, and so may a new name; what is synced is there.
From each prefix of the changes several disks are made that this allows: all that was not synced is lost; the names are
there and no content; contents and no names; some of each, drawn. On every disk each file must be old or new, never
half: absent, or equal to what one moment of the undisturbed command had under that name. As ALICE (Pillai et al., OSDI
2014) and CrashMonkey (Mohan et al., OSDI 2018) do it for file systems.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from mirbricks.runs.metrics import records

from .kills import faults_after
from .steps import Change, changes_in
from .verbs import Verb, emptied
from .workshop import Workshop

DRAWN = 3  # disks per prefix, beside the four plain ones
NAMING = ("open", "rename", "unlink", "mkdir", "rmdir")


@dataclass
class Cuts:
    """What the power cuts of one verb have led to: prefixes, different disks, and commands run again on some."""

    verb: str
    prefixes: int = 0
    disks: int = 0
    again: int = 0
    faults: list[str] = field(default_factory=list)


class Disk:
    """Files and folders by path, as they would be found after a power cut."""

    def __init__(self) -> None:
        self.names: dict[
            str, int | None
        ] = {}  # the number of a file's content; None for a folder
        self._contents: dict[int, bytearray] = {}
        # What is open under which name, whether or not that name has reached the disk.
        self._open: dict[str, int] = {}

    def files(self) -> dict[str, bytes]:
        """The files that can be reached: those whose folders are there."""
        found = {}
        for path, number in self.names.items():
            above = [str(one) for one in PurePosixPath(path).parents][:-1]
            if number is not None and all(one in self.names for one in above):
                found[path] = bytes(self._contents[number])
        return found

    def change(self, change: Change, *, reaches: bool, torn: bool) -> None:
        """Follow a change, which reaches the disk or does not; of a write that is torn only half does."""
        if change.kind == "open":
            self._opened(change, reaches)
        elif change.kind == "rename":
            self._renamed(change, reaches)
        elif change.kind in ("unlink", "rmdir"):
            self._open.pop(change.path, None)
            if reaches:
                self.names.pop(change.path, None)
        elif change.kind == "mkdir" and reaches:
            self.names[change.path] = None
        elif change.kind in ("write", "resize") and reaches:
            _fill(self._contents[self._open[change.path]], change, torn)

    def _opened(self, change: Change, reaches: bool) -> None:
        if change.number and change.path in self._open:
            # A file that is there is emptied.
            if reaches:
                self._contents[self._open[change.path]] = bytearray()
            return
        number = len(self._contents)
        self._open[change.path] = number
        self._contents[number] = bytearray()
        if reaches:
            self.names[change.path] = number

    def _renamed(self, change: Change, reaches: bool) -> None:
        """Give a file another name, or a folder and all that is in it."""
        before = change.path
        for path in list(self._open):
            if path == before or path.startswith(f"{before}/"):
                after = change.target + path[len(before) :]
                self._open[after] = self._open.pop(path)
        if not reaches:
            return
        # The content goes with its name, also where the name before has never reached the disk.
        for path in list(self.names):
            if path == before or path.startswith(f"{before}/"):
                after = change.target + path[len(before) :]
                self.names[after] = self.names.pop(path)
        if change.target in self._open:
            self.names[change.target] = self._open[change.target]


def cut(
    shop: Workshop, verb: Verb, seed: int, most_again: int, stride: int = 1
) -> Cuts:
    """Cut the power after each `stride`-th change; on `most_again` of the disks, run the command again."""
    rng = np.random.default_rng([seed, *verb.name.encode()])
    found = Cuts(verb.name)
    undisturbed = shop.undisturbed(verb)
    out = shop.place(verb)
    changes = list(changes_in(undisturbed.record))
    plain = [_relative(one, out) for one in changes]
    odd = {one.kind for one in plain} & {"mapped", "linked"}
    odd_paths = {one.path for one in plain if one.kind in odd}
    # SQLite maps a file that it shares between processes; no other may be written past the system's calls.
    if any("sqlite" not in path for path in odd_paths):
        found.faults.append(f"changes that cannot be followed: {sorted(odd_paths)}")
    versions = _versions(plain)

    seen: dict[str, tuple[int, dict[str, bytes]]] = {}
    for end in [*range(0, len(plain), stride), len(plain)]:
        found.prefixes += 1
        for disk in _disks(plain[:end], rng):
            files = disk.files()
            key = _digest(files)
            if key in seen:
                continue
            seen[key] = (end, files)
            fault = _half(files, versions)
            if fault:
                found.faults.append(f"after change {end}: {fault}")
        if end == len(plain):
            lost = _lost(_disks(plain, rng), shop, verb)
            found.faults += [f"after the end: {one}" for one in lost]
    found.disks = len(seen)
    chosen = rng.permutation(len(seen))[:most_again]
    for place in sorted(chosen):
        end, files = list(seen.values())[place]
        _again(shop, verb, end, files, found)
    return found


def _relative(change: Change, out: Path) -> Change:
    """A change whose paths begin at the folder that the command writes, `out`."""
    base = str(out.parent)
    data = change.data
    if change.kind == "rename":
        data = change.target.removeprefix(base).lstrip("/").encode()
    # The folder itself is "." as it is the parent of what lies in it.
    path = change.path.removeprefix(base).lstrip("/") or "."
    return Change(change.kind, change.number, path, data)


def _disks(changes: Sequence[Change], rng: np.random.Generator) -> list[Disk]:
    """Disks that a power cut after these changes may leave."""
    synced = _synced(changes)
    loose = [place for place in range(len(changes)) if place not in synced]
    named = {place for place in loose if changes[place].kind in NAMING}
    filled = set(loose) - named
    # Names are kept in order by every journal; so of those that are not synced there is a beginning.
    chosen = [set(loose), set(), named, filled]
    for _ in range(DRAWN):
        order = sorted(named)
        kept = set(order[: int(rng.integers(0, len(order) + 1))])
        kept |= {place for place in filled if rng.random() < 0.5}
        chosen.append(kept)
    disks = [_after(changes, synced | kept, None) for kept in chosen]
    # A write that was under way is there in part.
    writes = [place for place in filled if changes[place].kind == "write"]
    if writes:
        torn = int(rng.choice(writes))
        disks.append(_after(changes, synced | named | set(writes), torn))
    return disks


def _synced(changes: Sequence[Change]) -> set[int]:
    """The places of the changes that are surely on the disk at the end of them all."""
    safe: set[int] = set()
    pending: dict[
        str, set[int]
    ] = {}  # of a file its content, of a folder the names in it
    for place, change in enumerate(changes):
        folder = str(PurePosixPath(change.path).parent)
        if change.kind == "fsync":
            safe |= {place, *pending.pop(change.path, ())}
            continue
        if change.kind in ("write", "resize"):
            pending.setdefault(change.path, set()).add(place)
            continue
        if change.kind == "rename":
            target = change.target
            pending[target] = pending.pop(change.path, set())
            pending.setdefault(str(PurePosixPath(target).parent), set()).add(place)
        if change.kind == "open" and change.number:
            # An old file that is emptied: of its content.
            pending.setdefault(change.path, set()).add(place)
            continue
        pending.setdefault(folder, set()).add(place)
    return safe


def _after(changes: Sequence[Change], kept: set[int], torn: int | None) -> Disk:
    """The disk with those of the changes that are kept; of the one `torn` half."""
    disk = Disk()
    for place, change in enumerate(changes):
        disk.change(change, reaches=place in kept, torn=place == torn)
    return disk


def _fill(content: bytearray, change: Change, torn: bool) -> None:
    if change.kind == "resize":
        size = change.number
        del content[size:]
        content.extend(bytes(size - len(content)))
        return
    data = change.data
    if torn:
        data = data[: len(data) // 2]
    content.extend(bytes(max(0, change.number - len(content))))
    content[change.number : change.number + len(data)] = data


def _versions(changes: Sequence[Change]) -> dict[str, set[bytes]]:
    """What each file held in the moments between a name and the next change: what is old, and what is new."""
    found: dict[str, set[bytes]] = {}
    for end, change in enumerate(changes, start=1):
        if change.kind in ("rename", "fsync", "unlink", "rmdir") or end == len(changes):
            disk = _after(changes[:end], set(range(end)), None)
            for path, content in disk.files().items():
                found.setdefault(path, set()).add(content)
    return found


def _is_own(path: str) -> bool:
    """Whether nobody reads a file but the command that goes on: temporary, hidden, or the database's own."""
    hidden = any(part.startswith(".") for part in PurePosixPath(path).parts)
    return hidden or ".sqlite" in path


def _half(files: dict[str, bytes], versions: dict[str, set[bytes]]) -> str:
    for path, content in files.items():
        if _is_own(path) or content in versions.get(path, ()):
            continue
        # Lines that are added one by one: a beginning is as good as the whole.
        if path.endswith(".jsonl") and _begins(content, versions.get(path, set())):
            continue
        return f"'{path}' is half there: {len(content)} bytes"
    return ""


def _begins(content: bytes, versions: set[bytes]) -> bool:
    """Whether what is read from a growing file is what it held at some moment, or would have held soon."""
    read = records(content.decode())
    every = [records(one.decode()) for one in versions]
    return any(one[: len(read)] == read for one in every)


def _lost(disks: Sequence[Disk], shop: Workshop, verb: Verb) -> list[str]:
    """What a power cut takes back after the command has said that all is done."""
    essence = shop.undisturbed(verb).essence
    found = []
    for name in essence:
        path = f"out/{name}"
        if not _is_own(path) and any(path not in disk.files() for disk in disks):
            found.append(f"'{name}' is lost")
    return found


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}:{len(files[path])}:".encode() + files[path])
    return digest.hexdigest()


def _again(
    shop: Workshop, verb: Verb, end: int, files: dict[str, bytes], found: Cuts
) -> None:
    """Run the command again on a disk as it was found."""
    out = shop.place(verb)
    base = emptied(out.parent)
    for path, content in files.items():
        place = base / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    found.again += 1
    found.faults += faults_after(shop, verb, out, f"after change {end}")
