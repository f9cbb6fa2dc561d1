"""The error codes of self-supervised learning."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E530": "A batch of pairs has each recording once: two views of it meet, and those of all others are apart.",
    "E531": "A probe learns on the labelled training recordings; a label that none of them has cannot be found.",
}
register_codes(__name__, CODES)
