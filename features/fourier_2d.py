"""The two-dimensional Fourier transform magnitude of patches of chroma: it does not change with the key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from .base import register_feature
from .chroma import ChromaFeature, PitchClassConfig
from .old_names import old_names


class Fourier2DFeatureConfig(PitchClassConfig):
    """Settings of the feature `fourier_2d`; patches and exponent are the paper's."""

    type: Literal["fourier_2d"] = Field(
        "fourier_2d", description="name of this feature"
    )
    column_frames: PositiveInt = Field(
        20,
        description="frames of chroma whose mean is one column of a patch; it stands for a beat",
    )
    patch_columns: PositiveInt = Field(75, description="columns of a patch")
    hop_columns: PositiveInt = Field(
        1, description="columns from one patch to the next"
    )
    exponent: PositiveFloat = Field(
        1.96,
        description="power of the columns, which sets strong classes off from weak",
    )

    @property
    def hop_s(self) -> float:
        return self.hop_columns * self.column_frames * self.hop_length / self.sr_hz

    @property
    def t0_s(self) -> float:
        """The middle of the first patch."""
        return (
            (self.patch_columns * self.column_frames - 1)
            / 2
            * self.hop_length
            / self.sr_hz
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.n_chroma, self.patch_columns // 2 + 1


@register_feature("fourier_2d")
class Fourier2DFeature(ChromaFeature):
    """(B, N) -> (B, n_chroma, patch_columns // 2 + 1, T): a frame is a patch, its time that of the patch's middle.

    Source: Bertin-Mahieux & Ellis, "Large-scale cover song recognition using the 2D Fourier transform magnitude",
    ISMIR 2012. The paper takes beats for columns: `beat_synchronous` chroma, then `fourier_magnitude`; it describes a
    recording by the `median` of its patches.
    """

    Config = Fourier2DFeatureConfig
    config: Fourier2DFeatureConfig

    def forward(self, wave: Tensor) -> Tensor:
        c = self.config
        columns = column_means(self.chroma(wave), c.column_frames)
        return fourier_magnitude(columns**c.exponent, c.patch_columns, c.hop_columns)

    def n_frames(self, n_samples: int) -> int:
        c = self.config
        n_columns = -(-self.cqt.n_frames(n_samples) // c.column_frames)
        return 1 + max(0, n_columns - c.patch_columns) // c.hop_columns

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        c = self.config
        given = False
        columns: Tensor | None = None
        for more in self._columns(chunks):
            if columns is None:
                columns = more
            else:
                columns = torch.cat([columns, more], dim=-1)
            n_patches = (columns.shape[-1] - c.patch_columns) // c.hop_columns + 1
            if n_patches > 0:
                yield fourier_magnitude(columns, c.patch_columns, c.hop_columns)
                # Columns before the next patch are given up.
                columns = columns[..., n_patches * c.hop_columns :]
                given = True
        # Less than a patch in all: one patch with zeros behind it, as `forward` gives.
        if columns is not None and not given:
            yield fourier_magnitude(columns, c.patch_columns, c.hop_columns)

    def _columns(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        c = self.config
        held: Tensor | None = None
        for chroma in self.chroma_stream(chunks):
            if held is None:
                held = chroma
            else:
                held = torch.cat([held, chroma], dim=-1)
            whole = held.shape[-1] // c.column_frames * c.column_frames
            if whole:
                yield column_means(held[..., :whole], c.column_frames) ** c.exponent
                held = held[..., whole:]
        if held is not None and held.shape[-1]:
            yield column_means(held, c.column_frames) ** c.exponent


def column_means(frames: Tensor, column_frames: int) -> Tensor:
    """(..., T) -> (..., ceil(T / column_frames)) means; the last one is of what is left."""
    # Whole columns at once, and what is left over by itself.
    n_whole = frames.shape[-1] // column_frames
    cut = n_whole * column_frames
    if n_whole:
        parts = [
            frames[..., :cut]
            .reshape(*frames.shape[:-1], n_whole, column_frames)
            .mean(dim=-1)
        ]
    else:
        parts = []
    if cut < frames.shape[-1]:
        parts.append(frames[..., cut:].mean(dim=-1, keepdim=True))
    return torch.cat(parts, dim=-1)


def fourier_magnitude(
    columns: Tensor, patch_columns: int = 75, hop_columns: int = 1
) -> Tensor:
    """Columns of chroma (..., n_chroma, n) -> (..., n_chroma, patch_columns // 2 + 1, T), one frame a patch.

    A turn of the pitch classes or of the patch's columns leaves it as it is. The half that the symmetry of the Fourier
    transform of real numbers repeats is left out. Fewer columns than a patch has are followed by zeros.
    """
    columns = functional.pad(columns, (0, max(0, patch_columns - columns.shape[-1])))
    patches = columns.unfold(-1, patch_columns, hop_columns).movedim(
        -2, -3
    )  # (..., T, n_chroma, patch_columns)
    # Magnitudes drop the phases, and with them where in a circle the classes begin: the key.
    magnitude: Tensor = torch.fft.rfft2(patches).abs().movedim(-3, -1)
    return magnitude


__getattr__ = old_names(__name__, "Fourier2D")
