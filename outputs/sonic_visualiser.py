"""Layers and sessions of Sonic Visualiser: XML, compressed in a session (Cannam, Landone & Sandler, 2010)."""

from __future__ import annotations

import bz2
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from ..printable import printable
from .layers import Curve, Layer, Notes, Segments, TagScores

Element = ElementTree.Element

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n'
# What Sonic Visualiser calls a model of points: dimensions, its further kind, and the layer that shows it.
MODELS = {
    "notes": ("3", "note", "notes"),
    "curve": ("2", "", "timevalues"),
    "segments": ("3", "region", "regions"),
    "tags": ("2", "text", "text"),
}
ZOOM = "1024"  # samples per pixel
POINTS = "0"  # the plot style of time values: a curve may hold several pitches at once, which lines would join


class Numbers:
    """Numbers for the parts of a file, each of which must have its own."""

    def __init__(self) -> None:
        self.last = -1

    def new(self) -> str:
        self.last += 1
        return str(self.last)


def svl_bytes(layer: Layer, sr_hz: int) -> bytes:
    """One layer as a file that Sonic Visualiser imports onto a recording.

    Parameters
    ----------
    layer : Layer
        Notes become a note layer, a curve time values, segments regions, tags a text at the beginning.
    sr_hz : int
        The sample rate of the recording: times are counted in its samples.

    Returns
    -------
    bytes
        The XML text.
    """
    root = Element("sv")
    data = ElementTree.SubElement(root, "data")
    display = ElementTree.SubElement(root, "display")
    _layer(data, display, layer, sr_hz, Numbers())
    return _text(root)


def session(layers: Sequence[Layer], audio: Path, sr_hz: int, n_samples: int) -> bytes:
    """A session: the recording with its waveform, its spectrogram and every layer.

    Parameters
    ----------
    layers : sequence of Layer
        Each is drawn over the spectrogram, in the order given.
    audio : Path
        The recording, which stays where it is.
    sr_hz, n_samples : int
        Its sample rate and its length.

    Returns
    -------
    bytes
        The XML text, compressed by bzip2, as a file .sv holds it.
    """
    numbers = Numbers()
    root = Element("sv")
    data = ElementTree.SubElement(root, "data")
    wave = numbers.new()
    about = {
        "id": wave,
        "name": printable(audio.name),
        "sampleRate": str(sr_hz),
        "start": "0",
        "end": str(n_samples),
        "type": "wavefile",
        "file": str(audio.resolve()),
        "mainModel": "true",
    }
    ElementTree.SubElement(data, "model", about)
    ElementTree.SubElement(
        data,
        "playparameters",
        {"mute": "false", "pan": "0", "gain": "1", "model": wave},
    )
    ruler = _plain(data, "timeruler", "Ruler", wave, numbers)
    waveform = _plain(data, "waveform", "Waveform", wave, numbers)
    spectrogram = _plain(data, "spectrogram", "Spectrogram", wave, numbers)
    found = [_layer(data, data, layer, sr_hz, numbers) for layer in layers]

    # Two panes: the waveform by itself, and what was predicted over the spectrogram.
    display = ElementTree.SubElement(root, "display")
    ElementTree.SubElement(display, "window", {"width": "1100", "height": "700"})
    _pane(display, [ruler, waveform], n_samples, numbers)
    _pane(display, [ruler, spectrogram, *found], n_samples, numbers)
    ElementTree.SubElement(root, "selections")
    return bz2.compress(_text(root))


def _plain(
    data: Element, kind: str, name: str, model: str, numbers: Numbers
) -> tuple[str, str, str]:
    """A layer that shows the recording itself."""
    number = numbers.new()
    about = {"id": number, "type": kind, "name": name, "model": model}
    ElementTree.SubElement(data, "layer", about)
    return number, kind, name


def _pane(
    display: Element,
    layers: Sequence[tuple[str, str, str]],
    n_samples: int,
    numbers: Numbers,
) -> None:
    view = ElementTree.SubElement(
        display,
        "view",
        {
            "id": numbers.new(),
            "centre": str(n_samples // 2),
            "zoom": ZOOM,
            "followPan": "1",
            "followZoom": "1",
            "tracking": "page",
            "type": "pane",
            "centreLineVisible": "1",
        },
    )
    for number, kind, name in layers:
        about = {"id": number, "type": kind, "name": name, "visible": "true"}
        ElementTree.SubElement(view, "layer", about)


def _layer(
    data: Element, display: Element, layer: Layer, sr_hz: int, numbers: Numbers
) -> tuple[str, str, str]:
    """A model, its points, and the layer that shows them."""
    dimensions, subtype, shown = MODELS[layer.kind]
    model = numbers.new()
    dataset = numbers.new()
    about = {
        "id": model,
        "name": layer.name,
        "sampleRate": str(sr_hz),
        "type": "sparse",
        "dimensions": dimensions,
        "resolution": "1",
        "notifyOnAdd": "true",
        "dataset": dataset,
    }
    if subtype:
        about["subtype"] = subtype
    if layer.kind == "notes":
        about |= {"valueQuantization": "0", "units": "MIDI Pitch"}
    elif layer.kind == "curve":
        about["units"] = "Hz"
    ElementTree.SubElement(data, "model", about)
    points = ElementTree.SubElement(
        data, "dataset", {"id": dataset, "dimensions": dimensions}
    )
    for point in _points(layer, sr_hz):
        ElementTree.SubElement(points, "point", point)

    number = numbers.new()
    looks = {"id": number, "type": shown, "name": layer.name, "model": model}
    if layer.kind == "curve":
        looks["plotStyle"] = POINTS
    ElementTree.SubElement(display, "layer", looks)
    return number, shown, layer.name


def _points(layer: Layer, sr_hz: int) -> list[dict[str, str]]:
    def samples(time_s: float) -> str:
        return str(round(time_s * sr_hz))

    if isinstance(layer, Notes):
        return [
            {
                "frame": samples(note.onset_s),
                "value": f"{note.midi:.3f}",
                "duration": samples(note.duration_s),
                "level": f"{note.confidence:.4f}",
                "label": "",
            }
            for note in layer.notes
        ]
    if isinstance(layer, Curve):
        return [
            {"frame": samples(time_s), "value": f"{hz:.3f}", "label": ""}
            for index, time_s in enumerate(layer.times_s.tolist())
            for hz in layer.hz[index]
        ]
    if isinstance(layer, Segments):
        return [
            {
                "frame": samples(one.start_s),
                "value": f"{one.confidence:.4f}",
                "duration": samples(one.end_s - one.start_s),
                "label": printable(one.label),
            }
            for one in layer.segments
        ]
    assert isinstance(layer, TagScores)  # there are four kinds
    words = [
        f"{label} ({score:.2f})"
        for label, score in layer.scores
        if label in layer.given
    ]
    return [{"frame": "0", "height": "0.9", "label": printable(", ".join(words))}]


def _text(root: Element) -> bytes:
    ElementTree.indent(root, " ")
    text: bytes = ElementTree.tostring(root, encoding="utf-8")
    return HEAD + text + b"\n"
