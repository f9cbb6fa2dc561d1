"""A bottleneck beside which some channels pass."""

from __future__ import annotations

import pytest
import torch

from mirbricks.blocks.generative.partial_vae import PartialVAEBottleneck
from mirbricks.blocks.generative.vae import VAEBottleneck


def both(
    kept: int = 2, channels: int = 8
) -> tuple[PartialVAEBottleneck, VAEBottleneck]:
    config = PartialVAEBottleneck.Config(in_channels=channels, kept=kept, kl_weight=0.5)
    return PartialVAEBottleneck(config), VAEBottleneck(
        VAEBottleneck.Config(kl_weight=0.5)
    )


@pytest.mark.parametrize("training", [True, False])
def test_partial_vae_bottleneck_is_the_whole_one_of_the_rest(training):
    partial, whole = both()
    x = torch.randn(3, 8, 5)

    torch.manual_seed(1)
    found = partial.train(training)(x)
    torch.manual_seed(1)
    expected = whole.train(training)(x[:, 2:])

    torch.testing.assert_close(found[:, :2], x[:, :2], rtol=0, atol=0)
    torch.testing.assert_close(found[:, 2:], expected, rtol=0, atol=0)
    assert partial.losses.keys() == whole.losses.keys()
    for name, value in partial.losses.items():
        torch.testing.assert_close(value, whole.losses[name])


@pytest.mark.parametrize("channels", [2, 5])
def test_what_cannot_be_halved_is_refused(channels):
    with pytest.raises(ValueError, match="cannot be halved"):
        both(kept=2, channels=channels)
