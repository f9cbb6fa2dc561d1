"""The error codes of latent_generation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E591": "An embedding of a condition has a row for each class of the training recordings, and one for 'not known'.",
    "E592": "`emphasis` and `pitch_latents` mean the first channels of a codec's latents, at most all of them.",
}
register_codes(__name__, CODES)
