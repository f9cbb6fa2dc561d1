"""The colours of pages and pictures, in one place. Nothing here imports matplotlib.

A page changes four tones between light and dark: ink, soft, line and paper. The six colours of data do not change: each
has a contrast of at least 3 to white and to the dark page, so that one transparent picture reads well on both. They are
apart for colour-blind eyes too.
"""

from __future__ import annotations

from typing import NamedTuple


class Tone(NamedTuple):
    """A colour that depends on the mode of the page."""

    light: str
    dark: str


INK = "#1f2933"
SOFT = "#5b6770"
LINE = "#d9dee3"

# The tones that a page sets as variables of CSS, by their names.
TONES = {
    "ink": Tone(INK, "#e6e8ea"),
    "soft": Tone(SOFT, "#a3adb6"),
    "line": Tone(LINE, "#3a4148"),
    "page": Tone("#fbfbfa", "#16191c"),
    "card": Tone("#ffffff", "#1f2428"),
    "accent": Tone("#1b7837", "#7fc796"),
}

GREEN = "#1a9850"
ORANGE = "#d9620d"
PURPLE = "#9a58c0"
BLUE = "#2f83c5"
ROSE = "#d4447c"
GREY = "#808d99"
DATA = (GREEN, PURPLE, ORANGE, BLUE, ROSE, GREY)

# What the colours mean wherever an estimate is compared with the truth.
HIT = GREEN
MISS = ORANGE
FALSE_ALARM = PURPLE
TRUTH = GREY

# Words on a coloured field keep their colour in both modes, as the field does.
ON_PALE = "#1d2023"
ON_DEEP = "#fefefe"

# The fonts of the page, in its pictures too: those that a system has, so that nothing is fetched.
FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "sans-serif",
)


def font_stack() -> str:
    """The value of CSS's `font-family`."""
    return ", ".join(f'"{name}"' if " " in name else name for name in FONTS)


def variables(mode: str) -> str:
    """The tones of "light" or "dark" as declarations of CSS."""
    return " ".join(f"--{name}: {getattr(tone, mode)};" for name, tone in TONES.items())


def themed() -> dict[str, str]:
    """What stands in a picture on a page in the place of a colour that depends on the mode."""
    return {tone.light: f"var(--{name})" for name, tone in TONES.items()}
