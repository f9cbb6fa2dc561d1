"""PANN (Cnn14), a network trained on AudioSet, with weights from a file."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from .interface import Float64, at_rate
from .weights import fill, located_weights, read_weights

USUAL = "Cnn14_mAP=0.431.pth"
SOURCE = "https://zenodo.org/record/3987831/files/Cnn14_mAP%3D0.431.pth"

SR_HZ = 32000
N_FFT = 1024
HOP_SAMPLES = 320
N_MELS = 64
FLOOR = 1e-10  # of power
PIECE_SAMPLES = 10 * SR_HZ  # the length of the recordings that it was trained on
SHORTEST_SAMPLES = SR_HZ  # five poolings need 32 frames, a third of a second
N_BLOCKS = 6


class ConvBlock(nn.Module):
    """Two convolutions, each with batch normalisation and ReLU: (B, C, T, F) -> (B, width, T, F)."""

    def __init__(self, n_before: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_before, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)))


class Cnn14(nn.Module):
    """Six blocks of convolutions over a log-mel spectrogram, in eval() mode: waves (B, N) at 32 kHz -> (B, D).

    Parameters
    ----------
    widths : sequence of int
        Channels of the six blocks.
    features : int
        D, of the dense layer.

    Notes
    -----
    The embedding is what the last dense layer, of AudioSet's 527 labels, reads; that layer is left out. Mel filters
    are those of the file.

    References
    ----------
    Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition", IEEE/ACM TASLP
    2020, table 1.
    """

    def __init__(self, widths: list[int], features: int) -> None:
        super().__init__()
        self.logmel_extractor = nn.Module()
        filters = torch.zeros(N_FFT // 2 + 1, N_MELS)
        self.logmel_extractor.register_buffer("melW", filters)
        self.bn0 = nn.BatchNorm2d(N_MELS)
        n_before = 1
        for number, width in enumerate(widths, 1):
            self.add_module(f"conv_block{number}", ConvBlock(n_before, width))
            n_before = width
        self.fc1 = nn.Linear(n_before, features)

    def forward(self, waves: Tensor) -> Tensor:
        """(B, N) -> (B, D)"""
        x = self.log_mel(waves)
        # The normalisation is per band, not per channel.
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        for number in range(1, N_BLOCKS + 1):
            x = self.get_submodule(f"conv_block{number}")(x)
            if number < N_BLOCKS:
                x = functional.avg_pool2d(x, 2)
        # The mean over bands; over time both what is greatest and what is usual.
        x = x.mean(dim=3)
        x = x.amax(dim=2) + x.mean(dim=2)
        return functional.relu(self.fc1(x))

    def log_mel(self, waves: Tensor) -> Tensor:
        """(B, N) -> (B, 1, T, 64), in dB."""
        window = torch.hann_window(N_FFT, device=waves.device)
        spectrum = torch.stft(
            waves,
            N_FFT,
            HOP_SAMPLES,
            window=window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        power = spectrum.abs().square().transpose(1, 2)
        mel = power @ self.logmel_extractor.get_buffer("melW")
        return 10 * torch.log10(mel.clamp(min=FLOOR))[:, None]


class PANNEmbedding:
    """Cnn14 as an embedding: the mean over pieces of ten seconds, each weighted by its length, (2048,).

    Parameters
    ----------
    name : str
        As the user wrote it.
    given : str, optional
        The file of weights; by default under its usual name in the folder of weights.

    Raises
    ------
    DataError
        E663 where there is no file, E664 where it holds something else.
    """

    standardise = False

    def __init__(self, name: str, given: str | None = None) -> None:
        self.name = name
        path = located_weights("pann", given, USUAL, SOURCE)
        weights = read_weights("pann", path)
        self._network = Cnn14(*_sizes(weights))
        fill("pann", path, self._network, weights)

    @torch.inference_mode()
    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (2048,) of a waveform (N,)."""
        pieces = torch.split(at_rate(wave, sr_hz, SR_HZ), PIECE_SAMPLES)
        total = sum(len(piece) for piece in pieces)
        found = torch.zeros(self._network.fc1.out_features, dtype=torch.float64)
        for piece in pieces:
            missing = max(0, SHORTEST_SAMPLES - len(piece))
            whole = functional.pad(piece, (0, missing))
            found += self._network(whole[None])[0].double() * len(piece) / total
        return found.numpy()


def _sizes(weights: dict[str, Tensor]) -> tuple[list[int], int]:
    """The widths of the layers, from the file; those of the published network where it does not have them."""
    widths = []
    for number in range(1, N_BLOCKS + 1):
        found = weights.get(f"conv_block{number}.conv1.weight")
        widths.append(32 * 2**number if found is None else len(found))
    features = weights.get("fc1.bias")
    return widths, 2048 if features is None else len(features)
