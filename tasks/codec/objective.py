"""What the output of a codec is held to: the weighted parts of its loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...features.base import FeatureConfig
from ...losses.spectral import MultiResolutionSTFT, MultiScaleMel
from ...losses.waveform import si_sdr_loss
from .config import LossWeights

SILENT_ENERGY = 1e-6  # of an item: noise under it does not count
NOISE_FLOOR = 1e-3  # of the signal's energy: no more than 30 dB are rewarded
WINDOWS = (256, 1024, 2048)  # of the log-mel spectra; shorter ones are the costly ones
BANDS = (40, 80, 160)


class Reconstruction(nn.Module):
    """The parts of the loss that compare an output with what went in.

    Parameters
    ----------
    weights : LossWeights
        What counts how much; what has no weight is not computed.
    feature : FeatureConfig
        What the graph reads; spectra of its waveforms need the rate.
    """

    def __init__(self, weights: LossWeights, feature: FeatureConfig) -> None:
        super().__init__()
        self.weights = weights.of_output
        self.stft = MultiResolutionSTFT() if weights.stft else None
        self.mel = None
        if weights.mel:
            self.mel = MultiScaleMel(feature.sr_hz, win_lengths=WINDOWS, n_mels=BANDS)

    def parts(self, output: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """The weighted parts by name, of (B, C, N), or of spectra of one shape."""
        self.to(output.device)
        found = {}
        for name, weight in self.weights.items():
            found[name] = weight * self._part(name, output, wanted)
        return found

    def _part(self, name: str, output: Tensor, wanted: Tensor) -> Tensor:
        if name == "l1":
            return functional.l1_loss(output, wanted)
        if name == "l2":
            return (output - wanted).square().flatten(1).sum(dim=1).mean() / 2
        if name == "snr":
            return noise_to_signal_db(output, wanted).mean()
        if name == "si_sdr":
            return si_sdr_loss(output, wanted)
        measure = self.stft if name == "stft" else self.mel
        assert measure is not None  # it is made wherever it has a weight
        distance: Tensor = measure(output, wanted)
        return distance


def noise_to_signal_db(output: Tensor, wanted: Tensor) -> Tensor:
    """The energy of the error relative to the signal, in dB, of each item: (B, ...) -> (B,).

    Loud and soft items count alike, which a mean of squares would not do. It is held above -30 dB, and of silent items
    the error counts from an energy of 1e-6 on.
    """
    signal = wanted.square().flatten(1).sum(dim=1)
    noise = (output - wanted).square().flatten(1).sum(dim=1)
    floor = NOISE_FLOOR * signal + SILENT_ENERGY
    return 10 * torch.log10((noise + floor) / (signal + SILENT_ENERGY))


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
