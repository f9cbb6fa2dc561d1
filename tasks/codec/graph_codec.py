"""A compiled graph as a codec: its halves on either side of the bottleneck, and its features on either side of them."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Protocol, cast

import torch
from pydantic import BaseModel
from torch import Tensor
from torch.nn import functional

from ...compiler.module import GraphModule
from ...errors import TaskError
from ...features.base import FeatureConfig
from ...features.kinds import feature_of
from ...features.logmel import LogMelFeatureConfig
from ...features.mel_inversion import wave_of_logmel
from ...features.waveform import WaveformFeatureConfig
from ...shapes import show
from ..modes import evaluating
from .halves import QUANTIZERS, STACKED, Halves, frames_per_latent, halves_of


class Quantizer(Protocol):
    """A block with codes: those of QUANTIZERS."""

    n_codes: int

    def encode(self, x: Tensor) -> Tensor: ...
    def decode(self, codes: Tensor) -> Tensor: ...


class Residual(Protocol):
    """A quantizer whose stages can run in part."""

    def encode(self, x: Tensor, n_codebooks: int | None = None) -> Tensor: ...


class GraphCodec:
    """A codec made of a compiled graph: see `Codec` in interface.py.

    A graph of log-mel spectra is one too: its waveforms come back by fast Griffin-Lim, with phases of their own.

    Parameters
    ----------
    model : GraphModule
        A graph whose bottleneck is a cut.
    feature : FeatureConfig
        What it reads: `waveform`, or `logmel`.
    name : str
        For messages and files.
    bottleneck : str, optional
        The name of the bottleneck's layer; by default the graph's only quantizer or VAEBottleneck.

    Raises
    ------
    TaskError
        E501 for another feature, E580 for a graph without a bottleneck, E581 where something passes around it, E582
        for one whose frames are not whole numbers of samples.
    """

    def __init__(
        self,
        model: GraphModule,
        feature: FeatureConfig,
        *,
        name: str = "",
        bottleneck: str | None = None,
    ) -> None:
        refuse_other_feature(feature)
        self.halves: Halves = halves_of(model, bottleneck)
        self.feature = feature
        self.name = name or model.graph.name
        self.sr_hz = feature.sr_hz
        self.feature_frames = frames_per_latent(self.halves)
        self.hop_length = self.feature_frames * _samples_per_frame(feature)
        self._extractor = feature_of(feature)
        self.latent_shape = self._latent_shape()
        self.latent_channels = _product(self.latent_shape)
        self.n_codebooks = 0
        self.n_codes = 0
        if self.is_discrete:
            self._count_codes()
        self.fingerprint = self._fingerprint()

    @property
    def model(self) -> GraphModule:
        """The whole graph."""
        return self.halves.model

    @property
    def is_discrete(self) -> bool:
        """Whether it has codebooks."""
        return self.halves.block in QUANTIZERS

    def to(self, device: str | torch.device) -> GraphCodec:
        """Move the weights; returns the codec."""
        self.model.to(device)
        self._extractor.to(device)
        return self

    def encode(self, waves: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Codes (B, Q, T), int64, of waveforms (B, 1, N): of all codebooks, or of the first `n_codebooks`.

        A residual quantizer with a `beam` finds codes for a few codebooks that are better than the first ones of many.
        """
        self._refuse_continuous()
        return self.codes_of(self.reached(waves), n_codebooks)

    def reached(self, waves: Tensor) -> Tensor:
        """What the bottleneck is given of waveforms (B, 1, N)."""
        with evaluating(self.model):
            return self.halves.reach(self._features(waves))

    def codes_of(self, reached: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Codes (B, Q, T) of what reaches the quantizer."""
        if n_codebooks is not None:
            refuse_other_number(n_codebooks, self.name, self.n_codebooks)
        with evaluating(self.model):
            codes = self._first_codes(reached, n_codebooks)
        # A spectrum's codes (B, F, T) lie one above another, as a residual quantizer's do.
        return codes.reshape(codes.shape[0], -1, codes.shape[-1])[:, :n_codebooks]

    def _first_codes(self, reached: Tensor, n_codebooks: int | None) -> Tensor:
        """At least so many codes; fewer stages than all run only where the quantizer has stages."""
        if n_codebooks is None or self.halves.block != "ResidualVectorQuantizer":
            return self._quantizer.encode(reached)
        # A stage gives a code for each row of a spectrum.
        rows = _product(self.latent_shape[1:])
        n_stages = math.ceil(n_codebooks / rows)
        return cast(Residual, self._quantizer).encode(reached, n_stages)

    def decode(self, codes: Tensor) -> Tensor:
        """Waveforms (B, 1, T · hop_length) of codes (B, Q, T)."""
        self._refuse_continuous()
        self._refuse_no_codes(codes)
        with evaluating(self.model):
            latents: Tensor = self._quantizer.decode(self._stacked(codes))
            return self._waves(self.halves.leave(latents))

    def code_vectors(self) -> Tensor:
        """What each code adds to the latents of a frame, about the mean of its codebook: (Q, n_codes, D), on the CPU.

        Quantizers add the vectors of their stages, or lay those of groups side by side, so that one code can be
        changed while the others stay.
        """
        self._refuse_continuous()
        levels = self.n_codebooks
        codes = torch.zeros(levels, self.n_codes, levels, dtype=torch.int64)
        for level in range(levels):
            codes[level, :, level] = torch.arange(self.n_codes)
        with evaluating(self.model):
            stacked = self._stacked(codes.view(-1, levels, 1))
            latents: Tensor = self._quantizer.decode(stacked).float().cpu()
        vectors = latents.reshape(levels, self.n_codes, -1)
        return vectors - vectors.mean(1, keepdim=True)

    def _stacked(self, codes: Tensor) -> Tensor:
        """Codes (B, Q, T) as the quantizer takes them."""
        codes = codes.to(self._device)
        n = len(codes)
        frames = codes.shape[-1]
        if self.halves.block not in STACKED:
            return codes.reshape(n, *self.latent_shape[1:], frames)
        if len(self.latent_shape) > 1:
            return codes.reshape(n, -1, *self.latent_shape[1:], frames)
        return codes

    def latent_errors(self, waves: Tensor, codes: Tensor) -> Tensor:
        """Squared errors (1 + Q,), in float64, of what the first n codes (B, Q, T) make of what reached the quantizer.

        The first is that of no code at all: the energy of what reached it.
        """
        reached = self.reached(waves).double()
        errors = [reached.square().sum()]
        for n in range(1, codes.shape[1] + 1):
            with evaluating(self.model):
                latents = self._quantizer.decode(self._stacked(codes[:, :n]))
            errors.append((latents.double() - reached).square().sum())
        return torch.stack(errors).cpu()

    def encode_latent(self, waves: Tensor) -> Tensor:
        """What leaves the bottleneck, (B, D, T): of a variational auto-encoder the mean, of a quantizer its vectors."""
        reached = self.reached(waves)
        with evaluating(self.model):
            latents: Tensor = self.halves.bottleneck(reached)
        return latents.reshape(latents.shape[0], -1, latents.shape[-1])

    def decode_latent(self, latents: Tensor) -> Tensor:
        """Waveforms (B, 1, T · hop_length) of latents (B, D, T)."""
        if latents.ndim != 3 or latents.shape[1] != self.latent_channels:
            raise TaskError(
                f"codec '{self.name}' has latents (B, {self.latent_channels}, T), got {show(latents.shape)}",
                code="E584",
                help="latents are what `encode_latent` of this codec gives",
            )
        shape = (latents.shape[0], *self.latent_shape, latents.shape[-1])
        with evaluating(self.model):
            own = latents.to(self._device, self._dtype).reshape(shape)
            return self._waves(self.halves.leave(own))

    @property
    def _quantizer(self) -> Quantizer:
        return cast(Quantizer, self.halves.bottleneck)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype

    def _features(self, waves: Tensor) -> Tensor:
        """(B, 1, N) -> what the graph reads of whole frames."""
        refuse_no_waves(waves, self.name)
        whole = functional.pad(waves, (0, -waves.shape[-1] % self.hop_length))
        frames = whole.shape[-1] // self.hop_length * self.feature_frames
        features: Tensor = self._extractor(whole[:, 0].to(self._device, self._dtype))
        # A spectrum has a frame more, at the very end of the waveform.
        features = features[..., :frames]
        rank = len(next(iter(self.model.input_shapes.values())))
        return features.reshape(
            features.shape[0], *[1] * (rank - features.ndim), *features.shape[1:]
        )

    def _waves(self, output: Tensor) -> Tensor:
        """(B, 1, N) of what the graph gives."""
        if isinstance(self.feature, WaveformFeatureConfig):
            return output
        logmel = output.reshape(output.shape[0], -1, output.shape[-1])
        # The frame at the very end, which the graph does not have, is like the one before.
        logmel = torch.cat([logmel, logmel[..., -1:]], dim=-1)
        return wave_of_logmel(self.feature, logmel)[:, None]  # type: ignore[arg-type]  # refused before

    def _latent_shape(self) -> tuple[int, ...]:
        """Sizes between batch and time of what leaves the bottleneck."""
        node = next(one for one in self.model.nodes if one.name == self.halves.node)
        return tuple(int(size) for size in node.went[1:-1])

    def _count_codes(self) -> None:
        bottleneck = self._quantizer
        rows = _product(self.latent_shape[1:])
        self.n_codebooks = rows * int(getattr(bottleneck, "n_codebooks", 1))
        codebook = getattr(bottleneck, "codebook", None)
        if codebook is None:
            self.n_codes = bottleneck.n_codes
        else:
            self.n_codes = len(codebook)

    def _fingerprint(self) -> str:
        """SHA-256 of the steps, the settings and the weights, in hexadecimal digits."""
        digest = hashlib.sha256()
        for op in self.model.ops:
            words = (op.kind, op.name, *op.extra, op.fit)
            digest.update(" ".join(words).encode() + b"\n")
        # Settings such as a stride or an exponent change the codes and stand in no weight.
        for node in self.model.nodes:
            digest.update(
                f"{node.name} {node.block} {_settled(node.config)}\n".encode()
            )
        read = f"{self.halves.node} {self.hop_length} {_settled(self.feature)}\n"
        digest.update(read.encode())
        for name, weight in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}\n".encode())
            digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def least_codebooks(self) -> int:
        """How many of the first codebooks can be decoded without the others."""
        if self.halves.block not in STACKED:
            return self.n_codebooks
        return int(getattr(self.halves.bottleneck, "least_codebooks", 1))

    def _refuse_continuous(self) -> None:
        if not self.is_discrete:
            raise TaskError(
                f"codec '{self.name}' has no codebooks: its bottleneck is a {self.halves.block}",
                code="E583",
                help="use `encode_latent` and `decode_latent`, or a codec with a quantizer",
            )

    def _refuse_no_codes(self, codes: Tensor) -> None:
        refuse_no_codes(codes, self.name, self.n_codebooks, self.n_codes)
        if self.least_codebooks <= codes.shape[1]:
            return
        raise TaskError(
            f"codec '{self.name}' has {self.n_codebooks} codebooks, got codes of {codes.shape[1]}",
            code="E584",
            help="only a residual quantizer decodes its first codebooks alone, and each of its groups needs one",
        )


def refuse_no_waves(waves: Any, name: str) -> None:
    """Raise TaskError E584 for what is not (B, 1, N) of finite numbers with at least one sample."""
    help = "mix channels down, and add the axes of batch and channel: wave[None, None]"
    came = None
    if not isinstance(waves, Tensor):
        came = f"'{type(waves).__name__}'"
        help = "make a tensor of it: torch.from_numpy(wave)"
    elif waves.ndim != 3 or waves.shape[1] != 1 or not waves.numel():
        came = show(waves.shape)
    elif not waves.is_floating_point():
        # The largest integers would be heard as sounds far beyond full scale.
        came = f"samples of {str(waves.dtype).removeprefix('torch.')}"
        help = (
            "divide integers by their largest possible value: samples are within -1 … 1"
        )
    elif not waves.isfinite().all():
        came = "samples that are NaN or infinite"
        help = "repair the recording first"
    if came is not None:
        raise TaskError(
            f"codec '{name}' reads waveforms (B, 1, N), got {came}",
            code="E584",
            help=help,
        )


def refuse_other_number(asked: int, name: str, n_codebooks: int) -> None:
    """Raise TaskError E584 for more codebooks than there are, or none."""
    if not 1 <= asked <= n_codebooks:
        raise TaskError(
            f"codec '{name}' has {n_codebooks} codebooks, {asked} are asked for",
            code="E584",
            help="leave the number out for all of them",
        )


def refuse_no_codes(codes: Tensor, name: str, n_codebooks: int, n_codes: int) -> None:
    """Raise TaskError E584 for what are not codes (B, Q, T) of the first Q codebooks."""
    whole = not codes.is_floating_point() and not codes.is_complex()
    shaped = codes.ndim == 3 and 1 <= codes.shape[1] <= n_codebooks and codes.shape[2]
    if not (whole and shaped):
        raise TaskError(
            f"codec '{name}' has codes (B, {n_codebooks}, T) of whole numbers, "
            f"got {show(codes.shape)} of {str(codes.dtype).removeprefix('torch.')}",
            code="E584",
            help="codes are what `encode` of this codec gives",
        )
    least = int(codes.min())
    most = int(codes.max())
    if least < 0 or most >= n_codes:
        raise TaskError(
            f"codec '{name}' has codes 0 to {n_codes - 1}, got {least} to {most}",
            code="E584",
            help="codes are what `encode` of this codec gives",
        )


def refuse_other_feature(feature: FeatureConfig) -> None:
    """Raise TaskError E501 for a feature from which no waveform comes back."""
    if not isinstance(feature, WaveformFeatureConfig | LogMelFeatureConfig):
        raise TaskError(
            f"a codec reads the feature 'waveform' or 'logmel', not '{feature.type}'",
            code="E501",
            help="write `feature: {type: waveform, sr_hz: 16000}`",
        )


def _samples_per_frame(feature: FeatureConfig) -> int:
    if isinstance(feature, LogMelFeatureConfig):
        return feature.hop_length
    return 1


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def _settled(config: BaseModel) -> str:
    """Settings in one order, whatever file they were read from."""
    return json.dumps(config.model_dump(mode="json"), sort_keys=True)
