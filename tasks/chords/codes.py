"""The error codes of chord estimation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E509": "Chords are labels as mir_eval.chord reads them, one after another: C:maj, A:min7/b3, N, or X for others.",
}
register_codes(__name__, CODES)
