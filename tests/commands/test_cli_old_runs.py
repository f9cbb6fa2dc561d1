"""Runs that are damaged, unfinished, or of another corpus: one clear message each, and nothing guessed silently."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import AudioStore, write_audio
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.tasks.multi_pitch import MultiPitch
from mirbricks.training.loop import Training
from mirbricks.workflows.loading import find_runs
from mirbricks.workflows.run_list import list_runs

GRAPH = Path(mb.__file__).parent / "graphs" / "mpe_small.yaml"
QUICK = [
    "--set",
    "train.steps=2",
    "--set",
    "train.validate_every=2",
    "--set",
    "train.batch_size=1",
]
QUICK += ["--set", "dataset.folds=3", "--set", "task.patch_frames=48", "--jobs", "1"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=3, seconds=3.0, seed=2, stems=False)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def trained(corpus: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert train(corpus, out, cache) == 0
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil, in a folder to work in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "run")
    return Path("run")


def train(data: Path, out: Path | str, cache: str, *more: str) -> int:
    return main(
        [
            "train",
            str(GRAPH),
            "--data",
            str(data),
            "--out",
            str(out),
            "--cache",
            cache,
            *QUICK,
            *more,
        ]
    )


def change(run: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    settings = json.loads((run / "settings.json").read_text())
    change(settings)
    (run / "settings.json").write_text(json.dumps(settings))


DAMAGED = """\
'run/settings.json' cannot be read: it is damaged, or not a file of a run
  reason  {reason}
  help: take the file from a copy of the run, or train again in a new folder     [E606]
"""


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda settings: settings.pop("corpus"), "it has no 'corpus'"),
        (lambda settings: settings.pop("split"), "it has no 'split'"),
        (lambda settings: settings["tuned"].clear(), "it has no 'tuned.threshold'"),
        (
            lambda settings: settings["tuned"].update(threshold="high"),
            "'tuned.threshold': Input should be a valid number, unable to parse string as a number",
        ),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "report", "predict"])
def test_settings_that_lack_something(
    spoil: Any,
    reason: str,
    command: str,
    run: Path,
    corpus: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(run, spoil)
    more = (
        ["a.wav", "--out", "out"] if command == "predict" else ["--data", str(corpus)]
    )
    assert main([command, "run", *more]) == 1
    assert capsys.readouterr().err == DAMAGED.format(reason=reason)


@pytest.mark.parametrize("name", ["resolved.yaml", "settings.json"])
def test_a_run_without_one_of_its_files(
    name: str, run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).unlink()
    assert main(["evaluate", "run", "--data", str(corpus)]) == 1
    assert capsys.readouterr().err == (
        f"the run 'run' has no file '{name}'\n  help: give another run, or train again     [E605]\n"
    )


def test_a_run_that_has_not_ended(
    run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(run, lambda settings: settings.pop("tuned"))
    assert main(["evaluate", "run", "--data", str(corpus)]) == 1
    assert capsys.readouterr().err == (
        "the training in 'run' has not ended\n  help: go on with `mirbricks train ... --resume`     [E609]\n"
    )


@pytest.mark.parametrize(
    "locked",
    ["run", "run/settings.json", "run/resolved.yaml", "run/weights.safetensors"],
)
def test_a_run_that_may_not_be_read(
    locked: str,
    run: Path,
    corpus: Path,
    unprivileged: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (run / "weights.safetensors").chmod(0o644)
    Path(locked).chmod(0)
    shutil.copytree(corpus, "data")
    Path("data").chmod(0o755)
    with unprivileged():
        code = main(["evaluate", "run", "--data", "data"])
    run.chmod(0o755)
    assert code == 1
    assert capsys.readouterr().err == (
        f"cannot read '{locked}': Permission denied\n"
        "  help: give yourself the right to read it, and to enter the folders above it     [E409]\n"
    )


def evaluated(
    data: Path | str, cache: str, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[list[str], str]:
    """The tracks that `evaluate run` scores, and what it says beside."""
    capsys.readouterr()
    assert (
        main(
            [
                "evaluate",
                "run",
                "--data",
                str(data),
                "--cache",
                cache,
                "--json",
                "--jobs",
                "1",
                *more,
            ]
        )
        == 0
    )
    output = capsys.readouterr()
    return list(json.loads(output.out)["tracks"]), output.err


@pytest.mark.usefixtures("run")
def test_a_corpus_is_known_by_its_recordings(
    corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("renamed").mkdir()
    for ending in ("_audio.hdf5", ".pyjama"):
        shutil.copy(corpus / f"polyphony{ending}", f"renamed/other{ending}")
    assert evaluated("renamed", cache, capsys) == (["01.wav"], "")
    synthesise_polyphony("more", n_clips=2, seconds=2.0, seed=2, stems=False)
    note = "note: 'polyphony' has other recordings than 'run' was trained on; all of them are evaluated\n"
    assert evaluated("more", cache, capsys) == (["01.wav", "02.wav"], note)
    assert evaluated("more", cache, capsys, "--split", "all") == (
        ["01.wav", "02.wav"],
        "",
    )


def test_an_old_run_knows_its_corpus_by_name(
    run: Path, corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(run, lambda settings: settings.pop("fingerprint"))
    assert evaluated(corpus, cache, capsys) == (["01.wav"], "")
    change(run, lambda settings: settings.update(corpus="another"))
    assert evaluated(corpus, cache, capsys) == (["01.wav", "02.wav", "03.wav"], "")


def test_the_fingerprint_is_of_the_recordings(corpus: Path, tmp_path: Path) -> None:
    own = Corpus.open(corpus).fingerprint
    faster = tmp_path / "faster"
    store = AudioStore(corpus / "polyphony_audio.hdf5")
    audio = [
        (key, np.repeat(store.read(key), 2), 2 * store.sr_hz(key))
        for key in store.keys()
    ]
    write_audio(faster / "polyphony_audio.hdf5", audio)
    shutil.copy(corpus / "polyphony.pyjama", faster)
    assert Corpus.open(faster).fingerprint == own
    write_audio(
        faster / "polyphony_audio.hdf5",
        [(key, np.tile(wave, 2), sr_hz) for key, wave, sr_hz in audio],
    )
    assert Corpus.open(faster).fingerprint != own


def test_a_side_without_tracks(
    run: Path, cache: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(run, lambda settings: settings.update(fingerprint="another"))
    assert (
        main(
            [
                "evaluate",
                "run",
                "--data",
                str(corpus),
                "--cache",
                cache,
                "--split",
                "valid",
            ]
        )
        == 1
    )
    assert capsys.readouterr().err == (
        "the valid side of 'polyphony' is empty for the run 'run'\n  help: choose another --split, or all     [E443]\n"
    )


def test_folds_are_found_by_number(tmp_path: Path) -> None:
    for number in (0, 2, 10, 11):
        (tmp_path / f"fold{number}").mkdir()
        (tmp_path / f"fold{number}" / "graph.yaml").touch()
    assert [run.path.name for run in find_runs(tmp_path)] == [
        "fold0",
        "fold2",
        "fold10",
        "fold11",
    ]


@pytest.fixture
def with_split(tmp_path: Path) -> Path:
    """A corpus that says itself how it is split."""
    entries = [
        Entry(
            {
                "filepath": (Atom(key),),
                "split": (Atom(side),),
                "f0": (Atom([69.0] * 9, [0.1 * i for i in range(9)]),),
            }
        )
        for key, side in (("a.wav", "train"), ("b.wav", "valid"))
    ]
    text = Definition("global", "text")
    definitions = {
        "filepath": text,
        "split": text,
        "f0": Definition("breakpoint", "numeric"),
    }
    write_audio(
        tmp_path / "c_audio.hdf5",
        [(key, np.zeros(22050, np.float32), 22050) for key in ("a.wav", "b.wav")],
    )
    Pyjama(definitions, entries).save(tmp_path / "c.pyjama")
    return tmp_path


@pytest.mark.parametrize("fold", ["0", "all"])
def test_a_corpus_with_its_own_split_has_no_folds(
    fold: str, with_split: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--fold", fold, "--set", "dataset.split=annotation"]
    assert train(with_split, with_split / "run", cache, *words) == 1
    assert capsys.readouterr().err == (
        f"fold {fold}: the corpus itself stores its split, and dataset.split is 'annotation'\n"
        "  help: leave the fold out, or set dataset.split=folds     [E441]\n"
    )


def test_a_fold_that_does_not_exist(
    corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(corpus, "x", cache, "--fold", "3") == 1
    assert capsys.readouterr().err == (
        "fold: expected a number from 0 to 2, all or none, got '3'\n"
        "  help: the section dataset sets the number of folds     [E441]\n"
    )


def test_a_bad_annotation_is_told_before_features_are_computed(
    with_split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, unused = with_split / "c.pyjama", tmp_path / "cache"
    path.write_text(path.read_text().replace("[69.0,", "[440.0,", 1))
    assert (
        train(
            with_split,
            with_split / "run",
            str(unused),
            "--set",
            "dataset.split=annotation",
        )
        == 1
    )
    assert "'f0' of 'a.wav' holds 440.0" in capsys.readouterr().err
    assert not unused.exists()


@pytest.mark.usefixtures("run")
def test_failures_are_counted_apart(
    corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(corpus, "bad")
    with h5py.File("bad/polyphony_audio.hdf5", "r+") as file:
        file["02.wav"][7] = np.nan
    capsys.readouterr()
    words = [
        "evaluate",
        "run",
        "--data",
        "bad",
        "--cache",
        cache,
        "--split",
        "all",
        "--jobs",
        "1",
    ]
    assert main(words) == 1
    assert capsys.readouterr().out.startswith(
        "features: 2 done, 1 failed\nevaluating run: 2 done\n"
    )


def test_a_training_interrupted_in_its_evaluation_is_evaluated_by_resume(
    trained: Path,
    corpus: Path,
    cache: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MultiPitch, "evaluate", stop)
        assert train(corpus, out, cache) == 130
    assert (
        f"the training in '{out}' has ended; the same command with --resume evaluates it\n"
        in capsys.readouterr().out
    )
    assert train(corpus, out, cache) == 1
    assert capsys.readouterr().err == (
        f"'{out}' holds a finished training that was never evaluated\n"
        "  help: evaluate it with --resume, or choose another folder     [E603]\n"
    )
    assert train(corpus, out, cache, "--resume") == 0
    settings, expected = (
        json.loads((path / "settings.json").read_text()) for path in (out, trained)
    )
    for name in ("tracks", "tuned", "best_step", "stopped", "fingerprint"):
        assert settings[name] == expected[name]
    for name in ("weights.safetensors", "report.html"):
        assert (out / name).exists()
    assert train(corpus, out, cache) == 1
    assert capsys.readouterr().err == (
        f"'{out}' already holds a finished training of 2 steps\n"
        "  help: choose another folder, or delete this one first     [E602]\n"
    )


def test_a_training_that_was_interrupted_early_is_listed_with_its_step(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    """Metrics have a line for every ten steps: a run that was stopped before the first of them showed step 0."""
    out = tmp_path / "run"
    step = Training._step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "_step", lambda *given: step(*given) or True)
        train(corpus, out, cache)
    (row,) = list_runs(out)
    assert (row.state, row.step, row.steps) == ("unfinished", 1, 2)
    assert train(corpus, out, cache, "--resume") == 0
    (row,) = list_runs(out)
    assert (row.state, row.step) == ("finished", 2)
    assert "step" not in json.loads((out / "settings.json").read_text())


def test_resume_with_another_corpus_under_the_name(
    run: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesise_polyphony("more", n_clips=3, seconds=2.0, seed=2, stems=False)
    assert train(Path("more"), run, cache, "--resume") == 1
    assert capsys.readouterr().err == (
        "'run' holds another training, which cannot go on with these settings\n"
        "  corpus  other recordings than in the run\n"
        "  help: give what it was started with, or another folder for the run     [E608]\n"
    )


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("command", ["train", "demo"])
def test_a_folder_that_may_not_be_entered(
    command: str,
    corpus: Path,
    cache: str,
    unprivileged: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("locked").mkdir(0o700)
    shutil.copytree(corpus, "data")
    Path("data").chmod(0o755)
    Path("g.yaml").write_text(GRAPH.read_text())
    words = ["g.yaml", "--data", "data", *QUICK] if command == "train" else []
    with unprivileged():
        assert main([command, *words, "--out", "locked/run", "--cache", cache]) == 1
    message = capsys.readouterr().err
    assert "Permission denied" in message
    assert message.endswith("[E601]\n" if command == "train" else "[E409]\n")
