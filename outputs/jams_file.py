"""Predictions as JAMS (Humphrey et al., "JAMS: A JSON Annotated Music Specification", ISMIR 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..version import __version__
from .layers import Curve, Layer, Notes, Segments, TagScores

TOOL = f"mirbricks {__version__}"


def jams_bytes(layers: Sequence[Layer], title: str, duration_s: float) -> bytes:
    """One annotation for each layer, in its namespace, with the confidence of every value.

    Parameters
    ----------
    layers : sequence of Layer
        Notes become `note_midi`, curves `pitch_contour`, segments their own namespace, tags `tag_open`.
    title : str
        The recording's name.
    duration_s : float
        Its length in seconds.

    Returns
    -------
    bytes
        The JSON text.

    Raises
    ------
    DataError
        E468 without the package jams.
    """
    from ..data.importers.optional import (
        optional,  # with it come all contracts of importers
    )

    jams = optional("jams")
    file = jams.JAMS()
    file.file_metadata.title = title
    file.file_metadata.duration = duration_s
    for layer in layers:
        annotation = jams.Annotation(_namespace(layer), time=0, duration=duration_s)
        annotation.annotation_metadata.annotation_tools = TOOL
        annotation.annotation_metadata.data_source = "program"
        _fill(annotation, layer, duration_s)
        file.annotations.append(annotation)
    text: str = file.dumps(indent=1)
    return f"{text}\n".encode()


def _namespace(layer: Layer) -> str:
    if isinstance(layer, Segments):
        return layer.namespace
    return {"notes": "note_midi", "curve": "pitch_contour", "tags": "tag_open"}[
        layer.kind
    ]


def _fill(annotation: Any, layer: Layer, duration_s: float) -> None:
    if isinstance(layer, Notes):
        for note in layer.notes:
            annotation.append(
                time=note.onset_s,
                duration=note.duration_s,
                value=note.midi,
                confidence=note.confidence,
            )
    elif isinstance(layer, Curve):
        _fill_curve(annotation, layer)
    elif isinstance(layer, Segments):
        for one in layer.segments:
            annotation.append(
                time=one.start_s,
                duration=one.end_s - one.start_s,
                value=one.label,
                confidence=one.confidence,
            )
    elif isinstance(layer, TagScores):
        # JAMS has no place for labels that a recording does not have: the others stay in .json and .csv.
        for label, score in layer.scores:
            if label in layer.given:
                annotation.append(
                    time=0.0, duration=duration_s, value=label, confidence=score
                )


def _fill_curve(annotation: Any, layer: Curve) -> None:
    """A row per frequency; `index` counts those of one frame, and a frame without one is not voiced."""
    for position, time_s in enumerate(layer.times_s.tolist()):
        found = list(zip(layer.hz[position], layer.confidence[position], strict=True))
        for index, (hz, confidence) in enumerate(found or [(0.0, None)]):
            value = {"index": index, "frequency": float(hz), "voiced": bool(found)}
            sure = None if confidence is None else float(confidence)
            annotation.append(time=time_s, duration=0.0, value=value, confidence=sure)
