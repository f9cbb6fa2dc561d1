"""Music2Latent, a published codec of latents, behind the interface of all codecs: an extra, its weights apart."""

from __future__ import annotations

import hashlib
import importlib
import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...errors import TaskError
from ...settings import Settings
from ..parts import frozen
from .graph_codec import refuse_no_waves

NAME = "music2latent"
WEIGHTS = "music2latent.pt"  # the name of the file that a run keeps
STATE = "gen_state_dict"  # the network in that file
SR_HZ = 44_100
HOP = 512  # of the package's spectrogram
FRAMES_PER_LATENT = 8  # of the spectrogram
LATENT_CHANNELS = 64
# A spectrogram of n frames needs three hops more than n: half of them are added before, half behind.
EDGE = 3 * HOP // 2
DECODING_SEED = 0  # of the noise that the decoder begins in
FETCH = 'python -c "from music2latent import EncoderDecoder; EncoderDecoder()"'


class Music2LatentConfig(Settings):
    """`codec: {type: music2latent, weights: FILE}`."""

    type: Literal["music2latent"] = Field(description="name of the codec")
    weights: str | None = Field(
        None,
        description="the file of its published weights; default: where the package keeps them",
    )

    def opened(self, folder: Path | None) -> Music2Latent:
        """The codec with its weights: from a run's own folder, or from where the settings say.

        Raises TaskError E587 where the file is missing or does not hold the weights, E588 without the package.
        """
        if folder is not None:
            return Music2Latent(folder / WEIGHTS)
        if self.weights is not None:
            return Music2Latent(Path(self.weights))
        own = Path(str(_package().__file__)).parent / "models" / WEIGHTS
        return Music2Latent(own)


class Music2Latent:
    """The consistency auto-encoder of the package music2latent, at 44.1 kHz: see `Codec` in interface.py.

    It has 64 latents about eleven times a second, and no codes. What it decodes begins in noise, which is the same at
    every call, so that the same latents give the same sound.

    Parameters
    ----------
    weights : Path
        The published file; nothing is fetched.

    Raises
    ------
    TaskError
        E587 where the file is missing or does not hold the weights, E588 where the package is not installed.

    References
    ----------
    Pasini, Lattner & Fazekas, "Music2Latent: Consistency Autoencoders for Latent Audio Compression", ISMIR 2024,
    arXiv:2408.06500, and its package (CC BY-NC 4.0).
    """

    name = NAME
    sr_hz = SR_HZ
    hop_length = HOP * FRAMES_PER_LATENT
    n_codebooks = 0
    n_codes = 0
    latent_channels = LATENT_CHANNELS

    def __init__(self, weights: Path) -> None:
        package = _package()
        self.content = _read(weights)
        _refuse_other_weights(self.content, weights)
        with _nothing_fetched(package), _quiet():
            self.model: Any = package.EncoderDecoder(
                load_path_inference=str(weights), device=torch.device("cpu")
            )
        frozen(self.model.gen)
        _refuse_missing_weights(self.model.gen, self.content, weights)
        digest = hashlib.sha256(self.content)
        digest.update(self.name.encode())
        self.fingerprint = digest.hexdigest()

    def as_codec(self) -> Music2Latent:
        """It is a codec by itself."""
        return self

    def to(self, device: str | torch.device) -> Music2Latent:
        """Move the weights; returns the codec."""
        self.model.device = torch.device(device)
        self.model.gen.to(device)
        return self

    def files(self) -> Mapping[str, bytes]:
        """The file of weights, which a run keeps."""
        return {WEIGHTS: self.content}

    def encode(
        self,
        waves: Tensor,  # noqa: ARG002  # the interface of all codecs
        n_codebooks: int | None = None,  # noqa: ARG002  # the same
    ) -> Tensor:
        """Raises TaskError E583: it has no codes."""
        raise self._no_codes()

    def decode(self, codes: Tensor) -> Tensor:  # noqa: ARG002  # the interface of all codecs
        """Raises TaskError E583: it has no codes."""
        raise self._no_codes()

    @torch.inference_mode()
    def encode_latent(self, waves: Tensor) -> Tensor:
        """Latents (B, 64, T) of waveforms (B, 1, N)."""
        refuse_no_waves(waves, self.name)
        rest = -waves.shape[-1] % self.hop_length
        padded = functional.pad(waves[:, 0], (EDGE, rest + EDGE))
        with _quiet():
            latents: Tensor = self.model.encode(padded.to(self.model.device))
        return latents.float()

    @torch.inference_mode()
    def decode_latent(self, latents: Tensor) -> Tensor:
        """Waveforms (B, 1, T · hop_length) of latents (B, 64, T)."""
        with _quiet(), _same_noise(self.model.device):
            wave: Tensor = self.model.decode(latents.to(self.model.device))
        samples = latents.shape[-1] * self.hop_length
        return wave[:, None, EDGE : EDGE + samples].float()

    def _no_codes(self) -> TaskError:
        return TaskError(
            f"codec '{self.name}' has latents, and no codes",
            code="E583",
            help="use `encode_latent` and `decode_latent`, or a codec with a quantizer",
        )


def _package() -> Any:
    try:
        return importlib.import_module(NAME)
    except ImportError as error:
        raise TaskError(
            f"the codec {NAME} needs its package, which cannot be imported",
            code="E588",
            facts=[("got", str(error))],
            help=f"pip install 'mirbricks[{NAME}]'",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise TaskError(
            f"the weights of {NAME} are not at '{path}'",
            code="E587",
            help=f"let its package fetch them once, {FETCH}, or give the path of the file as `weights:`",
        ) from None


def _state(content: bytes) -> Any:
    """The network's tensors in a file; no pickle of others is ever run."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)[STATE]


def _refuse_other_weights(content: bytes, path: Path) -> None:
    try:
        _state(content)
    except Exception as error:
        raise _not_its_weights(
            path, (str(error).splitlines() or [type(error).__name__])[0]
        ) from error


def _refuse_missing_weights(network: Any, content: bytes, path: Path) -> None:
    """The package takes what it finds in a file and leaves the rest random."""
    missing = sorted(set(network.state_dict()) - set(_state(content)))
    if missing:
        raise _not_its_weights(path, f"'{missing[0]}' and others are missing")


def _not_its_weights(path: Path, reason: str) -> TaskError:
    return TaskError(
        f"'{path}' does not hold the weights of {NAME}",
        code="E587",
        facts=[("torch", reason)],
        help=f"let its package fetch them again: {FETCH}",
    )


@contextmanager
def _nothing_fetched(package: Any) -> Iterator[None]:
    """Let the package open weights without fetching its own: it would, whatever file it is given, and has no option."""
    inference: Any = importlib.import_module(f"{package.__name__}.inference")
    fetch = inference.download_model
    inference.download_model = lambda: None
    try:
        yield
    finally:
        inference.download_model = fetch


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that there is no CUDA: the package asks for half precision there, and works without."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*CUDA is not available")
        yield


@contextmanager
def _same_noise(device: torch.device) -> Iterator[None]:
    """The same random numbers inside, and outside those that would have come anyway."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(DECODING_SEED)
        yield
