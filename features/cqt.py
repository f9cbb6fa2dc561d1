"""The constant-Q transform: the HCQT of one harmonic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from .base import register_feature
from .hcqt import HCQTFeature, HCQTFeatureConfig
from .old_names import old_names


class CQTFeatureConfig(HCQTFeatureConfig):
    """Settings of the feature `cqt`; it shares the cache files of the HCQT with harmonics [1]."""

    type: Literal["cqt"] = Field("cqt", description="name of this feature")  # type: ignore[assignment]
    harmonics: tuple[PositiveFloat, ...] = Field(
        (1.0,), description="always [1]: fmin_hz is the lowest bin"
    )

    @model_validator(mode="after")
    def _one_harmonic(self) -> CQTFeatureConfig:
        if self.harmonics != (1.0,):
            raise ValueError(
                "a CQT has the one harmonic 1; write `type: hcqt` for other harmonics"
            )
        return self

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "type": "hcqt"}


@register_feature("cqt")
class CQTFeature(HCQTFeature):
    """(B, N) -> complex (B, 1, F, T): equal to `librosa.cqt` within .5 %.

    Source: Schörkhuber & Klapuri, "Constant-Q Transform Toolbox for Music Processing", SMC 2010.
    """

    Config = CQTFeatureConfig
    config: CQTFeatureConfig


__getattr__ = old_names(__name__, "CQT")
