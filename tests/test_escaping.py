"""Text of strangers in HTML, SVG, CSV and on the terminal: the same names through every way out."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import mirbricks as mb
from mirbricks.cli import _warning as formatted
from mirbricks.cli import main
from mirbricks.commands.screen import markdown_of, print_tables
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.data.stores.cells import unguarded_cell
from mirbricks.outputs.text import table
from mirbricks.plain_console import PlainConsole
from mirbricks.printable import printable, printable_json
from mirbricks.tasks.base import Evaluation
from mirbricks.tasks.labels import Tags
from mirbricks.tasks.sounds import Sound
from mirbricks.workflows.generated import SoundFolder
from mirbricks.workflows.progress import Progress

NAMES = [
    "<script>window.hit=1</script>",
    "\"><img src=x onerror='hit()'>",
    "</svg></style><svg onload=hit()>",
    "javascript:hit()",
    "&lt;b&gt;",
    "]]>",
    '=HYPERLINK("http://x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "'=1",
    'a,b"c\nd',
    "\x1b[31mred\x1b]0;title\x07",
    "\u202ereversed",
]


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and every attribute that could act."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.acts: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").startswith("javascript:"):
                self.acts.append(f"{tag}.{name}")

    def handle_data(self, data: str) -> None:
        self.text += data


def sound(name: str) -> Sound:
    return Sound(np.zeros((1, 800), np.float32), 8000, {"instrument": name}, title=name)


def page_of(name: str, folder: Path) -> Page:
    sounds = SoundFolder(folder, 1, replace=True)
    sounds.add(sound(name), ["instrument"])
    html = sounds.finish(name, name, f"mirbricks generate '{name}'").read_text()
    page = Page()
    page.feed(html)
    return page


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_elements_it_has_with_a_plain_name(
    name: str, tmp_path: Path
) -> None:
    plain = page_of("plain", tmp_path / "plain")
    page = page_of(name, tmp_path / "page")
    assert page.tags == plain.tags
    assert page.acts == []
    # And the name itself is there to be read.
    assert re.sub(r"\W+", "", name)[:6] in re.sub(r"\W+", "", page.text)


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_is_no_formula_and_reads_back(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    sounds = SoundFolder(folder, 1, replace=False)
    sounds.add(sound(name), ["instrument"])
    sounds.finish("title", "subtitle", "command")
    with (folder / "conditions.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    cells = [*row.values()]
    rows = csv.reader(io.StringIO(table(["label"], [[name]]).decode()))
    cells += [cell for cells in rows for cell in cells]
    number = re.compile(r"[+-][\d.]+")
    assert not any(
        cell.startswith(("=", "+", "-", "@")) and not number.fullmatch(cell)
        for cell in cells
    )
    assert name in map(unguarded_cell, cells)


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_of_hostile_labels(name: str) -> None:
    found = Tags(
        vocabulary=(name, "dog"),
        probabilities=np.array([0.9, 0.1]),
        labels=(name,),
        times_s=np.array([0.0]),
        over_time=np.array([[0.9, 0.1]]),
    )
    rows = list(csv.reader(io.StringIO(found.files()[".tags.csv"].decode())))
    assert not rows[0][1].startswith(("=", "+", "@"))
    page = Page()
    page.feed(found._repr_html_() if hasattr(found, "_repr_html_") else "")
    assert page.acts == []
    assert "script" not in page.tags


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_one_well_formed_picture(name: str, tmp_path: Path) -> None:
    graph = tmp_path / "graph.yaml"
    quoted = name.replace("'", "''").replace("\n", " ")
    quoted = "".join(c for c in quoted if c.isprintable() or c == " ")
    graph.write_text(f"name: '{quoted}'\ninput: B C=2 T\nlayers: [ReLU]\n")
    try:
        model = mb.compile_graph(graph)
    except mb.MirbricksError:
        return  # what no name may hold is refused at its line
    root = ElementTree.fromstring(draw(model))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "img", "foreignObject", "a"}
    acts = [name for one in root.iter() for name in one.attrib if name.startswith("on")]
    assert acts == []


def acting(text: str) -> list[str]:
    """What of a text a terminal would obey or hide; the styles of rich are its own."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    return [one for one in plain if one not in "\n\t" and printable(one) != one]


def hostile_table(name: str) -> Table:
    table = Table(title=name, caption=name)
    table.add_column(name)
    table.add_row(name)
    table.add_row(Text(name, "bold"))
    return table


@pytest.mark.parametrize(
    "name", [*NAMES, "[red]", "[/]", ":smile:", "\x9b31m", "\u2066"]
)
def test_no_cell_of_a_table_acts_on_a_terminal(name: str) -> None:
    written = io.StringIO()
    screen = PlainConsole(file=written, width=100, force_terminal=True)
    screen.print(hostile_table(name), name)
    text = written.getvalue()
    assert acting(text) == []
    # Neither a style nor a picture is made of it.
    if name in ("[red]", "[/]", ":smile:"):
        assert text.count(name) == 6


def test_every_console_is_one_of_these() -> None:
    """A console of rich's own would let the text of a stranger act."""
    package = Path(mb.__file__).parent
    others = {"tests", "docs", "bench", "examples", "out"}
    # A virtual environment in the checkout is not ours.
    rooms = [
        one
        for one in package.iterdir()
        if one.is_dir() and one.name not in others and not one.name.startswith(".")
    ]
    sources = [path for room in rooms for path in room.rglob("*.py")]
    made = [
        path.relative_to(package).as_posix()
        for path in [*sources, *package.glob("*.py")]
        if re.search(r"(?<!\w)Console\(", path.read_text(encoding="utf-8"))
    ]
    # It is asked only whether it is in a notebook.
    assert made == ["training/progress.py"]


@pytest.mark.parametrize("name", NAMES)
def test_notes_lines_tables_and_json_of_hostile_keys(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Evaluation(
        figures={"Accuracy": 0.5, name: math.nan}, tracks={name: {"Accuracy": 0.5}}
    )
    progress = Progress()
    progress.note(f"'{name}' has no audio")
    progress.line(name)
    with progress.counting(name, 1) as done:
        done(name)
    print_tables(name, found, ["Accuracy"])
    print(markdown_of(found, ["Accuracy"]))
    print(printable_json({name: [name]}))
    print(printable_json({name: [name]}, indent=2))
    warned = UserWarning(f"'{name}' is odd")
    print(formatted(warned, UserWarning, mb.__file__, 1))
    printed = capsys.readouterr()
    shown = printed.out + printed.err
    assert acting(shown) == []
    assert "\x1b[31m" not in shown


@given(st.text())
def test_json_reads_back_as_the_same(text: str) -> None:
    shown = printable_json({text: [text, 1]}, indent=1)
    assert json.loads(shown) == {text: [text, 1]}
    assert acting(shown) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_file_acts_on_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"./{name}"
    for words in (
        ["check", path],
        ["predict", "zoo:mpe_bach10", path],
        ["zoo", f"x{name}"],
    ):
        assert main(words) == 1
        printed = capsys.readouterr()
        for character in printed.out + printed.err:
            assert character in "\n\t" or ord(character) >= 32
            assert character != "\u202e"
