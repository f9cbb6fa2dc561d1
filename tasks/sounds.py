"""Sound as a prediction: what a codec gives back, and what a generating model makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..data.stores.wav import float_wav_bytes
from ..errors import TaskError
from .predictions import Prediction, drawn

SILENCE = 0.003  # of the loudest sample: what lies behind the last one above it


@dataclass(frozen=True, repr=False)
class Sound(Prediction):
    """A sound: samples at a sample rate.

    Parameters
    ----------
    samples : array of float32
        (C, N), a row per channel, within -1 ... 1.
    sr_hz : int
        The sample rate.
    details : mapping
        What else is known of it, such as the conditions that were asked for.

    Examples
    --------
    >>> Sound(np.zeros((1, 8000), np.float32), 16000, title="silence")
    <Sound of 'silence': 0.50 s at 16000 Hz>
    """

    samples: NDArray[np.float32]
    sr_hz: int
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, wave: Tensor, sr_hz: int, *, title: str = "", **details: Any) -> Sound:
        """The sound of a tensor (N,) or (C, N).

        Parameters
        ----------
        wave : Tensor
            Samples, on any device.
        sr_hz : int
            The sample rate.
        title : str
            Its name.
        **details
            What else is known of it.

        Returns
        -------
        Sound

        Raises
        ------
        TaskError
            E510 for samples that are NaN or infinite.
        """
        samples = np.atleast_2d(wave.detach().float().cpu().numpy())
        if not np.isfinite(samples).all():
            raise TaskError(
                "the model gave samples that are not finite numbers",
                code="E510",
                help="train it again, with a lower train.lr or train.clip_norm",
            )
        return cls(np.ascontiguousarray(samples), sr_hz, details, title=title)

    @property
    def duration_s(self) -> float:
        """How long it is, in seconds."""
        return float(self.samples.shape[-1] / self.sr_hz)

    def answer(self) -> str:
        return f"{self.duration_s:.2f} s at {self.sr_hz} Hz"

    def files(self) -> Mapping[str, bytes]:
        """{".wav": the samples in 32-bit floating point}."""
        return {".wav": float_wav_bytes(self.samples, self.sr_hz)}

    def _heard(self) -> Sequence[tuple[Any, int, str]]:
        return [(self.samples, self.sr_hz, self.title or "sound")]

    def plot(self, ax: Any = None) -> Any:
        """The waveform above its spectrogram; on given axes the spectrogram alone."""
        from ..plots.sound import sound  # matplotlib takes a second to import

        return drawn(sound, self.samples, self.sr_hz, self.title, ax=ax)


def without_silence(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """A sound (N,) up to its last sample that is not silent: short notes come with silence behind them."""
    levels = np.abs(wave)
    loud = np.flatnonzero(levels > SILENCE * levels.max(initial=0.0))
    if not len(loud):
        return wave[:0]
    return wave[: loud[-1] + 1]
