"""Pictures within the output of a notebook's cell."""

from __future__ import annotations

import base64
from html import escape

from matplotlib.figure import Figure

from .figure import NOTEBOOK_DPI
from .style import png_bytes


def image(figure: Figure, label: str) -> str:
    """An `<img>` element that holds the figure as PNG.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    label : str
        What it shows, for those who cannot see it.

    Returns
    -------
    str
        HTML.
    """
    data = base64.b64encode(png_bytes(figure, NOTEBOOK_DPI)).decode("ascii")
    name = escape(label, quote=True)
    return (
        f'<img alt="{name}" style="max-width:100%" src="data:image/png;base64,{data}">'
    )
