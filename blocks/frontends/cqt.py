"""The constant-Q transform and its harmonic form, as blocks through which gradients flow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator
from torch import Tensor, nn

from ...features.cqt_kernels import OctaveKernel, octave_kernels
from ...features.hcqt import HCQTFeatureConfig, to_scale
from ...features.pyramid import (
    centred_frames,
    decimation_matrix,
    pyramid,
    reach_samples,
)
from ...registry import Block, BlockConfig, register
from ..bounds import RateHz, Samples, Width
from .spectrogram import exactly

SILENCE = 1e-6  # no item and no frame is brought up from below this, which would make its gradients overflow
BITTNER = "Bittner et al., ISMIR 2017"


class BinsConfig(BlockConfig):
    """Frequencies and frames of a constant-Q transform; the words are those of the feature `hcqt`."""

    renamed: ClassVar[Mapping[str, str]] = {"hop_samples": "hop_length"}

    sr_hz: RateHz = Field(22050, description="sample rate of the waveform, in Hz")
    fmin_hz: PositiveFloat = Field(
        32.7, description="centre frequency of the lowest bin of harmonic 1"
    )
    n_octaves: PositiveInt = Field(6, le=20, description="octaves above fmin_hz")
    bins_per_octave: Width = Field(60, description="frequency bins in an octave")
    hop_length: Samples = Field(512, description="samples from one frame to the next")

    @model_validator(mode="after")
    def _below_nyquist(self) -> BinsConfig:
        try:
            self.feature()
        except ValidationError as error:
            # The feature's own rule, in its own words, without pydantic's frame.
            raise ValueError(
                error.errors()[0]["msg"].removeprefix("Value error, ")
            ) from None
        return self

    @property
    def multiples(self) -> tuple[float, ...]:
        """The harmonics."""
        return (1.0,)

    @property
    def n_bins(self) -> int:
        """Bins of a harmonic."""
        return self.n_octaves * self.bins_per_octave

    def feature(self) -> HCQTFeatureConfig:
        """The same settings as those of the feature; raises pydantic's ValidationError for bins above Nyquist."""
        names = ("sr_hz", "fmin_hz", "n_octaves", "bins_per_octave", "hop_length")
        return HCQTFeatureConfig(
            harmonics=self.multiples, **{name: getattr(self, name) for name in names}
        )


class ScaledConfig(BinsConfig):
    """How the magnitudes are scaled."""

    scale: Literal["db", "log", "linear"] = Field(
        "db", description="db (80 dB mapped to 0 … 1), log, or linear"
    )
    reference: PositiveFloat | None = Field(
        None,
        description="magnitude that becomes 1 (0 dB); default: the largest of each item",
    )

    def scaled(self, magnitude: Tensor) -> Tensor:
        """(B, C, F, T) magnitudes on the scale of the config."""
        if self.reference is not None:
            # A fixed reference makes frames independent: what comes in parts is scaled alike.
            return to_scale(magnitude, self.scale, self.reference)
        return to_scale(
            magnitude,
            self.scale,
            magnitude.amax(dim=(1, 2, 3), keepdim=True).clamp_min(SILENCE),
        )


@lru_cache(maxsize=16)
def _octaves(config: HCQTFeatureConfig) -> tuple[tuple[OctaveKernel, ...], ...]:
    """The kernels of each harmonic; making them costs more than a short transform."""
    c = config
    fmins_hz = [harmonic * c.fmin_hz for harmonic in c.harmonics]
    return tuple(
        tuple(octave_kernels(c.sr_hz, hz, c.n_octaves, c.bins_per_octave, c.hop_length))
        for hz in fmins_hz
    )


class ConstantQ(nn.Module):
    """(B, N) -> magnitudes (B, H, F, T), T = 1 + N // hop_length, frame t centred on sample t · hop_length.

    The transform of `features.hcqt.HCQT`, to its numbers. That one writes its output piece by piece, to bound the
    memory of a whole track; this one is differentiable, exportable, and in float32 at least whatever comes in.
    `kernel_size` and `stride`, the samples a frame can see and those between frames, are for the receptive field.
    """

    def __init__(self, config: HCQTFeatureConfig) -> None:
        super().__init__()
        self.decimation: Tensor
        self.register_buffer("decimation", decimation_matrix(), persistent=False)
        self.n_harmonics = len(config.harmonics)
        self.stride = config.hop_length

        # Each octave is read at the level of the lowest sample rate that still holds it.
        octaves = [octave for harmonic in _octaves(config) for octave in harmonic]
        self.places = [
            (octave.level, octave.frame_samples, octave.first_bin) for octave in octaves
        ]
        self.n_levels = 1 + max(octave.level for octave in octaves)
        sizes = [(octave.level, octave.frame_samples) for octave in octaves]
        self.kernel_size = 2 * reach_samples(sizes, self.decimation) + 1

        # Real and imaginary parts apart: .to(dtype) must not meet complex numbers.
        for i, octave in enumerate(octaves):
            rows = torch.view_as_real(torch.tensor(octave.rows))
            self.register_buffer(f"kernel{i}", rows, persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        with exactly(wave):
            return self._magnitudes(wave)

    def _magnitudes(self, wave: Tensor) -> Tensor:
        exact = torch.promote_types(wave.dtype, torch.float32)
        # Half the sample rate per level: high octaves are read at level 0, low ones further down.
        levels = pyramid(wave.to(exact), self.decimation.to(exact), self.n_levels)
        n_frames = 1 + wave.shape[1] // self.stride

        # Octaves of different harmonics share a Fourier transform where level and length are the same.
        spectra: dict[tuple[int, int], Tensor] = {}
        responses = []
        for i, (level, samples, first) in enumerate(self.places):
            if (level, samples) not in spectra:
                hop = self.stride >> level
                frames = centred_frames(levels[level], hop, samples, n_frames)
                spectra[level, samples] = torch.fft.rfft(frames).mT
            # Brown & Puckette: the kernels are short in frequency, so the product takes a few bins of each spectrum.
            rows = torch.view_as_complex(self.get_buffer(f"kernel{i}").to(exact))
            seen = spectra[level, samples][:, first : first + rows.shape[1]]
            responses.append((rows @ seen).abs())

        magnitudes = torch.cat(responses, dim=1)
        shape = (wave.shape[0], self.n_harmonics, -1, n_frames)
        return magnitudes.reshape(shape).to(wave.dtype)


SMALL = {
    "sr_hz": 4000,
    "fmin_hz": 110.0,
    "n_octaves": 2,
    "bins_per_octave": 12,
    "hop_length": 64,
}


@register(
    "CQT",
    shape="B C T -> B C {n_bins} T'",
    source="Schörkhuber & Klapuri, SMC 2010",
    examples=[((2, 2, 200), SMALL), ((2, 1, 150), {**SMALL, "scale": "linear"})],
)
class CQT(Block):
    """Constant-Q magnitudes of each channel: bins equally spaced in pitch.

    Shape:   (B, C, N) -> (B, C, n_octaves · bins_per_octave, T), T = 1 + N // hop_length
    Source:  Schörkhuber & Klapuri, "Constant-Q Transform Toolbox for Music Processing", SMC 2010; equal to librosa.cqt
             within .5 %. Frame t is centred on sample t · hop_length; outside the waveform there is silence. The
             feature `hcqt` with harmonics [1] is the same on disk, where its 0 dB is the peak of the whole track.
    """

    class Config(ScaledConfig):
        pass

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.sees_all_frames = config.reference is None  # the item's peak
        self.transform = ConstantQ(config.feature())

    def forward(self, x: Tensor) -> Tensor:
        # Channels go into the batch, since the transform takes one waveform per item.
        magnitude: Tensor = self.transform(x.flatten(0, 1))
        return self.config.scaled(
            magnitude.reshape(*x.shape[:2], self.config.n_bins, -1)
        )


@register(
    "HCQT",
    shape="B 1 T -> B {n_harmonics} {n_bins} T'",
    source=BITTNER,
    examples=[
        ((2, 1, 200), {**SMALL, "harmonics": [0.5, 1, 2]}),
        ((2, 1, 150), {**SMALL, "harmonics": [1, 3]}),
    ],
)
class HCQT(Block):
    """Constant-Q magnitudes that start at multiples of fmin_hz, as channels: a tone's harmonics stand at one place.

    Shape:   (B, 1, N) -> (B, number of harmonics, n_octaves · bins_per_octave, T), T = 1 + N // hop_length
    Source:  Bittner, McFee, Salamon, Li & Bello, "Deep Salience Representations for F0 Estimation in Polyphonic Music",
             ISMIR 2017, section 3.1. Equal to the feature `hcqt`, but that 0 dB is the item's peak, not the track's.
    """

    class Config(ScaledConfig):
        harmonics: tuple[PositiveFloat, ...] = Field(
            (0.5, 1.0, 2.0, 3.0, 4.0, 5.0),
            min_length=1,
            description="multiples of fmin_hz, one channel each",
        )

        @property
        def multiples(self) -> tuple[float, ...]:
            """The harmonics."""
            return self.harmonics

        @property
        def n_harmonics(self) -> int:
            """Channels of the output."""
            return len(self.harmonics)

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.sees_all_frames = config.reference is None  # the item's peak
        self.transform = ConstantQ(config.feature())

    def forward(self, x: Tensor) -> Tensor:
        magnitude: Tensor = self.transform(x[:, 0])
        return self.config.scaled(magnitude)
