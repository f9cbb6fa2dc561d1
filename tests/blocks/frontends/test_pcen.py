"""PCEN against librosa and against the paper's recursion, frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import librosa
import pytest
import torch

from mirbricks.features.moving_mean import moving_mean
from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 8, 9, 300])
@pytest.mark.parametrize("smoothing", [0.001, 0.04, 0.5, 1.0])
def test_the_moving_mean_is_the_recursion(frames: int, smoothing: float) -> None:
    x = 10 ** (8 * torch.rand(2, 3, frames, dtype=torch.float64) - 8)
    s = torch.tensor([[smoothing], [smoothing / 2], [1.0]], dtype=torch.float64)
    mean, expected = x[..., 0], [x[..., 0]]
    for t in range(1, frames):
        mean = (1 - s[:, 0]) * mean + s[:, 0] * x[..., t]
        expected.append(mean)
    torch.testing.assert_close(
        moving_mean(x, s), torch.stack(expected, -1), rtol=1e-12, atol=0
    )
    single = moving_mean(
        x.float(), s.float()
    )  # and after a loud frame a soft one keeps its digits
    torch.testing.assert_close(
        single.double(), torch.stack(expected, -1), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize(
    ("alpha", "delta", "r", "smoothing"),
    [(0.98, 2.0, 0.5, 0.025), (0.8, 10.0, 0.25, 0.2)],
)
def test_as_librosa_does(
    make: Make, alpha: float, delta: float, r: float, smoothing: float
) -> None:
    energy = torch.rand(2, 1, 5, 60, dtype=torch.float64)
    block = make(
        "PCEN", energy.shape, alpha=alpha, delta=delta, r=r, smoothing=smoothing
    )
    expected = librosa.pcen(
        energy.numpy(), gain=alpha, bias=delta, power=r, b=smoothing, eps=1e-6,
        zi=(1 - smoothing) * energy[..., :1].numpy(),
    )  # fmt: skip
    torch.testing.assert_close(
        block(energy).detach(), torch.from_numpy(expected), rtol=1e-5, atol=1e-7
    )


def test_every_band_has_its_own_values_kept_where_they_make_sense(make: Make) -> None:
    block = make("PCEN", (1, 4, 50))
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(0, 3)
    energy = torch.rand(1, 4, 50, dtype=torch.float64)
    alpha, r, s = (
        p.detach().clamp(0, 1) for p in (block.alpha, block.r, block.smoothing)
    )
    delta, mean = block.delta.detach().clamp_min(1e-6), energy[..., :1]
    for t in range(50):
        mean = (1 - s) * mean + s * energy[..., t : t + 1] if t else mean
        expected = (
            energy[..., t : t + 1] / (1e-6 + mean) ** alpha + delta
        ) ** r - delta**r
        torch.testing.assert_close(block(energy)[..., t : t + 1].detach(), expected)


def test_gain_is_taken_away_and_no_frame_looks_ahead(make: Make) -> None:
    block = make("PCEN", (1, 2, 40), alpha=1.0, eps=1e-12)
    energy = 0.1 + torch.rand(1, 2, 40, dtype=torch.float64)
    torch.testing.assert_close(block(1000 * energy), block(energy))
    changed = energy.clone()
    changed[..., 20] *= 2
    assert torch.equal(block(changed)[..., :20], block(energy)[..., :20])
    assert (block(changed)[..., 20:] != block(energy)[..., 20:]).all()


def test_values_that_are_not_learned_are_kept_with_the_weights(make: Make) -> None:
    block = make("PCEN", (1, 2, 9), learnable=False)
    assert not list(block.parameters())
    assert set(block.state_dict()) == {"alpha", "delta", "r", "smoothing"}


def test_silence_has_finite_values_and_gradients(make: Make) -> None:
    x = torch.zeros(1, 2, 30, requires_grad=True)
    block = make("PCEN", x.shape).float()
    y = block(x)
    y.sum().backward()
    assert torch.equal(y.detach(), torch.zeros_like(x))
    assert all(tensor.grad.isfinite().all() for tensor in (x, *block.parameters()))
