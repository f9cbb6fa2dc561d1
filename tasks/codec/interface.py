"""What codes, latents and sound have to do with each other: one interface for every codec.

`codec_of` gives it for a model of the task `codec`, for any other trained graph whose bottleneck is a cut, and for
published codecs. Generating tasks see nothing else of a codec.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from ...errors import TaskError, Where

Self = TypeVar("Self", bound="Codec")


@runtime_checkable
class Codec(Protocol):
    """Sound to codes or latents and back, with frozen weights.

    A frame is `hop_length` samples at `sr_hz`. Waveforms are (B, 1, N); a rest of N that is less than a frame is filled
    up with silence, so that there are T = ceil(N / hop_length) frames, and decoding gives T · hop_length samples.

    Attributes
    ----------
    name : str
        For messages and files.
    sr_hz : int
        The rate of its waveforms.
    hop_length : int
        Samples per frame.
    n_codebooks, n_codes : int
        Codes per frame, and the size of each codebook; 0 for a codec without codebooks.
    latent_channels : int
        Channels of its latents.
    fingerprint : str
        A hash of weights and settings: codes and latents belong to the codec with this fingerprint only.
    """

    name: str
    sr_hz: int
    hop_length: int
    n_codebooks: int
    n_codes: int
    latent_channels: int
    fingerprint: str

    def encode(self, waves: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Codes of waveforms: (B, 1, N) -> (B, Q, T), int64; of all codebooks, or of the first `n_codebooks`.

        Raises TaskError E583 for a codec without codebooks, E584 for more of them than there are.
        """
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """Waveforms of codes: (B, Q, T) -> (B, 1, T · hop_length); the first codebooks of a residual codec suffice.

        Raises TaskError E583 for a codec without codebooks, E584 for what are not codes of it.
        """
        ...

    def encode_latent(self, waves: Tensor) -> Tensor:
        """Latents of waveforms: (B, 1, N) -> (B, D, T); the mean, for a variational auto-encoder."""
        ...

    def decode_latent(self, latents: Tensor) -> Tensor:
        """Waveforms of latents: (B, D, T) -> (B, 1, T · hop_length)."""
        ...

    def to(self: Self, device: str | torch.device) -> Self:
        """Move the weights; returns the codec."""
        ...


@runtime_checkable
class HasCodec(Protocol):
    """A part of an experiment that is a codec by itself, such as a published one."""

    def as_codec(self) -> Codec: ...


def codec_named(part: Any, where: Where) -> Codec:
    """The codec in a part, which the setting `task.codec` at this place names. Raises as `codec_of`, at the place."""
    try:
        return codec_of(part)
    except TaskError as error:
        if error.where is not None:
            raise
        raise TaskError(
            f"task.codec: {error.message}",
            code=error.code,
            where=where,
            facts=error.facts,
            help=error.help,
        ) from error


def codec_of(part: Any) -> Codec:
    """The codec in a part of an experiment.

    Parameters
    ----------
    part : Trained, or a published codec
        What `task.models["codec"]` is, or anything with the `task` and the `module` of a trained model, such as what
        `mirbricks.load` gives.

    Returns
    -------
    Codec
        In eval mode.

    Raises
    ------
    TaskError
        E580 for a graph without a bottleneck, E581 where something passes around it, E582 for one whose frames are not
        whole numbers of samples.
    """
    if isinstance(part, HasCodec):
        return part.as_codec()
    from .graph_codec import GraphCodec  # it imports features

    bottleneck = getattr(part.task.config, "bottleneck", None)
    try:
        return GraphCodec(part.module, part.task.feature, bottleneck=bottleneck)
    except TaskError as error:
        # A detector needs no bottleneck, nor a feature with a way back: its file is not where the mistake lies.
        task = getattr(part.task, "name", "codec")
        if error.code not in ("E580", "E501") or task == "codec":
            raise
        raise TaskError(
            f"a codec is needed, and this model was trained for the task '{task}'",
            code="E580",
            help="name a run of the task codec, or zoo:notes_codec",
        ) from None
