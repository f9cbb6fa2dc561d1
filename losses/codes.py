"""The error code of losses."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E491": "A loss has a name, such as nt_xent; packages add their own by the entry point mirbricks.losses.",
}
register_codes(__name__, CODES)
