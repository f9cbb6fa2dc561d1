"""Several runs as one model: the mean of their logits, and what they may not differ in."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch.nn import functional

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.errors import RunError
from mirbricks.runs.folder import WEIGHTS, RunFolder
from mirbricks.workflows.ensemble import agreed
from mirbricks.workflows.loading import load_run

sys.path.insert(0, str(Path(__file__).parent))
from test_cli_zoo import GRAPH, write_corpus  # beside this file

HINT = "  help: give runs of one recipe on one corpus, such as seeds: `--set train.seed=1`     [E614]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two seeds on a small corpus, one on another fold, one of another task's settings."""
    folder = tmp_path_factory.mktemp("ensemble")
    write_corpus(folder / "toys")
    (folder / "toy.yaml").write_text(GRAPH)
    for name, words in {
        "seed0": "--set train.seed=0",
        "seed1": "--set train.seed=1",
        "fold1": "--fold 1",
        "mixing": "--set task.label_smoothing=0.1",
    }.items():
        command = f"train {folder / 'toy.yaml'} --data {folder / 'toys'} --out {folder / name} --jobs 1 {words}"
        assert main([*command.split(), "--cache", str(folder / "cache")]) == 0
    return folder


def test_the_mean_of_the_logits(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both"
    capsys.readouterr()
    assert (
        main(
            [
                "ensemble",
                str(folder / "seed0"),
                str(folder / "seed1"),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    text = f"{out}: the mean of 2 runs, 838 parameters; `mirbricks evaluate {out} --data DIR` judges it\n"
    assert capsys.readouterr().out == text
    together, settings = load_run(RunFolder.open(out))
    models = [
        load_run(RunFolder.open(folder / name))[0].model for name in ("seed0", "seed1")
    ]
    x = torch.randn(5, 16, 8)
    with torch.inference_mode():
        one, two = (model(x) for model in models)
        torch.testing.assert_close(together.model(x), (one + two) / 2)
        assert not torch.allclose(one, two)
    assert [line.split()[1] for line in settings.command.splitlines()] == [
        "train",
        "train",
        "ensemble",
    ]
    assert settings.figures == {}


def test_it_is_evaluated_and_packed_as_any_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, words = (
        tmp_path / "both",
        [
            "--data",
            str(folder / "toys"),
            "--cache",
            str(folder / "cache"),
            "--jobs",
            "1",
        ],
    )
    assert (
        main(
            [
                "ensemble",
                str(folder / "seed0"),
                str(folder / "seed1"),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    capsys.readouterr()
    assert main(["evaluate", str(out), *words, "--json"]) == 0
    printed = capsys.readouterr().out
    Path(tmp_path, "figures.json").write_text(printed)
    assert (
        main(
            [
                "pack",
                str(out),
                "--out",
                str(tmp_path / "toy"),
                "--evaluation",
                str(tmp_path / "figures.json"),
            ]
        )
        == 0
    )
    assert main(["evaluate", str(tmp_path / "toy"), *words, "--json"]) == 0
    capsys_out = capsys.readouterr().out
    packed = json.loads(capsys_out[capsys_out.index("{") :])
    assert packed["figures"] == json.loads(printed)["figures"]
    lines = Path(tmp_path, "toy", "card.md").read_text().splitlines()
    first = lines.index("```console", lines.index("## Training"))
    assert [line.split()[:3] for line in lines[first + 1 : first + 4]] == [
        ["$", "mirbricks", "train"],
        ["$", "mirbricks", "train"],
        ["$", "mirbricks", "ensemble"],
    ]


def refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *names: str
) -> str:
    capsys.readouterr()
    assert (
        main(
            [
                "ensemble",
                *(str(folder / name) for name in names),
                "--out",
                str(tmp_path / "both"),
            ]
        )
        == 1
    )
    assert not (tmp_path / "both").exists()
    return capsys.readouterr().err.replace(str(folder), "RUNS")


def test_runs_that_do_not_belong_together(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(folder, tmp_path, capsys, "seed0", "fold1") == (
        f"no ensemble with 'RUNS/fold1': it was not trained on the tracks of 'RUNS/seed0'\n{HINT}"
    )
    assert refused(folder, tmp_path, capsys, "seed0", "mixing") == (
        f"no ensemble with 'RUNS/mixing': its section 'task' is not that of 'RUNS/seed0'\n{HINT}"
    )
    assert refused(folder, tmp_path, capsys, "seed0") == (
        "no ensemble with 'RUNS/seed0': an ensemble needs two runs or more\n"
        "  help: give further runs, such as other seeds     [E614]\n"
    )


def test_it_is_no_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, words = (
        tmp_path / "both",
        [
            "--data",
            str(folder / "toys"),
            "--cache",
            str(folder / "cache"),
            "--jobs",
            "1",
        ],
    )
    assert (
        main(
            [
                "ensemble",
                str(folder / "seed0"),
                str(folder / "seed1"),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    capsys.readouterr()
    assert main(["report", str(out), *words]) == 1
    assert capsys.readouterr().err == (
        f"'{out}' is an ensemble: there is no training to report on\n"
        "  help: `mirbricks evaluate` judges it; its runs have reports     [E612]\n"
    )
    for more in ([], ["--resume"]):
        assert (
            main(["train", str(out / "graph.yaml"), "--out", str(out), *words, *more])
            == 1
        )
        # Before it, a note: of a graph that lies beside weights the graph alone is taken.
        assert capsys.readouterr().err.endswith(
            f"'{out}' already holds a model, and no state of a training to go on from\n"
            "  help: choose another folder, or delete this one first     [E602]\n"
        )
    assert {
        file.name: file.read_bytes() for file in out.iterdir() if file.name != ".lock"
    } == before


def test_folders_of_folds(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An ensemble of each fold; all folds are judged together, each by runs that have not seen its tracks."""
    words = f"--data {folder / 'toys'} --cache {folder / 'cache'} --jobs 1".split()
    for seed in (0, 1):
        graph, out = folder / "toy.yaml", tmp_path / f"seed{seed}"
        more = f"--out {out} --fold all --set train.seed={seed}".split()
        assert main(["train", str(graph), *words, *more]) == 0
    seeds = [str(tmp_path / f"seed{seed}") for seed in (0, 1)]
    out = tmp_path / "both"
    capsys.readouterr()
    assert main(["ensemble", *seeds, "--out", str(out)]) == 0
    assert capsys.readouterr().out == (
        f"{out}: 4 folds, each the mean of 2 runs, 838 parameters; `mirbricks evaluate {out} --data DIR` judges them\n"
    )
    x = torch.randn(5, 16, 8)
    for fold in ("fold0", "fold3"):
        models = [load_run(RunFolder.open(f"{one}/{fold}"))[0].model for one in seeds]
        together = load_run(RunFolder.open(out / fold))[0].model
        with torch.inference_mode():
            one, two = (model(x) for model in models)
            torch.testing.assert_close(together(x), (one + two) / 2)
    assert main(["evaluate", str(out), *words, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tracks"]) == 12

    # One run among folders of folds, and folds that only one of the folders has.
    assert refused(tmp_path, tmp_path / "no", capsys, "seed0", "seed1/fold0") == (
        "no ensemble with 'RUNS/seed1/fold0': it holds one run, and 'RUNS/seed0' fold0, fold1, fold2, fold3\n"
        "  help: give folders with the same folds, or one run of each     [E614]\n"
    )


def test_scores_of_compared_vectors_are_averaged(tmp_path: Path) -> None:
    """Two trainings put recordings in other places, but the mean of their cosines means something."""
    out = tmp_path / "both"
    other = tmp_path / "other"
    shutil.copytree(Path(mb.__file__).parent / "zoo" / "covers_move", other)
    with safetensors.safe_open(other / WEIGHTS, framework="pt") as file:
        about = file.metadata()
    tensors = safetensors.torch.load_file(other / WEIGHTS)
    tensors["embedding.weight"] *= torch.rand(len(tensors["embedding.weight"]))
    safetensors.torch.save_file(tensors, other / WEIGHTS, about)
    assert main(["ensemble", "zoo:covers_move", str(other), "--out", str(out)]) == 0

    models = [
        load_run(RunFolder.open(one))[0].model
        for one in ("zoo:covers_move", other, out)
    ]
    _, *shape = next(iter(models[0].input_shapes.values()))
    x = torch.rand(6, *shape)
    with torch.inference_mode():
        first, second, both = (functional.normalize(one(x), dim=1) for one in models)
    assert both.shape[1] == 2 * first.shape[1]
    mean = (first @ first.T + second @ second.T) / 2
    torch.testing.assert_close(both @ both.T, mean)
    assert not torch.allclose(first @ first.T, second @ second.T, atol=1e-3)


def test_what_was_tuned_is_averaged_place_by_place() -> None:
    values = [
        {"a": 0.5, "b": [1.0, 2.0], "c": ["x", "y"], "d": 3},
        {"a": 0.75, "b": [3.0, 4.0], "c": ["x", "y"], "d": 3},
    ]
    assert agreed("tuned", values) == {
        "a": 0.625,
        "b": [2.0, 3.0],
        "c": ["x", "y"],
        "d": 3,
    }
    with pytest.raises(RunError, match=r"'tuned.c' differ"):
        agreed("tuned", [{"c": ["x"]}, {"c": ["y"]}])
