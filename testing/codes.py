"""The error codes of the contract test."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E310": "`check_block` found a block that lacks a property every block has; the message names which, and where.",
}
register_codes(__name__, CODES)
