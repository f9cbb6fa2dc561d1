"""examples/multi_head and examples/adversarial: their commands run on a corpus that mirbricks makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mirbricks
from mirbricks.cli import main
from mirbricks.tasks.base import TASKS
from mirbricks.tasks.finding import tasks

EXAMPLES = Path(mirbricks.__file__).parent / "examples"
FEW = ["--jobs", "1", "--set", "train.steps=4", "--set", "train.validate_every=4"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own; what the tasks register is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(TASKS, "known", tasks())
    return tmp_path


def use(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Copy a task's file and graphs here; the option that makes it known."""
    (source,) = (EXAMPLES / name).glob(f"*/{module}.py")
    shutil.copy(source, f"{module}.py")
    for graph in (EXAMPLES / name / "graphs").glob("*.yaml"):
        shutil.copy(graph, graph.name)
    monkeypatch.delitem(sys.modules, module, raising=False)
    return ["--plugin", module]


@pytest.mark.usefixtures("here")
def test_the_parts_of_chords(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = use("multi_head", "chord_parts", monkeypatch)
    assert main(["data", "synth", "chords", "--out", "songs", "--n", "6"]) == 0
    run = ["train", "chord_parts.yaml", "--data", "songs", "--out", "run", *plugin]
    assert main([*run, *FEW]) == 0
    lines = Path("run/metrics.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    assert set(record["losses"]) == {"root", "bass", "pitches"}
    assert sum(record["losses"].values()) == pytest.approx(record["loss"], rel=1e-5)
    figures = json.loads(Path("run/settings.json").read_text())["figures"]
    assert set(figures) == {"root", "bass", "pitches"}


@pytest.mark.usefixtures("here")
def test_clips_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = use("adversarial", "clip_gan", monkeypatch)
    assert main(["data", "synth", "notes", "--out", "notes", "--n", "6"]) == 0
    run = ["train", "clip_gan.yaml", "--data", "notes", "--out", "run", *plugin]
    assert main([*run, *FEW]) == 0
    record = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[0])
    assert set(record["losses"]) == {"real", "made"}
    assert set(record["turns"]) == {"adversary"}
    make = ["generate", "run", "--n", "2", "--seed", "0", "--out", "clips", *plugin]
    assert main(make) == 0
    assert len(list(Path("clips").glob("*.wav"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("multi_head", 10), ("adversarial", 5)])
def test_the_examples_own_tests_pass(name: str, count: int) -> None:
    words = [sys.executable, "-B", "-m", "pytest", "-q", "-W", "error"]
    done = subprocess.run(
        [*words, "-p", "no:cacheprovider", "tests"],
        cwd=EXAMPLES / name,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{count} passed" in done.stdout, done.stdout + done.stderr
