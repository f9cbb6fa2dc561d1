"""Conditions: what a generating model is asked for, such as an instrument and a pitch, from annotations.

Labels, and numbers where the graph wants classes, become class numbers; the class after the last one means "dropped",
which classifier-free guidance needs (Ho & Salimans, arXiv:2207.12598). Numbers otherwise become two features: the
value over the spread of the training recordings, and 1; a dropped one is (0, 0). Everything is fitted on training
recordings only and kept as plain JSON values in the settings of a run.
"""

from __future__ import annotations

from .inputs import refuse_inputs, scaled_inputs
from .one_condition import NUMBER_FEATURES, Condition
from .several import MOST_COMBINATIONS, Conditions
from .values import Annotated, Value, as_number, value_of

__all__ = [
    "MOST_COMBINATIONS",
    "NUMBER_FEATURES",
    "Annotated",
    "Condition",
    "Conditions",
    "Value",
    "as_number",
    "refuse_inputs",
    "scaled_inputs",
    "value_of",
]
