"""The error codes of features."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E439": "Audio is resampled between rates of 1,000 and 1,000,000 Hz, which are those of recordings.",
    "E448": "A feature takes the settings of its section `feature:`, which `mirbricks explain NAME` lists.",
    "E449": "A feature is a class with a docstring and a `Config` whose field `type` has the feature's name.",
    "E450": "Features read floating-point audio of shape (B, N): a batch of mono recordings with at least one sample.",
    "E451": "The audio of one recording could not be read. The other recordings are cached.",
    "E452": "Features are computed from floating-point audio, (N,) or (C, N), not empty, and its sample rate in Hz.",
    "E453": "NaN or infinity in the audio would spread over every frame whose filters reach it.",
    "E454": "The cache has no features of this recording with these settings. Building it computes what is missing.",
    "E455": "A file of the feature cache was removed or damaged. Building the cache again computes that file only.",
    "E457": "`feature: {type: NAME}` of a graph names a feature, ours or an installed package's; without it, hcqt.",
    "E458": "Beats are times in seconds, two or more, each later than the one before; NaN is not a time.",
    "E459": "`feature: {type: given}` reads NAME_feat.hdf5: its frames have the size and the times of the section.",
}
register_codes(__name__, CODES)
