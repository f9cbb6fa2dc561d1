"""train, evaluate, predict, demo: the whole way from a folder of audio to figures, and what bad input does to it."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import h5py
import mir_eval
import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.commands.screen import console, table_of
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.tasks.base import Evaluation

GRAPH = Path(mb.__file__).parent / "graphs" / "mpe_small.yaml"
QUICK = [
    "--set",
    "train.steps=6",
    "--set",
    "train.validate_every=3",
    "--set",
    "train.batch_size=2",
]
QUICK += ["--set", "dataset.folds=3", "--set", "task.patch_frames=48", "--jobs", "1"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=4, seconds=4.0, seed=1)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def run(corpus: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert (
        main(
            [
                "train",
                str(GRAPH),
                "--data",
                str(corpus),
                "--out",
                str(out),
                "--cache",
                cache,
                *QUICK,
            ]
        )
        == 0
    )
    return out


def train(data: Path, out: Path, cache: str, *more: str) -> int:
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


def test_a_run_holds_what_the_design_says(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "graph.yaml",
        "resolved.yaml",
        "weights.safetensors",
        "state.pt",
        "metrics.jsonl",
        "report.html",
    }
    assert (run / "graph.yaml").read_text() == GRAPH.read_text()
    assert "steps: 6" in (run / "resolved.yaml").read_text()


def test_report_stands_alone(run: Path) -> None:
    html = (run / "report.html").read_text()
    assert "mirbricks train" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "<svg" in html


def test_evaluate_prints_one_object(
    run: Path, corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert (
        main(["evaluate", str(run), "--data", str(corpus), "--cache", cache, "--json"])
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"task", "data", "n_tracks", "side", "figures", "tracks"}
    assert (result["task"], result["data"], result["n_tracks"]) == (
        "multi_pitch",
        "polyphony",
        len(result["tracks"]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = [np.array([440.0])]
        names = set(mir_eval.multipitch.evaluate(np.zeros(1), one, np.zeros(1), one))
    # The calibration error is one of all tracks together.
    assert set(result["figures"]) == {*names, "frame_ece"}
    assert len(names) == 14
    settings = json.loads((run / "settings.json").read_text())
    assert result["tracks"].keys() == settings["tracks"].keys()
    for key, track in result["tracks"].items():
        trained = settings["tracks"][key]
        # Sums of float32, whose last bits may differ once a model has been loaded.
        sums = np.array(
            [track.pop("frame_reliability"), trained.pop("frame_reliability")]
        )
        np.testing.assert_allclose(sums[0], sums[1], rtol=1e-5)
        assert track == trained
    for name in names:
        assert result["figures"][name] == pytest.approx(
            np.mean([t[name] for t in result["tracks"].values()])
        )


def test_the_test_side_is_evaluated_and_never_trained_on(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    split = settings["split"]
    assert settings["evaluated_on"] == "test"
    assert {Path(key).stem for key in settings["tracks"]} == {
        name.removesuffix(".wav") for name in split["test"]
    }
    assert not set(split["test"]) & (set(split["train"]) | set(split["valid"]))


def test_evaluate_all_takes_everything(
    run: Path, corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "evaluate",
                str(run),
                "--data",
                str(corpus),
                "--cache",
                cache,
                "--split",
                "all",
                "--markdown",
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.count("\n| 0") == 4


def test_all_folds_are_trained_and_evaluated_together(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(corpus, tmp_path / "cv", cache, "--fold", "all") == 0
    assert sorted(path.name for path in (tmp_path / "cv").iterdir()) == [
        "fold0",
        "fold1",
        "fold2",
    ]
    capsys.readouterr()
    assert (
        main(
            [
                "evaluate",
                str(tmp_path / "cv"),
                "--data",
                str(corpus),
                "--cache",
                cache,
                "--json",
            ]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["n_tracks"] == 4


def test_predict_writes_what_mir_eval_loads(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    time_s = np.arange(3 * 32000) / 32000
    for name in ("tone.wav", "tone.flac", "other.ogg", "mp3.mp3"):
        stereo = 0.3 * np.sin(2 * np.pi * np.array([220.0, 330.0]) * time_s[:, None])
        soundfile.write(tmp_path / name, stereo, 32000)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF no audio")
    audio = [
        str(tmp_path / name)
        for name in ("tone.wav", "broken.wav", "tone.flac", "other.ogg", "mp3.mp3")
    ]
    assert main(["predict", str(run), *audio, "--out", str(tmp_path / "out")]) == 1
    output = capsys.readouterr()
    assert str(broken) in output.err
    assert "1 of 5 files" in output.err
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {
        f"{n}{e}"
        for n in ("tone.wav", "tone.flac", "other", "mp3")
        for e in (".f0.txt", ".notes.csv", ".png")
    }
    times, pitches = mir_eval.io.load_ragged_time_series(
        str(tmp_path / "out" / "tone.wav.f0.txt")
    )
    assert len(times) == len(pitches) > 100
    assert (
        (tmp_path / "out" / "other.notes.csv")
        .read_text()
        .startswith("onset_s,duration_s,midi,velocity,confidence\n")
    )


def test_unusable_recordings_are_named_and_the_rest_goes_on(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(corpus, bad)
    with h5py.File(bad / "polyphony_audio.hdf5", "r+") as file:
        file["01-alto.wav"][7] = np.nan
    assert train(bad, tmp_path / "run", cache) == 1
    assert "01-alto.wav" in capsys.readouterr().err
    assert (tmp_path / "run" / "report.html").exists()


def cut(folder: Path) -> None:
    path = folder / "polyphony_audio.hdf5"
    path.write_bytes(path.read_bytes()[:5000])


def forget(folder: Path) -> None:
    with h5py.File(folder / "polyphony_audio.hdf5", "r+") as file:
        del file["02.wav"]


def hurry(folder: Path) -> None:
    with h5py.File(folder / "polyphony_audio.hdf5", "r+") as file:
        file["02.wav"].attrs["sr_hz"] = 44100


def rename(folder: Path) -> None:
    path = folder / "polyphony.pyjama"
    path.write_text(path.read_text().replace('"f0multi":[', '"f0mutli":['))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "polyphony_audio.hdf5").unlink(), ["E410"]),
        (cut, ["polyphony_audio.hdf5", "E401"]),
        (forget, ["02.wav", "E411"]),
        (hurry, ["02.wav", "E412"]),
        (rename, ["f0mutli", "f0multi"]),
    ],
    ids=["missing", "corrupt", "key in one file", "wrong rate", "unknown annotation"],
)
def test_a_bad_corpus_gives_one_message_and_leaves_nothing(  # type: ignore[no-untyped-def]
    spoil,
    words: list[str],
    corpus: Path,
    cache: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(corpus, bad)
    spoil(bad)
    assert train(bad, tmp_path / "run", cache) == 1
    message = capsys.readouterr().err
    assert "Traceback" not in message
    for word in words:
        assert word in message
    assert not (tmp_path / "run").exists()


def test_a_graph_that_does_not_fit_the_task_is_told_before_data_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = tmp_path / "graph.yaml"
    graph.write_text(
        "input: B C=5 F=360 T\nlayers: [ReLU]\nfeature: {type: hcqt}\ntask: {type: multi_pitch}\n"
    )
    assert (
        main(
            [
                "train",
                str(graph),
                "--data",
                str(tmp_path / "nowhere"),
                "--out",
                str(tmp_path / "run"),
            ]
        )
        == 1
    )
    message = capsys.readouterr().err
    assert "nowhere" not in message
    assert f"{graph}:1:8" in message


def test_all_mistakes_of_the_sections_come_in_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = tmp_path / "graph.yaml"
    text = "input: B C=6 F=360 T\nlayers: [ReLU]\nfeature: {scale: dB}\ntask: {type: multi_pich}\ntrain: {lr: fast}\n"
    graph.write_text(text)
    assert (
        main(["train", str(graph), "--data", "nowhere", "--out", str(tmp_path / "run")])
        == 1
    )
    message = capsys.readouterr().err
    assert [f"{graph}:{line}:" in message for line in (3, 4, 5)] == [True, True, True]
    assert "did you mean 'multi_pitch'?" in message


def test_a_finished_run_is_not_overwritten(
    run: Path, corpus: Path, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "weights.safetensors").read_bytes()
    assert train(corpus, run, cache) == 1
    assert "[E602]" in capsys.readouterr().err
    assert (run / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (["--fold", "1"], "fold"),
        (["--set", "feature.scale=linear"], "feature.scale  db in the run, linear now"),
        (
            ["--set", "task.positive_weight=9"],
            "task.positive_weight  1.0 in the run, 9.0 now",
        ),
    ],
)
def test_resume_goes_on_with_the_same_experiment_only(
    changed: list[str],
    what: str,
    run: Path,
    corpus: Path,
    cache: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(corpus, run, cache, "--resume", *changed) == 1
    message = capsys.readouterr().err
    assert "[E608]" in message
    assert f"\n  {what}" in message


def test_demo_leaves_a_folder_of_the_users_alone(
    corpus: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "graph.yaml").write_text("mine")
    assert (
        main(
            [
                "demo",
                "--data",
                str(corpus),
                "--out",
                str(tmp_path / "thesis"),
                "--cache",
                cache,
                *QUICK,
            ]
        )
        == 1
    )
    assert "[E601]" in capsys.readouterr().err
    assert (tmp_path / "thesis" / "graph.yaml").read_text() == "mine"


def test_what_would_stop_a_training_is_told_before_features_are_computed(
    run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unused = tmp_path / "cache"
    assert train(corpus, tmp_path / "run", str(unused), "--set", "dataset.folds=9") == 1
    assert "[E440]" in capsys.readouterr().err
    assert train(corpus, run, str(unused)) == 1
    assert "[E602]" in capsys.readouterr().err
    assert not unused.exists()


def test_folds_together_score_each_track_once(
    run: Path,
    corpus: Path,
    cache: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("fold0", "fold1"):
        shutil.copytree(run, tmp_path / "cv" / name)
    (tmp_path / "cv" / "fold_notes.txt").write_text("mine")
    assert (
        main(
            ["evaluate", str(tmp_path / "cv"), "--data", str(corpus), "--cache", cache]
        )
        == 1
    )
    key = next(iter(json.loads((run / "settings.json").read_text())["tracks"]))
    assert capsys.readouterr().err == (
        f"several folds would evaluate '{key}': together each evaluates only its own test pieces\n"
        f"  help: evaluate one of them, such as '{tmp_path / 'cv' / 'fold1'}'     [E442]\n"
    )


@pytest.mark.parametrize("section", ["train", "feature", "task"])
def test_a_section_that_is_no_mapping_is_told(
    section: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "train",
                str(GRAPH),
                "--data",
                str(corpus),
                "--out",
                "x",
                "--set",
                f"{section}=0",
            ]
        )
        == 1
    )
    assert "--set" in capsys.readouterr().err


def test_names_with_brackets_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console().print(
        table_of(
            "[/x]",
            Evaluation({"Accuracy": 1.0}, {"Song [live].wav": {"Accuracy": 1.0}}),
            ("Accuracy",),
        )
    )
    output = capsys.readouterr().out
    assert "Song [live].wav" in output
    assert "[/x]" in output


def test_a_folder_that_is_no_run_is_told(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tmp_path), "--data", str(corpus)]) == 1
    assert "[E600]" in capsys.readouterr().err


def test_demo_makes_its_own_data_and_can_be_repeated(
    tmp_path: Path, cache: str
) -> None:
    words = [
        "demo",
        "--out",
        str(tmp_path / "demo"),
        "--cache",
        cache,
        "--jobs",
        "1",
        *QUICK[:-2],
    ]
    assert main(words) == 0
    assert main(words) == 0
    assert (tmp_path / "demo" / "report.html").exists()
    assert (tmp_path / "demo-data" / "polyphony.pyjama").exists()
