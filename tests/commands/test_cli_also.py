"""Training on several corpora: those of --also train, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony

GRAPH = Path(mb.__file__).parent / "graphs" / "mpe_small.yaml"
QUICK = [
    "--set",
    "train.steps=2",
    "--set",
    "train.validate_every=2",
    "--set",
    "train.batch_size=4",
]
QUICK += ["--set", "dataset.folds=3", "--set", "task.patch_frames=48", "--jobs", "1"]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two corpora with keys of their own: the second is the first with its files renamed."""
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    synthesise_polyphony(one, n_clips=3, seconds=3.0, seed=2, stems=False)
    synthesise_polyphony(other, n_clips=5, seconds=3.0, seed=3, stems=False)
    name = next(other.glob("*.pyjama"))
    with h5py.File(next(other.glob("*_audio.hdf5")), "r+") as file:
        keys = list(file)
        for key in keys:
            file.move(key, f"more_{key}")
    text = name.read_text()
    for key in keys:
        text = text.replace(f'"{key}"', f'"more_{key}"')
    name.write_text(text)
    return one, other


def train(data: Path, also: Path, out: Path, cache: Path, *more: str) -> int:
    words = [
        "train",
        str(GRAPH),
        "--data",
        str(data),
        "--also",
        str(also),
        "--out",
        str(out),
        "--cache",
        str(cache),
    ]
    return main([*words, *QUICK, *more])


def test_the_others_train_only_and_no_piece_of_the_test(
    corpora: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = corpora
    assert train(one, other, tmp_path / "run", tmp_path / "cache") == 0
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert [len(settings["split"][side]) for side in ("train", "valid", "test")] == [
        1,
        1,
        1,
    ]
    assert [found["data"] for found in settings["also"]] == [str(other)]
    assert len(settings["tracks"]) == 1
    assert not any(key.startswith("more_") for key in settings["tracks"])
    said = capsys.readouterr()
    assert "fold 0: 4 train, 1 valid, 1 test tracks" in said.out
    assert said.err == (
        "note: 2 of 5 recordings of --also do not train: their pieces are on the sides that judge: '01', '02'\n"
    )
    resumed = train(one, one, tmp_path / "run", tmp_path / "cache", "--resume")
    assert resumed == 1


def test_one_key_in_both(
    corpora: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _ = corpora
    assert train(one, one, tmp_path / "run", tmp_path / "cache") == 1
    said = capsys.readouterr().err
    key = said.split("'")[1]
    assert said == (
        f"'{key}' is a recording of '{one}' and of '{one}'\n"
        "  help: give the files of one of them other names: a recording of the test must not train     [E447]\n"
    )
    assert not (tmp_path / "run").exists()
