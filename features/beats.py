"""Features per beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ..errors import DataError


def median(values: Tensor) -> Tensor:
    """(..., T) -> (...); of an even number the mean of the middle two."""
    ordered = values.sort(dim=-1).values
    n = values.shape[-1]
    return (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2


def beat_synchronous(
    values: Tensor,
    frame_times_s: Tensor,
    beats_s: Tensor | Sequence[float],
    take: Literal["mean", "median"] = "mean",
) -> Tensor:
    """Frames (..., T) -> (..., n_beats - 1): column k is of the frames from beat k on and before beat k + 1.

    A beat between two frames takes the frame nearest its middle. Frames before the first beat and after the last do
    not count. Raises DataError E458 for beats that do not increase, or fewer than two.
    """
    beats = torch.as_tensor(beats_s, dtype=torch.float64)
    increases = (
        beats.ndim == 1
        and bool((beats[1:] > beats[:-1]).all())
        and bool(beats.isfinite().all())
    )
    if not increases or len(beats) < 2:
        raise DataError(
            f"beats are two or more increasing times in seconds, got {_shown(beats)}",
            code="E458",
            help="give the times of the beats as the annotation or the beat tracker has them, sorted",
        )

    # Frame times ascend, so the frames of a beat are a slice; between close beats it is
    # empty, and the frame nearest the middle stands in.
    times = frame_times_s.to(torch.float64).cpu()
    edges = torch.searchsorted(times, beats)
    middles = (beats[1:] + beats[:-1]) / 2
    nearest = (times - middles[:, None]).abs().argmin(dim=1)
    columns = []
    for start, stop, near in zip(
        edges[:-1].tolist(), edges[1:].tolist(), nearest.tolist(), strict=True
    ):
        if stop > start:
            part = values[..., start:stop]
        else:
            part = values[..., near : near + 1]
        columns.append(part.mean(dim=-1) if take == "mean" else median(part))
    return torch.stack(columns, dim=-1)


def _shown(beats: Tensor) -> str:
    """The first of the times, or the pair that is in the wrong order."""
    if beats.ndim != 1:
        return f"a tensor of shape {tuple(beats.shape)}"
    if len(beats) < 2:
        return f"{len(beats)}"
    wrong = int((~(beats[1:] > beats[:-1])).int().argmax())
    return f"{float(beats[wrong]):g} s and then {float(beats[wrong + 1]):g} s"
