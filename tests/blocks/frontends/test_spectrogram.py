"""The short-time Fourier transform against torch, librosa and sums; its inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

import mirbricks as mb
from mirbricks import registry
from mirbricks.registry import Block

Make = Callable[..., Block]
SETTINGS: list[dict[str, Any]] = [
    {"n_fft": 64},
    {"n_fft": 64, "hop_length": 10, "win_length": 50, "window": "hamming"},
    {"n_fft": 63, "hop_length": 21, "window": "blackman", "pad_mode": "reflect"},
    {
        "n_fft": 64,
        "hop_length": 32,
        "window": "rectangular",
        "center": False,
        "normalized": True,
    },
    {"n_fft": 33, "win_length": 20, "pad_mode": "replicate"},
]


def complex_of(y: Tensor) -> Tensor:
    return torch.complex(*y.chunk(2, dim=1))


def by_sums(x: Tensor, n_fft: int, hop: int, window: Tensor) -> Tensor:
    """Σ w(n) x(t · hop - n_fft / 2 + n) exp(-2πi f n / n_fft), frame by frame."""
    half, n = n_fft // 2, torch.arange(n_fft, dtype=torch.float64)
    waves = torch.exp(-2j * torch.pi * n[: half + 1, None] * n / n_fft)
    padded = torch.nn.functional.pad(x, (half, half))
    starts = range(0, padded.shape[2] - n_fft + 1, hop)
    frames = [
        (padded[..., s : s + n_fft] * window).to(torch.complex128) @ waves.T
        for s in starts
    ]
    return torch.stack(frames, dim=3)


@pytest.mark.parametrize("n_fft", [16, 15])
def test_by_its_definition(make: Make, n_fft: int) -> None:
    x = torch.randn(2, 3, 50, dtype=torch.float64)
    y = make("STFT", x.shape, n_fft=n_fft, hop_length=5)(x)
    window = 0.5 - 0.5 * torch.cos(
        2 * torch.pi * torch.arange(n_fft, dtype=torch.float64) / n_fft
    )
    torch.testing.assert_close(
        complex_of(y), by_sums(x, n_fft, 5, window), rtol=1e-5, atol=1e-6
    )  # float32 window


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_as_torch_does(make: Make, settings: dict[str, Any]) -> None:
    x = torch.randn(2, 2, 300, dtype=torch.float64)
    block = make("STFT", x.shape, **settings)
    config = block.Config(**settings)
    window = {"rectangular": torch.ones}.get(
        config.window, getattr(torch, f"{config.window}_window", None)
    )
    expected = torch.stft(
        x.flatten(0, 1), config.n_fft, config.hop, config.span, window(config.span).double(), config.center,
        config.pad_mode, config.normalized, return_complex=True,
    ).unflatten(0, (2, 2))  # fmt: skip
    torch.testing.assert_close(complex_of(block(x)), expected)
    torch.testing.assert_close(
        make("STFT", x.shape, **settings, output="magnitude")(x), expected.abs()
    )
    torch.testing.assert_close(
        make("STFT", x.shape, **settings, output="power")(x), expected.abs() ** 2
    )


@pytest.mark.filterwarnings("ignore:n_fft=256 is too large")
def test_as_librosa_does_and_the_frames_are_counted_as_it_counts(make: Make) -> None:
    for samples in (1, 511, 512, 513, 2000):
        x = torch.randn(1, 1, samples, dtype=torch.float64)
        y = make("STFT", x.shape, n_fft=256, hop_length=64)(x)
        expected = librosa.stft(
            x[0, 0].numpy(), n_fft=256, hop_length=64, pad_mode="constant"
        )
        assert y.shape == (1, 2, 129, 1 + samples // 64)
        torch.testing.assert_close(
            complex_of(y)[0, 0], torch.from_numpy(expected), rtol=1e-5, atol=1e-5
        )


def test_magnitude_of_silence_has_finite_gradients(make: Make) -> None:
    x = torch.zeros(1, 1, 100, dtype=torch.float64, requires_grad=True)
    make("STFT", x.shape, n_fft=16, output="magnitude")(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_bfloat16_is_transformed_in_single_precision(make: Make) -> None:
    x = torch.randn(1, 1, 500).bfloat16()
    exact = make("STFT", x.shape, n_fft=64)
    y = make("STFT", x.shape, n_fft=64).bfloat16()(x)
    torch.testing.assert_close(y.double(), exact(x.double()), rtol=2**-7, atol=0.05)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "settings", [s for s in SETTINGS if s.get("center", True)], ids=str
)
def test_the_inverse_gives_the_waveform_back(
    make: Make, settings: dict[str, Any], channels: int
) -> None:
    hop, odd = make("STFT", (1, 1, 9), **settings).stride, settings["n_fft"] % 2
    x = torch.randn(2, channels, 20 * hop + odd, dtype=torch.float64)
    spectrum = make("STFT", x.shape, **settings)(x)
    given = {
        key: value
        for key, value in settings.items()
        if key not in ("center", "pad_mode")
    }
    back = make("ISTFT", spectrum.shape, **given)(spectrum)
    torch.testing.assert_close(back, x, rtol=1e-6, atol=1e-9)


def test_the_inverse_of_what_is_no_transform_is_torchs(make: Make) -> None:
    y = torch.randn(2, 2, 33, 20, dtype=torch.float64)
    block = make("ISTFT", y.shape, n_fft=64, hop_length=16)
    expected = torch.istft(
        complex_of(y)[:, 0], 64, 16, window=torch.hann_window(64).double()
    )
    torch.testing.assert_close(block(y)[:, 0], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "STFT",
            {"win_length": 65},
            "win_length 65 is larger than n_fft 64; a frame has n_fft samples",
        ),
        (
            "ISTFT",
            {"win_length": 65},
            "win_length 65 is larger than n_fft 64; a frame has n_fft samples",
        ),
        (
            "ISTFT",
            {"hop_length": 65},
            "hop_length 65 is larger than the window, 64: samples would be lost",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(
    name: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get(name).cls.Config(n_fft=64, **config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


@pytest.mark.parametrize("n_samples", [1, 5, 63, 64, 65, 100, 127, 1000, 1023])
@pytest.mark.parametrize(
    "frames",
    [
        {"n_fft": 32},
        {"n_fft": 32, "hop_length": 16},
        {"n_fft": 31, "hop_length": 7},
        {"n_fft": 48, "win_length": 32, "hop_length": 8},
    ],
)
def test_there_and_back_is_the_waveform_to_the_sample(
    n_samples: int, frames: dict[str, Any]
) -> None:
    """STFT and ISTFT in a graph: the length comes from the waveform, and so do the samples behind the last frame."""
    layers = [{"StoreAs": "wave"}, {"STFT": frames}]
    layers.append({"ISTFT": {**frames, "size_of": "wave"}})
    model = mb.compile_graph({"input": "B C=2 N", "layers": layers}).double()
    x = torch.randn(3, 2, n_samples, dtype=torch.float64)
    torch.testing.assert_close(model(x), x, rtol=0, atol=1e-9)


def test_samples_that_no_frame_reaches_are_zeros(make: Make) -> None:
    block = make("ISTFT", [(1, 2, 9, 3), (1, 1, 100)], n_fft=16, size_of="y")
    x = torch.randn(1, 2, 9, 3, dtype=torch.float64)
    y = block(x, torch.empty(1, 1, 100))
    assert y.shape == (1, 1, 100)
    assert bool((y[..., 17:] == 0).all())
    torch.testing.assert_close(y[..., :8], block(x))
