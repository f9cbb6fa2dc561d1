"""What of an audio file a decoder passed over in silence: a file that was cut off, or goes on in another form."""

from __future__ import annotations

import mmap
from pathlib import Path

from . import mp3

MOST_ROUNDED = 4608  # frames that a header may announce beyond the audio: four blocks of an mp3 encoder
MOST_TRIMMED = 8192  # frames that an mp3 may have for its encoder alone, before and after the audio
_NOT_KNOWN = (
    1 << 31
)  # sizes of a wav from here on are written by programs that cannot go back to the header
_FMT = b"fmt "


def loss_of(path: Path, format: str, n_read: int, n_announced: int) -> str | None:
    """A sentence on what was not read.

    Parameters
    ----------
    path : Path
        The file.
    format : str
        As soundfile calls it, "WAV" or "MP3".
    n_read, n_announced : int
        Frames that were decoded, and that the decoder announced before.

    Returns
    -------
    str or None
        None where all was read, and where nothing was: that is an error of its own.
    """
    if n_read == 0:
        return None
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        if format in ("MP3", "MPEG"):
            return _of_mp3(path, bytes(data), n_read, n_announced)
        if format in ("WAV", "WAVEX"):
            n_announced = max(n_announced, _wav_frames(data))
        if n_read < n_announced - MOST_ROUNDED:
            return _cut_off(path, n_read, n_announced)
        if format == "FLAC" and _second_flac(data):
            return _only_first(path)
        if format == "OGG" and _second_ogg(data):
            return _only_first(path)
    return None


def _of_mp3(path: Path, data: bytes, n_read: int, n_announced: int) -> str | None:
    # A guess of the decoder's is not what the file announces.
    is_known = mp3.announces_length(data)
    if is_known and n_read < n_announced - MOST_ROUNDED:
        return _cut_off(path, n_read, n_announced)

    held = mp3.stretches(data)
    if not held:
        return None
    read_s = n_read / held[0].sr_hz
    held_s = sum(part.duration_s for part in held)
    if held_s - read_s <= MOST_TRIMMED / held[0].sr_hz:
        return None
    if len(held) > 1:
        after = held[1]
        reason = f"after {held[0].duration_s:.2f} s it goes on with {_change(held[0], after)}"
    elif is_known:
        reason = "more audio follows than its first frame announces, as where files are joined"
    else:
        reason = "it may be damaged"
    return (
        f"only {read_s:.2f} of the {held_s:.2f} s of '{path}' could be read: {reason}"
    )


def _change(before: mp3.Stretch, after: mp3.Stretch) -> str:
    if before.sr_hz != after.sr_hz:
        return f"{after.sr_hz:,} Hz instead of {before.sr_hz:,} Hz"
    return f"{after.channels} instead of {before.channels} channels"


def _cut_off(path: Path, n_read: int, n_announced: int) -> str:
    return (
        f"only {n_read:,} of the {n_announced:,} frames that '{path}' announces could be read: "
        "it may be cut off or damaged"
    )


def _only_first(path: Path) -> str:
    return (
        f"'{path}' holds several streams, one after the other; only the first was read"
    )


def _wav_frames(data: mmap.mmap) -> int:
    """Frames that the chunks of a wav announce; 0 where they do not say.

    libsndfile takes what is there for all that there was.
    """
    place = 12
    frame_bytes = 0
    while place + 8 <= len(data):
        name = data[place : place + 4]
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if name == _FMT:
            # Bytes of a sample of all channels stand after format, channels and two rates.
            frame_bytes = int.from_bytes(data[place + 20 : place + 22], "little")
        if name == b"data":
            if size >= _NOT_KNOWN or frame_bytes == 0:
                return 0
            return size // frame_bytes
        # Chunks begin at even places.
        place += 8 + size + size % 2
    return 0


def _second_flac(data: mmap.mmap) -> bool:
    """Whether another file follows: its mark, and the block of 34 bytes that every flac begins with."""
    marks = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
    return any(data.find(mark, 8) >= 0 for mark in marks)


def _second_ogg(data: mmap.mmap) -> bool:
    """Whether a stream begins after another one's audio: those that sound at once all begin first (RFC 3533)."""
    first_of_audio = data.find(b"OggS\x00\x00")
    return first_of_audio >= 0 and data.find(b"OggS\x00\x02", first_of_audio) >= 0
