"""The codes of a recording with all that decoding needs to know, and the file of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ...errors import TaskError
from ...shapes import show
from .graph_codec import refuse_other_number
from .interface import Codec

VALUES = "values"  # the name of the tensor in a file
KIND = "mirbricks codes"
MOST_INT16 = 32_767
SHOWN = 12  # digits of a fingerprint that a message shows


@dataclass(frozen=True, repr=False)
class Codes:
    """A recording as a codec keeps it.

    Attributes
    ----------
    values : Tensor
        Codes (Q, T), int64; latents (D, T), float32, of a codec without codebooks.
    codec : str
        The name of the codec.
    fingerprint : str
        Of the codec's weights and settings: no other codec can decode them.
    sr_hz : int
        The rate of the sound.
    hop_length : int
        Samples per frame.
    n_samples : int
        Samples of the sound; the last frame may hold fewer than `hop_length`.
    """

    values: Tensor
    codec: str
    fingerprint: str
    sr_hz: int
    hop_length: int
    n_samples: int

    def __repr__(self) -> str:
        kind = "latents" if self.values.is_floating_point() else "codes"
        seconds = self.n_samples / self.sr_hz
        return f"<Codes of {seconds:.2f} s: {kind} {show(self.values.shape)} of '{self.codec}'>"

    @property
    def is_whole(self) -> bool:
        """Whether the sound ends in the last frame: no other number of samples makes so many frames."""
        if self.sr_hz < 1 or self.hop_length < 1 or self.n_samples < 1:
            return False
        frames = -(-self.n_samples // self.hop_length)
        return frames == self.values.shape[-1]

    def to_bytes(self) -> bytes:
        """The content of a file: safetensors, with what decoding needs to know in its header."""
        values = self.values
        if not values.is_floating_point():
            small = int(values.max()) <= MOST_INT16
            values = values.to(torch.int16 if small else torch.int32)
        facts = {
            "kind": KIND,
            "codec": self.codec,
            "fingerprint": self.fingerprint,
            "sr_hz": str(self.sr_hz),
            "hop_length": str(self.hop_length),
            "frame_hz": f"{self.sr_hz / self.hop_length:g}",
            "n_samples": str(self.n_samples),
            "sha256": _digest(values),
        }
        return save({VALUES: values.contiguous()}, facts)

    @classmethod
    def read(cls, path: str | Path) -> Codes:
        """The codes in a file. Raises TaskError E586 for a file that is missing, damaged, or holds something else."""
        if not Path(path).exists():
            raise _no_codes(path, "there is no such file")
        if Path(path).is_dir():
            raise _no_codes(path, "it is a folder")
        try:
            with safe_open(str(path), framework="pt") as file:
                facts = file.metadata() or {}
                values = file.get_tensor(VALUES) if VALUES in file.keys() else None  # noqa: SIM118  # not a mapping
        except SafetensorError:
            # The library's own words name its format, which a user of codes has never seen.
            raise _no_codes(path, "it holds something else, or is cut off") from None
        except OSError as error:
            raise _no_codes(path, error.strerror or str(error)) from None
        if facts.get("kind") != KIND or values is None or values.ndim != 2:
            raise _no_codes(path, "it holds something else")
        # A flipped bit would be another code, and decode to another sound without a word.
        if facts.get("sha256") != _digest(values):
            raise _no_codes(path, "it is damaged, its checksum is another")
        if not values.is_floating_point():
            values = values.long()
        try:
            codes = cls(
                values,
                facts["codec"],
                facts["fingerprint"],
                int(facts["sr_hz"]),
                int(facts["hop_length"]),
                int(facts["n_samples"]),
            )
        except (KeyError, ValueError):
            raise _no_codes(path, "its header is incomplete") from None
        if not codes.is_whole:
            raise _no_codes(path, "its header does not fit its codes")
        return codes


def _digest(values: Tensor) -> str:
    """SHA-256 of the values as they stand in a file, in hexadecimal digits."""
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()


def _no_codes(path: str | Path, why: str) -> TaskError:
    return TaskError(
        f"no codes can be read from '{path}': {why}",
        code="E586",
        help="give a file that `mirbricks encode` wrote",
    )


def encoded_wave(codec: Codec, wave: Tensor, n_codebooks: int | None = None) -> Codes:
    """The codes of a waveform (N,) at the codec's rate, of all codebooks or the first ones.

    A codec without codebooks gives latents. Raises TaskError E584 for more codebooks than there are.
    """
    waves = wave[None, None]
    if n_codebooks is not None:
        refuse_other_number(n_codebooks, codec.name, codec.n_codebooks)
    if codec.n_codebooks:
        values = codec.encode(waves, n_codebooks)[0].cpu()
    else:
        values = codec.encode_latent(waves)[0].float().cpu()
    return Codes(
        values,
        codec.name,
        codec.fingerprint,
        codec.sr_hz,
        codec.hop_length,
        wave.shape[-1],
    )


def decoded_wave(codec: Codec, codes: Codes) -> Tensor:
    """The waveform (N,) of codes. Raises TaskError E585 for those of another codec, E584 for what are not codes."""
    if codes.fingerprint != codec.fingerprint:
        facts = [
            ("codes", f"'{codes.codec}', fingerprint {codes.fingerprint[:SHOWN]}"),
            ("codec", f"'{codec.name}', fingerprint {codec.fingerprint[:SHOWN]}"),
        ]
        raise TaskError(
            f"these codes were made by another codec than '{codec.name}'",
            code="E585",
            facts=facts,
            help=f"decode them with the '{codes.codec}' whose weights have this fingerprint",
        )
    if not codes.is_whole:
        raise TaskError(
            f"{codes.values.shape[-1]} frames of {codes.hop_length} samples do not end in a sound "
            f"of {codes.n_samples} samples",
            code="E584",
            help="codes are what `encode` of this codec gives",
        )
    if codes.values.is_floating_point():
        wave = codec.decode_latent(codes.values[None])
    else:
        wave = codec.decode(codes.values[None])
    return wave[0, 0, : codes.n_samples].float().cpu()
