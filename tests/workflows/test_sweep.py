"""Sweeps: every combination once, in folders of their own, and what is finished is not trained again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.cli import main
from mirbricks.errors import RunError
from mirbricks.workflows.sweep import trials_of

QUICK = [
    "dataset.folds=3",
    "train.steps=2",
    "train.validate_every=2",
    "train.batch_size=2",
    "task.patch_frames=24",
]


def test_every_combination_has_a_name_of_its_own() -> None:
    trials = trials_of(["train.lr=1e-3,3e-4", "vars.widths=[8,16],[4]"])
    assert [trial.overrides for trial in trials] == [
        ("train.lr=1e-3", "vars.widths=[8,16]"),
        ("train.lr=1e-3", "vars.widths=[4]"),
        ("train.lr=3e-4", "vars.widths=[8,16]"),
        ("train.lr=3e-4", "vars.widths=[4]"),
    ]
    assert trials[0].name == "lr=1e-3,widths=_8,16_"
    assert len({trial.name for trial in trials}) == 4
    # Two keys with the same last word are told apart.
    (first, *_) = trials_of(["train.seed=0", "dataset.seed=1"])
    assert first.name == "train.seed=0,dataset.seed=1"


values = st.lists(st.integers(0, 99).map(str), min_size=1, max_size=3, unique=True)


@given(st.dictionaries(st.sampled_from("abc"), values, min_size=1))
def test_names_lead_to_as_many_folders_as_there_are_combinations(drawn) -> None:
    total = 1
    for own in drawn.values():
        total *= len(own)
    trials = trials_of([f"train.{key}={','.join(own)}" for key, own in drawn.items()])
    assert len({trial.name for trial in trials}) == total
    assert all("/" not in trial.name for trial in trials)


@pytest.mark.parametrize(
    "sweeps",
    [
        ["train.lr"],
        ["=1,2"],
        ["train.lr=1,,2"],
        ["train.lr=1,1"],
        ["train.lr=1", "train.lr=2"],
        [
            f"a.b={','.join(map(str, range(40)))}",
            f"a.c={','.join(map(str, range(40)))}",
        ],
    ],
)
def test_what_is_no_sweep_is_refused(sweeps: list[str]) -> None:
    with pytest.raises(RunError, match="E617"):
        trials_of(sweeps)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    words = ["data", "synth", "polyphony", "--out", str(folder / "c"), "--n", "3"]
    assert main([*words, "--seconds", "2", "--jobs", "1"]) == 0
    return folder / "c"


def test_a_sweep_goes_on_where_it_stopped(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    words = ["train", "mpe_small", "--data", str(clips), "--out", str(out)]
    words += ["--cache", str(tmp_path / "cache"), "--jobs", "1"]
    for one in QUICK:
        words += ["--set", one]
    sweep = ["--sweep", "train.seed=0,1"]
    # The second has a folder of somebody else in its way: it fails, and the first is trained.
    (out / "seed=1").mkdir(parents=True)
    (out / "seed=1/mine.txt").write_text("mine")
    assert main([*words, *sweep]) == 1
    output = capsys.readouterr()
    assert "1 of 2 trainings failed" in output.err
    assert "E601" in output.err
    (out / "seed=1/mine.txt").unlink()
    first = (out / "seed=0/weights.safetensors").stat().st_mtime_ns

    assert main([*words, *sweep, "--resume"]) == 0
    assert "2 trainings, 1 to do" in capsys.readouterr().out
    assert (out / "seed=0/weights.safetensors").stat().st_mtime_ns == first

    # All of them in one table, and as JSON.
    assert main(["runs", str(out), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sorted(row["seed"] for row in rows) == [0, 1]
    assert {row["state"] for row in rows} == {"finished"}
    assert all("Accuracy" in row["figures"] for row in rows)
    assert main(["runs", str(out)]) == 0
    assert "mpe_small" in capsys.readouterr().out

    # Side by side.
    page = tmp_path / "both.html"
    pair = [str(out / "seed=0"), str(out / "seed=1")]
    assert main(["report", *pair, "--out", str(page)]) == 0
    text = page.read_text()
    assert "train.seed" in text
    assert "train.lr" not in text.partition("Training")[0]
    assert "Track by track" in text
    assert main(["report", *pair, "--out", str(page)]) == 1  # never over a file
    assert main(["diff", *pair]) == 0
    assert "Accuracy: " in capsys.readouterr().out
    assert main(["report", pair[0]]) == 1
    assert "--data" in capsys.readouterr().err

    # Two at a time, in processes of their own.
    wide = [*words, "--sweep", "train.seed=2,3", "--parallel", "2"]
    assert main(wide) == 0
    assert (out / "seed=2.log").exists()
    assert (out / "seed=3/report.html").exists()
