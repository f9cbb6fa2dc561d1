"""The page of a comparison: figures with their differences, settings that differ, curves, and tracks."""

from __future__ import annotations

from html import escape

from ..plots.comparison import curves_of, scatter_of
from .comparison import Comparison
from .page import command_block, header, image, page, section, table
from .style import SCRIPT, STYLE

ALIKE = 5e-4  # differences that three decimals do not show


def comparison_page(compared: Comparison, command: str) -> str:
    """The page as HTML that needs nothing but itself."""
    names = compared.names
    parts = [
        header("Runs side by side", ", ".join(names)),
        section("Figures", _figures(compared)),
        section("Settings that differ", _settings(compared)),
        section("Training", image(curves_of(compared.metrics, names), "curves")),
        _tracks(compared),
        section("The runs", _about(compared)),
        section("Do it again", command_block(command)),
    ]
    return page("Runs side by side", "".join(parts), style=STYLE, script=SCRIPT)


def _figures(compared: Comparison) -> str:
    """The first run's value, and of the others the value and what it is more or less."""
    rows = []
    for name, values in compared.in_rows().items():
        first = values[0]
        cells = [name, _number(first)]
        for value in values[1:]:
            cells.append(_with_difference(value, first))
        rows.append(cells)
    if not rows:
        return "<p>None of them has been evaluated.</p>"
    return table(["figure", *compared.names], rows)


def _with_difference(value: float | None, first: float | None) -> str:
    if value is None or first is None:
        return _number(value)
    difference = value - first
    if abs(difference) < ALIKE:
        return _number(value)
    return f"{_number(value)} ({difference:+.3f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _settings(compared: Comparison) -> str:
    if not compared.settings:
        return "<p>None: these runs have the same settings.</p>"
    rows = [[path, *values] for path, values in compared.settings.items()]
    return table(["setting", *compared.names], rows)


def _tracks(compared: Comparison) -> str:
    """Each other run against the first, a point per track that both judged."""
    figure = next(iter(compared.in_rows()), None)
    if figure is None:
        return ""
    shared = compared.shared_tracks(figure)
    if not shared:
        return ""
    picture = scatter_of(shared, figure, compared.names)
    rows = [
        [key, *(f"{value:.3f}" for value in values)] for key, values in shared.items()
    ]
    listing = table(["track", *compared.names], rows)
    caption = "A point above the line is a track that the later run does better on, where larger is better."
    shown = (
        f"<figure>{image(picture, figure)}<figcaption>{caption}</figcaption></figure>"
    )
    return section(f"Track by track: {escape(figure)}", shown + listing)


def _about(compared: Comparison) -> str:
    rows = [
        [key, *(own.get(key, "") for own in compared.about)]
        for key in compared.about[0]
    ]
    return table(["", *compared.names], rows)
