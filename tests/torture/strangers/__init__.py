"""What a stranger may hand over: for each kind of file, sound ones to damage, and what reads the damaged one."""

from __future__ import annotations

from pathlib import Path

from mirbricks.data import Pyjama

from ..verbs import emptied
from . import corpora, graphs, models, written
from .kind import Kind as Kind

ANNOTATIONS = {
    "jams": "JAMS",
    "midi": "MIDI",
    "lab": ".lab",
    "csv": "tables (csv)",
    "notes": "notes as text",
}


def kinds(sound: Path) -> list[Kind]:
    """All kinds; sound files are made in the folder `sound`."""
    emptied(sound)
    found = [
        Kind("graphs", graphs.damaged_graph, graphs.read_graph, 4.0),
        Kind("expressions", graphs.damaged_expression, graphs.read_expression, 0.3),
        Kind("settings (--set)", graphs.damaged_setting, graphs.read_setting, 4.0),
        Kind("pyjama files", corpora.pyjamas(), _read_pyjama, 1.5),
        Kind("HDF5 corpora", corpora.hdf5s(sound), corpora.read_hdf5, 2.5),
        Kind("audio files", corpora.audios(sound), corpora.read_audio, 1.5),
    ]
    for kind, name in ANNOTATIONS.items():
        damaged = written.damaged_annotations(kind, sound)
        found.append(Kind(name, damaged, written.read_annotations(kind), 0.7))
    return [*found, Kind("packed models", models.models(sound), models.read_model, 3.0)]


def _read_pyjama(at: Path) -> object:
    return Pyjama.load(at / "x.pyjama")
