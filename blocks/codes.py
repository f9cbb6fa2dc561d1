"""The error codes of blocks."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E210": "A U-Net reduces its sizes at each level: the tensor is too small for its depth, or a stage changed sizes.",
    "E460": "A residual quantizer encodes with its first codebooks, from 1 to all, and decodes codes of as many.",
}
register_codes(__name__, CODES)
