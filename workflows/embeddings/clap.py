"""CLAP, a network of sounds and their descriptions, through the package transformers and with a local model."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from ...errors import DataError
from ...features.torchaudio_import import import_torchaudio
from ...printable import listed
from .interface import Float64, at_rate
from .weights import LISTED, located_weights

USUAL = "clap-htsat-unfused"
FILES = ("config.json", "preprocessor_config.json")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
SOURCE = (
    f"the files {', '.join(FILES)} and {' or '.join(WEIGHTS)} of "
    f"https://huggingface.co/laion/{USUAL}, into a folder of that name"
)
PIECE_S = 10  # what the network reads at once; of more it would draw a part at random


class CLAPEmbedding:
    """The audio half of CLAP as an embedding: the mean over pieces of ten seconds of unit vectors, (512,).

    Parameters
    ----------
    name : str
        As the user wrote it.
    given : str, optional
        The folder of the model; by default under its usual name in the folder of weights.

    Raises
    ------
    DataError
        E665 without the package transformers, E663 where there is no folder, E664 where it holds something else.

    References
    ----------
    Wu et al., "Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption
    Augmentation", ICASSP 2023.
    """

    standardise = False

    def __init__(self, name: str, given: str | None = None) -> None:
        self.name = name
        folder = located_weights("clap", given, USUAL, SOURCE)
        _refuse_incomplete(folder)
        self._extractor, self._network = _opened(folder)
        self._sr_hz = int(self._extractor.sampling_rate)

    @torch.inference_mode()
    def __call__(self, wave: ArrayLike | Tensor, sr_hz: int) -> Float64:
        """Embedding (512,) of a waveform (N,)."""
        samples = at_rate(wave, sr_hz, self._sr_hz)
        pieces = torch.split(samples, PIECE_S * self._sr_hz)
        found = torch.zeros(1, dtype=torch.float64)
        for piece in pieces:
            # A single piece, never longer than what is read at once: nothing in here is drawn at random.
            inputs = self._extractor(
                piece.numpy(), sampling_rate=self._sr_hz, return_tensors="pt"
            )
            vector = self._network(**inputs).audio_embeds[0]
            unit = functional.normalize(vector.double(), dim=-1)
            found = found + unit * len(piece) / len(samples)
        return found.numpy()


def _opened(folder: Path) -> tuple[Any, Any]:
    """What makes the network's input, and the network."""
    import_torchaudio()  # transformers imports it, and would fail on a wheel for another CUDA
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise DataError(
            "the embedding clap needs the package transformers",
            code="E665",
            help="pip install 'mirbricks[clap]', or choose another embedding",
        ) from error
    with _quiet(transformers.logging):
        extractor, network = _read(transformers, folder)
    network.eval()
    network.requires_grad_(False)
    return extractor, network


def _read(transformers: Any, folder: Path) -> tuple[Any, Any]:
    """Both from local files only: without that, a name that is not a folder would be looked up in the network."""
    try:
        extractor = transformers.ClapFeatureExtractor.from_pretrained(
            str(folder), local_files_only=True
        )
        network, found = transformers.ClapAudioModelWithProjection.from_pretrained(
            str(folder), local_files_only=True, output_loading_info=True
        )
    # Whatever the package raises on the way is about these files: it has no exception of its own.
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _other(folder, lines[0]) from error
    # The package would draw what a file lacks at random.
    missing = sorted(found["missing_keys"])
    if missing:
        raise _other(folder, f"without {listed(missing, LISTED)}")
    return extractor, network


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Without a report of the other half of CLAP, which is not read."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _other(folder: Path, why: str) -> DataError:
    return DataError(
        f"'{folder}' does not hold a model of CLAP",
        code="E664",
        facts=[("transformers", why)],
        help=f"fetch {SOURCE}",
    )


def _refuse_incomplete(folder: Path) -> None:
    missing = [name for name in FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in WEIGHTS):
        missing.append(" or ".join(WEIGHTS))
    if missing:
        raise DataError(
            f"'{folder}' has no {', no '.join(missing)}",
            code="E664",
            facts=[("fetch", SOURCE)],
            help="put the missing files there",
        )
