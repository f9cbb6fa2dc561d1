"""The features by the name that `feature: {type: NAME}` of a graph file gives."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Where
from .base import FEATURES, Feature, FeatureConfig
from .hcqt import HCQTFeatureConfig

DEFAULT = HCQTFeatureConfig  # of a section without `type`


def config_of(section: object, where: Where | None = None) -> type[FeatureConfig]:
    """The config that a section `feature:` is read with.

    section  the section as the file has it; without a `type` it is an HCQT
    where    place of its `type`

    Raises DataError E457 for an unknown type.
    """
    name: object = "hcqt"
    if isinstance(section, Mapping):
        name = section.get("type", "hcqt")
    return FEATURES.get(str(name), where).Config


def feature_of(config: FeatureConfig) -> Feature:
    """The transform that these settings describe; making its kernels can take a tenth of a second."""
    return FEATURES.get(config.type)(config)
