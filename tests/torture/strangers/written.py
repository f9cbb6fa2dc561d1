"""Annotations as other programs write them: JAMS, MIDI, .lab, tables, notes as text."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from mirbricks.data.importers.contract import importer_of
from mirbricks.data.importing.corpus import OWN, How, import_recordings
from mirbricks.data.importing.finding import Found, find_recordings, nothing_found
from mirbricks.data.importing.guard import Guard

from ..mutate import Rng, damaged_bytes, damaged_text
from .corpora import SR_HZ

IMPORTED = 0.01  # of the inputs: audio is decoded and a corpus written, too
ENDINGS = {"notes": "tsv", "midi": "mid"}


def damaged_annotations(kind: str, sound: Path) -> Callable[[Rng, Path], None]:
    """Draws a damaged file of an importer's kind."""
    soundfile.write(sound / "t.wav", np.zeros(SR_HZ, np.float32), SR_HZ)
    wave = (sound / "t.wav").read_bytes()
    ending = ENDINGS.get(kind, kind)

    def damaged(rng: Rng, at: Path) -> None:
        if rng.random() < IMPORTED:
            (at / "t.wav").write_bytes(wave)
        if kind == "midi":
            data = damaged_bytes(rng, _MIDI[int(rng.integers(len(_MIDI)))], 30)
        else:
            data = damaged_text(rng, _TEXTS[kind])
            if rng.random() < 0.2:
                data = damaged_bytes(rng, data)
        (at / f"t.{ending}").write_bytes(data)

    return damaged


def read_annotations(kind: str) -> Callable[[Path], None]:
    """Reads the file as an import does: with its audio, where there is some, to the end."""

    def read(at: Path) -> None:
        with_audio = (at / "t.wav").exists()
        settings = ("tags=tag",) if kind == "csv" else ()
        importer = importer_of(kind, settings, with_audio)
        source = at / "t.csv" if kind == "csv" else at
        found = find_recordings(importer, source)
        if with_audio:
            import_recordings(found, at / "out", "x", How(n_jobs=1))
        else:
            _keep(found)

    return read


def _keep(found: Found) -> None:
    """What an import does before audio is decoded."""
    left_out = list(found.left_out)
    known = OWN | dict(found.importer.definitions)
    kept = Guard(known, False, found.importer.is_midi).keep(found.recordings, left_out)
    for error in left_out:
        assert str(error)
    if not kept:
        raise nothing_found(found.importer, found.source, left_out)


def _jams(namespace: str, rows: list[tuple[float, float, object]]) -> dict[str, object]:
    return {
        "namespace": namespace,
        "annotation_metadata": {"data_source": "x"},
        "time": 0,
        "duration": 1.0,
        "sandbox": {},
        "data": [
            {"time": time, "duration": duration, "value": value, "confidence": None}
            for time, duration, value in rows
        ],
    }


_JAMS = {
    "file_metadata": {"duration": 1.0, "title": "t", "jams_version": "0.3.4"},
    "annotations": [
        _jams("chord", [(0.0, 0.5, "C:maj"), (0.5, 0.5, "N")]),
        _jams("note_midi", [(0.1, 0.3, 60.0)]),
        _jams("beat", [(0.2, 0.0, 1)]),
        _jams("segment_open", [(0.0, 1.0, "verse")]),
        _jams("pitch_contour", [(0.0, 0.0, {"index": 0, "frequency": 440.0})]),
        _jams("tag_open", [(0.0, 1.0, "rock")]),
    ],
    "sandbox": {},
}
_TEXTS = {
    "jams": json.dumps(_JAMS, indent=1),
    "lab": "0.0 0.5 C:maj\n0.5 1.0 N\n",
    "notes": "onset\toffset\tmidi\tvelocity\n0.1\t0.4\t60\t80\n0.5\t0.9\t64\t70\n",
    "csv": "path,tag,fold\nt.wav,rock,1\nu.wav,pop|rock,2\n",
}


def _midi(form: int, division: int, *tracks: str) -> bytes:
    chunks = [b"MThd" + struct.pack(">LHHH", 6, form, len(tracks), division)]
    for track in tracks:
        events = bytes.fromhex(track)
        chunks.append(b"MTrk" + struct.pack(">L", len(events)) + events)
    return b"".join(chunks)


_NOTE = "00 90 3c50 8360 80 3c40 00 ff2f00"
_TEMPO = "00 ff5103 07a120"
_MIDI = (
    _midi(0, 480, f"{_TEMPO} {_NOTE}"),
    # Notes of a track of their own, with a running status, a controller and a text.
    _midi(
        1,
        96,
        f"{_TEMPO} 00 ff2f00",
        "00 ff0302 6162 00 b0 4040 10 90 3c50 10 3c00 00 ff2f00",
    ),
    # Times in frames of SMPTE: 25 of 40 ticks.
    _midi(0, 0xE728, _NOTE),
)
