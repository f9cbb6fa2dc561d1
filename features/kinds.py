"""The features by the name that `feature: {type: NAME}` of a graph file gives."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DataError, Where, did_you_mean
from .base import Feature, FeatureConfig
from .beat_chroma import BeatChroma, BeatChromaConfig
from .chroma import Chroma, ChromaConfig
from .cqt import CQT, CQTConfig
from .fourier_2d import Fourier2D, Fourier2DConfig
from .given import Given, GivenConfig
from .hcqt import HCQT, HCQTConfig
from .logmel import LogMel, LogMelConfig
from .nnls_chroma import NNLSChroma, NNLSChromaConfig
from .pcen import PCEN, PCENConfig
from .waveform import Waveform, WaveformConfig

DEFAULT = HCQTConfig  # of a section without `type`
KINDS: Mapping[str, tuple[type[FeatureConfig], type[Feature]]] = {
    "hcqt": (HCQTConfig, HCQT),
    "cqt": (CQTConfig, CQT),
    "chroma": (ChromaConfig, Chroma),
    "beat_chroma": (BeatChromaConfig, BeatChroma),
    "nnls_chroma": (NNLSChromaConfig, NNLSChroma),
    "fourier_2d": (Fourier2DConfig, Fourier2D),
    "logmel": (LogMelConfig, LogMel),
    "pcen": (PCENConfig, PCEN),
    "waveform": (WaveformConfig, Waveform),
    "given": (GivenConfig, Given),
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
