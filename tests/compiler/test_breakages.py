"""Every shipped graph, broken in more than fifty ways: each message has its code, its place to the column, its hint."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import mirbricks as mb
from mirbricks.errors import ErrorList, MirbricksError

_spec = importlib.util.spec_from_file_location(
    "breakages", Path(__file__).parent / "breakages.py"
)
assert _spec
assert _spec.loader
breakages = importlib.util.module_from_spec(_spec)
sys.modules["breakages"] = breakages
_spec.loader.exec_module(breakages)

FOLDER = Path(mb.__file__).parent / "graphs"
# A graph made of another one of the folder has few layers of its own to break.
OF_ANOTHER = re.compile(r"^extends:|^\s*- graph: (?!parts/)", re.MULTILINE)
# What a file has of the language decides which code reads it.
FORMS = (
    "vars:", "repeat:", "branch:", "graph:", "with:", "share:", "fit:", "outputs:", "StartFrom", "Reuse", "AddWith",
    "MulWith", "CatWith", "task:", "feature:", "input: {", "${", "name:",
)  # fmt: skip
# Refused before the graph is looked at: their way through the code is the same in every graph.
BEFORE_THE_GRAPH = {
    "bracket left open", "colon left out", "empty file", "extends itself", "indented deeper", "key twice", "merge key",
    "no layers", "quote left open", "second document", "tab", "tag", "vars no mapping",
}  # fmt: skip


def sound_graph(path: Path) -> Any:
    """The text with the rank of its first input, and whether that has a free axis; read without torch."""
    text = path.read_text(encoding="utf-8")
    line = re.search(r"^input: (?:\{\w+: )?(.*)", text, re.MULTILINE)
    assert line, path
    computed = re.sub(r"\$\{[^}]*\}", "1", line[1])
    axes = re.split(r"[#,}]", computed)[0].replace('"', "").split()
    free = any("=" not in axis for axis in axes if axis != "B")
    return breakages.Sound(text, len(axes), free)


GRAPHS = {
    path.stem: sound_graph(path)
    for path in sorted(FOLDER.glob("*.yaml"))
    if not OF_ANOTHER.search(path.read_text(encoding="utf-8"))
}


def features(sound: Any) -> set[str]:
    """What of a graph a breakage may meet: its axes, and each form of the language, there or not."""
    found = {f"{form} {form in sound.text}" for form in FORMS}
    return {f"{sound.rank} axes", f"free {sound.free}", *found}


def covering(way: str, number: int) -> list[str]:
    """A few graphs that have between them all the features of all graphs that can be broken in this way.

    Each way begins with another graph, so that every graph is broken in some ways.
    """
    names = list(GRAPHS)[number % len(GRAPHS) :] + list(GRAPHS)[: number % len(GRAPHS)]
    able = [name for name in names if breakages.BREAKAGES[way](GRAPHS[name])]
    if way in BEFORE_THE_GRAPH:
        return able[:1]
    left = set().union(*(features(GRAPHS[name]) for name in able))
    chosen = []
    while left:
        best = max(able, key=lambda name: len(left & features(GRAPHS[name])))
        chosen.append(best)
        left -= features(GRAPHS[best])
    return chosen


COVERING = [
    (way, name)
    for number, way in enumerate(breakages.BREAKAGES)
    for name in covering(way, number)
]
# A graph whose features others have as well may be left: it is broken in the first way that fits it.
COVERING += [
    (next(way for way, broken in breakages.BREAKAGES.items() if broken(sound)), name)
    for name, sound in GRAPHS.items()
    if name not in {covered for _, covered in COVERING}
]
OTHERS = [
    pytest.param(way, name, marks=pytest.mark.nightly)
    for way in breakages.BREAKAGES
    for name in GRAPHS
    if (way, name) not in COVERING
]


@pytest.mark.filterwarnings("ignore::mirbricks.errors.GraphWarning")
@pytest.mark.parametrize(("way", "name"), [*COVERING, *OTHERS])
def test_a_broken_graph_is_explained_at_its_place(
    way: str, name: str, tmp_path: Path
) -> None:
    broken = breakages.BREAKAGES[way](GRAPHS[name])
    if broken is None:
        pytest.skip("this graph cannot be broken in this way")
    path = tmp_path / "graph.yaml"
    path.write_text(broken.text, encoding="utf-8")
    if "parts/" in broken.text:
        shutil.copytree(FOLDER / "parts", tmp_path / "parts")
    with pytest.raises(MirbricksError) as caught:
        mb.compile_graph(path)
    errors = (
        caught.value.errors if isinstance(caught.value, ErrorList) else (caught.value,)
    )
    found = [error for error in errors if error.code == broken.code and error.where]
    assert [(error.where.line, error.where.column) for error in found][:1] == [
        (broken.line, broken.column)
    ], str(errors[0])
    assert broken.hint in str(found[0])


def test_the_axes_are_read_here_as_the_compiler_reads_them() -> None:
    for name, sound in GRAPHS.items():
        axes = next(iter(mb.load_graph(FOLDER / f"{name}.yaml").inputs.values()))
        free = any(axis.size is None for axis in axes if axis.name != "B")
        assert (sound.rank, sound.free) == (len(axes), free), name


def test_every_way_and_every_graph_is_tried() -> None:
    assert len(breakages.BREAKAGES) > 50
    assert {way for way, _ in COVERING} == set(breakages.BREAKAGES)
    assert {name for _, name in COVERING} == set(GRAPHS)
    # A third of all pairs would still be repetition.
    assert len(COVERING) < len(breakages.BREAKAGES) * len(GRAPHS) / 3
