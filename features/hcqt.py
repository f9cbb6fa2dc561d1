"""The harmonic constant-Q transform (HCQT), fast, batched and streaming.

Source: Bittner et al., "Deep salience representations for F0 estimation in polyphonic music", ISMIR 2017. An HCQT is
one constant-Q transform per harmonic h, each starting at h · fmin. All of them share one decimation pyramid and the
Fourier transforms of its levels; only the kernels differ (cqt_kernels.py), so each bin has its exact frequency.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from torch import Tensor

from .base import (
    Feature,
    FeatureConfig,
    Storage,
    check_wave,
    in_the_words_of_the_cache,
    refuse_empty,
    register_feature,
    stream_frames,
)
from .cqt_kernels import cutoff_hz, octave_kernels
from .feature_file import FORMAT
from .old_names import old_names
from .pyramid import (
    centred_frames,
    decimation_matrix,
    half_taps,
    pyramid,
    reach_samples,
)

# Samples framed at once: a Fourier transform of so many stays in the processor's cache
# until all kernels have read it.
FRAME_VALUES = 1 << 18
STREAM_FRAMES = 2048  # frames a step of HCQT.stream computes
DYNAMIC_RANGE_DB = 80.0
LOG_GAIN = 1e4

Scale = Literal["db", "log", "linear"]


class HCQTFeatureConfig(FeatureConfig):
    """Settings of the HCQT; the defaults are those of the multi-pitch task."""

    renamed: ClassVar[Mapping[str, str]] = {"hop_samples": "hop_length"}

    type: Literal["hcqt"] = Field("hcqt", description="name of this feature")
    sr_hz: PositiveInt = Field(
        22050, description="sample rate of the audio; other audio is resampled to it"
    )
    harmonics: tuple[PositiveFloat, ...] = Field(
        (0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
        min_length=1,
        description="multiples of fmin_hz, one channel each",
    )
    fmin_hz: PositiveFloat = Field(
        32.7, description="centre frequency of the lowest bin of harmonic 1"
    )
    n_octaves: PositiveInt = Field(6, le=20, description="octaves above fmin_hz")
    bins_per_octave: PositiveInt = Field(60, description="frequency bins in an octave")
    hop_length: PositiveInt = Field(
        512, description="samples from one frame to the next"
    )
    gamma_hz: NonNegativeFloat = Field(
        0.0,
        description="widens every filter by so many Hz, so that low notes are seen in shorter windows; 0: constant Q",
    )
    scale: Scale = Field(
        "db", description="what models see: db (80 dB mapped to 0 … 1), log, or linear"
    )

    @model_validator(mode="after")
    def _below_nyquist(self) -> HCQTFeatureConfig:
        top_hz = (
            max(self.harmonics)
            * self.fmin_hz
            * 2.0 ** ((self.n_bins - 1) / self.bins_per_octave)
        )
        if cutoff_hz(top_hz, self.bins_per_octave, self.gamma_hz) > self.sr_hz / 2:
            raise ValueError(
                f"the highest bin, {top_hz:.0f} Hz for harmonic {max(self.harmonics):g}, does not fit below "
                f"{self.sr_hz / 2:.0f} Hz, half of sr_hz; use fewer octaves, fewer harmonics or a higher sr_hz"
            )
        return self

    @property
    def n_bins(self) -> int:
        return self.n_octaves * self.bins_per_octave

    @property
    def n_harmonics(self) -> int:
        return len(self.harmonics)

    @property
    def hop_s(self) -> float:
        return self.hop_length / self.sr_hz

    @property
    def shape(self) -> tuple[int, ...]:
        return self.n_harmonics, self.n_bins

    def frequencies_hz(self) -> Tensor:
        """(F,) centre frequencies of harmonic 1, without the kernels of a transform."""
        steps = torch.arange(self.n_bins, dtype=torch.float64) / self.bins_per_octave
        return self.fmin_hz * 2.0**steps

    @property
    def storage(self) -> Storage:
        return "complex"

    def settings(self) -> dict[str, object]:
        """Without the scale, which is applied on reading."""
        kept = self.model_dump(exclude={"scale"})
        # What is computed without it stays as good as it was: its files keep their names.
        if not self.gamma_hz:
            del kept["gamma_hz"]
        return {"format": FORMAT, **in_the_words_of_the_cache(kept)}


class Part(NamedTuple):
    """Rows of a kernel: the name of their buffer, the octave of the output, its bin, and the first Fourier bin."""

    name: str
    place: int
    first_row: int
    first_bin: int


@register_feature("hcqt")
class HCQTFeature(Feature):
    """Waveform to complex HCQT: (B, N) -> (B, H, F, T), T = 1 + N // hop_length.

    Frame t is centred on sample t · hop_length; outside the waveform there is silence. Equals `librosa.cqt(fmin=h ·
    fmin_hz)` per harmonic to .5 % or better, computed in float32 on the device of its buffers.
    """

    Config: ClassVar[type[FeatureConfig]] = HCQTFeatureConfig
    config: HCQTFeatureConfig

    def __init__(self, config: HCQTFeatureConfig) -> None:
        super().__init__(config)
        self._filter: Tensor
        self.register_buffer("_filter", decimation_matrix(), persistent=False)
        # (level, frame_samples) -> every part of a kernel that shares the spectrum
        self._spectra: dict[tuple[int, int], list[Part]] = {}
        place = 0
        for harmonic in config.harmonics:
            for kernel in octave_kernels(
                config.sr_hz,
                harmonic * config.fmin_hz,
                config.n_octaves,
                config.bins_per_octave,
                config.hop_length,
                config.gamma_hz,
            ):
                parts = self._spectra.setdefault(
                    (kernel.level, kernel.frame_samples), []
                )
                for first_row, first_bin, rows in kernel.parts():
                    name = f"_kernel{place}_{first_row}"
                    self.register_buffer(name, torch.from_numpy(rows), persistent=False)
                    parts.append(Part(name, place, first_row, first_bin))
                place += 1
        self._n_levels = 1 + max(level for level, _ in self._spectra)

    def forward(self, wave: Tensor) -> Tensor:
        """(B, N) real -> (B, H, F, T) complex64. Raises DataError (E450) for any other shape, or N = 0."""
        config = self.config
        check_wave(wave, self.config.type)
        refuse_empty(wave, self.config.type)
        n_frames = self.n_frames(wave.shape[1])
        hcqt = wave.new_empty(
            (
                len(wave),
                config.n_harmonics * config.n_octaves,
                config.bins_per_octave,
                n_frames,
            ),
            dtype=torch.complex64,
        )
        # Every octave is computed from audio decimated as far as it allows.
        levels = pyramid(wave.to(self._filter.dtype), self._filter, self._n_levels)
        for (level, frame_samples), kernels in self._spectra.items():
            self._respond(
                levels[level], config.hop_length >> level, frame_samples, kernels, hcqt
            )
        return hcqt.reshape(len(wave), config.n_harmonics, config.n_bins, n_frames)

    def _respond(
        self,
        wave: Tensor,
        hop: int,
        frame_samples: int,
        kernels: list[Part],
        hcqt: Tensor,
    ) -> None:
        """Write into `hcqt` (B, octaves, bins, T) the responses of all kernels that read this spectrum."""
        n_frames = hcqt.shape[-1]
        frames = centred_frames(wave, hop, frame_samples, n_frames)
        # A few frames at a time, so that memory does not grow with the recording.
        step = max(1, FRAME_VALUES // (frame_samples * len(wave)))
        for start in range(0, n_frames, step):
            spectrum = torch.fft.rfft(frames[:, start : start + step]).mT
            for part in kernels:
                rows = self.get_buffer(part.name)
                n_rows, n_bins = rows.shape
                last_row = part.first_row + n_rows
                heard = spectrum[:, part.first_bin : part.first_bin + n_bins]
                hcqt[:, part.place, part.first_row : last_row, start : start + step] = (
                    rows @ heard
                )

    @property
    def context_samples(self) -> int:
        """Samples on either side of a frame's centre that can change it, rounded up to whole hops."""
        reach = reach_samples(self._spectra, self._filter)
        hop = self.config.hop_length
        return -(-reach // hop) * hop

    @property
    def ahead_samples(self) -> int:
        """The last sample after a frame's centre that can change it, counted from the centre."""
        # A window begins half its length before the centre, so that it ends a sample earlier behind it; each
        # decimation adds what its filter sees, in samples that lie twice as far apart as those before.
        taps = half_taps(self._filter)
        return max(
            ((frame_samples // 2 - 1) << level) + taps * ((1 << level) - 1)
            for level, frame_samples in self._spectra
        )

    def n_frames(self, n_samples: int) -> int:
        return 1 + n_samples // self.config.hop_length

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        return stream_frames(
            self,
            chunks,
            name=self.config.type,
            hop_length=self.config.hop_length,
            context_samples=self.context_samples,
            step_frames=STREAM_FRAMES,
        )

    def frequencies_hz(self) -> Tensor:
        """(F,) centre frequencies of harmonic 1."""
        return self.config.frequencies_hz()


def to_scale(magnitude: Tensor, scale: Scale, reference: Tensor | float) -> Tensor:
    """Magnitudes as models see them; `reference` (the track's peak, say) broadcasts against them. A new tensor.

    db      20 log10(m / reference), clipped to -80 … 0 dB, mapped to 0 … 1
    log     log(1 + 10⁴ m / reference) / log(1 + 10⁴): 0 for silence, 1 at the reference (logarithmic compression,
            Müller, "Fundamentals of Music Processing", 3.1.2.1)
    linear  m / reference

    Silence stays 0 when the reference is 0.
    """
    # The smallest normal number in place of 0 keeps 0 / 0 from becoming NaN.
    least = torch.finfo(magnitude.dtype).tiny
    if isinstance(reference, Tensor):
        reference = reference.clamp_min(least)
    else:
        reference = max(float(reference), least)
    ratio = magnitude / reference
    if scale == "linear":
        return ratio
    if scale == "log":
        return ratio.mul_(LOG_GAIN).log1p_().mul_(1.0 / math.log1p(LOG_GAIN))
    # 20 / 80 log10(m / reference) + 1: -80 dB is 0 and 0 dB is 1.
    floor = 10.0 ** (-DYNAMIC_RANGE_DB / 20.0)
    return ratio.clamp_(floor, 1.0).log10_().mul_(20.0 / DYNAMIC_RANGE_DB).add_(1.0)


__getattr__ = old_names(__name__, "HCQT")
