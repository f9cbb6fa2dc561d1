"""Every shipped graph, broken in more than fifty ways: each message has its code, its place to the column, its hint."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

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
GRAPHS = {
    path.stem: path
    for path in sorted(FOLDER.glob("*.yaml"))
    if not OF_ANOTHER.search(path.read_text(encoding="utf-8"))
}


@pytest.fixture(scope="module", params=GRAPHS)
def sound(request: pytest.FixtureRequest) -> object:
    path = GRAPHS[request.param]
    axes = next(iter(mb.load_graph(path).inputs.values()))
    free = any(axis.size is None for axis in axes if axis.name != "B")
    return breakages.Sound(path.read_text(encoding="utf-8"), len(axes), free)


@pytest.mark.filterwarnings("ignore::mirbricks.errors.GraphWarning")
@pytest.mark.parametrize("way", breakages.BREAKAGES)
def test_a_broken_graph_is_explained_at_its_place(
    way: str, sound: object, tmp_path: Path
) -> None:
    broken = breakages.BREAKAGES[way](sound)
    if broken is None:
        pytest.skip("this graph cannot be broken in this way")
    path = tmp_path / "graph.yaml"
    path.write_text(broken.text, encoding="utf-8")
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


def test_there_are_more_than_thirty_ways() -> None:
    assert len(breakages.BREAKAGES) > 50
