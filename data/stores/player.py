"""Sound within a page: a player whose audio is in the HTML itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .wav import wav_bytes

LONGEST_S = 30.0


def player(samples: Any, sr_hz: int, label: str = "sound") -> str:
    """An `<audio>` element that holds its sound.

    Parameters
    ----------
    samples : array, (N,) or (C, N)
        Floating-point numbers within -1 ... 1; what is louder is clipped.
    sr_hz : int
        The sample rate.
    label : str
        What it is, for those who cannot see the page, and under the player.

    Returns
    -------
    str
        HTML. A sound of more than 30 s is cut, and the label says so.

    Examples
    --------
    >>> import numpy as np
    >>> player(np.zeros(100), 8000, "silence")[:42]
    '<figure style="margin:.4em 0"><audio contr'
    """
    samples = np.atleast_2d(np.asarray(samples))
    most = int(LONGEST_S * sr_hz)
    words = label
    if samples.shape[-1] > most:
        words = f"{label} (the first {LONGEST_S:.0f} s)"
    data = base64.b64encode(wav_bytes(samples[:, :most], sr_hz)).decode("ascii")
    name = escape(words, quote=True)
    return (
        f'<figure style="margin:.4em 0"><audio controls aria-label="{name}" '
        f'src="data:audio/wav;base64,{data}"></audio><figcaption>{name}</figcaption></figure>'
    )


@dataclass(frozen=True, repr=False, eq=False)
class Audio:
    """Samples at a sample rate, which a notebook plays.

    Parameters
    ----------
    samples : array of float, (N,) or (C, N)
        Within -1 ... 1.
    sr_hz : int
        The sample rate.
    title : str
        What stands under the player.

    Examples
    --------
    >>> import numpy as np
    >>> import mirbricks as mb
    >>> sound = mb.data.Audio(np.zeros(8000), 16000, "silence")
    >>> sound
    <Audio 'silence': 0.50 s at 16000 Hz>
    >>> samples, sr_hz = sound
    """

    samples: NDArray[Any]
    sr_hz: int
    title: str = "sound"

    def __iter__(self) -> Iterator[Any]:
        """The samples, then the rate: `samples, sr_hz = sound`."""
        return iter((self.samples, self.sr_hz))

    @property
    def duration_s(self) -> float:
        """Its length, in seconds."""
        return float(np.shape(self.samples)[-1] / self.sr_hz)

    def _repr_html_(self) -> str:
        return player(self.samples, self.sr_hz, self.title)

    def __repr__(self) -> str:
        return f"<Audio '{self.title}': {self.duration_s:.2f} s at {self.sr_hz} Hz>"
