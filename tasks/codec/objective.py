"""What the output of a codec is held to: the weighted parts of its loss."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...features.base import FeatureConfig
from ...losses.weighted import WeightedLosses
from .config import LossWeights


class Reconstruction(WeightedLosses):
    """The parts of the loss that compare an output with what went in.

    Parameters
    ----------
    weights : LossWeights
        What counts how much; what has no weight is not computed.
    feature : FeatureConfig
        What the graph reads; spectra of its waveforms need the rate.
    """

    def __init__(self, weights: LossWeights, feature: FeatureConfig) -> None:
        super().__init__(weights.of_output, feature.sr_hz)

    def part(self, name: str, output: Tensor, wanted: Tensor) -> Tensor:
        """One part, without its weight."""
        if name == "l2":
            # Beside the divergence of a VAE it is the likelihood of an item: its sum, not its mean.
            return (output - wanted).square().flatten(1).sum(dim=1).mean() / 2
        return super().part(name, output, wanted)


def scores_and_features(
    outputs: Tensor | Mapping[str, Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """What an adversary gives: its scores, and the outputs of its layers.

    Of outputs by name, those whose name begins with "score" are scores; a single output is one.
    """
    if isinstance(outputs, Tensor):
        return [outputs], []
    scores = [value for name, value in outputs.items() if is_score(name)]
    features = [value for name, value in outputs.items() if not is_score(name)]
    return scores, features


def is_score(name: str) -> bool:
    """Whether an output of an adversary of this name is a score."""
    return name.startswith("score")
