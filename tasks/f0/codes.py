"""The error codes of monophonic pitch."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E540": "f0 reads one pitch at a time: the curve 'f0' of one row, 'pitchmidi' as notes one after another, or one "
    "'pitchmidi' for a recording of a single note. Numbers are MIDI numbers, 69 for 440 Hz; 0 is silence.",
    "E541": "A pitch is followed as it comes by graphs that see a limited number of frames; others need the whole.",
    "E542": "Streamed samples are one channel at the rate of the model's feature, and finite.",
}
register_codes(__name__, CODES)
