"""Sounds on a page: a player under the picture of each, several side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

import numpy as np
import soundfile
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..data.stores.wav import LARGEST
from ..plots.sound import sound
from .page import image

LONGEST_S = 10.0  # of a sound within a page: longer ones are cut, and the page says so
MOST_BYTES = 8_000_000  # of the sounds within a page, which is sent by mail
MOST_PICTURE_BYTES = 150_000
FINEST = 1.5  # pixels of a picture per pixel of a screen
SIZE_INCHES = (4.6, 3.1)  # of a picture in the grid
STEREO = 2  # channels: more are mixed down, as a browser would

STYLE = """
.sounds, .cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1.2rem;
  margin: .8rem 0 1.2rem; }
.sound { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem;
  min-width: 0; }
.sound .wide { margin: 0 0 .6rem; } .sound .plot { width: 100%; }
.sound audio { display: block; width: 100%; height: 2.6rem; }
.sound figcaption { margin: .5rem .1rem 0; } .sound figcaption b { color: var(--ink); }
.case { margin: 0 0 2.4rem; min-width: 0; } .case dl { margin: 0 0 .8rem; font-size: .92rem; }
.case .caption { margin: .2rem 0 .6rem; }
.case > .wide:empty { display: none; }
@media print { .sounds, .cases { grid-template-columns: repeat(3, 1fr); gap: .5rem; } .sound { break-inside: avoid; } }
"""


class Audible(Protocol):
    """What a player needs of a sound."""

    @property
    def title(self) -> str: ...
    @property
    def samples(self) -> NDArray[Any]: ...  # (C, N)
    @property
    def sr_hz(self) -> int: ...
    @property
    def details(self) -> Mapping[str, Any]: ...


class Room:
    """How many bytes of sound a page may still hold; `left_out` counts the sounds that found no place."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes
        self.left_out = 0

    def take(self, n_bytes: int) -> bool:
        """Whether so many bytes have a place, which they then take."""
        if n_bytes > self._left:
            self.left_out += 1
            return False
        self._left -= n_bytes
        return True

    def words(self) -> str:
        """What the page says of the sounds that it does not hold; "" where it holds all."""
        if not self.left_out:
            return ""
        count = "1 sound has" if self.left_out == 1 else f"{self.left_out} sounds have"
        return f"{count} a picture and no player: a page holds {MOST_BYTES // 1_000_000} MB of sound at most."


def players(sounds: Sequence[Audible], room: Room | None = None) -> str:
    """Several sounds in a grid, each with its picture and player; the sounds are within the page."""
    place = room or Room()
    return grid([card(one, *_within(one, place)) for one in sounds])


def grid(cards: Sequence[str]) -> str:
    """The cards side by side, as many as the page is wide."""
    return f'<div class="sounds">{"".join(cards)}</div>'


def card(
    one: Audible,
    address: str,
    note: str = "",
    figures: Sequence[Figure] | None = None,
) -> str:
    """One sound: its pictures, a player of the audio at `address`, and what it is.

    Parameters
    ----------
    one : Audible
        The sound; its title and details stand below the player.
    address : str
        Where the player finds the audio: a data URI, or the name of a file beside the page; "" for no player.
    note : str
        What else a listener must know.
    figures : sequence of Figure, optional
        The pictures; by default waveform and spectrogram.
    """
    name = one.title or "sound"
    drawn = [picture(one)] if figures is None else figures
    images = "".join(
        image(one, f"picture of {name}", MOST_PICTURE_BYTES, FINEST) for one in drawn
    )
    words = [f"{key} {value}" for key, value in one.details.items()]
    words.append(f"{length_s(one):.2f} s at {one.sr_hz} Hz")
    words += [words_of for words_of in (note, _clipped(one)) if words_of]
    player = ""
    if address:
        player = _player(name, address)
    caption = f"<b>{escape(name)}</b><br>{escape(' · '.join(words))}"
    return f'<figure class="sound">{images}{player}<figcaption>{caption}</figcaption></figure>'


def _player(name: str, address: str) -> str:
    return (
        f'<audio controls preload="metadata" aria-label="{escape(name, quote=True)}" '
        f'src="{escape(address, quote=True)}"></audio>'
    )


def picture(one: Audible) -> Figure:
    """Waveform and spectrogram in the size of the grid."""
    figure = small_figure()
    return sound(one.samples, one.sr_hz, ax=figure.add_subplot())


def small_figure() -> Figure:
    """An empty figure in the size of the grid; its margins are fixed, for measuring them takes as long as drawing."""
    figure = Figure(figsize=SIZE_INCHES)
    figure.subplots_adjust(left=0.145, right=0.93, bottom=0.145, top=0.96)
    return figure


def length_s(one: Audible) -> float:
    """The length of a sound in s."""
    return float(one.samples.shape[-1] / one.sr_hz)


def _clipped(one: Audible) -> str:
    """What a wav file cannot hold: it is said, and the sound is not made softer."""
    peak = float(np.abs(one.samples).max(initial=0.0))
    if peak <= 1.0:
        return ""
    return f"clipped: its peak is {peak:.2f}"


def _within(one: Audible, room: Room) -> tuple[str, str]:
    """The audio as a data URI, and what the page says where it was cut or left out."""
    most = int(LONGEST_S * one.sr_hz)
    samples = one.samples[..., :most]
    notes = []
    if one.samples.shape[-1] > most:
        notes.append(f"the player has the first {LONGEST_S:.0f} s")
    if len(samples) > STEREO:
        notes.append(f"the player has the mean of {len(samples)} channels")
        samples = samples.mean(axis=0, keepdims=True)
    data = base64.b64encode(flac_bytes(samples, one.sr_hz)).decode("ascii")
    if not room.take(len(data)):
        return "", "no player: the page holds as much sound as it may"
    return f"data:audio/flac;base64,{data}", ", ".join(notes)


def flac_bytes(samples: NDArray[Any], sr_hz: int) -> bytes:
    """Samples (C, N) of 16 bits, without loss, in about half of the bytes of a wav file."""
    whole = np.rint(np.clip(samples, -1.0, 1.0) * LARGEST).astype(np.int16)
    stream = io.BytesIO()
    soundfile.write(stream, whole.T, sr_hz, format="FLAC", subtype="PCM_16")
    return stream.getvalue()
