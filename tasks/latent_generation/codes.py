"""The error codes of latent_generation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E591": "An embedding of a condition has a row for each class of the training recordings, and one for 'not known'.",
    "E592": "`emphasis` has a value for each of the first channels of a codec's latents, one per channel at most.",
}
register_codes(__name__, CODES)
