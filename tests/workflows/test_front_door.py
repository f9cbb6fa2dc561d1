"""The front door in Python gives what the commands give: the same numbers, the same files."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import MirbricksError

QUICK = {
    "train.steps": 4,
    "train.validate_every": 2,
    "train.batch_size": 2,
    "dataset.folds": 3,
    "task.patch_frames": 48,
}
SETS = [word for key, value in QUICK.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=4, seconds=4.0, seed=1)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def runs(
    corpus: Path, cache: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, mb.TrainedRun]:
    """The same training by the command and by the function."""
    folder = tmp_path_factory.mktemp("runs")
    words = ["train", "mpe_small", "--data", str(corpus), "--cache", cache]
    assert main([*words, "--out", str(folder / "shell"), "--jobs", "1", *SETS]) == 0
    run = mb.train(
        "mpe_small",
        corpus,
        folder / "python",
        set=QUICK,
        cache=cache,
        jobs=1,
        progress=False,
    )
    return folder / "shell", run


def test_train(runs: tuple[Path, mb.TrainedRun]) -> None:
    shell, run = runs
    for name in ("graph.yaml", "resolved.yaml"):
        assert (shell / name).read_bytes() == (run.path / name).read_bytes()
    weights = mb.load(shell).module.state_dict()
    for name, weight in run.load().module.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    told, own = (
        json.loads((folder / "settings.json").read_text())
        for folder in (shell, run.path)
    )
    for key in ("figures", "tracks", "tuned", "split", "overrides", "fingerprint"):
        assert told[key] == own[key]
    assert own["figures"] == run.figures
    assert sorted(path.name for path in shell.iterdir()) == sorted(
        path.name for path in run.path.iterdir()
    )
    assert run.stopped == "finished"
    assert [step for step, _ in run.curves["valid.Accuracy"]] == [2, 4]
    assert run.curves["loss"][-1][0] == 4
    assert f"Accuracy {run.figures['Accuracy']:.3f}" in repr(run)


def test_what_python_did_can_be_done_again_in_the_shell(
    runs: tuple[Path, mb.TrainedRun],
) -> None:
    command = json.loads((runs[1].path / "settings.json").read_text())["command"]
    assert command.startswith("mirbricks train mpe_small --data ")
    assert "--set train.steps=4" in command


def test_evaluate(
    runs: tuple[Path, mb.TrainedRun],
    corpus: Path,
    cache: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--data", str(corpus), "--cache", cache, "--jobs", "1", "--json"]
    capsys.readouterr()
    assert main(["evaluate", str(runs[0]), *words]) == 0
    printed = json.loads(capsys.readouterr().out)
    found = mb.evaluate(runs[0], corpus, cache=cache, jobs=1, progress=False)
    assert found.figures == printed["figures"]
    assert found.tracks == printed["tracks"]
    model = runs[1].load()
    of_model = model.evaluate(corpus, cache=cache, jobs=1, progress=False)
    assert of_model.figures == printed["figures"]
    assert capsys.readouterr().out == "", "nothing is printed with progress=False"


def test_a_model_is_judged_with_the_weights_it_has_now(
    runs: tuple[Path, mb.TrainedRun], corpus: Path, cache: str
) -> None:
    model = runs[1].load()
    before = model.evaluate(corpus, cache=cache, jobs=1, progress=False).tracks
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.zero_()
    after = model.evaluate(corpus, cache=cache, jobs=1, progress=False).tracks
    assert after != before


def test_predict_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    wave, sr_hz = mb.Corpus.open(corpus)["01.wav"].read()
    soundfile.write("song.wav", np.stack([wave, 0.3 * wave], axis=1), sr_hz)
    assert main(["predict", "zoo:mpe_bach10", "song.wav", "--out", "shell"]) == 0
    heard = mb.load("zoo:mpe_bach10").predict("song.wav")
    assert heard.title == "song"
    heard.save("python")
    assert sorted(Path("python").iterdir()) == sorted(
        Path("python") / path.name for path in Path("shell").iterdir()
    )
    for path in Path("python").iterdir():
        assert path.read_bytes() == (Path("shell") / path.name).read_bytes()
    assert {path.suffix for path in Path("shell").iterdir()} == {".txt", ".csv", ".png"}


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["array", "tensor", "float64"])
def test_samples_in_memory_are_heard_as_the_same_samples_in_a_file(
    tmp_path: Path, rate_hz: int, channels: int, kind: str
) -> None:
    rng = np.random.default_rng(rate_hz)
    wave = (0.1 * rng.standard_normal((channels, rate_hz))).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave.T, rate_hz, subtype="FLOAT")
    model = mb.load("zoo:mpe_bach10")
    given = wave[0] if channels == 1 else wave
    if kind == "tensor":
        given = torch.from_numpy(given)
    elif kind == "float64":
        given = given.astype(np.float64)
    of_file = model.predict(tmp_path / "a.wav")
    of_samples = model.predict(given, sr_hz=rate_hz)
    assert np.array_equal(of_file.salience, of_samples.salience)


@pytest.mark.parametrize(
    ("wave", "sr_hz", "what"),
    [
        (np.zeros(8000, np.float32), None, "samples without a sample rate"),
        (np.zeros(8000, np.int16), 8000, "samples of type int16"),
        (np.zeros((8000, 2), np.float32), 8000, "8000 channels of 2 samples"),
        (np.zeros((2, 3, 4), np.float32), 8000, "an array of shape (2, 3, 4)"),
        (np.zeros(0, np.float32), 8000, "an array of shape (0,)"),
        (None, 8000, "None"),
        ({}, 8000, "of type dict"),
        (np.zeros(8000, bool), 8000, "samples of type bool"),
        (np.zeros(8000, np.float32), "8000", "a sample rate of '8000'"),
        ([np.zeros(8000, np.float32)], None, "samples without a sample rate"),
        ([0.1, 0.2], 8000, "a number"),
        (np.full(8000, np.nan, np.float32), 8000, "samples that are NaN or infinite"),
        (np.zeros(8000, np.float32), 0, "a sample rate of 0"),
        (np.zeros(8000, np.float32), 44100.5, "a sample rate of 44100.5"),
        (np.zeros(8000, np.float32), True, "a sample rate of True"),
    ],
)
def test_what_is_not_a_recording_is_refused(wave: Any, sr_hz: Any, what: str) -> None:
    with pytest.raises(MirbricksError) as caught:
        mb.load("zoo:mpe_bach10").predict(wave, sr_hz=sr_hz)
    assert str(caught.value).startswith(f"a recording cannot be {what}\n  help: ")
    assert str(caught.value).endswith("[E436]")


def test_a_folder_and_a_list_cost_what_is_bad_itself_only(tmp_path: Path) -> None:
    tone = 0.1 * np.sin(np.arange(22050) / 10).astype(np.float32)
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, tone, 22050)
    (tmp_path / "broken.mp3").write_bytes(b"not audio")
    (tmp_path / "notes.txt").write_text("not audio either")
    model = mb.load("zoo:mpe_bach10")
    with pytest.warns(UserWarning, match=r"broken.mp3"):
        found = list(model.predict(tmp_path))
    assert [one.title for one in found] == ["a", "b"]
    several = model.predict([tone, tmp_path / "a.wav"], sr_hz=22050)
    assert [one.title for one in several] == ["1", "a"]
    (tmp_path / "none").mkdir()
    with pytest.raises(MirbricksError, match="no audio file"):
        next(iter(model.predict(tmp_path / "none")))


def test_random_weights_are_never_taken_for_trained_ones(
    runs: tuple[Path, mb.TrainedRun],
) -> None:
    for trained in ("zoo:mpe_bach10", runs[0]):
        with pytest.raises(MirbricksError, match=r"mirbricks\.load"):
            mb.compile_graph(trained)
    loaded = mb.load(runs[0]).module.state_dict()
    again = mb.load(str(runs[0])).module.state_dict()
    assert all(torch.equal(loaded[name], again[name]) for name in loaded)


def test_start_from_takes_the_weights_that_fit(
    runs: tuple[Path, mb.TrainedRun], corpus: Path, cache: str, tmp_path: Path
) -> None:
    with pytest.warns(UserWarning, match=r"weights of .*: \d+ nodes taken"):
        run = mb.train(
            "mpe_small",
            corpus,
            tmp_path / "next",
            set={**QUICK, "train.lr": 1e-12, "train.warmup_steps": 0},
            start_from=runs[0],
            cache=cache,
            jobs=1,
            progress=False,
        )
    begun = mb.load(runs[0]).module.state_dict()
    ended = run.load().module.state_dict()
    for name, weight in mb.load(runs[0]).module.named_parameters():
        assert torch.allclose(begun[name], ended[name], atol=1e-6), (name, weight.shape)


def test_all_folds(corpus: Path, cache: str, tmp_path: Path) -> None:
    run = mb.train(
        "mpe_small",
        corpus,
        tmp_path / "cv",
        fold="all",
        set={**QUICK, "train.steps": 2},
        cache=cache,
        jobs=1,
        progress=False,
    )
    assert [one.path.name for one in run.folds] == ["fold0", "fold1", "fold2"]
    found = mb.evaluate(run.path, corpus, cache=cache, jobs=1, progress=False)
    # Confidences are sums of float32, whose last bits may differ once a model has been loaded.
    approximate = {"frame_ece": pytest.approx(run.figures["frame_ece"], rel=1e-5)}
    assert found.figures == {**run.figures, **approximate}
    assert len(found.tracks) == 4
    with pytest.raises(MirbricksError, match="3 folds, each a run of its own"):
        run.load()
    assert len(mb.open_run(run.path).folds) == 3


def test_the_graph_file_is_read_once(
    corpus: Path, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edited while the first fold trains, it changes neither the other folds nor what the runs keep of it."""
    graph = tmp_path / "g.yaml"
    text = (Path(mb.__file__).parent / "graphs" / "mpe_small.yaml").read_text()
    graph.write_text(text)
    from mirbricks.workflows import train as workflow

    fit = workflow.fit

    def edits(*arguments, **keywords):
        graph.write_text("name: another")
        return fit(*arguments, **keywords)

    monkeypatch.setattr(workflow, "fit", edits)
    run = mb.train(
        graph,
        corpus,
        tmp_path / "cv",
        fold="all",
        set={**QUICK, "train.steps": 2},
        cache=cache,
        jobs=1,
        progress=False,
    )
    for one in run.folds:
        assert (one.path / "graph.yaml").read_text() == text


@pytest.mark.parametrize(
    "module",
    [
        "workflows.model",
        "workflows.trained_run",
        "workflows.extract",
        "workflows.listing",
        "workflows.judgement",
        "workflows.embeddings.naming",
    ],
)
def test_examples_of_docstrings(
    module: str,
    runs: tuple[Path, mb.TrainedRun],
    corpus: Path,
    cache: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBRICKS_CACHE", cache)
    Path("clips").symlink_to(corpus)
    Path("trained").symlink_to(runs[1].path)
    found = doctest.testmod(importlib.import_module(f"mirbricks.{module}"))
    assert found.attempted
    assert not found.failed


def test_every_public_name_has_a_docstring_that_says_what_it_takes() -> None:
    for name in dir(mb):
        one = getattr(mb, name)
        if callable(one):
            assert one.__doc__, name
    for name in ("load", "train", "evaluate", "judge"):
        text = getattr(mb, name).__doc__
        for part in ("Parameters", "Returns", "Raises"):
            assert f"{part}\n    {'-' * len(part)}" in text, name


def test_dir_is_all() -> None:
    assert dir(mb) == sorted(mb.__all__)
    assert mb.tasks.__name__ == "mirbricks.tasks"


def test_channels_that_cancel_each_other_are_reported() -> None:
    wave = 0.1 * np.sin(np.arange(22050) / 10).astype(np.float32)
    with pytest.warns(UserWarning, match="these samples cancel each other"):
        mb.load("zoo:mpe_bach10").predict(np.stack([wave, -wave]), sr_hz=22050)


def test_figures_as_a_frame() -> None:
    tracks = {"a": {"x": 0.5, "list": [1]}, "b": {"x": 0.25, "list": [2]}}
    evaluation = mb.Evaluation({"x": 0.375}, tracks)
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(MirbricksError, match="pip install pandas"):
            evaluation.to_frame()
        return
    frame = evaluation.to_frame()
    assert list(frame.columns) == ["x"]
    assert frame["x"].to_dict() == {"a": 0.5, "b": 0.25}


def test_models_are_found_with_the_prefix_and_without() -> None:
    expected = ["zoo:mpe_bach10", "zoo:mpe_maps"]
    for pattern in ("mpe*", "MPE*", "zoo:mpe*", "*mpe*"):
        assert mb.list_models(pattern) == expected, pattern
    assert mb.list_models("mpe_small") == []


def test_recordings_of_a_corpus_and_pairs_of_samples_and_rate(corpus: Path) -> None:
    opened = mb.Corpus.open(corpus)
    wave, sr_hz = opened["01.wav"].read()
    model = mb.load("zoo:mpe_bach10")
    expected = model.predict(wave, sr_hz=sr_hz).salience
    pair = opened["01.wav"].read()
    for given in (pair, opened["01.wav"]):
        assert np.array_equal(model.predict(given).salience, expected)
    several = list(model.predict([pair, opened["01.wav"]]))
    assert [one.title for one in several] == ["1", "01"]
    assert all(np.array_equal(one.salience, expected) for one in several)


def test_a_bad_one_of_a_list_is_named(corpus: Path, tmp_path: Path) -> None:
    wave, sr_hz = mb.Corpus.open(corpus)["01.wav"].read()
    cube = np.zeros((1, 2, 3), np.float32)
    with pytest.warns(UserWarning, match="E436") as caught:
        found = list(mb.load("zoo:mpe_bach10").predict([cube, wave, cube], sr_hz=sr_hz))
    assert [one.title for one in found] == ["2"]
    told = [str(one.message) for one in caught if "E436" in str(one.message)]
    assert [text[:3] for text in told] == ["'1'", "'3'"]
    paths = [one.save(tmp_path) for one in [*found, *found]]
    assert paths[0] == paths[1]


def test_names_with_dots_are_whole_and_names_with_folders_refused(
    corpus: Path, tmp_path: Path
) -> None:
    wave, sr_hz = mb.Corpus.open(corpus)["01.wav"].read()
    soundfile.write(tmp_path / "Op. 12 No. 3.wav", wave, sr_hz)
    heard = mb.load("zoo:mpe_bach10").predict(tmp_path / "Op. 12 No. 3.wav")
    names = {path.name for path in heard.save(tmp_path / "found")}
    assert "Op. 12 No. 3.f0.txt" in names
    with pytest.raises(MirbricksError, match="not the name of a file"):
        heard.save(tmp_path / "found", "../evil")
    with pytest.raises(MirbricksError, match="another sample rate than its own"):
        mb.load("zoo:mpe_bach10").predict(tmp_path / "Op. 12 No. 3.wav", sr_hz=8000)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("load", {"source": None}),
    ("load", {"source": 3}),
    ("load", {"source": ""}),
    ("evaluate", {"run": None, "data": "x"}),
    ("evaluate", {"run": "zoo:mpe_bach10", "data": []}),
    ("evaluate", {"run": "zoo:mpe_bach10", "data": "x", "jobs": "2"}),
    ("evaluate", {"run": "zoo:mpe_bach10", "data": "x", "set": "task.a=1"}),
    ("open_run", {"path": 3}),
    ("train", {"graph": {}, "data": "x", "out": "y"}),
    ("train", {"graph": "mpe_small", "data": None, "out": "y"}),
    ("train", {"graph": "mpe_small", "data": "x", "out": None}),
    ("train", {"graph": "mpe_small", "data": "x", "out": "y", "resume": "no"}),
    ("train", {"graph": "mpe_small", "data": "x", "out": "y", "jobs": 0}),
    ("train", {"graph": "mpe_small", "data": "x", "out": "y", "progress": 1}),
    ("train", {"graph": "mpe_small", "data": "x", "out": "y", "set": {"a": object()}}),
]


@pytest.mark.parametrize(("name", "given"), WRONG)
def test_what_is_not_a_path_or_a_setting_is_one_message(
    name: str, given: dict[str, Any]
) -> None:
    with pytest.raises(MirbricksError) as caught:
        getattr(mb, name)(**given)
    assert "expected" in str(caught.value)
    assert str(caught.value).endswith("[E437]")


def test_numbers_of_numpy_are_settings(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    numbers = {"train.lr": np.float32(1e-3), "train.steps": np.int64(2)}
    run = mb.train(
        "mpe_small",
        mb.Corpus.open(corpus),
        tmp_path / "run",
        set={**QUICK, **numbers},
        cache=cache,
        jobs=1,
        progress=False,
    )
    assert run.stopped == "finished"


def test_start_from_is_refused_where_it_would_be_ignored_or_hardly_fits(
    runs: tuple[Path, mb.TrainedRun], corpus: Path, tmp_path: Path
) -> None:
    words: dict[str, Any] = {"set": QUICK, "jobs": 1, "progress": False}
    with pytest.raises(MirbricksError, match="goes on with its own weights"):
        mb.train("mpe_small", corpus, runs[0], start_from=runs[1], resume=True, **words)
    with pytest.raises(MirbricksError, match="they are other models"):
        mb.train(
            "mpe_small", corpus, tmp_path / "a", start_from="zoo:tagging_esc10", **words
        )
    assert not (tmp_path / "a").exists()


def test_a_trained_model_as_a_graph_is_said_to_begin_at_random(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    with pytest.warns(UserWarning, match="its weights are drawn at random"):
        mb.train(
            "zoo:mpe_bach10",
            corpus,
            tmp_path / "a",
            set={**QUICK, "train.steps": 1},
            cache=cache,
            jobs=1,
            progress=False,
        )
