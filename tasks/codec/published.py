"""EnCodec, a published codec, behind the interface of all codecs. Its weights are not part of the installation."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from ...errors import TaskError
from ...features.torchaudio_import import import_torchaudio
from ...settings import Settings
from ..parts import frozen
from .graph_codec import refuse_no_codes, refuse_no_waves, refuse_other_number

WEIGHTS = "encodec_24khz.th"  # the name of the file that a run keeps
SOURCE = "https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th"
BITS_PER_CODE = 10
SR_HZ = 24_000
BANDWIDTHS_KBPS = (1.5, 3.0, 6.0, 12.0, 24.0)


class EncodecConfig(Settings):
    """`codec: {type: encodec_24khz, bandwidth_kbps: 1.5, weights: FILE}`."""

    type: Literal["encodec_24khz"] = Field(description="name of the codec")
    bandwidth_kbps: float = Field(
        6.0,
        description="kilobits per second, 1.5, 3, 6, 12 or 24: two codebooks at 1.5, and so on",
    )
    weights: str = Field(description="the file of its published weights")

    @field_validator("bandwidth_kbps")
    @classmethod
    def _published(cls, value: float) -> float:
        if value not in BANDWIDTHS_KBPS:
            listing = ", ".join(f"{one:g}" for one in BANDWIDTHS_KBPS)
            raise ValueError(f"EnCodec was trained for {listing} kbit/s")
        return value

    def opened(self, folder: Path | None) -> Encodec:
        """The codec with its weights: from a run's own folder, or from where the settings say.

        Raises TaskError E587 where the file is missing or does not hold the weights.
        """
        path = folder / WEIGHTS if folder else Path(self.weights)
        return Encodec(path, self.bandwidth_kbps)


class Encodec:
    """The network of the package encodec, at 24 kHz: see `Codec` in interface.py.

    Parameters
    ----------
    weights : Path
        The published file.
    bandwidth_kbps : float
        1.5, 3, 6, 12 or 24.

    Raises
    ------
    TaskError
        E587 where the file is missing or does not hold the weights.

    References
    ----------
    Défossez et al., "High Fidelity Neural Audio Compression", 2022, and its package.
    """

    name = "encodec_24khz"
    sr_hz = SR_HZ

    def __init__(self, weights: Path, bandwidth_kbps: float) -> None:
        self.content = _read(weights)
        model: Any = frozen(network())
        _load(model, weights)
        self.model = model
        self.model.set_target_bandwidth(bandwidth_kbps)
        quantizer: Any = self.model.quantizer
        frame_hz = int(self.model.frame_rate)
        self.bandwidth_kbps = bandwidth_kbps
        self.hop_length = SR_HZ // frame_hz
        self.n_codes = int(quantizer.bins)
        self.n_codebooks = round(bandwidth_kbps * 1000 / frame_hz / BITS_PER_CODE)
        self.latent_channels = int(quantizer.dimension)
        digest = hashlib.sha256(self.content)
        digest.update(f"{self.name} {self.n_codebooks}".encode())
        self.fingerprint = digest.hexdigest()

    def as_codec(self) -> Encodec:
        """It is a codec by itself."""
        return self

    def to(self, device: str | torch.device) -> Encodec:
        """Move the weights; returns the codec."""
        self.model.to(device)
        return self

    def files(self) -> Mapping[str, bytes]:
        """The file of weights, which a run keeps."""
        return {WEIGHTS: self.content}

    @torch.inference_mode()
    def encode(self, waves: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Codes (B, Q, T), int64, of waveforms (B, 1, N): of all codebooks, or of the first `n_codebooks`."""
        if n_codebooks is not None:
            refuse_other_number(n_codebooks, self.name, self.n_codebooks)
        frames = self.model.encoder(self._whole(waves))
        codes: Tensor = self.model.quantizer.encode(
            frames, self.model.frame_rate, self.bandwidth_kbps
        )
        # Every stage takes the nearest code, so the first codes are what fewer stages would give.
        return codes.transpose(0, 1)[:, :n_codebooks]

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Waveforms (B, 1, T · hop_length) of codes (B, Q, T)."""
        return self.decode_latent(self._latents(codes))

    @torch.inference_mode()
    def encode_latent(self, waves: Tensor) -> Tensor:
        """The sums of the codes' vectors, (B, D, T)."""
        return self._latents(self.encode(waves))

    @torch.inference_mode()
    def decode_latent(self, latents: Tensor) -> Tensor:
        """Waveforms (B, 1, T · hop_length) of latents (B, D, T)."""
        wave: Tensor = self.model.decoder(latents.to(self._device))
        return wave[..., : latents.shape[-1] * self.hop_length]

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    def _whole(self, waves: Tensor) -> Tensor:
        """Whole frames, on the device of the weights."""
        refuse_no_waves(waves, self.name)
        whole = functional.pad(waves, (0, -waves.shape[-1] % self.hop_length))
        return whole.to(self._device)

    def _latents(self, codes: Tensor) -> Tensor:
        refuse_no_codes(codes, self.name, self.n_codebooks, self.n_codes)
        found: Tensor = self.model.quantizer.decode(
            codes.to(self._device).transpose(0, 1)
        )
        return found


@functools.cache
def _package() -> Any:
    # encodec imports torchaudio, whose wheel may be built for another machine.
    import_torchaudio()
    import encodec

    return encodec


def network() -> Any:
    """EnCodec's network at 24 kHz with random weights; nothing is fetched."""
    with warnings.catch_warnings():
        # The package uses a function of torch that is deprecated, and works.
        warnings.simplefilter("ignore", FutureWarning)
        return _package().EncodecModel.encodec_model_24khz(pretrained=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise TaskError(
            f"the weights of encodec_24khz are not at '{path}'",
            code="E587",
            help=f"fetch {SOURCE} and give its path as `weights:`",
        ) from None


def _load(model: nn.Module, path: Path) -> None:
    try:
        # No pickle of others is ever run: only tensors are read.
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise TaskError(
            f"'{path}' does not hold the weights of encodec_24khz",
            code="E587",
            facts=[("torch", (str(error).splitlines() or [type(error).__name__])[0])],
            help=f"fetch {SOURCE} again",
        ) from error
