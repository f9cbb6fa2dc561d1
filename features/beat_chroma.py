"""Chroma per beat: frames come as fast as the music does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import torch
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.nn import functional

from .base import Feature, check_wave, refuse_empty, register_feature
from .beat_tracking import Float, track_beats
from .beats import beat_synchronous
from .chroma import ChromaFeature, PitchClassConfig
from .folding import SILENCE
from .logmel import LogMelFeature, LogMelFeatureConfig
from .old_names import old_names

BLOCK_SAMPLES = 1 << 18
ONSET_HOPS = 2  # onset frames to a frame of chroma
MOST_BPM = 400.0  # faster than this no beats come


class BeatChromaFeatureConfig(PitchClassConfig):
    """Settings of the feature `beat_chroma`; the defaults are those of the covers80 corpus."""

    type: Literal["beat_chroma"] = Field(
        "beat_chroma", description="name of this feature"
    )
    norm: Literal["max", "l1", "l2"] | None = Field(
        None,
        description="what is 1 in each frame before the mean over a beat; null: nothing",
    )
    power: float = Field(
        2.0,
        ge=0.1,
        le=4,
        description="exponent of the chroma: 1 for magnitudes, 2 for energies",
    )
    prior_bpm: PositiveFloat = Field(
        240.0, le=MOST_BPM, description="the likeliest tempo, beats per minute"
    )

    @property
    def hop_s(self) -> float:
        """About: at the likeliest tempo."""
        return 60 / self.prior_bpm

    @property
    def evenly_spaced(self) -> bool:
        return False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_chroma,)

    def mel(self) -> LogMelFeatureConfig:
        """The spectrogram that the beats are tracked in."""
        # About 93 ms as a power of two, which is 2048 samples at 22,050 Hz. The hop is
        # half that of the chroma: a beat must be placed more exactly than a chord.
        n_fft = 1 << max(8, round(np.log2(0.093 * self.sr_hz)))
        hop = max(1, self.hop_length // ONSET_HOPS)
        return LogMelFeatureConfig(
            sr_hz=self.sr_hz, n_fft=n_fft, hop_length=hop, n_mels=40, scale="db"
        )


@register_feature("beat_chroma")
class BeatChromaFeature(Feature):
    """(B, N) -> (B, n_chroma, T): the mean energies of pitch classes in each beat over the largest of them.

    T is the number of beats, which does not follow from the length; in a batch the shorter ones end in zeros. The first
    frame begins at the first beat, the last ends with the recording; `beats_s` has the times. Audio without beats is
    one frame. Source: Ellis & Poliner, "Identifying Cover Songs with Chroma Features and Dynamic Programming Beat
    Tracking", ICASSP 2007.
    """

    Config = BeatChromaFeatureConfig

    counted = False
    config: BeatChromaFeatureConfig

    def __init__(self, config: BeatChromaFeatureConfig) -> None:
        super().__init__(config)
        self.chroma = ChromaFeature(config)
        self.mel = LogMelFeature(config.mel())

    def forward(self, wave: Tensor) -> Tensor:
        check_wave(wave, self.config.type)
        refuse_empty(wave, self.config.type)
        found = [self._of_one(one[None]) for one in wave]
        longest = max(one.shape[-1] for one in found)
        return torch.stack(
            [functional.pad(one, (0, longest - one.shape[-1])) for one in found]
        )

    def beats_s(self, wave: Tensor) -> Float:
        """(T + 1,) where the frames of (1, N) begin, and where the last one ends, in s."""
        spectrum = torch.cat(
            list(self.mel.stream(torch.split(wave, BLOCK_SAMPLES, dim=1))), dim=-1
        )[0]
        end_s = wave.shape[1] / self.config.sr_hz
        beats = track_beats(spectrum, 1 / self.mel.config.hop_s, self.config.prior_bpm)
        # A beat in the last half period of the fastest
        # tempo would be a frame of next to nothing.
        beats = beats[beats < end_s - 30 / MOST_BPM]
        return np.append(beats if len(beats) else 0.0, end_s)

    def n_frames(self, n_samples: int) -> int:
        """About, at the likeliest tempo."""
        return max(1, round(n_samples / self.config.sr_hz / self.config.hop_s))

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """One piece, at the end: beats are those of the whole. The audio is held, 320 MB per hour."""
        held = list(chunks)
        yield self(torch.cat(held, dim=1) if held else torch.zeros(1, 0))

    def _of_one(self, wave: Tensor) -> Tensor:
        chroma = torch.cat(
            list(self.chroma.stream(torch.split(wave, BLOCK_SAMPLES, dim=1))), dim=-1
        )[0]
        times_s = (
            self.chroma.config.hop_length
            / self.config.sr_hz
            * torch.arange(chroma.shape[-1]).double()
        )
        # The power comes before the mean over a beat, so that its loud frames decide.
        means = beat_synchronous(
            chroma**self.config.power, times_s, torch.from_numpy(self.beats_s(wave))
        )
        return means / means.amax().clamp_min(SILENCE)


__getattr__ = old_names(__name__, "BeatChroma")
