"""The error code of augmentations."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E490": "An augmentation has a name, such as Gain; packages add some by the entry point mirbricks.augmentations.",
}
register_codes(__name__, CODES)
