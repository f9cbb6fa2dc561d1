"""A compiled graph in a notebook is its drawing."""

from __future__ import annotations

import copy

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw


def test_a_cell_shows_the_drawing() -> None:
    model = mb.compile_graph({"input": "B C=2 T", "layers": ["ReLU"]})
    drawing = model._repr_svg_()
    assert drawing is not None
    assert drawing.startswith("<svg")
    assert drawing == draw(model)
    assert copy.deepcopy(model)._repr_svg_() == drawing
