"""docs/python.md: its Python runs, and prints what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import mirbricks as mb

PAGE = Path(mb.__file__).parent / "docs" / "python.md"
FENCES = re.findall(
    r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S
)


def test_every_example_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed = ""
    for language, text in FENCES:
        if language == "python":
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown):
                exec(text, names)
            printed = shown.getvalue()
        else:
            assert printed == text
    assert Path("runs/first/report.html").is_file()
    assert sorted(path.name for path in Path("found").iterdir()) == [
        "first.f0.txt",
        "first.notes.csv",
        "first.png",
    ]


def test_the_page_names_everything_that_people_begin_with() -> None:
    text = PAGE.read_text(encoding="utf-8")
    inner = {"Block", "BlockConfig", "from_axis", "load_plugin", "load_graph"}
    inner |= {"feature_extract", "Evaluation", "Model", "TrainedRun", "MirbricksError"}
    rooms = {"augment", "data", "features", "losses", "metrics", "plots", "tasks"}
    rooms |= {"outputs", "__version__"}
    missing = [
        name for name in set(dir(mb)) - inner - rooms if f"mb.{name}" not in text
    ]
    assert not [name for name in missing if name not in ("list_tasks",)]
