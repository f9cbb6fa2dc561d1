"""How large the numbers of a config may be: what no model needs is refused at its line, before memory is asked for.

Each bound lies far above what is published (the widest is MOVE's embedding of 16,000), and low enough that a graph
whose every field is at its bound can be read and refused in bounded time.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Width = Annotated[int, Field(gt=0, le=65_536)]  # channels, features, classes
Layers = Annotated[int, Field(gt=0, le=256)]  # layers on top of one another
Taps = Annotated[int, Field(gt=0, le=65_536)]  # taps, strides, dilations of one axis
Side = Annotated[int, Field(gt=0, le=512)]  # the same of a filter over two axes
Pair = Side | tuple[Side, Side]
Count = Annotated[int, Field(ge=0, le=65_536)]  # what is added at a border
Samples = Annotated[int, Field(gt=0, le=65_536)]  # windows, hops, transforms
Entries = Annotated[int, Field(gt=0, le=1_048_576)]  # vectors of a table
RateHz = Annotated[int, Field(gt=0, le=768_000)]
Eps = Annotated[float, Field(gt=0, le=1)]  # what keeps a division from zero
Slope = Annotated[float, Field(ge=-1, le=1)]  # below zero; -1 gives the magnitude
MOST_AXES = 64  # that torch gives a tensor
