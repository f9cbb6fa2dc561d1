"""What an export writes to, and what it writes: the items of a corpus and a new folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import soundfile

from ...errors import DataError
from ..corpus import Item
from ..pyjama.file import Entry
from ..stores.audio import AUDIO_ENDINGS

BLOCK_SAMPLES = 1 << 20
WAV_BYTES = 4_000_000_000  # beyond: RF64, the same with sizes of 64 bits


@dataclass(frozen=True)
class Stored:
    """An item of the corpus: its annotations and, where there is audio, the item that reads it."""

    entry: Entry
    item: Item | None

    @property
    def key(self) -> str:
        return self.entry.filepath

    @property
    def stem(self) -> str:
        """The key without the ending of an audio file."""
        return without_ending(self.key)

    @property
    def stem_of(self) -> str | None:
        """The key of the mix that this is a stem of."""
        if self.item:
            own: str | None = self.item.stem_of
        else:
            own = self.entry.first("stem_of")
        return own


def without_ending(key: str) -> str:
    ending = next(
        (ending for ending in AUDIO_ENDINGS if key.lower().endswith(ending)), ""
    )
    return key[: len(key) - len(ending)]


@dataclass
class Destination:
    """A new folder. Every path is given out once, and lies inside it; `on_done` is called with the key of each item."""

    folder: Path
    on_done: Callable[[str], None] | None = None
    n_audio: int = 0
    _given: set[str] = field(default_factory=set)

    def path(self, relative: str) -> Path:
        """Where to write; the folders above are made. Raises DataError E469 for a path that is taken or leads out."""
        # Keys come out of corpora of others: none of them may lead out of the folder.
        parts = PurePosixPath(relative).parts
        is_below = parts and not relative.startswith("/") and ".." not in parts
        if not is_below or "\0" in relative or "\\" in relative:
            raise DataError(
                f"'{relative}' is not a path inside the folder of the export",
                code="E469",
                help="rename it",
            )
        # Some file systems take A.wav and a.wav for one file.
        if relative.casefold() in self._given:
            raise DataError(
                f"two recordings of the corpus would both be written to '{relative}'",
                code="E469",
            )
        self._given.add(relative.casefold())
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def audio(self, stored: Stored, stem: str) -> str:
        """Write the audio to stem.wav, as 32-bit floats: sample for sample what the corpus holds, with its channels.

        Returns where to; for a recording without audio its key, and nothing is written.
        """
        item = stored.item
        if self.on_done:
            self.on_done(stored.key)
        if item is None:
            return stored.key
        # In blocks, so that memory does not grow with the length of a recording.
        relative = f"{stem}.wav"
        path = self.path(relative)
        if item.n_channels * item.n_samples * 4 > WAV_BYTES:
            form = "RF64"
        else:
            form = "WAV"
        with soundfile.SoundFile(
            path, "w", item.sr_hz, item.n_channels, "FLOAT", format=form
        ) as file:
            for start in range(0, item.n_samples, BLOCK_SAMPLES):
                stop = min(start + BLOCK_SAMPLES, item.n_samples)
                channels, _ = item.read_channels(start, stop)
                file.write(channels.T)
        self.n_audio += 1
        return relative
