"""A picture that a command writes: its format by the ending of its name."""

from __future__ import annotations

from pathlib import Path

from ...data.stores.atomic import written_whole
from ...errors import GraphError
from ...workflows.new_file import refuse_existing, write_new

VECTORS = ".svg"
ENDINGS = (VECTORS, ".png", ".pdf")


def refuse_picture(path: str) -> None:
    """Raises E191 where something is at `path` already, E192 for another ending; asked before the work is done."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        got = f"'{ending}'" if ending else "no ending"
        expected = "expected a name that ends in .svg, .png or .pdf"
        hint = f"give a name such as '{Path(path).with_suffix(VECTORS)}'"
        raise GraphError(f"'{path}': {expected}, got {got}", code="E192", help=hint)
    refuse_existing(path)


def write_picture(path: str, svg: str) -> None:
    """Write an SVG as it is, or drawn as PNG or PDF. Raises E191, and E408 where it cannot be made."""
    ending = Path(path).suffix.lower()
    if ending == VECTORS:
        write_new(path, svg)
        return
    from ...compiler.drawing.raster import raster

    # Drawing takes a while, so the name is looked at again before the file is written.
    data = raster(svg, ending)
    refuse_existing(path)
    with written_whole(path) as part:
        part.write_bytes(data)
