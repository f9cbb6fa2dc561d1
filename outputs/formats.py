"""The formats that predictions are written in, by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.stores.wav import float_wav_bytes
from ..errors import DataError, did_you_mean
from . import codes as codes  # registers them
from .jams_file import jams_bytes
from .layers import Layer, Waveform
from .midi import midi_bytes
from .sonic_visualiser import session, svl_bytes
from .text import csv_of, json_of, lab_of

SR_HZ = 44_100  # where there is no recording


@dataclass(frozen=True)
class Recording:
    """What a prediction was made for.

    Parameters
    ----------
    title : str
        Its name.
    duration_s : float
        Its length in seconds.
    path : Path, optional
        Its file, where it is one.
    sr_hz : int, optional
        The sample rate of the file.
    samples : callable, optional
        Reads it, (N,) or (C, N): what a prediction is heard beside.
    """

    title: str
    duration_s: float
    path: Path | None = None
    sr_hz: int | None = None
    samples: Callable[[], NDArray[np.float32]] | None = None


Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Format:
    """A format that predictions are written in.

    Parameters
    ----------
    sentence : str
        What it is.
    ending : str
        How the names of its files end.
    kinds : tuple of str
        The kinds of layers that it has a place for.
    write : callable
        Gives the files by the endings of their names.
    """

    sentence: str
    ending: str
    kinds: tuple[str, ...]
    write: Callable[[Sequence[Layer], Recording], Files]


def _midi(layers: Sequence[Layer], _: Recording) -> Files:
    return {".mid": midi_bytes(layers, bends=False)}


def _bent(layers: Sequence[Layer], _: Recording) -> Files:
    return {".bends.mid": midi_bytes(layers, bends=True)}


def _jams(layers: Sequence[Layer], of: Recording) -> Files:
    return {".jams": jams_bytes(layers, of.title, of.duration_s)}


def _svl(layers: Sequence[Layer], of: Recording) -> Files:
    rate = of.sr_hz or SR_HZ
    return {f".{layer.name}.svl": svl_bytes(layer, rate) for layer in layers}


def _csv(layers: Sequence[Layer], _: Recording) -> Files:
    return {f".{layer.name}.csv": csv_of(layer) for layer in layers}


def _lab(layers: Sequence[Layer], _: Recording) -> Files:
    own = [layer for layer in layers if layer.kind in FORMATS["lab"].kinds]
    return {
        ".lab" if layer.kind == "segments" else f".{layer.name}.lab": lab_of(layer)
        for layer in own
    }


def _json(layers: Sequence[Layer], of: Recording) -> Files:
    about = {"title": of.title, "duration_s": round(of.duration_s, 4)}
    return {".json": json_of(layers, about)}


def _wav(layers: Sequence[Layer], of: Recording) -> Files:
    files = {}
    for layer in layers:
        if isinstance(layer, Waveform):
            files[f".{layer.name}.wav"] = float_wav_bytes(layer.samples, layer.sr_hz)
    # Of what is no sound by itself, tones are made.
    pitched = [layer for layer in layers if layer.kind in PITCHED]
    if pitched:
        files |= _sonified(pitched, of)
    return files


def _sonified(layers: Sequence[Layer], of: Recording) -> Files:
    from .sonify import beside, sonified  # with it comes mir_eval, and half of scipy

    rate = of.sr_hz or SR_HZ
    heard = sonified(layers, of.duration_s, rate)
    both = heard if of.samples is None else beside(of.samples(), heard)
    return {".sonified.wav": float_wav_bytes(np.atleast_2d(both), rate)}


def _session(layers: Sequence[Layer], of: Recording) -> Files:
    if of.path is None or of.sr_hz is None:
        raise DataError(
            "a session holds the recording's file, and these samples come from memory",
            code="E721",
            help="predict from a file, or write the layers: svl",
        )
    n_samples = round(of.duration_s * of.sr_hz)
    return {".sv": session(layers, of.path, of.sr_hz, n_samples)}


ALL = ("notes", "curve", "segments", "tags")
PITCHED = ("notes", "curve", "segments")
KEYS = "notes on keys, as loud as the model is sure"
BENT = "the same bent to their own pitch, a channel each"
SOUND = "the recording on the left, the prediction as tones on the right; sounds as they are"
SESSION = "a session of Sonic Visualiser: recording, spectrogram and all layers"

FORMATS: Mapping[str, Format] = {
    "midi": Format(KEYS, ".mid", ("notes",), _midi),
    "midi-bends": Format(BENT, ".bends.mid", ("notes",), _bent),
    "jams": Format("everything, for jams and mirdata", ".jams", ALL, _jams),
    "svl": Format("layers of Sonic Visualiser", ".svl", ALL, _svl),
    "sv": Format(SESSION, ".sv", ALL, _session),
    "csv": Format("a table per layer", ".csv", ALL, _csv),
    "lab": Format("begin, end and label", ".lab", ("notes", "segments"), _lab),
    "json": Format("everything, for programs", ".json", ALL, _json),
    "wav": Format(SOUND, ".sonified.wav", (*PITCHED, "sound"), _wav),
}


def refuse_unknown(to: Sequence[str], others: Sequence[str] = ()) -> None:
    """Raise DataError E720 for a format that there is not; `others` are formats that the caller writes itself."""
    known = [*FORMATS, *others]
    for name in to:
        if name not in known:
            raise DataError(
                f"'{name}' is not a format that predictions are written in",
                code="E720",
                facts=[("formats", ", ".join(known))],
                help=did_you_mean(name, known) or "choose one of these",
            )


def rendered(
    layers: Sequence[Layer], to: Sequence[str], of: Recording
) -> dict[str, bytes]:
    """The files of a prediction in some formats.

    Parameters
    ----------
    layers : sequence of Layer
        What was predicted.
    to : sequence of str
        Names of `FORMATS`.
    of : Recording
        What it was predicted for.

    Returns
    -------
    dict of str to bytes
        The content of each file by the ending of its name.

    Raises
    ------
    DataError
        E720 for an unknown format, E721 for one that has no place for this prediction, E468 without its package.
    """
    refuse_unknown(to)
    refuse_unfit(to, {layer.kind for layer in layers})
    found: dict[str, bytes] = {}
    for name in to:
        found |= FORMATS[name].write(layers, of)
    return found


def refuse_unfit(to: Sequence[str], kinds: Collection[str]) -> None:
    """Raise DataError E721 for a format that has no place for layers of these kinds."""
    fitting = [name for name, own in FORMATS.items() if set(own.kinds) & set(kinds)]
    for name in to:
        if name in FORMATS and name not in fitting:
            raise DataError(
                f"'{name}' has no place for what this model predicts",
                code="E721",
                facts=[("formats", ", ".join(fitting) or "none")],
                help=_instead(fitting),
            )


def _instead(fitting: Sequence[str]) -> str:
    if fitting:
        return "choose among these"
    return "leave the formats out: the task writes files of its own"
