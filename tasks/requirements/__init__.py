"""Whether a compiled graph fits a task at all: what can be told without data."""

from __future__ import annotations

from .axes import GivenShapes, Shape, patch_inputs
from .by_name import NeedsByName
from .endings import (
    BOUNDED,
    PROBABILITIES,
    refuse_bounded,
    refuse_other_types,
    refuse_probabilities,
    refuse_several,
)
from .one_tensor import Needs
from .sizes import refuse_sizes

__all__ = [
    "BOUNDED",
    "PROBABILITIES",
    "GivenShapes",
    "Needs",
    "NeedsByName",
    "Shape",
    "patch_inputs",
    "refuse_bounded",
    "refuse_other_types",
    "refuse_probabilities",
    "refuse_several",
    "refuse_sizes",
]
