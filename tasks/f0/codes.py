"""The error codes of monophonic pitch."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E540": "f0 reads one pitch at a time: the curve 'f0' of one row, 'pitchmidi' as notes one after another, or one "
    "'pitchmidi' for a recording of a single note. Numbers are MIDI numbers, 69 for 440 Hz; 0 is silence.",
}
register_codes(__name__, CODES)
