"""What all pictures share: axes, titles, shades, and PNG. Drawn without pyplot's state."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from .figure import new_figure
from .figure import png_bytes as png_bytes
from .palette import FALSE_ALARM as FALSE_ALARM
from .palette import GREY, LINE, ORANGE, PURPLE
from .palette import HIT as HIT
from .palette import INK as INK
from .palette import MISS as MISS
from .palette import SOFT as SOFT
from .palette import TRUTH as TRUTH

GRID = LINE
PALE = 0.4  # opacity of the truth, which lies behind what was found
NOTE_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
TALLEST_SHARE = 1.02  # of an axis of shares: a line at 1 is not cut in half


def canvas(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The caller's axes with their figure, or axes in a new figure of this size in inches."""
    if ax is None:
        figure = new_figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()
    whole = ax.get_figure(root=True)
    assert isinstance(whole, Figure)  # axes that were taken out of their figure
    return whole, ax


def title_of(axes: Axes, title: str) -> None:
    """The title, on the left; words as they are, `$` begins no formula."""
    words = cut(title, 60)
    axes.set_title(words, loc="left", fontsize=11, color=INK, parse_math=False)


def are_shares(values: Iterable[float]) -> bool:
    """Whether all values lie within 0 … 1, so that an axis of theirs goes from 0 to 1."""
    return all(0.0 <= value <= 1.0 for value in values)


def shades(colour: str = GREY) -> LinearSegmentedColormap:
    """From nothing to a colour: 0 is as the page is, in light and in dark."""
    red, green, blue = to_rgb(colour)
    ends = [(red, green, blue, 0.0), (red, green, blue, 1.0)]
    return LinearSegmentedColormap.from_list(f"shades of {colour}", ends)


def two_sided() -> LinearSegmentedColormap:
    """From orange over nothing to purple, for numbers on both sides of 0."""
    ends = [
        (*to_rgb(ORANGE), 1.0),
        (*to_rgb(ORANGE), 0.0),
        (*to_rgb(PURPLE), 0.0),
        (*to_rgb(PURPLE), 1.0),
    ]
    places = [0.0, 0.5, 0.5, 1.0]
    stops = list(zip(places, ends, strict=True))
    return LinearSegmentedColormap.from_list("two sides", stops)


def cut(words: str, characters: int) -> str:
    """The words, or as many of their characters with an ellipsis."""
    if len(words) <= characters:
        return words
    return words[: characters - 1] + "…"
