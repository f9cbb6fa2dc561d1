"""The error codes of choosing the best of several sounds."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E566": "An ear is a model of the task tagging with `labels: one` whose annotation is one of the conditions: it "
    "finds out which of several sounds is most like what was asked for.",
    "E567": "An ear knows every value of its condition that a sound may be asked for by.",
}
register_codes(__name__, CODES)
