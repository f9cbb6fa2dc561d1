"""What all pictures share: colours that are apart for colour-blind eyes too, and PNG. Drawn without pyplot's state."""

from __future__ import annotations

import io
import warnings

from matplotlib.figure import Figure

HIT, MISS, FALSE_ALARM, INK = "#1b7837", "#d95f02", "#7b3294", "#333333"
TRUTH, GRID = "#d3dbe3", "#e8e8e8"


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
