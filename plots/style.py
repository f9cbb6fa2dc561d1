"""What all pictures share: colours that are apart for colour-blind eyes too, and PNG. Drawn without pyplot's state."""

from __future__ import annotations

import io
import warnings

from matplotlib.axes import Axes
from matplotlib.figure import Figure

HIT, MISS, FALSE_ALARM, INK = "#1b7837", "#d95f02", "#7b3294", "#333333"
TRUTH, GRID = "#d3dbe3", "#e8e8e8"
NOTE_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


def canvas(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The caller's axes with their figure, or axes in a new figure of this size in inches."""
    if ax is None:
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()
    whole = ax.get_figure(root=True)
    assert isinstance(whole, Figure)  # axes that were taken out of their figure
    return whole, ax


def title_of(axes: Axes, title: str) -> None:
    """The title, on the left; words as they are, `$` begins no formula."""
    words = cut(title, 60)
    axes.set_title(words, loc="left", fontsize=11, color=INK, parse_math=False)


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


def cut(words: str, characters: int) -> str:
    """The words, or as many of their characters with an ellipsis."""
    if len(words) <= characters:
        return words
    return words[: characters - 1] + "…"
