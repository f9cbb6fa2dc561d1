"""docs/tasks/self_supervised.md: its commands run, with labels and without; its figures and losses exist."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.tasks.self_supervised import SelfSupervised, SelfSupervisedConfig

sys.path.insert(0, str(Path(__file__).parent))
from written import DOCS, fences, page

ROOT = DOCS.parent
PAGE, FENCES = (
    page("tasks/self_supervised.md"),
    dict(fences("tasks/self_supervised.md")),
)
COMMANDS = re.findall(r"^\$ mirbricks (.*)$", FENCES["console"], flags=re.M)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("siamese.yaml").write_text(FENCES["yaml"], encoding="utf-8")
    return tmp_path


def tones(labelled: bool) -> None:
    """Twenty-four recordings of a second, half of them low and half high."""
    folder = Path("tones")
    folder.mkdir()
    rng, time_s, audio, entries = (
        np.random.default_rng(0),
        np.arange(8000) / 8000,
        [],
        [],
    )
    for i in range(24):
        name, hz = [("low", 300), ("high", 1500)][i % 2]
        sound = 0.3 * np.sin(
            2 * np.pi * hz * rng.uniform(0.9, 1.1) * time_s
        ) + 0.02 * rng.standard_normal(8000)
        audio.append((f"{i}.wav", np.asarray(sound, np.float32), 8000))
        entries.append(
            Entry(
                {
                    "filepath": (Atom(f"{i}.wav"),),
                    **({"tag": (Atom(name),)} if labelled else {}),
                }
            )
        )
    write_audio(folder / "tones_audio.hdf5", iter(audio))
    text = Definition("global", "text")
    definitions = {"filepath": text, **({"tag": text} if labelled else {})}
    Pyjama(definitions, entries).save(folder / "tones.pyjama")


# So few clips and steps train no spread of embeddings; the warning is as it should be.
@pytest.mark.filterwarnings("ignore:the embeddings collapse")
@pytest.mark.usefixtures("here")
def test_the_commands_run_on_labels(capsys: pytest.CaptureFixture[str]) -> None:
    tones(labelled=True)
    for command in COMMANDS:
        assert main([*shlex.split(command), "--cache", "cache", "--jobs", "1"]) == 0
    learned, still = (
        json.loads(Path(f"runs/{name}/settings.json").read_text())
        for name in ("learned", "random")
    )
    assert learned["figures"]["accuracy"] == 1.0
    assert {"accuracy", "macro_recall", "knn_accuracy"} <= set(learned["figures"])
    assert len(learned["tracks"]) == len(still["tracks"]) == 8
    capsys.readouterr()
    assert (
        main(
            [
                "evaluate",
                "runs/learned",
                "--data",
                "tones",
                "--cache",
                "cache",
                "--json",
                "--jobs",
                "1",
            ]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["figures"] == pytest.approx(
        learned["figures"]
    )


# So few clips and steps train no spread of embeddings; the warning is as it should be.
@pytest.mark.filterwarnings("ignore:the embeddings collapse")
@pytest.mark.usefixtures("here")
def test_the_first_command_runs_without_labels() -> None:
    tones(labelled=False)
    assert main([*shlex.split(COMMANDS[0]), "--cache", "cache", "--jobs", "1"]) == 0
    settings = json.loads(Path("runs/learned/settings.json").read_text())
    assert sorted(settings["figures"]) == ["rank", "std"]
    rows = [
        json.loads(line)
        for line in Path("runs/learned/metrics.jsonl").read_text().splitlines()
    ]
    assert {"loss", "pair_accuracy", "rank", "std"} == {
        name for row in rows for name in row.get("valid", {})
    }


def test_what_the_page_names_exists() -> None:
    losses = get_args(SelfSupervisedConfig.model_fields["loss"].annotation)
    assert all(f"`{name}`" in PAGE for name in (*losses, *SelfSupervised.headline))
    assert all(
        (ROOT / "graphs" / f"{name}.yaml").exists()
        for name in ("ssl_small", "samplecnn", "tagging_small")
    )
