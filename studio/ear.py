"""What the studio answers on sounds: audio is decoded here, in a worker, and never in the server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.corpus import Corpus
from ..data.stores.channels import read_channels
from ..data.stores.wav import wav_bytes
from ..errors import DataError
from ..features.resample import resample
from ..features.transform import feature
from ..outputs.layers import Curve, Layer, Notes, Segments, TagScores
from ..outputs.sonify import beside, sonified
from ..tasks.predictions import Prediction
from ..workflows.model import Model
from ..workflows.model import load as load_model

LONGEST_S = (
    900.0  # of a recording that is opened; the rest is left out, and the page says so
)
LEVELS = 256
MOST_COLUMNS = 2_400
MOST_POINTS = 40_000  # of a layer
DEEPEST_DB = 80.0


class _Session:
    """Where the sounds and pictures of this session lie."""

    folder = Path()


def begin(folder: str) -> None:
    _Session.folder = Path(folder)


def open_sound(path: str, key: str = "") -> dict[str, Any]:
    """Decode a file, or a recording of a corpus, into a wav of the session."""
    truth: list[dict[str, Any]] = []
    if key:
        item = Corpus.open(path)[key]
        samples, sr_hz = item.read_channels()
        truth = [_as_written(name, atoms) for name, atoms in item.annotations.items()]
        title = key
    else:
        samples, sr_hz = read_channels(path)
        title = Path(path).name
    most = int(LONGEST_S * sr_hz)
    cut = samples.shape[-1] > most
    samples = samples[..., :most]
    return {
        **_kept(samples, sr_hz, title),
        "truth": [one for one in truth if one["items"]],
        "cut": cut,
    }


def tracks(path: str) -> dict[str, Any]:
    """The recordings of a corpus that have audio."""
    items = Corpus.open(path).items
    return {
        "tracks": [{"key": item.key, "duration_s": item.duration_s} for item in items]
    }


def picture(sound: str, kind: str, model: str = "") -> dict[str, Any]:
    """A feature of a sound as a PNG: time to the right, its first axis of frequencies upwards."""
    from matplotlib import colormaps
    from matplotlib.image import imsave

    samples, sr_hz = read_channels(_file(sound))
    transform = feature(_model(model).feature) if model else feature(kind)
    wave = torch.from_numpy(samples.mean(axis=0))
    rate = transform.config.sr_hz
    if rate != sr_hz:
        wave = resample(wave, sr_hz, rate)
    values = np.asarray(transform(wave).abs(), np.float32)
    # Harmonics and channels lie over one another: the strongest of them is shown.
    while values.ndim > 2:
        values = values.max(axis=0)
    values = _columns(values)
    name = f"{secrets.token_hex(8)}.png"
    low, high = np.percentile(values, [5, 99.8])
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    colours = colormaps["magma"].resampled(LEVELS)
    imsave(_Session.folder / name, colours(scaled[::-1]), format="png")
    return {"picture": name, "rows": values.shape[0], "columns": values.shape[1]}


def _columns(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most as many columns as a picture needs, each the loudest of several frames."""
    step = -(-values.shape[1] // MOST_COLUMNS)
    if step == 1:
        return values
    firsts = np.arange(0, values.shape[1], step)
    return np.maximum.reduceat(values, firsts, axis=1)


def predict(sound: str, model: str) -> dict[str, Any]:
    """What a model predicts, as layers for the page, and as a sound beside the recording."""
    one = _model(model)
    path = _file(sound)
    found: Prediction = one.predict(path)
    layers = list(found.layers())
    answer: dict[str, Any] = {
        "answer": found.answer(),
        "task": one.task.title,
        "layers": [as_json(layer) for layer in layers],
    }
    samples, sr_hz = read_channels(path)
    heard = sonified(layers, samples.shape[-1] / sr_hz, sr_hz)
    if np.abs(heard).max(initial=0.0) > 0:
        answer["sonified"] = _kept(beside(samples, heard), sr_hz, "sonified")
    return answer


def separate(sound: str, model: str) -> dict[str, Any]:
    """The sources that a model of the task separation finds, each a sound of the session."""
    found = _model(model).separate(_file(sound))
    stems = []
    for name, one in found.sounds.items():
        stems.append(_kept(np.asarray(one.samples), one.sr_hz, name))
    return {"stems": stems}


def conditions(model: str) -> dict[str, Any]:
    """What a model that makes sounds may be asked for."""
    one = _model(model)
    known = one.task.conditions_of(one.settings.tuned)
    return {"conditions": {name: list(values) for name, values in known.items()}}


def generate(model: str, n: int, seed: int, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Sounds that a model makes."""
    made = _model(model).generate(n, asked, seed=seed)
    sounds = []
    for number, one in enumerate(made, 1):
        words = ", ".join(f"{key} {value}" for key, value in one.details.items())
        sounds.append(_kept(np.asarray(one.samples), one.sr_hz, f"{number}: {words}"))
    return {"sounds": sounds}


def _kept(samples: NDArray[Any], sr_hz: int, title: str) -> dict[str, Any]:
    samples = np.atleast_2d(samples)
    name = f"{secrets.token_hex(8)}.wav"
    (_Session.folder / name).write_bytes(wav_bytes(samples, sr_hz))
    return {
        "sound": name,
        "title": title,
        "duration_s": samples.shape[-1] / sr_hz,
        "sr_hz": sr_hz,
        "channels": int(samples.shape[0]),
    }


def _file(sound: str) -> Path:
    """A sound of the session by its name, and nothing else."""
    path = _Session.folder / Path(sound).name
    if path.suffix != ".wav" or not path.is_file():
        raise DataError(
            f"there is no sound '{sound}' in this session",
            code="E430",
            help="open it again",
        )
    return path


@lru_cache(maxsize=3)
def _model(name: str) -> Model:
    return load_model(name)


def as_json(layer: Layer) -> dict[str, Any]:
    """A layer as the page draws it."""
    items: list[Any] = []
    if isinstance(layer, Notes):
        items = [[n.onset_s, n.end_s, n.midi, n.confidence] for n in layer.notes]
    elif isinstance(layer, Segments):
        items = [[s.start_s, s.end_s, s.label, s.confidence] for s in layer.segments]
    elif isinstance(layer, Curve):
        for time, frame in zip(layer.times_s, layer.hz, strict=True):
            items += [[float(time), float(hz)] for hz in frame]
    elif isinstance(layer, TagScores):
        items = [[label, score] for label, score in layer.scores]
    return {"name": layer.name, "kind": layer.kind, "items": items[:MOST_POINTS]}


def _as_written(name: str, atoms: Any) -> dict[str, Any]:
    """An annotation of a corpus: notes where values are numbers, segments where they are words."""
    notes: list[Any] = []
    segments: list[Any] = []
    tags: list[Any] = []
    curve: list[Any] = []
    for atom in atoms:
        value = atom.value
        if isinstance(atom.time, list | tuple | np.ndarray):
            curve += _curve(atom)
        elif atom.time is None:
            tags.append([str(value), 1.0])
        elif isinstance(value, int | float) and not isinstance(value, bool):
            notes.append(
                [
                    float(atom.time),
                    float(atom.time) + float(atom.duration or 0.1),
                    float(value),
                    1.0,
                ]
            )
        else:
            segments.append(
                [
                    float(atom.time),
                    float(atom.time) + float(atom.duration or 0.0),
                    str(value),
                    1.0,
                ]
            )
    for kind, items in (
        ("curve", curve),
        ("notes", notes),
        ("segments", segments),
        ("tags", tags),
    ):
        if items:
            return {"name": name, "kind": kind, "items": items[:MOST_POINTS]}
    return {"name": name, "kind": "tags", "items": []}


def _curve(atom: Any) -> list[list[float]]:
    """Points (s, Hz) of a curve; a row may hold several frequencies, and 0 is silence."""
    points = []
    for time, row in zip(atom.time, atom.value, strict=False):
        many = row if isinstance(row, list | tuple | np.ndarray) else [row]
        points += [
            [float(time), float(hz)]
            for hz in many
            if isinstance(hz, int | float | np.number) and hz > 0
        ]
    return points


ANSWERS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "open": open_sound,
    "tracks": tracks,
    "picture": picture,
    "predict": predict,
    "separate": separate,
    "conditions": conditions,
    "generate": generate,
}
