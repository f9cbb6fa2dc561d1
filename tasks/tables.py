"""Predictions and figures as pandas tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import TaskError
from ..outputs import Layer
from ..outputs.layers import Curve, Notes, Segments, TagScores, Waveform


def pandas(instead: str) -> Any:
    """The package. Raises TaskError E512 where it is not installed; `instead` is where the same numbers are."""
    try:
        import pandas as package  # few need it, and it takes half a second to import
    except ImportError as error:
        raise TaskError(
            "the package 'pandas' is not installed",
            code="E512",
            help=f"pip install pandas; {instead} holds the same numbers",
        ) from error
    return package


def layer_rows(layer: Layer) -> list[dict[str, Any]]:
    """A row for each thing that a layer holds; of a curve one for each frequency of each frame."""
    if isinstance(layer, Notes):
        return [
            {
                "onset_s": note.onset_s,
                "duration_s": note.duration_s,
                "midi": note.midi,
                "hz": note.hz,
                "confidence": note.confidence,
            }
            for note in layer.notes
        ]
    if isinstance(layer, Segments):
        return [segment._asdict() for segment in layer.segments]
    if isinstance(layer, TagScores):
        return [
            {"label": label, "score": score, "given": label in layer.given}
            for label, score in layer.scores
        ]
    if isinstance(layer, Curve):
        return _curve_rows(layer)
    return []


def _curve_rows(layer: Curve) -> list[dict[str, Any]]:
    rows = []
    frames = zip(layer.times_s, layer.hz, layer.confidence, strict=True)
    for time_s, hz, confidence in frames:
        for one, sure in zip(hz, confidence, strict=True):
            rows.append(
                {"time_s": float(time_s), "hz": float(one), "confidence": float(sure)}
            )
    return rows


def layer_of(layers: Sequence[Layer], name: str, of: str) -> Layer:
    """The layer of a name, or the first. Raises TaskError E511 where there is none."""
    # A sound has no rows that anybody would read.
    tables = [layer for layer in layers if not isinstance(layer, Waveform)]
    for layer in tables:
        if name in ("", layer.name):
            return layer
    names = ", ".join(layer.name for layer in tables)
    if layers and not names:
        raise TaskError(
            f"{of} holds sounds, which are no tables",
            code="E511",
            help="`layers()` gives their samples, and save(to=['wav']) writes them",
        )
    raise TaskError(
        f"{of} has no layer '{name}'" if names else f"{of} has no layers",
        code="E511",
        help=f"layers are: {names}" if names else "its own attributes hold the answer",
    )


COLUMNS: dict[type[Layer], tuple[str, ...]] = {
    Notes: ("onset_s", "duration_s", "midi", "hz", "confidence"),
    Segments: ("start_s", "end_s", "label", "confidence"),
    TagScores: ("label", "score", "given"),
    Curve: ("time_s", "hz", "confidence"),
}


def columns_of(layer: Layer) -> list[str] | None:
    """The columns of a table of this layer: they are there even where nothing was found."""
    columns = COLUMNS.get(type(layer))
    return None if columns is None else list(columns)
