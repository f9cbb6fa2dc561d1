"""The pictures of this room as PNG or PDF: matplotlib draws the few kinds of SVG elements that they are made of."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, Transform

PER_INCH = 96.0  # units of an SVG
POINTS = 72.0 / PER_INCH  # of a unit
SHARPNESS = 2  # pixels per unit of a PNG
FONT = "DejaVu Sans"  # comes with matplotlib
FORMATS = {".png": "png", ".pdf": "pdf"}
_STEP = re.compile(r"([MLHVQqCZ])([^MLHVQqCZ]*)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_ROTATE = re.compile(r"rotate\((\S+) (\S+) (\S+)\)")
# Points that a command takes, and what matplotlib calls each of them.
_CURVES = {
    "M": [Path.MOVETO],
    "L": [Path.LINETO],
    "Q": [Path.CURVE3] * 2,
    "C": [Path.CURVE4] * 3,
}


def raster(svg: str, ending: str) -> bytes:
    """The PNG or PDF of a picture that `draw`, or another function of this room, has made; `ending` is of `FORMATS`.

    The same picture gives the same bytes.
    """
    root = ElementTree.fromstring(svg)
    left, top, width, height = _numbers(root.attrib["viewBox"])
    figure = Figure(figsize=(width / PER_INCH, height / PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left, left + width), ylim=(top + height, top))
    axes.axis("off")
    pen = _Pen(axes)
    with warnings.catch_warnings():
        # A letter that the font lacks becomes an empty box, as in a browser.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        pen.draw_all(root, {"fill": root.attrib["fill"]}, Affine2D())
        return _saved(figure, FORMATS[ending])


def _saved(figure: Figure, kind: str) -> bytes:
    """The file's bytes, without the time at which they were made."""
    file = io.BytesIO()
    if kind == "pdf":
        FigureCanvasPdf(figure)
        figure.savefig(file, format=kind, metadata={"CreationDate": None})
    else:
        FigureCanvasAgg(figure)
        dpi = SHARPNESS * PER_INCH
        figure.savefig(file, format=kind, dpi=dpi, metadata={"Software": None})
    return file.getvalue()


@dataclass
class _Pen:
    """Draws one element above the other, in their order."""

    axes: Any
    drawn: int = field(default=0)

    def draw_all(
        self, parent: Element, inherited: Mapping[str, str], turn: Transform
    ) -> None:
        for element in parent:
            kind = element.tag.rpartition("}")[2]
            style = {**inherited, **element.attrib}
            turned = _rotation(element.attrib.get("transform")) + turn
            if kind == "g":
                self.draw_all(element, inherited, turned)
            elif kind == "text":
                self._text(element, style, turned)
            elif kind not in ("title", "style"):
                self._add(_shape(kind, style), style, turned)

    def _add(self, shape: Any, style: Mapping[str, str], turn: Transform) -> None:
        self.drawn += 1
        stroke = style.get("stroke", "none")
        width = float(style.get("stroke-width", 1)) * POINTS
        line = 0.0 if stroke == "none" else width
        # A height of its own for each: what comes later lies above, whatever it is.
        shape.set(
            facecolor=_colour(style.get("fill", "none"), style.get("fill-opacity")),
            edgecolor=_colour(stroke, style.get("stroke-opacity")),
            linewidth=line,
            zorder=self.drawn,
            clip_on=False,
        )
        if "stroke-dasharray" in style:
            # In SVG dashes are lengths, in matplotlib multiples of the width of the line.
            lengths = _numbers(style["stroke-dasharray"])
            dashes = [length * POINTS / width for length in lengths]
            shape.set_linestyle((0, dashes))
        shape.set_transform(turn + self.axes.transData)
        self.axes.add_patch(shape)

    def _text(
        self, element: Element, style: Mapping[str, str], turn: Transform
    ) -> None:
        """Words as outlines, so that they keep their place at every size; further spans follow on the line."""
        x = float(style["x"])
        y = float(style["y"])
        for span in (element, *element):
            own = {**style, **span.attrib}
            x += float(span.attrib.get("dx", 0))
            outline = _outline(span.text or "", own)
            ink = outline.get_extents()
            # What is left free before the first letter is free behind the last one too.
            width = ink.x1 + ink.x0
            shifts = {"middle": width / 2, "end": width}
            shift = shifts.get(own.get("text-anchor", ""), 0)
            # Letters grow upwards, and y grows downwards in the picture.
            place = Affine2D().scale(1, -1).translate(x - shift, y)
            self._add(PathPatch(outline), {"fill": own["fill"]}, place + turn)
            x += width


def _outline(words: str, style: Mapping[str, str]) -> TextPath:
    font = FontProperties(family=FONT)
    if style.get("font-style") == "italic":
        font.set_style("italic")
    if int(style.get("font-weight", 400)) >= 600:
        font.set_weight("bold")
    # A dollar sign is a dollar sign, not the begin of a formula.
    return TextPath(
        (0, 0), words, size=float(style["font-size"]), prop=font, usetex=False
    )


def _shape(kind: str, style: Mapping[str, str]) -> Any:
    """The patch of a rect, circle, polyline or path."""
    if kind == "rect":
        x, y, width, height = (
            float(style[name]) for name in ("x", "y", "width", "height")
        )
        if "rx" not in style:
            return Rectangle((x, y), width, height)
        rounding = min(float(style["rx"]), width / 2, height / 2)
        form = f"round,pad=0,rounding_size={rounding}"
        return FancyBboxPatch((x, y), width, height, boxstyle=form)
    if kind == "circle":
        centre = (float(style["cx"]), float(style["cy"]))
        return Circle(centre, float(style["r"]))
    if kind == "polyline":
        points = np.reshape(_numbers(style["points"]), (-1, 2))
        return Polygon(points, closed=False)
    if kind == "path":
        vertices, codes = zip(*_steps(style["d"]), strict=True)
        return PathPatch(Path(vertices, codes))
    raise ValueError(f"a picture holds no element '{kind}'")


def _steps(text: str) -> Iterator[tuple[tuple[float, float], np.uint8]]:
    """Every point of a path's `d` with its kind."""
    x = y = 0.0
    for command, rest in _STEP.findall(text):
        numbers = _numbers(rest)
        if command == "H":
            points = [(numbers[0], y)]
        elif command == "V":
            points = [(x, numbers[0])]
        elif command == "Z":
            yield (x, y), Path.CLOSEPOLY
            continue
        else:
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            # Small letters count from where the pen is.
            origin = (x, y) if command.islower() else (0.0, 0.0)
            points = [(a + origin[0], b + origin[1]) for a, b in pairs]
        kinds = _CURVES.get(command.upper(), _CURVES["L"])
        for i, point in enumerate(points):
            yield point, kinds[i % len(kinds)]
        x, y = points[-1]


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


def _rotation(transform: str | None) -> Affine2D:
    """`rotate(degrees x y)` as a transform; y grows downwards in both."""
    found = _ROTATE.fullmatch(transform or "")
    if not found:
        return Affine2D()
    degrees, x, y = map(float, found.groups())
    return Affine2D().rotate_deg_around(x, y, degrees)


def _colour(name: str, opacity: str | None) -> Any:
    if name == "none":
        return "none"
    return name, float(opacity or 1)
