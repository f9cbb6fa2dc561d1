"""A figure as SVG that belongs to its page: the page's fonts, and its colours in light and in dark."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from html import escape
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .palette import TONES, font_stack, themed

POINTS_PER_INCH = 72
HUGE = 20_000  # points of one artist, which is always an image
FINENESSES = (1.0, 0.6, 0.4, 0.25)  # pixels per pixel of a screen
MANY = 2000  # points of one artist: from here on it is drawn as an image within the picture
# Names stay words, which the page's font shows, and the same figure gives the same text.
WRITING: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "picture",
    "path.simplify": True,
}
METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}

_STYLE = re.compile(r'style="([^"]*)"')
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_FAMILY = re.compile(r"'DejaVu Sans'[^;\"]*")
_BLACK = "#000000"  # what matplotlib takes for axes and words that were given no colour


def svg_of(
    figure: Figure, alternative: str, *, width: int, most_bytes: int, finest: float
) -> str:
    """The figure as an element for a page.

    Parameters
    ----------
    figure : Figure
        Its white background is left out.
    alternative : str
        What it shows, for who cannot see it.
    width : int
        Pixels of the page.
    most_bytes : int
        As fine as this allows are the images in it, such as spectrograms.
    finest : float
        Their pixels per pixel of a screen, at most.

    Returns
    -------
    str
    """
    inches = float(figure.get_size_inches()[0])
    # So many points would be megabytes of words: there is no use in writing them first.
    _as_images(figure, HUGE)
    text = _written(figure, finest * width / inches)
    written = finest
    for fineness in FINENESSES:
        # An image has as many bytes as it has pixels; what will be too large is not drawn.
        expected = len(text) * (fineness / written) ** 2
        hopeless = expected > 2 * most_bytes and fineness > FINENESSES[-1]
        if len(text) <= most_bytes:
            break
        if fineness >= written or hopeless:
            continue
        # Words and lines do not become fewer where pixels do: what is much becomes an image too.
        _as_images(figure, MANY)
        text = _written(figure, fineness * width / inches)
        written = fineness
    return _of_page(text, figure, alternative, width)


def _written(figure: Figure, dpi: float) -> str:
    stream = io.StringIO()
    with rc_context(WRITING), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            stream, format="svg", dpi=dpi, transparent=True, metadata=METADATA
        )
    return stream.getvalue()


def _as_images(figure: Figure, many: int) -> None:
    """Lines and clouds of more points than `many` are rasterised; words and axes stay sharp."""
    for artist in figure.findobj():
        if isinstance(artist, Line2D):
            n_points = np.size(artist.get_xdata(orig=True))
        elif isinstance(artist, Collection):
            n_points = max(
                len(artist.get_paths()), len(np.asarray(artist.get_offsets()))
            )
        else:
            continue
        if n_points > many:
            artist.set_rasterized(True)


def _of_page(text: str, figure: Figure, alternative: str, width: int) -> str:
    """Without the head of a file of its own, with colours of the page, and names that no other picture has."""
    width_inches, height_inches = (float(side) for side in figure.get_size_inches())
    inside = text[text.index("<g id=") : text.rindex("</svg>")]

    # Names are those of this picture alone: two of a page may not share a clip.
    own = hashlib.sha256(inside.encode()).hexdigest()[:10]
    inside = re.sub(r' id="([^"]*)"', rf' id="{own}-\1"', inside)
    inside = re.sub(r'(url\(|xlink:href=")#', rf"\1#{own}-", inside)
    inside = _STYLE.sub(_in_tones, inside)

    label = escape(alternative, quote=True)
    box = f"0 0 {POINTS_PER_INCH * width_inches:g} {POINTS_PER_INCH * height_inches:g}"
    height = round(width * height_inches / width_inches)
    return (
        f'<svg class="plot" role="img" aria-label="{label}" width="{width}" height="{height}" viewBox="{box}">'
        f"{inside}</svg>"
    )


def _in_tones(found: re.Match[str]) -> str:
    """The style of an element, with the tones and the fonts of the page."""
    tones = themed() | {_BLACK: themed()[TONES["ink"].light]}
    style = _COLOUR.sub(lambda one: tones.get(one[0], one[0]), found[1])
    fonts = font_stack().replace('"', "'")
    return f'style="{_FAMILY.sub(fonts, style)}"'
