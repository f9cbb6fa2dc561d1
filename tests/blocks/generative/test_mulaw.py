"""μ-law against torchaudio, and what companding is for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mirbricks.blocks.generative.mulaw import mu_law_decode, mu_law_encode
from mirbricks.features.torchaudio_import import import_torchaudio
from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("channels", [2, 16, 256, 1024])
def test_as_torchaudio_does(channels: int) -> None:
    functional = import_torchaudio().functional
    x = torch.linspace(-1, 1, 4001, dtype=torch.float64)
    codes = mu_law_encode(x, channels)
    assert torch.equal(codes, functional.mu_law_encoding(x, channels))
    torch.testing.assert_close(
        mu_law_decode(codes, channels), functional.mu_law_decoding(codes, channels)
    )


@pytest.mark.parametrize("channels", [2, 16, 256])
def test_every_class_comes_back(channels: int) -> None:
    codes = torch.arange(channels)
    samples = mu_law_decode(codes, channels)
    assert torch.equal(mu_law_encode(samples, channels), codes)
    assert (samples[0], samples[-1]) == (-1, 1)
    assert (samples.diff() > 0).all()


def test_eight_bits_are_finer_for_soft_samples() -> None:
    x = torch.linspace(-1, 1, 10_001, dtype=torch.float64)
    error = (mu_law_decode(mu_law_encode(x, 256).double(), 256) - x).abs()
    assert error.max() < 0.025
    assert (
        error[x.abs() < 0.01].max() < 5e-4
    )  # a uniform 8-bit scale errs by up to 4e-3 everywhere


def test_louder_samples_are_clipped() -> None:
    assert mu_law_encode(torch.tensor([-7.0, -1.0, 1.0, 1.01, 99.0]), 256).tolist() == [
        0,
        0,
        255,
        255,
        255,
    ]


def test_the_blocks_are_the_functions_and_one_hot_marks_the_class(make: Make) -> None:
    x = torch.rand(3, 1, 50, dtype=torch.float64) * 2 - 1
    codes = make("MuLawEncode", (3, 1, 50))(x)
    assert codes.dtype == torch.int64
    assert torch.equal(codes, mu_law_encode(x[:, 0], 256))
    decoded = make("MuLawDecode", (3, 50))(codes)
    assert decoded.dtype == torch.get_default_dtype()
    torch.testing.assert_close(decoded, mu_law_decode(codes, 256)[:, None])
    one_hot = make("MuLawOneHot", (3, 1, 50))(x)
    assert torch.equal(one_hot, torch.nn.functional.one_hot(codes, 256).mT.to(x.dtype))


def test_half_precision_is_companded_in_single() -> None:
    x = torch.rand(1000).bfloat16()
    assert torch.equal(mu_law_encode(x, 256), mu_law_encode(x.float(), 256))
