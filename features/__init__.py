"""What models read of audio: transforms that are batched, exact in time and streaming, and a cache for a corpus.

    from mirbricks.features import feature

    hcqt = feature("hcqt", sr_hz=22050)(wave)       # (B, N) -> (B, harmonics, bins, frames), as models see it

Names are loaded on first use: importing `mirbricks.features` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import face

# The errors of this room can be raised once it is imported.
from . import codes as codes

if TYPE_CHECKING:
    from .base import ArrayConfig as ArrayConfig
    from .base import Feature as Feature
    from .base import FeatureConfig as FeatureConfig
    from .base import features as features
    from .base import register_feature as register_feature
    from .beat_chroma import BeatChromaFeature as BeatChromaFeature
    from .beat_chroma import BeatChromaFeatureConfig as BeatChromaFeatureConfig
    from .beat_tracking import track_beats as track_beats
    from .beats import beat_synchronous as beat_synchronous
    from .cache import FeatureCache as FeatureCache
    from .chroma import ChromaFeature as ChromaFeature
    from .chroma import ChromaFeatureConfig as ChromaFeatureConfig
    from .cqt import CQTFeature as CQTFeature
    from .cqt import CQTFeatureConfig as CQTFeatureConfig
    from .feature_file import CachedFeature as CachedFeature
    from .fourier_2d import Fourier2DFeature as Fourier2DFeature
    from .fourier_2d import Fourier2DFeatureConfig as Fourier2DFeatureConfig
    from .given import GivenFeature as GivenFeature
    from .given import GivenFeatureConfig as GivenFeatureConfig
    from .hcqt import HCQTFeature as HCQTFeature
    from .hcqt import HCQTFeatureConfig as HCQTFeatureConfig
    from .hcqt import to_scale as to_scale
    from .kinds import config_of as config_of
    from .kinds import feature_of as feature_of
    from .logmel import LogMelFeature as LogMelFeature
    from .logmel import LogMelFeatureConfig as LogMelFeatureConfig
    from .mel_inversion import wave_of_logmel as wave_of_logmel
    from .mel_scale import decibels as decibels
    from .nnls_chroma import NNLSChromaFeature as NNLSChromaFeature
    from .nnls_chroma import NNLSChromaFeatureConfig as NNLSChromaFeatureConfig
    from .pcen import PCENFeature as PCENFeature
    from .pcen import PCENFeatureConfig as PCENFeatureConfig
    from .transform import Transform as Transform
    from .transform import feature as feature
    from .waveform import WaveformFeature as WaveformFeature
    from .waveform import WaveformFeatureConfig as WaveformFeatureConfig

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "ArrayConfig": "base",
        "BeatChromaFeature": "beat_chroma",
        "BeatChromaFeatureConfig": "beat_chroma",
        "CQTFeature": "cqt",
        "CQTFeatureConfig": "cqt",
        "CachedFeature": "feature_file",
        "ChromaFeature": "chroma",
        "ChromaFeatureConfig": "chroma",
        "Feature": "base",
        "FeatureCache": "cache",
        "FeatureConfig": "base",
        "Fourier2DFeature": "fourier_2d",
        "Fourier2DFeatureConfig": "fourier_2d",
        "GivenFeature": "given",
        "GivenFeatureConfig": "given",
        "HCQTFeature": "hcqt",
        "HCQTFeatureConfig": "hcqt",
        "LogMelFeature": "logmel",
        "LogMelFeatureConfig": "logmel",
        "NNLSChromaFeature": "nnls_chroma",
        "NNLSChromaFeatureConfig": "nnls_chroma",
        "PCENFeature": "pcen",
        "PCENFeatureConfig": "pcen",
        "Transform": "transform",
        "WaveformFeature": "waveform",
        "WaveformFeatureConfig": "waveform",
        "beat_synchronous": "beats",
        "config_of": "kinds",
        "decibels": "mel_scale",
        "feature": "transform",
        "feature_of": "kinds",
        "features": "base",
        "register_feature": "base",
        "to_scale": "hcqt",
        "track_beats": "beat_tracking",
        "wave_of_logmel": "mel_inversion",
    },
)
