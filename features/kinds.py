"""The features by the name that `feature: {type: NAME}` of a graph file gives."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DataError, Where, did_you_mean
from .base import Feature, FeatureConfig
from .beat_chroma import BeatChromaFeature, BeatChromaFeatureConfig
from .chroma import ChromaFeature, ChromaFeatureConfig
from .cqt import CQTFeature, CQTFeatureConfig
from .fourier_2d import Fourier2DFeature, Fourier2DFeatureConfig
from .given import GivenFeature, GivenFeatureConfig
from .hcqt import HCQTFeature, HCQTFeatureConfig
from .logmel import LogMelFeature, LogMelFeatureConfig
from .nnls_chroma import NNLSChromaFeature, NNLSChromaFeatureConfig
from .pcen import PCENFeature, PCENFeatureConfig
from .waveform import WaveformFeature, WaveformFeatureConfig

DEFAULT = HCQTFeatureConfig  # of a section without `type`
KINDS: Mapping[str, tuple[type[FeatureConfig], type[Feature]]] = {
    "hcqt": (HCQTFeatureConfig, HCQTFeature),
    "cqt": (CQTFeatureConfig, CQTFeature),
    "chroma": (ChromaFeatureConfig, ChromaFeature),
    "beat_chroma": (BeatChromaFeatureConfig, BeatChromaFeature),
    "nnls_chroma": (NNLSChromaFeatureConfig, NNLSChromaFeature),
    "fourier_2d": (Fourier2DFeatureConfig, Fourier2DFeature),
    "logmel": (LogMelFeatureConfig, LogMelFeature),
    "pcen": (PCENFeatureConfig, PCENFeature),
    "waveform": (WaveformFeatureConfig, WaveformFeature),
    "given": (GivenFeatureConfig, GivenFeature),
}


def config_of(section: object, where: Where | None = None) -> type[FeatureConfig]:
    """The config that a section `feature:` is read with.

    section  the section as the file has it; without a `type` it is an HCQT
    where    place of its `type`

    Raises DataError E457 for a type that is none.
    """
    if isinstance(section, Mapping):
        name = section.get("type", "hcqt")
    else:
        name = "hcqt"
    if not isinstance(name, str) or name not in KINDS:
        near = did_you_mean(str(name), KINDS) or f"features are: {', '.join(KINDS)}"
        raise DataError(
            f"there is no feature '{name}'", code="E457", where=where, help=near
        )
    return KINDS[name][0]


def feature_of(config: FeatureConfig) -> Feature:
    """The transform that these settings describe; making its kernels can take a tenth of a second."""
    return KINDS[config.type][1](config)
