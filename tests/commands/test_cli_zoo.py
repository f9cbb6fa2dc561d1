"""Packed models and the zoo: they evaluate and predict as the run they came from, wherever a run may stand."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from ruamel.yaml import YAML

import mirbricks as mb
from mirbricks import zoo
from mirbricks.cli import main
from mirbricks.commands.command_line import command_parser
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.tagging import Tagging
from mirbricks.workflows.loading import load_run
from mirbricks.workflows.pack import without_paths
from mirbricks.zoo.corpora import ORIGINS, SYNTHETIC, UNKNOWN, origin_of

GRAPH = """\
name: toy_tags
input: B F=16 T=8
layers:
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - ReLU
  - Mean: {dim: 2}
  - Linear: {name: head, out_features: 3}
feature: {type: logmel, n_mels: 16, sr_hz: 8000, n_fft: 256, hop_length: 128}
task: {type: tagging, labels: one, annotation: kind, patch_frames: 8}
dataset: {split: stored_folds}
train: {steps: 4, validate_every: 2, batch_size: 4, lr: 0.01}
"""
TAGGING = Path(mb.__file__).parent / "graphs" / "tagging_small.yaml"
KINDS = ("hiss", "low", "high")


def write_corpus(
    folder: Path,
    name: str = "toys",
    annotation: str = "kind",
    kinds: tuple[str, ...] = KINDS,
    folds: int = 4,
) -> Path:
    """Folds of short recordings, one of each kind."""
    noise, entries, audio = np.random.default_rng(3), [], []
    time_s = np.arange(4000) / 8000
    for fold in range(1, folds + 1):
        for kind in kinds:
            hz = {"low": 200.0, "high": 2000.0}.get(kind)
            wave = (
                np.sin(2 * np.pi * hz * time_s) if hz else noise.standard_normal(4000)
            )
            key = f"{kind}-{fold}.wav"
            audio.append((key, (0.3 * wave).astype(np.float32), 8000))
            values = {"filepath": key, annotation: kind, "fold": fold}
            entries.append(Entry({one: [Atom(value)] for one, value in values.items()}))
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        annotation: Definition("global", "text"),
    }
    definitions["fold"] = Definition("global", "numeric")
    folder.mkdir()
    write_audio(folder / f"{name}_audio.hdf5", audio)
    Pyjama(definitions, entries).save(folder / f"{name}.pyjama")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data") / "toys")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def run(corpus: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "toy.yaml").write_text(GRAPH)
    words = [
        "train",
        str(folder / "toy.yaml"),
        "--data",
        str(corpus),
        "--out",
        str(folder / "run"),
        "--jobs",
        "1",
    ]
    assert main([*words, "--cache", cache]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def shipped(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zoo of one model, `toy`."""
    folder = tmp_path_factory.mktemp("zoo")
    assert (
        main(["pack", str(run), "--out", str(folder / "toy"), "--note", "A toy."]) == 0
    )
    return folder


@pytest.fixture
def model(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(zoo, "FOLDER", shipped)
    return "zoo:toy"


Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(cache: str, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command; exit code, standard output, standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        more = ["--cache", cache, "--jobs", "1"] if words[0] == "evaluate" else []
        code = main([*words, *more])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_a_packed_model_is_three_small_files(
    shipped: Path, run: Path, tmp_path: Path
) -> None:
    folder = shipped / "toy"
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.md",
        "graph.yaml",
        "weights.safetensors",
    ]
    assert (folder / "graph.yaml").read_text() == (run / "resolved.yaml").read_text()
    card = (folder / "card.md").read_text()
    for words in (
        "# toy\n",
        "`toys`: not known",
        "fold 0; 6 train, 3 valid, 3 test groups",
        "## Limits\n\n- A toy.",
    ):
        assert words in card
    assert str(tmp_path.parents[1]) not in card + (
        folder / "weights.safetensors"
    ).read_bytes().decode("latin-1")


def test_a_card_for_a_hub_begins_with_a_header(
    run: Path, tmp_path: Path, said: Said
) -> None:
    out = tmp_path / "toy"
    code, _, _ = said("pack", str(run), "--out", str(out), "--hub", "CC-BY-4.0")
    assert code == 0
    _, header, card = (out / "card.md").read_text().split("---\n", 2)
    found = YAML(typ="safe").load(header)
    assert found["license"] == "cc-by-4.0"
    assert found["library_name"] == "mirbricks"
    assert "tagging" in found["tags"]
    assert found["datasets"] == ["toys"]
    assert found["pipeline_tag"] == "audio-classification"
    assert "accuracy" in found["metrics"]
    (model,) = found["model-index"]
    assert model["name"] == "toy"
    (result,) = model["results"]
    accuracy = {one["type"]: one["value"] for one in result["metrics"]}["accuracy"]
    settings = json.loads((run / "settings.json").read_text())
    assert accuracy == pytest.approx(settings["figures"]["accuracy"], abs=1e-6)
    # Below the header the card is what it is without one.
    assert card.startswith("\n# toy\n")
    mb.load(out)


@pytest.mark.parametrize("licence", ["a b", "x\nlicense: mit", "-x", "x" * 80])
def test_a_licence_is_a_short_name(licence: str, said: Said, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        said("pack", "run", "--out", str(tmp_path / "toy"), f"--hub={licence}")
    assert caught.value.code == 2


def test_it_evaluates_as_its_run(
    model: str, run: Path, corpus: Path, said: Said
) -> None:
    code, out, err = said(
        "evaluate", model, "--data", str(corpus), "--split", "test", "--json"
    )
    assert (code, err) == (0, "")
    assert out == said("evaluate", str(run), "--data", str(corpus), "--json")[1]


def test_without_a_split_everything_is_evaluated(
    model: str, corpus: Path, said: Said
) -> None:
    _, out, err = said("evaluate", model, "--data", str(corpus), "--json")
    found = json.loads(out)
    assert found["n_tracks"] == 12
    assert set(found) == {"task", "data", "n_tracks", "side", "figures", "tracks"}
    assert {"accuracy", "macro_recall"} <= set(found["figures"])
    assert (
        err
        == "note: 6 of these 12 recordings are of groups that the model was trained on\n"
    )


@pytest.mark.parametrize("split", ["2", "fold2"])
def test_a_stored_fold(split: str, model: str, corpus: Path, said: Said) -> None:
    _, out, _ = said(
        "evaluate", model, "--data", str(corpus), "--split", split, "--json"
    )
    assert sorted(json.loads(out)["tracks"]) == [
        "high-2.wav",
        "hiss-2.wav",
        "low-2.wav",
    ]


def test_a_fold_that_is_not_there(model: str, corpus: Path, said: Said) -> None:
    assert said("evaluate", model, "--data", str(corpus), "--split", "fold9")[::2] == (
        1,
        "'toys' has no split or fold 'fold9'\n  split  none\n  fold   1, 2, 3, 4\n"
        "  help: choose one of these, or all     [E443]\n",
    )


def test_a_side_that_is_empty(model: str, said: Said, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "more", "more", folds=5)
    code, _, err = said("evaluate", model, "--data", str(other), "--split", "test")
    assert code == 1
    assert err.startswith("the test side of 'more' is empty for the run '")
    assert err.endswith("help: choose another --split, or all     [E443]\n")


def test_labels_under_another_name_are_found_and_told(
    model: str, said: Said, tmp_path: Path
) -> None:
    other = write_corpus(tmp_path / "more", "more", annotation="sort", folds=5)
    code, out, err = said("evaluate", model, "--data", str(other), "--json")
    assert (code, json.loads(out)["n_tracks"]) == (0, 15)
    assert (
        err
        == "note: 'more' has no 'kind'; its 'sort' holds labels of the model and is used\n"
    )
    assert (
        out
        == said(
            "evaluate",
            model,
            "--data",
            str(other),
            "--json",
            "--set",
            "task.annotation=sort",
        )[1]
    )


def test_labels_that_could_be_two_annotations(
    model: str, said: Said, tmp_path: Path
) -> None:
    other = write_corpus(tmp_path / "more", "more", annotation="sort", folds=5)
    notes = Pyjama.load(other / "more.pyjama")
    copied = [
        Entry({**one.annotations, "also": one.annotations["sort"]})
        for one in notes.entries
    ]
    turned = [
        Entry({**one.annotations, "also": [Atom("low")]}) for one in notes.entries
    ]
    definitions = {**notes.definitions, "also": Definition("global", "text")}
    Pyjama(definitions, copied).save(other / "more.pyjama")
    assert (
        "its 'also' holds labels"
        in said("evaluate", model, "--data", str(other), "--json")[2]
    )
    Pyjama(definitions, turned).save(other / "more.pyjama")
    code, out, err = said("evaluate", model, "--data", str(other), "--json")
    assert (code, out) == (1, "")
    assert "none of 15 recordings has the annotation 'kind'\n" in err
    assert "'also', 'fold', 'sort'" in err


def test_labels_that_training_never_saw(model: str, said: Said, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "more", "more", kinds=("low", "hum"))
    code, out, err = said("evaluate", model, "--data", str(other), "--json")
    assert (code, out) == (1, "")
    assert err.startswith(
        "'hum-1.wav' has the label 'hum', which no recording of the training had\n"
    )
    assert "[E507]" in err


def test_a_label_without_an_example_is_told(
    model: str, said: Said, tmp_path: Path
) -> None:
    other = write_corpus(tmp_path / "more", "more", kinds=("low", "hiss"))
    code, out, err = said("evaluate", model, "--data", str(other), "--json")
    assert code == 0
    assert (
        err
        == "note: no recording has the label high; macro figures leave such labels out\n"
    )
    assert json.loads(out)["figures"]["accuracy"] == pytest.approx(
        np.mean([track["correct"] for track in json.loads(out)["tracks"].values()])
    )


def test_only_settings_of_the_task_may_change(
    model: str, corpus: Path, said: Said
) -> None:
    assert said("evaluate", model, "--data", str(corpus), "--set", "feature.n_mels=8")[
        ::2
    ] == (
        1,
        "'feature.n_mels=8' cannot be set: of a trained model only settings of the section 'task' can be changed\n"
        "  help: set task.KEY=VALUE, such as task.annotation=tags     [E607]\n",
    )


@pytest.mark.parametrize("words", ["task.balanced=true", "task.label_smoothing=0.2"])
def test_settings_that_act_in_training_only_are_refused(
    model: str, corpus: Path, said: Said, words: str
) -> None:
    """They would be accepted and change nothing."""
    field = words.removeprefix("task.").partition("=")[0]
    assert said("evaluate", model, "--data", str(corpus), "--set", words)[::2] == (
        1,
        f"'{words}' cannot be set: '{field}' acts in training only, and changes no figure of a trained model\n"
        f"  help: leave it out, or train with it: mirbricks train ... --set {words}     [E607]\n",
    )


def test_it_hears_audio(
    model: str, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write(
        "song.wav", 0.1 * np.random.default_rng(0).standard_normal(9000), 16000
    )
    code, out, err = said("predict", model, "song.wav")
    assert (code, err) == (0, "")
    answer, knows, length, *files = out.splitlines()
    assert answer.startswith("song.wav: ")
    assert knows == "  one of 3 labels; trained on 'toys'"
    assert length.startswith("  0.6 s of sound in ")
    assert files
    assert all(line.startswith("predictions/song.") for line in files)


@pytest.mark.usefixtures("model")
def test_the_zoo_is_listed(said: Said, run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    accuracy = settings["figures"]["accuracy"]
    _, out, _ = said("zoo")
    assert (
        out
        == f"zoo:toy  tagging, toys, 0.0 MB: accuracy {accuracy:.3f}, toys, the test tracks of this run\n"
    )
    assert json.loads(said("zoo", "--json")[1])["toy"]["task"] == "tagging"
    assert said("zoo", "toy")[1].startswith("# toy\n")


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "zoo:toi", "--data", "x"],
        ["predict", "zoo:toi", "a.wav"],
        ["check", "zoo:toi"],
        ["zoo", "toi"],
    ],
)
@pytest.mark.usefixtures("model")
def test_an_unknown_name(words: list[str], said: Said, corpus: Path) -> None:
    words = [str(corpus) if word == "x" else word for word in words]
    assert said(*words)[::2] == (
        1,
        "there is no model 'toi' in the zoo\n  help: did you mean 'toy'?; `mirbricks zoo` describes them     [E610]\n",
    )


@pytest.mark.parametrize("words", [["check"], ["summary"], ["diff", str(TAGGING)]])
def test_it_is_a_graph_too(words: list[str], model: str, said: Said) -> None:
    code, out, err = said(*words, model)
    assert (code, err) == (0, "")
    assert "toy" in out


def test_its_training_is_not_there(model: str, corpus: Path, said: Said) -> None:
    assert said("report", model, "--data", str(corpus))[::2] == (
        1,
        "'toy' is packed: there is no training to report on\n"
        "  help: `mirbricks evaluate` judges it; its card.md says how it was made     [E612]\n",
    )


def test_half_precision_gives_nearly_the_same(
    run: Path, shipped: Path, corpus: Path, said: Said, tmp_path: Path
) -> None:
    assert said("pack", str(run), "--out", str(tmp_path / "half"), "--half")[0] == 0
    whole, half = (
        safetensors.torch.load_file(folder / "weights.safetensors")
        for folder in (shipped / "toy", tmp_path / "half")
    )
    assert {tensor.dtype for tensor in half.values()} == {torch.float16}
    for name, tensor in whole.items():
        torch.testing.assert_close(half[name].float(), tensor, rtol=1e-3, atol=1e-6)
    assert (
        said("evaluate", str(tmp_path / "half"), "--data", str(corpus), "--json")[0]
        == 0
    )


def test_an_evaluation_stands_in_the_card_and_in_the_list(
    run: Path, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cv.json"
    file.write_text(
        json.dumps(
            {
                "data": "toys",
                "n_tracks": 12,
                "figures": {"accuracy": 0.75, "macro_f1": None},
            }
        )
    )
    words = [
        "--evaluation",
        f"{file}=four folds",
        "--corpora",
        "esc10,synth_toys",
        "--figure",
        "accuracy",
    ]
    assert (
        said("pack", str(run), "--out", str(tmp_path / "zoo" / "toy"), *words)[0] == 0
    )
    card = (tmp_path / "zoo" / "toy" / "card.md").read_text()
    assert "| four folds | 12 | 0.750 |" in card
    assert "CC BY 3.0" in card
    assert "synthetic" in card
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    assert "accuracy 0.750, four folds" in said("zoo")[1]


def big(run: Path) -> None:
    weights = run / "weights.safetensors"
    graph = (
        (run / "resolved.yaml")
        .read_text()
        .replace("out_channels: 8", "out_channels: 30000")
    )
    (run / "resolved.yaml").write_text(
        graph.replace("in_features: 8", "in_features: 30000")
    )
    made = mb.compile_graph(run / "resolved.yaml", weights="random")
    safetensors.torch.save_file(dict(made.state_dict()), weights)


def no_change(run: Path) -> None:
    assert run.is_dir()


@pytest.mark.parametrize(
    ("change", "more", "text"),
    [
        (
            big,
            [],
            "'run' packed would be 6.2 MB; the limit is 5 MB\n"
            "  help: add --half and evaluate again, or train a smaller graph     [E611]\n",
        ),
        (
            no_change,
            ["--evaluation", "none.json"],
            "'none.json' is not an evaluation\n  reason  No such file or directory\n"
            "  help: make one with `mirbricks evaluate RUN --data DIR --json > FILE`     [E613]\n",
        ),
        (
            no_change,
            ["--evaluation", "run/settings.json"],
            "'run/settings.json' is not an evaluation\n  reason  it has no 'figures', 'data' and 'n_tracks'\n"
            "  help: make one with `mirbricks evaluate RUN --data DIR --json > FILE`     [E613]\n",
        ),
        (
            no_change,
            ["--figure", "acuracy"],
            "--figure: 'toys, the test tracks of this run' has no figure 'acuracy'\n"
            "  help: did you mean 'accuracy'?     [E613]\n",
        ),
        (
            no_change,
            ["--out", "run"],
            "'run' already exists\n  help: choose another name, or delete it: nothing is overwritten     [E191]\n",
        ),
    ],
)
def test_what_cannot_be_packed(
    change: Callable[[Path], None], more: list[str], text: str, run: Path, said: Said, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "run")
    change(Path("run"))
    assert said("pack", "run", "--out", "new", *more)[::2] == (1, text)
    assert not Path("new").exists()


def test_a_packed_model_is_not_packed_again(
    model: str, said: Said, tmp_path: Path, shipped: Path
) -> None:
    assert said("pack", model, "--out", str(tmp_path / "new"))[::2] == (
        1,
        f"'{shipped / 'toy'}' is packed already: a run with its settings.json is expected\n"
        "  help: give the folder that `mirbricks train ... --out RUN` has written     [E612]\n",
    )


def damaged(metadata: dict[str, str] | None) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        file = folder / "weights.safetensors"
        safetensors.torch.save_file(safetensors.torch.load_file(file), file, metadata)

    return change


@pytest.mark.parametrize(
    "metadata",
    [None, {"settings": "{"}, {"settings": "[]"}, {"settings": '{"tuned": {}}'}],
)
def test_damaged_settings(
    metadata: dict[str, str] | None,
    shipped: Path,
    corpus: Path,
    said: Said,
    tmp_path: Path,
) -> None:
    shutil.copytree(shipped / "toy", tmp_path / "toy")
    damaged(metadata)(tmp_path / "toy")
    code, out, err = said("evaluate", str(tmp_path / "toy"), "--data", str(corpus))
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert "[E6" in err


def test_a_folder_with_a_table_names_its_import(
    model: str, said: Said, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "meta.csv").write_text("path,fold,class_name\na.wav,1,low\n")
    code, _, err = said("evaluate", model, "--data", str(tmp_path / "raw"))
    command = f"data import csv {tmp_path}/raw/meta.csv --out corpora/raw --set fold=fold --set tags=class_name"
    assert code == 1
    assert err.endswith(
        f"help: bring it in first: `mirbricks {command}`, then --data corpora/raw     [E410]\n"
    )


def test_folders_of_audio_name_their_import(
    model: str, said: Said, tmp_path: Path
) -> None:
    (tmp_path / "raw" / "low").mkdir(parents=True)
    (tmp_path / "raw" / "low" / "a.wav").write_bytes(b"")
    _, _, err = said("evaluate", model, "--data", str(tmp_path / "raw"))
    command = f"mirbricks data import folders {tmp_path}/raw --out corpora/raw"
    assert err.endswith(
        f"help: bring it in first: `{command}`, then --data corpora/raw     [E410]\n"
    )


def test_what_is_undefined_is_null(
    run: Path, corpus: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Tagging, "pooled", lambda *_: {"accuracy": 0.5, "macro_f1": float("nan")}
    )
    code, out, err = said("evaluate", str(run), "--data", str(corpus), "--json")
    assert (code, json.loads(out)["figures"]) == (
        0,
        {"accuracy": 0.5, "macro_f1": None},
    )
    assert err == "note: undefined on these tracks, and null: macro_f1\n"


def test_settings_are_json(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    folder.write_settings(
        {
            **folder.read_settings(),
            "figures": {"accuracy": 0.5, "macro_f1": float("nan")},
        }
    )
    assert "NaN" not in (tmp_path / "run" / "settings.json").read_text()
    assert load_run(folder)[1].figures == {"accuracy": 0.5}


def test_paths_of_the_machine_stay_at_home() -> None:
    command = "mirbricks train /home/me/own.yaml --data /home/me/esc10 --out ../runs/x --set train.lr=1e-3"
    assert (
        without_paths(command)
        == "mirbricks train own.yaml --data esc10 --out x --set train.lr=1e-3"
    )
    command = f"mirbricks train {TAGGING} --data esc10 --out runs/x"
    assert (
        without_paths(command)
        == "mirbricks train graphs/tagging_small.yaml --data esc10 --out runs/x"
    )


def test_origins() -> None:
    assert origin_of("maps_dev") is ORIGINS["maps"]
    assert origin_of("covers80") is ORIGINS["covers80"]
    assert origin_of("polyphony") is SYNTHETIC
    assert origin_of("mine") is UNKNOWN


def test_every_command_of_the_page_is_one() -> None:
    page = (Path(mb.__file__).parent / "docs" / "zoo.md").read_text()
    page = re.sub(r" \\\n +", " ", page)
    shown = re.findall(r"^\$ mirbricks (.*?)(?:  +#.*)?$", page, flags=re.M)
    assert len(shown) >= 12
    for command in shown:
        command_parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("name", zoo.names())
def test_every_shipped_model(name: str, said: Said) -> None:
    folder = zoo.located(f"zoo:{name}")
    of_one_model = ["card.md", "graph.yaml", "weights.safetensors"]
    # A model that uses another, such as a codec, carries that one too.
    folders = [folder, *folder.glob("models/*")]
    for one in folders:
        files = [path.name for path in one.iterdir() if path.is_file()]
        assert sorted(files) == of_one_model
    everything = [path for path in folder.rglob("*") if path.is_file()]
    assert len(everything) == len(folders) * len(of_one_model)
    assert sum(path.stat().st_size for path in everything) <= zoo.MOST_BYTES
    assert said("check", f"zoo:{name}")[0] == 0
    card = (folder / "card.md").read_text()
    for words in ("Licence of the data", "## Figures", "Split: ", "$ mirbricks train"):
        assert words in card
    assert not [word for word in card.split() if word.startswith(("/", "../"))]


@pytest.mark.parametrize("before", ["", "--set task.codec=", "--out=", "--set a.b=c="])
@pytest.mark.parametrize("path", ["/home/ann/runs/a", "../runs/a", "~/runs/a"])
def test_no_path_of_a_machine_is_kept(before: str, path: str) -> None:
    kept = without_paths(f"mirbricks train g.yaml {before}{path}")
    assert kept == f"mirbricks train g.yaml {before}a"


def test_the_zoo_names_no_folder_of_a_machine() -> None:
    found = list(zoo.FOLDER.rglob("weights.safetensors"))
    assert len(found) >= len(zoo.names())
    for path in found:
        with safetensors.safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("settings", "{}"))
        words = shlex.split(told.get("command", "").replace("\n", " "))
        values = [word.rpartition("=")[2] for word in words]
        assert not [one for one in values if one.startswith(("/", "~", ".."))], path
