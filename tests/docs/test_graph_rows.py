"""The table of graphs in docs/graphs.md: complete, and made of what is there."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import mirbricks as mb

ROOT = Path(mb.__file__).parent


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_graph_rows", ROOT / "docs" / "graph_rows.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rows = _loaded()
FOUND = rows.parts(rows.PAGE.read_text(encoding="utf-8"))[1].splitlines()
NEXT = "run `python docs/graph_rows.py`"


def test_each_graph_has_a_row_that_begins_as_its_file_does() -> None:
    """Names and sentences alone, which need no model."""
    assert FOUND[:2] == rows.HEAD
    wanted = [
        f"| [{name}](../graphs/{name}.yaml) | {rows.sentence(name)} |"
        for name in mb.list_graphs()
    ]
    assert len(FOUND) - 2 == len(wanted), NEXT
    for line, begins in zip(FOUND[2:], wanted, strict=True):
        assert line.startswith(begins), NEXT


@pytest.mark.parametrize("name", mb.list_graphs("separation*"))
def test_sizes_are_those_of_the_models(name: str) -> None:
    assert rows.row(name) in FOUND, NEXT


@pytest.mark.slow
def test_the_whole_table_is_up_to_date() -> None:
    assert rows.table().splitlines() == FOUND, NEXT


def test_a_sentence_does_not_end_at_et_al() -> None:
    assert rows.sentence("separation_unet").endswith("ISMIR 2017")
    assert all(rows.sentence(name) for name in mb.list_graphs())
