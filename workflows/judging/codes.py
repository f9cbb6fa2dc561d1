"""The error codes of `mirbricks judge`."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E666": "Figures of a set need a set: 6 generated sounds, and 12 real ones, which are halved.",
    "E667": "--split names a side of a corpus: that of the run of --run, or one that the corpus itself stores.",
    "E669": "--heard compares what a classifier of one label, and the fundamental frequency, say of sounds with what "
    "they are to be: the conditions that `mirbricks generate` writes beside them, or annotations of a corpus.",
    "E668": "REAL and --train must be different sounds: nothing held out is left to compare copies with.",
}
register_codes(__name__, CODES)
