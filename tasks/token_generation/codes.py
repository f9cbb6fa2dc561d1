"""The error codes of the tasks that generate token by token."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E570": "An autoregressive graph must not see the code or sample that it predicts, nor any that comes later.",
    "E571": "A graph of token generation reads codes (B, Q, T) and gives logits for each place of the pattern.",
    "E572": "A graph needs a row for every code, for the empty place of the pattern `delay`, and for every value of a "
    "condition and one more, which stands for a dropped one.",
    "E574": "A model can use the first codebooks of a codec, and no more than it has.",
    "E575": "Layers that begin with a codec's vectors of its codes need a codec that has them, of as many features.",
    "E576": "Settings of each codebook, such as temperatures, are as many as the codebooks that a model generates.",
}
register_codes(__name__, CODES)
