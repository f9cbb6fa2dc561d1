"""The notebooks of docs/gallery: of one form, each runs without the internet, and all of them in limited time."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import sys
import time
from pathlib import Path

import pytest

from mirbricks.augment.base import AUGMENTATIONS
from mirbricks.features.base import FEATURES
from mirbricks.losses.base import LOSSES
from mirbricks.registry import BLOCKS
from mirbricks.tasks.base import TASKS

_spec = importlib.util.spec_from_file_location(
    "notebook_cells", Path(__file__).with_name("notebook_cells.py")
)
assert _spec is not None
assert _spec.loader is not None
notebook_cells = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(notebook_cells)

NOTEBOOKS = notebook_cells.NOTEBOOKS
QUICK = ["a_brick_of_your_own", "a_graph"]
CPU_S = 60.0  # of one notebook at most; a loaded machine takes longer by the clock
HEADINGS = ["Introduction", "Setup", "Model", "Now you"]


def test_the_gallery_is_complete() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "a_brick_of_your_own",
        "a_graph",
        "a_task_of_your_own",
        "chords",
        "compare_runs_honestly",
        "covers",
        "front_ends_that_learn",
        "generate",
        "hear_a_model",
        "separate",
        "train_multi_pitch",
        "without_labels",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = notebook_cells.cells(path)
    assert len(found) <= 12
    # Every fence is a cell that is run: a misspelt one would be text, and never executed.
    assert text.count("```") == 2 * len(found)
    assert text.startswith("---\njupytext:\n")
    assert "format_name: myst\n" in text
    headings = re.findall(r"^## (.*)$", text, flags=re.M)
    assert [name for name in headings if name in HEADINGS] == HEADINGS
    # The first cell installs, on Colab only, and is the same everywhere.
    assert found[0] == notebook_cells.cells(NOTEBOOKS[0])[0]
    assert 'if "google.colab" in sys.modules:' in found[0]
    assert text.rstrip().endswith("```")
    long = [line for cell in found for line in cell.splitlines() if len(line) > 80]
    assert not long


def test_the_cell_that_installs_does_nothing_elsewhere() -> None:
    names: dict[str, object] = {}
    exec(notebook_cells.cells(NOTEBOOKS[0])[0], names)
    assert "pip" not in names
    assert "google.colab" not in sys.modules


def _runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a notebook must not need the internet")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MIRBRICKS_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    # What a notebook registers must not be known to the tests after it.
    for catalogue in (BLOCKS, TASKS, FEATURES, AUGMENTATIONS, LOSSES):
        monkeypatch.setattr(catalogue, "known", catalogue.all())
        monkeypatch.setattr(catalogue, "_paths", dict(catalogue._paths))
    begun_s = time.process_time()
    shown = notebook_cells.run(path)
    taken_s = time.process_time() - begun_s
    assert taken_s < CPU_S
    assert shown.pictures
    assert shown.players or path.stem == "a_graph"


@pytest.mark.parametrize(
    "path", [one for one in NOTEBOOKS if one.stem in QUICK], ids=lambda path: path.stem
)
def test_it_runs_quickly(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _runs(path, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [one for one in NOTEBOOKS if one.stem not in QUICK],
    ids=lambda path: path.stem,
)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _runs(path, tmp_path, monkeypatch)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupyter_opens_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("myst_nb")
    monkeypatch.syspath_prepend(str(path.parents[1]))
    from docsite.gallery import as_ipynb, sentence

    text = path.read_text(encoding="utf-8")
    notebook = json.loads(as_ipynb(text))
    code = [one["source"] for one in notebook["cells"] if one["cell_type"] == "code"]
    assert ["".join(one) for one in code] == [
        cell.rstrip("\n") for cell in notebook_cells.cells(path)
    ]
    # The card of the gallery shows a whole sentence.
    assert sentence(text)[-1] in ".?!"
