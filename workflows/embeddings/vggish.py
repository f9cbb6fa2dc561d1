"""VGGish, the network of the first Fréchet audio distance, with weights from a file."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from .interface import Float64, at_rate
from .weights import fill, located_weights, read_weights

USUAL = "vggish-10086976.pth"
SOURCE = f"https://github.com/harritaylor/torchvggish/releases/download/v0.1/{USUAL}"

SR_HZ = 16000
WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
N_FFT = 512
N_MELS = 64
LOWEST_HZ = 125.0
HIGHEST_HZ = 7500.0
LOG_OFFSET = 0.01
PATCH_FRAMES = 96  # .96 s, one after another
AT_ONCE = 32  # patches
CONVOLUTIONS = (
    0,
    3,
    6,
    8,
    11,
    13,
)  # places among the features; a pooling follows each but two
POOLED_AFTER = (0, 3, 8, 13)


class VGGish(nn.Module):
    """Six convolutions and three dense layers: patches (B, 96, 64) of log-mel -> (B, 128).

    Parameters
    ----------
    widths : sequence of int
        Channels of the six convolutions.
    dense : sequence of int
        Features of the three dense layers.

    Notes
    -----
    The last layer has no ReLU, as in current Fréchet audio distances, and principal components and quantisation, which
    AudioSet adds, are left out. `state_dict` has the names of the file that is in use with torch.

    References
    ----------
    Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017.
    """

    def __init__(self, widths: list[int], dense: list[int]) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {}
        n_before = 1
        for place, width in zip(CONVOLUTIONS, widths, strict=True):
            layers[str(place)] = nn.Conv2d(n_before, width, 3, padding=1)
            n_before = width
        self.features = nn.ModuleDict(layers)
        # Four poolings leave 6 x 4 places of a patch.
        n_before = widths[-1] * (PATCH_FRAMES // 16) * (N_MELS // 16)
        layers = {}
        for number, width in enumerate(dense):
            layers[str(2 * number)] = nn.Linear(n_before, width)
            n_before = width
        self.embeddings = nn.ModuleDict(layers)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 96, 64) -> (B, 128)"""
        x = patches[:, None]
        for place in CONVOLUTIONS:
            x = functional.relu(self.features[str(place)](x))
            if place in POOLED_AFTER:
                x = functional.max_pool2d(x, 2)
        # The weights come from a library that keeps channels last.
        x = x.permute(0, 2, 3, 1).flatten(1)
        *inner, last = self.embeddings.values()
        for layer in inner:
            x = functional.relu(layer(x))
        found: Tensor = last(x)
        return found


class VGGishEmbedding:
    """VGGish as an embedding: the mean over a sound's patches of .96 s, (128,).

    Published distances count each patch as an item of its own; here a sound is one item, as for every embedding.

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
        path = located_weights("vggish", given, USUAL, SOURCE)
        weights = read_weights("vggish", path)
        self._network = VGGish(*_sizes(weights))
        fill("vggish", path, self._network, weights)
        self._filters = _mel_filters()

    @torch.inference_mode()
    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (128,) of a waveform (N,)."""
        log_mel = self.log_mel(at_rate(wave, sr_hz, SR_HZ))
        # A sound shorter than a patch is followed by silence; what is left of a longer one is not a whole patch.
        missing = PATCH_FRAMES - len(log_mel)
        if missing > 0:
            silence = float(np.log(LOG_OFFSET))
            log_mel = functional.pad(log_mel, (0, 0, 0, missing), value=silence)
        n_patches = len(log_mel) // PATCH_FRAMES
        patches = log_mel[: n_patches * PATCH_FRAMES].reshape(
            n_patches, PATCH_FRAMES, N_MELS
        )
        found = [self._network(some) for some in torch.split(patches, AT_ONCE)]
        return torch.cat(found).double().mean(dim=0).numpy()

    def log_mel(self, wave: Tensor) -> Tensor:
        """Frames (T, 64) of a waveform at 16 kHz; only whole windows count."""
        if len(wave) < WINDOW_SAMPLES:
            wave = functional.pad(wave, (0, WINDOW_SAMPLES - len(wave)))
        frames = wave.double().unfold(0, WINDOW_SAMPLES, HOP_SAMPLES)
        window = torch.hann_window(WINDOW_SAMPLES, dtype=torch.float64)
        magnitude = torch.fft.rfft(frames * window, N_FFT).abs()
        return torch.log(magnitude @ self._filters + LOG_OFFSET).float()


def _sizes(weights: dict[str, Tensor]) -> tuple[list[int], list[int]]:
    """The widths of the layers, from the file; those of the published network where it does not have them."""
    published = [64, 128, 256, 256, 512, 512]
    widths = []
    for place, usual in zip(CONVOLUTIONS, published, strict=True):
        found = weights.get(f"features.{place}.bias")
        widths.append(usual if found is None else len(found))
    dense = []
    for number, usual in enumerate((4096, 4096, 128)):
        found = weights.get(f"embeddings.{2 * number}.bias")
        dense.append(usual if found is None else len(found))
    return widths, dense


def _mel_filters() -> Tensor:
    """(257, 64): triangles whose sides are straight on the mel scale, not over frequency; nothing at 0 Hz."""
    hz = np.arange(N_FFT // 2 + 1) * SR_HZ / N_FFT
    mel = 1127 * np.log(1 + hz / 700)
    ends = 1127 * np.log(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    edges = np.linspace(ends[0], ends[1], N_MELS + 2)
    rising = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return torch.from_numpy(filters)
