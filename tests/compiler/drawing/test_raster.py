"""The pictures as PNG and PDF: beside the same elements set pixel by pixel, and that nothing is left out."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.compiler.drawing.raster import SHARPNESS, raster

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-5 -10 40 30" width="40" height="30" fill="#1f2933">'
DOCS = Path(mb.__file__).parent / "docs" / "blocks"


def pixels(svg: str) -> np.ndarray:
    """(height, width, 3) in 0 to 1, of `SHARPNESS` pixels a unit."""
    found = matplotlib.image.imread(io.BytesIO(raster(svg, ".png")), format="png")
    return np.asarray(found[..., :3])


def inside(x: np.ndarray, left: float, right: float) -> np.ndarray:
    return (x > left) & (x < right)


def test_boxes_and_paths_lie_where_the_svg_says() -> None:
    body = (
        '<rect x="-5" y="-10" width="40" height="30" fill="#ffffff"/>'
        '<g transform="rotate(-90 10 10)"><rect x="10" y="10" width="8" height="4" fill="#ff0000"/></g>'
        '<path d="M-2 -4H4q0 0 0 4L-2 0Z" fill="#0000ff"/>'
        '<circle cx="28" cy="12" r="4" fill="#00ff00"/>'
    )
    found = pixels(f"{HEAD}{body}</svg>")
    rows, columns = found.shape[:2]
    assert (rows, columns) == (30 * SHARPNESS, 40 * SHARPNESS)
    y, x = np.mgrid[:rows, :columns] / SHARPNESS
    x = x + 0.5 / SHARPNESS - 5
    y = y + 0.5 / SHARPNESS - 10
    wanted = np.ones_like(found)
    # (10, 10) stays, the rest is turned to the left: 8 upwards, 4 to the right.
    wanted[inside(x, 10, 14) & inside(y, 2, 10)] = (1, 0, 0)
    wanted[inside(x, -2, 4) & inside(y, -4, 0)] = (0, 0, 1)
    wanted[(x - 28) ** 2 + (y - 12) ** 2 < 16] = (0, 1, 0)
    differ = np.abs(found - wanted).max(-1) > 0.5
    assert differ.mean() < 0.01


def test_words_are_anchored() -> None:
    middle = []
    for anchor in ("start", "middle", "end"):
        text = f'<text x="15" y="5" font-size="9" text-anchor="{anchor}">MM</text>'
        ink = pixels(f"{HEAD}{text}</svg>").min(-1) < 0.5
        rows, columns = np.nonzero(ink)
        assert 0.6 * 9 < (rows.max() - rows.min()) / SHARPNESS < 0.9 * 9
        assert rows.max() / SHARPNESS - 10 == pytest.approx(5, abs=1)
        middle.append(columns.mean() / SHARPNESS - 5)
    assert middle[1] == pytest.approx(15, abs=1)
    assert middle[0] - 15 == pytest.approx(15 - middle[2], abs=1)
    assert middle[0] > 18


def test_every_kind_of_element_of_our_pictures_is_drawn() -> None:
    svg = (DOCS / "ReLU.svg").read_text(encoding="utf-8")
    whole = pixels(svg)
    root = ElementTree.fromstring(svg)
    # Without any one element that shows, the picture is another one.
    for kind in ("rect", "circle", "path", "polyline", "text"):
        tag = f"{{http://www.w3.org/2000/svg}}{kind}"
        parents = [one for one in root.iter() if one.find(tag) is not None]
        if not parents:
            continue
        gone = parents[-1].findall(tag)[-1]
        parents[-1].remove(gone)
        less = pixels(ElementTree.tostring(root, encoding="unicode"))
        assert not np.array_equal(less, whole), kind
        whole = less


def test_a_pdf_holds_outlines_and_no_time() -> None:
    model = mb.compile_graph(
        {"input": "B C=2 T", "layers": ["ReLU"], "name": "日本 $x$"}
    )
    svg = draw(model)
    first = raster(svg, ".pdf")
    assert first.startswith(b"%PDF")
    assert not re.search(rb"CreationDate", first)
    assert raster(svg, ".pdf") == first
    assert raster(svg, ".png") == raster(svg, ".png")
