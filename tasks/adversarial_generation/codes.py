"""The error codes of adversarial generation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E595": "In a GAN the discriminator reads what the generator makes: the same axes and sizes, the same conditions.",
    "E596": "A generator starts from noise: an input with fixed sizes, beside those of the conditions.",
    "E597": "A graph that is given classes has a vector for each: a TokenEmbedding with as many num_embeddings.",
    "E598": "A GAN is validated by a distance between halves of recordings, which needs 4 of them or more.",
}
register_codes(__name__, CODES)
