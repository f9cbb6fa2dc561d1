"""The error codes of codecs."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E580": "A codec is a graph with a bottleneck: VectorQuantizer, ResidualVectorQuantizer, FiniteScalarQuantizer, "
    "VAEBottleneck, or a layer that `bottleneck:` of the task names.",
    "E581": "All that the decoder knows must pass through the bottleneck: a skip around it would not be in the codes.",
    "E582": "A codec makes a frame of a whole number of samples and gives back as many samples as it reads.",
    "E583": "A codec without codebooks has latents (`encode_latent`), and no codes.",
    "E584": "Codes are whole numbers (B, Q, T) below the size of the codebooks, as `encode` gives them.",
    "E585": "A file of codes is decoded by the codec that made it: its weights are in the fingerprint.",
    "E586": "A file of codes is what `mirbricks encode` writes.",
    "E587": "The weights of a published codec are not part of the installation, and nothing is fetched unasked.",
    "E588": "A published codec may need a package of its own, which is not part of the installation: an extra has it.",
    "E589": "An adversary gives scores, which tell both sounds apart, and may give features by other names.",
}
register_codes(__name__, CODES)
