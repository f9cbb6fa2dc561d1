"""EnCodec behind the interface of all codecs: its own network with random weights, in a file that the test makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mirbricks.errors import TaskError
from mirbricks.tasks.codec.interface import Codec, codec_of
from mirbricks.tasks.codec.published import WEIGHTS, EncodecConfig, network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "encodec.th"
    torch.manual_seed(0)
    torch.save(network().state_dict(), path)
    return path


def settings(weights: Path) -> EncodecConfig:
    return EncodecConfig(type="encodec_24khz", bandwidth_kbps=1.5, weights=str(weights))


def test_it_gives_what_the_package_gives(weights: Path) -> None:
    codec = codec_of(settings(weights).opened(None))
    assert isinstance(codec, Codec)
    facts = (codec.sr_hz, codec.hop_length, codec.n_codebooks, codec.n_codes)
    assert facts == (24000, 320, 2, 1024)

    own = network()
    own.load_state_dict(torch.load(weights, weights_only=True))
    own.eval().set_target_bandwidth(1.5)
    wave = 0.1 * torch.randn(2, 1, 640)
    with torch.no_grad():
        frames = own.encode(wave)
        expected = own.decode(frames)
    codes = codec.encode(wave)
    assert torch.equal(codes, frames[0][0])
    torch.testing.assert_close(codec.decode(codes), expected[..., :640])
    latents = codec.encode_latent(wave)
    assert latents.shape == (2, codec.latent_channels, 2)
    torch.testing.assert_close(codec.decode_latent(latents), codec.decode(codes))
    # A rest is filled up to a whole frame.
    assert codec.encode(wave[..., :321]).shape == (2, 2, 2)


def test_a_run_keeps_its_weights(weights: Path, tmp_path: Path) -> None:
    part = settings(weights).opened(None)
    (tmp_path / WEIGHTS).write_bytes(part.files()[WEIGHTS])
    again = settings(tmp_path / "gone").opened(tmp_path)
    assert again.fingerprint == part.fingerprint


def test_weights_that_are_missing_or_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"fetch https://dl\.fbaipublicfiles") as caught:
        settings(tmp_path / "none.th").opened(None)
    assert caught.value.code == "E587"
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.th")
    with pytest.raises(TaskError, match="does not hold the weights") as caught:
        settings(tmp_path / "other.th").opened(None)
    assert caught.value.code == "E587"
