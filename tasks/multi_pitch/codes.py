"""The error codes of multi-pitch estimation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E504": "Pitches are MIDI numbers, 69 for 440 Hz; 0 is silence. Numbers above 127 are probably in Hz.",
    "E505": "Multi-pitch reads numbers: 'f0multi' and 'f0' as curves (breakpoint), 'pitchmidi' as notes (segment).",
}
register_codes(__name__, CODES)
