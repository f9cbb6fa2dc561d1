"""The error codes of file formats."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E720": "A prediction is written in formats that are known by name: `mirbricks predict --help` lists them.",
    "E721": "A format has a place for some kinds of answers only: notes fit into MIDI, chords and tags do not.",
}

register_codes(__name__, CODES)
