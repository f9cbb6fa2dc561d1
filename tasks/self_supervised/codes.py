"""The error codes of self-supervised learning."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E530": "In a batch of pairs each recording occurs once: its two views are drawn together, all others apart.",
    "E531": "A probe learns from the labelled training recordings; it cannot predict a label that none of them has.",
}
register_codes(__name__, CODES)
