"""Predictions as text: comma-separated values, .lab files and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..data.stores.cells import guarded_cell
from .layers import Curve, Layer, NoteEvent, Notes, Segments, TagScores


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows under a header; text that a spreadsheet would take for a formula is guarded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([guarded_cell(c) if isinstance(c, str) else c for c in row])
    return text.getvalue().encode()


def notes_table(notes: Sequence[NoteEvent]) -> bytes:
    """A row per note; the velocity is the confidence as MIDI counts loudness."""
    return table(
        ["onset_s", "duration_s", "midi", "velocity", "confidence"],
        [
            [
                f"{note.onset_s:.3f}",
                f"{note.duration_s:.3f}",
                f"{note.midi:.2f}",
                note.velocity,
                f"{note.confidence:.4f}",
            ]
            for note in notes
        ],
    )


def csv_of(layer: Layer) -> bytes:
    """One layer as comma-separated values, times in seconds and pitches in Hz or as MIDI numbers."""
    if isinstance(layer, Notes):
        return notes_table(layer.notes)
    if isinstance(layer, Curve):
        rows = []
        for index, time_s in enumerate(layer.times_s.tolist()):
            pairs = zip(layer.hz[index], layer.confidence[index], strict=True)
            # A frame without a pitch has a row too: silence is an answer.
            found = [[f"{time_s:.6f}", f"{hz:.3f}", f"{c:.4f}"] for hz, c in pairs]
            rows += found or [[f"{time_s:.6f}", "", ""]]
        return table(["time_s", "hz", "confidence"], rows)
    if isinstance(layer, Segments):
        return table(
            ["start_s", "end_s", "label", "confidence"],
            [
                [
                    f"{one.start_s:.3f}",
                    f"{one.end_s:.3f}",
                    one.label,
                    f"{one.confidence:.4f}",
                ]
                for one in layer.segments
            ],
        )
    assert isinstance(layer, TagScores)  # there are four kinds
    return table(
        ["label", "confidence", "given"],
        [
            [label, f"{score:.6f}", int(label in layer.given)]
            for label, score in layer.scores
        ],
    )


def lab_of(layer: Layer) -> bytes:
    """Begin and end in seconds and a label, a line each, separated by tabs, as mir_eval and Audacity read them."""
    lines = []
    if isinstance(layer, Notes):
        for note in layer.notes:
            lines.append(f"{note.onset_s:.3f}\t{note.end_s:.3f}\t{note.midi:.2f}\n")
    elif isinstance(layer, Segments):
        for one in layer.segments:
            lines.append(f"{one.start_s:.3f}\t{one.end_s:.3f}\t{one.label}\n")
    return "".join(lines).encode()


def as_json(layers: Sequence[Layer]) -> dict[str, Any]:
    """The layers as JSON values, by their names."""
    return {layer.name: _values(layer) for layer in layers}


def json_of(layers: Sequence[Layer], about: Mapping[str, Any]) -> bytes:
    """All layers in one JSON object, behind what is known of the recording."""
    text = json.dumps({**about, **as_json(layers)}, indent=1, ensure_ascii=False)
    return f"{text}\n".encode()


def _values(layer: Layer) -> Any:
    if isinstance(layer, Notes):
        return [
            {
                "onset_s": round(note.onset_s, 4),
                "duration_s": round(note.duration_s, 4),
                "midi": round(note.midi, 3),
                "confidence": round(note.confidence, 4),
            }
            for note in layer.notes
        ]
    if isinstance(layer, Curve):
        return {
            "times_s": [round(time_s, 6) for time_s in layer.times_s.tolist()],
            "hz": [[round(float(hz), 3) for hz in frame] for frame in layer.hz],
            "confidence": [
                [round(float(c), 4) for c in frame] for frame in layer.confidence
            ],
        }
    if isinstance(layer, Segments):
        return [
            {
                "start_s": round(one.start_s, 4),
                "end_s": round(one.end_s, 4),
                "label": one.label,
                "confidence": round(one.confidence, 4),
            }
            for one in layer.segments
        ]
    assert isinstance(layer, TagScores)  # there are four kinds
    return {
        "given": list(layer.given),
        "scores": [
            {"label": label, "confidence": round(score, 6)}
            for label, score in layer.scores
        ],
    }
