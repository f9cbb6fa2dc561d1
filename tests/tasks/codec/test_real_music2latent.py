"""The package music2latent itself, with random weights: its stand-in beside this file says the same, and nothing more.

None of its weights are fetched: a network of it is drawn at random and saved as the published file is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mirbricks.tasks.codec.music2latent import WEIGHTS, Music2Latent

package: Any = pytest.importorskip("music2latent", exc_type=ImportError)
pytestmark = pytest.mark.slow
FRAME = 4096


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the published one, of a network with random weights."""
    from music2latent.models import UNet

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / WEIGHTS
    torch.save({"gen_state_dict": UNet().state_dict()}, path)
    return path


def test_the_package_encodes_and_decodes_behind_the_interface(weights: Path) -> None:
    codec = Music2Latent(weights)
    noise = torch.Generator().manual_seed(1)
    waves = 0.1 * torch.randn(2, 1, 2 * FRAME + 100, generator=noise)
    latents = codec.encode_latent(waves)
    assert latents.shape == (2, codec.latent_channels, 3)
    decoded = codec.decode_latent(latents)
    assert decoded.shape == (2, 1, 3 * codec.hop_length)
    assert torch.equal(decoded, codec.decode_latent(latents))


def test_the_package_still_wants_to_fetch_whatever_file_it_is_given(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this fails, `_nothing_fetched` in tasks/codec/music2latent.py is no longer needed: remove it."""
    asked = []
    monkeypatch.setattr(
        package.inference, "download_model", lambda: asked.append("weights")
    )
    package.EncoderDecoder(load_path_inference=str(weights), device=torch.device("cpu"))
    assert asked == ["weights"]
