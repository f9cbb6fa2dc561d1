"""The error codes of blocks."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E210": "A U-Net reduces its sizes at each level: the tensor is too small for its depth, or a stage changed sizes.",
    "E460": "A residual quantizer encodes with some of its first codebooks, decodes the codes of as many: 1 to all.",
}
register_codes(__name__, CODES)
