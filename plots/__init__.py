"""Pictures, as matplotlib figures.

Names are loaded on first use: importing `mirbricks.plots` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

if TYPE_CHECKING:
    from .rainbow import rainbowgram as rainbowgram
    from .sound import spectrogram as spectrogram
    from .sound import waveform as waveform

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "rainbowgram": "rainbow",
        "spectrogram": "sound",
        "waveform": "sound",
    },
)
