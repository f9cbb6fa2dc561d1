"""The figures of mirbricks: those of matplotlib, which a notebook shows where they end a cell."""

from __future__ import annotations

import io
import warnings
from typing import Any

from matplotlib.figure import Figure

NOTEBOOK_DPI = 90


def new_figure(**settings: Any) -> Figure:
    """An empty figure with these settings of matplotlib's `Figure`.

    It is not one of pyplot, which keeps every figure that it made; of others a notebook shows their name only, unless
    they know their picture.
    """
    return _NotebookFigure(**settings)


class _NotebookFigure(Figure):
    def _repr_png_(self) -> bytes:
        return png_bytes(self, NOTEBOOK_DPI)


def png_bytes(figure: Figure, dpi: float) -> bytes:
    """The figure as PNG on white; a character that the font lacks is drawn as a box, without a warning."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            stream,
            format="png",
            dpi=dpi,
            facecolor="white",
            metadata={"Software": None},
        )
    return stream.getvalue()
