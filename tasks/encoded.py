"""A corpus as a codec sees it: the codes or latents of every recording, computed once and kept beside its waveform.

The files lie in the feature cache's folder, named by the digest of the waveform, the codec's fingerprint and what was
made of it. Each appears whole or not at all, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ..compiler.language.source import Source
from ..data.stores.atomic import written_whole
from ..errors import TaskError, Where
from ..features.base import FeatureConfig
from ..features.resample import resample

Kind = Literal["codes", "latents"]
VALUES = "values"  # the name of the tensor in a file
MOST_INT16 = 32_767
FINGERPRINT_CHARACTERS = 16
SEMITONES = 12
SILENCE_S = 1.0  # of zeros, whose middle frame is what silence looks like

_log = logging.getLogger("mirbricks")


class Encoder(Protocol):
    """The encoding half of a codec: see tasks/codec/interface.py."""

    @property
    def sr_hz(self) -> int: ...
    @property
    def hop_length(self) -> int: ...
    @property
    def n_codes(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    def encode(self, waves: Tensor) -> Tensor: ...
    def encode_latent(self, waves: Tensor) -> Tensor: ...


class Waves(Protocol):
    """A cache of the waveform feature: `FeatureCache`."""

    @property
    def folder(self) -> Path: ...
    def open(self, key: str) -> Waveform: ...


class Waveform(Protocol):
    """A cached waveform: `CachedFeature`."""

    @property
    def path(self) -> Path: ...
    def read(self, start: int = 0, stop: int | None = None) -> Tensor: ...


class Keyed(Protocol):
    """An item of a corpus."""

    @property
    def key(self) -> str: ...


class Encoded:
    """The codes or latents of recordings, by their keys; made by `encoded`.

    Attributes
    ----------
    silence : Tensor
        A frame of silence, (Q,) or (D,): what fills up a recording that is shorter than a patch.
    """

    def __init__(self, paths: dict[str, Path], silence: Tensor) -> None:
        self._paths = paths
        self.silence = silence

    def n_frames(self, key: str) -> int:
        """Frames of a recording."""
        with safe_open(self._paths[key], framework="pt") as file:
            shape: list[int] = file.get_slice(VALUES).get_shape()
        return shape[-1]

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Tensor:
        """Frames [start, stop) of a recording, by default all: codes (Q, T), int64, or latents (D, T), float32."""
        with safe_open(self._paths[key], framework="pt") as file:
            values: Tensor = file.get_slice(VALUES)[:, start:stop]
        if values.is_floating_point():
            return values
        return values.long()

    def padded(self, key: str, start: int, frames: int) -> Tensor:
        """`frames` frames from `start` on, with silence behind the end of the recording."""
        values = self.read(key, start, min(start + frames, self.n_frames(key)))
        missing = frames - values.shape[-1]
        silence = self.silence[:, None].expand(-1, missing)
        return torch.cat((values, silence), dim=-1)


@torch.inference_mode()
def encoded(
    codec: Encoder,
    items: Iterable[Keyed],
    cache: Waves,
    kind: Kind,
    *,
    semitones: int = 0,
    on_done: Callable[[str], None] | None = None,
) -> Encoded:
    """Every recording through the codec, once.

    Parameters
    ----------
    codec : Codec
        A codec, frozen and in eval mode.
    items : iterable of items
        Recordings whose waveform is in the cache, at the codec's rate.
    cache : FeatureCache
        Where the waveforms are, and where codes and latents are kept.
    kind : "codes" or "latents"
        What is made of them.
    semitones : int
        Recordings are played so many semitones higher (faster), or lower where it is negative, before they are encoded.
    on_done : callable, optional
        Called with the key of each recording.

    Raises
    ------
    DataError
        E408 if the folder cannot be written, E454, E455 for a waveform that is not in the cache.
    """
    paths = {}
    for item in items:
        wave = cache.open(item.key)
        path = cache.folder / _name(wave.path.stem, codec, kind, semitones)
        if not _is_whole(path):
            values = _through(codec, _moved(wave.read(), codec, semitones), kind)
            with written_whole(path) as temporary:
                save_file({VALUES: values.contiguous()}, temporary)
        paths[item.key] = path
        if on_done:
            on_done(item.key)
    return Encoded(paths, silence_of(codec, kind))


@torch.inference_mode()
def silence_of(codec: Encoder, kind: Kind) -> Tensor:
    """What the codec makes of silence, one frame from the middle of a second of it: (Q,) or (D,)."""
    frames = max(3, round(SILENCE_S * codec.sr_hz / codec.hop_length))
    values = _through(codec, torch.zeros(1, frames * codec.hop_length), kind)
    middle = values[:, frames // 2]
    if middle.is_floating_point():
        return middle
    return middle.long()


def refuse_other_rate(
    codec: Encoder, feature: FeatureConfig, source: Source | None = None
) -> None:
    """Raise TaskError E501 where the feature is not the waveform at the codec's rate; `source` is the graph's file."""

    def place(field: str) -> Where | None:
        if source is None:
            return None
        return source.value(("feature", field))

    help = f"write `feature: {{type: waveform, sr_hz: {codec.sr_hz}}}`"
    if feature.type != "waveform":
        message = f"a codec reads waveforms, and the feature is '{feature.type}'"
        raise TaskError(message, code="E501", where=place("type"), help=help)
    if feature.sr_hz != codec.sr_hz:
        facts = [
            ("codec", f"{codec.sr_hz} Hz"),
            ("feature", f"{feature.sr_hz} Hz"),
        ]
        message = "the codec and the feature have different sample rates"
        where = place("sr_hz")
        raise TaskError(message, code="E501", where=where, facts=facts, help=help)


def _name(digest: str, codec: Encoder, kind: Kind, semitones: int) -> str:
    moved = f"{semitones:+d}" if semitones else ""
    fingerprint = codec.fingerprint[:FINGERPRINT_CHARACTERS]
    return f"{digest}{moved}.{kind}-{fingerprint}.safetensors"


def _moved(wave: Tensor, codec: Encoder, semitones: int) -> Tensor:
    """(1, N) at the codec's rate, played faster by a factor of 2^(semitones / 12)."""
    if not semitones:
        return wave
    # Heard as if it had been recorded at this rate: brought to the codec's, it is shorter and higher.
    played_at_hz = round(codec.sr_hz * 2 ** (semitones / SEMITONES))
    return resample(wave, played_at_hz, codec.sr_hz)


def _through(codec: Encoder, wave: Tensor, kind: Kind) -> Tensor:
    """(1, N) -> codes (Q, T) in the smallest type that holds them, or latents (D, T)."""
    # Whole frames only, so that codecs need not agree about a rest.
    missing = -wave.shape[-1] % codec.hop_length
    waves = functional.pad(wave.float(), (0, missing))[None]
    if kind == "latents":
        return codec.encode_latent(waves)[0].float().cpu()
    codes = codec.encode(waves)[0].cpu()
    return codes.to(torch.int16 if codec.n_codes <= MOST_INT16 else torch.int32)


def _is_whole(path: Path) -> bool:
    """Whether the file is there and can be read; a damaged one is reported, and made again."""
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return VALUES in file.keys()  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError) as error:
        _log.warning("'%s' is damaged and is made again: %s", path, error)
        return False
