"""Augmentations of waveforms (B, C, N) and of spectra (B, C, F, T): batched, seeded, on the device of the tensor.

    from mirbricks.augment import augmentations

    gain = augmentations()["Gain"]
    louder = gain(gain.Config(min_db=0, max_db=6))(wave, np.random.default_rng(0))

Names are loaded on first use: importing `mirbricks.augment` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

# The errors of this room can be raised once it is imported.
from . import codes as codes

if TYPE_CHECKING:
    from .base import Augmentation as Augmentation
    from .base import AugmentationConfig as AugmentationConfig
    from .base import augmentations as augmentations
    from .base import register_augmentation as register_augmentation
    from .chain import AugmentStep as AugmentStep
    from .chain import Chain as Chain
    from .corpus import augmented_corpus as augmented_corpus
    from .mixing import mixup as mixup
    from .mixing import remix as remix

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "AugmentStep": "chain",
        "Augmentation": "base",
        "AugmentationConfig": "base",
        "Chain": "chain",
        "augmentations": "base",
        "augmented_corpus": "corpus",
        "mixup": "mixing",
        "register_augmentation": "base",
        "remix": "mixing",
    },
)
