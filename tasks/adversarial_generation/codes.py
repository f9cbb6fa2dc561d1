"""The error codes of adversarial generation."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E595": "In a GAN the discriminator reads what the generator makes: the same axes and sizes, the same conditions.",
    "E596": "A generator starts from noise: an input with fixed sizes, beside those of the conditions.",
    "E597": "A graph that is given classes has a vector for each: a TokenEmbedding with as many num_embeddings.",
}
register_codes(__name__, CODES)
