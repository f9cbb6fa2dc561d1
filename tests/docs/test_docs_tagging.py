"""docs/tasks/tagging.md: its graph trains, evaluates and predicts on stems; its Python runs; its names exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import mirbricks
from mirbricks.cli import main
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio

ROOT = Path(mirbricks.__file__).parent
PAGE = (ROOT / "docs" / "tasks" / "tagging.md").read_text(encoding="utf-8")
FENCES = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.M | re.S))
HZ = {"violin": 1500.0, "clarinet": 800.0, "saxophone": 400.0, "bassoon": 150.0}


@pytest.fixture
def band(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pieces of four stems, each a tone of its own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "band"
    folder.mkdir()
    rng, time_s, audio, entries = (
        np.random.default_rng(0),
        np.arange(9000) / 8000,
        [],
        [],
    )
    for piece in "abc":
        stems = [
            0.1 * np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * time_s)
            for hz in HZ.values()
        ]
        named = {
            f"{piece}-{name}.wav": (stem, [name])
            for name, stem in zip(HZ, stems, strict=True)
        }
        for key, (sound, names) in (
            named | {f"{piece}.wav": (sum(stems), list(HZ))}
        ).items():
            audio.append((key, np.asarray(sound, np.float32), 8000))
            entries.append(
                Entry({"filepath": (Atom(key),), "instrument": tuple(map(Atom, names))})
            )
    write_audio(folder / "band_audio.hdf5", iter(audio))
    text = Definition("global", "text")
    Pyjama({"filepath": text, "instrument": text}, entries).save(folder / "band.pyjama")
    (tmp_path / "tags.yaml").write_text(FENCES["yaml"], encoding="utf-8")
    return folder


def test_the_graph_learns_from_stems(
    band: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--data", str(band), "--cache", "cache"]
    assert main(["train", "tags.yaml", *more, "--out", "run", "--jobs", "1"]) == 0
    assert "15 train, 15 valid, 15 test tracks" in capsys.readouterr().out
    settings = json.loads(Path("run/settings.json").read_text())
    assert [len(settings["split"][side]) for side in ("train", "valid", "test")] == [
        1,
        1,
        1,
    ]
    tested = settings["split"]["test"][0]
    assert {key.partition("#")[0] for key in settings["tracks"]} == {tested}
    assert main(["evaluate", "run", *more, "--json", "--jobs", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_tracks"] == 15
    assert found["figures"] == pytest.approx(settings["figures"])
    assert found["figures"]["roc_auc_macro"] > 0.9
    assert {f"roc_auc[{name}]" for name in HZ} < set(found["figures"])
    assert (
        main(["evaluate", "run", *more, "--json", "--split", "all", "--jobs", "1"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["n_tracks"] == 45
    assert main(["report", "run", *more, "--jobs", "1"]) == 0
    report = Path("run/report.html").read_text(encoding="utf-8")
    assert "label by label" in report


@pytest.mark.usefixtures("band")
def test_the_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(FENCES["python"], {})
    assert capsys.readouterr().out == "15 files, 45 recordings\n"


def test_every_graph_of_the_table_is_one() -> None:
    named = re.findall(r"^\| `(\w+)` \| (?:log-mel|waveform)", PAGE, flags=re.M)
    assert len(named) == 8
    assert all((ROOT / "graphs" / f"{name}.yaml").exists() for name in named)
