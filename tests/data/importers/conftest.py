"""What the tests of importers share: small sounds, an import and an export in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import soundfile

from mirbricks.data.importers.contract import Importer, Recording, importer_of
from mirbricks.data.importers.exporting import export_corpus, stored_items
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import Found, find_recordings
from mirbricks.data.pyjama.file import Definition
from mirbricks.errors import DataError

SR_HZ = 8000


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sound() -> Callable[..., Any]:
    """sound(path, seconds=1.0): a noise of its own in a file; gives the samples, (N,) or (N, channels)."""

    def write(
        path: str, seconds: float = 1.0, channels: int = 1, sr_hz: int = SR_HZ
    ) -> Any:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(path.encode()))
        samples = rng.uniform(-0.5, 0.5, (round(seconds * sr_hz), channels)).astype(
            np.float32
        )
        subtype = "FLOAT" if path.endswith(".wav") else None
        soundfile.write(path, samples, sr_hz, subtype=subtype)
        return samples[:, 0] if channels == 1 else samples

    return write


@pytest.fixture
def bring_in() -> Callable[..., Any]:
    """bring_in(kind, source, out, "key=value", ..., name=, audio=True, **How): the report."""

    def call(
        kind: str,
        source: str | Path,
        out: str,
        *settings: str,
        name: str = "it",
        audio: bool = True,
        **how: Any,
    ) -> Any:
        found = find_recordings(importer_of(kind, settings, audio), source)
        return import_recordings(found, out, name, How(n_jobs=1, **how))

    return call


@pytest.fixture
def take_out() -> Callable[..., Any]:
    """take_out(kind, corpus, out, "key=value", ..., audio=True): the report."""

    def call(
        kind: str, corpus: str | Path, out: str, *settings: str, audio: bool = True
    ) -> Any:
        return export_corpus(
            importer_of(kind, settings, audio), stored_items(corpus, audio), out
        )

    return call


@pytest.fixture
def same() -> Callable[..., None]:
    """same(a, b, ending=None): two corpora have the same annotations and samples; `ending` is that of a's audio."""

    def check(
        a: str | Path,
        b: str | Path,
        *names: str,
        ending: str = ".wav",
        audio: bool = True,
    ) -> None:
        first, second = stored_items(a, audio), stored_items(b, audio)
        others = {stored.key: stored for stored in second}
        assert len(first) == len(second) > 0
        for one in first:
            other = others[
                one.stem + ".wav" if one.key.endswith(ending) and audio else one.key
            ]
            kept = names or tuple(
                name
                for name in one.entry.annotations
                if name not in ("filepath", "stem_of")
            )
            for name in kept:
                mine, yours = (
                    list(x.entry.annotations.get(name, ())) for x in (one, other)
                )
                assert mine == yours, (one.key, name)
            if one.item and other.item:
                assert one.item.sr_hz == other.item.sr_hz
                mine, yours = (x.read_channels()[0] for x in (one.item, other.item))
                np.testing.assert_array_equal(mine, yours)

    return check


@pytest.fixture
def bach_like(sound: Callable[..., Any]) -> Any:
    """src/, one piece in the layout of Bach10; gives the pitches, (4, 90)."""
    rows = np.zeros((4, 90))
    rows[:, 10:60] = np.array([72.0, 67.5, 60.25, 48.0])[:, None] + 0.1 * np.sin(
        np.arange(50.0)
    )
    notes = np.empty((4, 1), object)
    for part in range(4):
        cell = np.empty((1, 2), object)
        for index, (first, last) in enumerate(((10, 30), (30, 60))):
            cell[0, index] = np.stack(
                [np.arange(first, last) + 1.0, rows[part, first:last]]
            )
        notes[part, 0] = cell
    for name in ("", "-violin", "-clarinet", "-saxphone", "-bassoon"):
        sound(f"src/01-Ach/01-Ach{name}.wav")
    scipy.io.savemat("src/01-Ach/01-Ach-GTF0s.mat", {"GTF0s": rows})
    scipy.io.savemat("src/01-Ach/01-Ach-GTNotes.mat", {"GTNotes": notes})
    return rows


class Given(Importer):
    """Recordings as they are given."""

    kind, text = "given", "what it is given"
    definitions = {
        "chord": Definition("segment", "text"),
        "f0": Definition("breakpoint", "numeric"),
    }

    def __init__(self, *found: Recording | DataError) -> None:
        super().__init__()
        self.found = found

    def recordings(self, source: Path) -> Iterator[Recording | DataError]:  # noqa: ARG002
        yield from self.found


@pytest.fixture
def found() -> Callable[..., Found]:
    """found(recording, error, ...): what an importer found that yields just these."""
    return lambda *given: find_recordings(Given(*given), ".")


@pytest.fixture
def given(found: Callable[..., Found]) -> Callable[..., Any]:
    """given(recording, error, ..., out="out", **How): the report of the import of just these."""

    def call(*recordings: Recording | DataError, out: str = "out", **how: Any) -> Any:
        return import_recordings(found(*recordings), out, "it", How(n_jobs=1, **how))

    return call
