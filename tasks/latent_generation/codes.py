"""The error codes of latent_generation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E590": "A flow over latents reads `x: B C T`, with the codec's channels as C, and the time `t: B`; it gives one "
    "tensor of the shape of x.",
    "E591": "An embedding of a condition has a row for each class of the training recordings, and one for 'not known'.",
}
register_codes(__name__, CODES)
