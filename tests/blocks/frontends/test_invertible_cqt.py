"""The invertible constant-Q transform: there and back, its bands, and which settings it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import mirbricks as mb
from mirbricks.blocks.frontends.invertible_cqt import InverseCQT, InvertibleCQT
from mirbricks.features.gabor_frame import GaborFrame

SR_HZ = 22050


def _there_and_back_db(x: Tensor, **config: float) -> float:
    """The level of the waveform over that of the error."""
    there = InvertibleCQT(InvertibleCQT.Config(in_channels=x.shape[1], **config))
    back = InverseCQT(InverseCQT.Config(**config))
    error = back(there(x), x) - x
    ratio = x.square().sum() / error.square().sum().clamp_min(1e-30)
    return 10.0 * math.log10(float(ratio))


def _notes(n_samples: int) -> Tensor:
    """A rising scale of plucked notes with eight harmonics each."""
    t = torch.arange(n_samples) / SR_HZ
    wave = torch.zeros(n_samples)
    for i, key in enumerate((40, 47, 52, 59, 64, 76)):
        begin_s = 0.1 * i
        hz = 440.0 * 2.0 ** ((key - 69) / 12)
        envelope = torch.exp(-4.0 * (t - begin_s)) * (t >= begin_s)
        for h in range(1, 9):
            wave += envelope * torch.sin(2 * math.pi * h * hz * t) / h
    return wave[None, None]


@pytest.mark.parametrize("what", ["noise", "notes", "click", "constant"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"bins_per_octave": 24, "n_octaves": 6, "hop_length": 100},
        {"fmin_hz": 55.0, "n_octaves": 3, "hop_length": 200},
    ],
)
def test_there_and_back_is_the_waveform(what: str, config: dict[str, float]) -> None:
    n_samples = 15_007
    x = {
        "noise": torch.randn(
            2, 2, n_samples, generator=torch.Generator().manual_seed(0)
        ),
        "notes": _notes(n_samples),
        "click": torch.eye(1, n_samples)[None],
        "constant": torch.ones(1, 1, n_samples),
    }[what]
    assert _there_and_back_db(x, **config) > 100.0


@settings(max_examples=30, deadline=None)
@given(
    n_samples=st.integers(1, 300),
    bins=st.integers(1, 9),
    n_octaves=st.integers(1, 4),
    hop=st.integers(1, 40),
)
def test_there_and_back_at_any_size(
    n_samples: int, bins: int, n_octaves: int, hop: int
) -> None:
    config = {"sr_hz": 400, "fmin_hz": 10.0, "n_octaves": n_octaves}
    config |= {"bins_per_octave": bins, "hop_length": hop}
    try:
        InverseCQT.Config(**config)
    except ValueError:
        return
    x = torch.randn(1, 1, n_samples, generator=torch.Generator().manual_seed(1))
    assert _there_and_back_db(x.double(), **config) > 200.0


def test_it_is_the_frame_of_the_paper_computed_naively() -> None:
    """Bands as sums over Fourier bins, DAFx 2011, eq. 9."""
    config = InvertibleCQT.Config(
        sr_hz=200,
        fmin_hz=10.0,
        n_octaves=3,
        bins_per_octave=4,
        hop_length=7,
        in_channels=1,
    )
    frame = config.frame()
    x = torch.randn(83, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    n_frames = 12
    n_samples = n_frames * 7
    spectrum = np.fft.rfft(np.pad(x.numpy(), (0, n_samples - 83)))
    centres = [*frame.centres_hz(), math.inf]
    expected = np.zeros((frame.n_bins, n_frames), complex)
    for k in range(frame.n_bins):
        for j, value in enumerate(spectrum):
            hz = j * 200 / n_samples
            if hz <= centres[k]:
                gap = centres[k] - centres[k - 1] if k else 1.0
                distance = (centres[k] - hz) / gap
            else:
                distance = (hz - centres[k]) / (centres[k + 1] - centres[k])
            if distance < 1.0:
                window = math.cos(math.pi / 2 * distance)
                turns = np.exp(2j * np.pi * j * np.arange(n_frames) / n_frames)
                expected[k] += window * value * turns / n_frames
    found = torch.complex(*InvertibleCQT(config)(x[None, None])[0])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_a_tone_is_loudest_in_its_own_bin() -> None:
    config = InvertibleCQT.Config(in_channels=1)
    t = torch.arange(SR_HZ) / SR_HZ
    for key in (5, 33, 70):
        hz = 32.7 * 2.0 ** (key / 12)
        found = InvertibleCQT(config)(torch.sin(2 * math.pi * hz * t)[None, None])
        level = found[0].square().sum(dim=(0, 2))
        assert int(level.argmax()) == 1 + key  # row 0 lies below the bins


def test_a_matrix_that_is_no_transform_gives_the_nearest_waveform() -> None:
    frame = GaborFrame(200, 10.0, 3, 4, 8)
    generator = torch.Generator().manual_seed(3)
    shape = (frame.n_bins, 9)
    given = torch.complex(
        torch.randn(shape, dtype=torch.float64, generator=generator),
        torch.randn(shape, dtype=torch.float64, generator=generator),
    )
    wave = frame.synthesise(given).requires_grad_()
    distance = (frame.analyse(wave) - given).abs().square().sum()
    distance.backward()
    assert wave.grad is not None
    # Fourier bins but the first and the last count twice in the waveform, once here.
    spectrum = torch.fft.rfft(wave.grad).abs()
    assert float(spectrum[1:-1].max()) < 1e-9 * float(distance.detach())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"hop_length": 512}, "hop_length 512 is too large to invert"),
        ({"n_octaves": 9}, "does not lie below 11025 Hz"),
    ],
)
def test_what_cannot_be_inverted_is_refused(config: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        InverseCQT.Config(**config)


def test_a_graph_goes_there_and_back_to_the_length_of_its_input() -> None:
    there = {"InvertibleCQT": {"hop_length": 40}}
    back = {"InverseCQT": {"hop_length": 40, "size_of": "x"}}
    model = mb.compile_graph({"input": {"x": "B C=1 N"}, "layers": [there, back]})
    x = torch.randn(1, 1, 4321, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(model(x), x, rtol=0, atol=1e-5)
