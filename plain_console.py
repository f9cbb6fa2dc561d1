"""The console of every table and bar; rich is imported with it, which only those need who show something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from .printable import visible


class PlainConsole(Console):
    """A console on which no text acts: what a terminal would obey is shown, wherever a table or a bar has it from."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            # Styles and moves of the cursor are rich's own, and stand beside the text.
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)
