"""The table of docs/results.md: made of runs that are there, told where they are not, trained where it may."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import TaskError
from mirbricks.workflows.loading import load_experiment
from mirbricks.workflows.run_on_corpus import (
    refuse_other_sets,
    refuse_settings_of_training,
)

ROOT = Path(mb.__file__).parent


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_results", ROOT / "docs" / "results.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks the names of its fields up there
    spec.loader.exec_module(module)
    return module


results = _loaded()
QUICK = [
    "train.steps=2",
    "train.validate_every=2",
    "train.batch_size=1",
    "dataset.folds=3",
    "task.patch_frames=48",
]
LINE = {
    "name": "toys", "text": "toys", "graph": "graphs/mpe_small.yaml", "data": "toys", "set": QUICK, "folds": 3,
    "prepare": ["data synth polyphony --out {CORPORA}/toys --n 3"], "seeds": [0, 1], "figure": "Accuracy", "reach": 0.9,
}  # fmt: skip


def given(folder: Path, *more: str) -> argparse.Namespace:
    (folder / "lines.yaml").write_text(json.dumps([LINE]))
    words = [
        "--data",
        str(folder),
        "--runs",
        str(folder / "runs"),
        "--lines",
        str(folder / "lines.yaml"),
        "--jobs",
        "1",
    ]
    found: argparse.Namespace = results.parser().parse_args(
        [*words, "--only", "toys", *more]
    )
    return found


@pytest.mark.parametrize("line", results.read_lines(), ids=lambda line: line.name)
def test_every_line_is_an_experiment(line: object) -> None:
    assert isinstance(line, results.Line)
    assert len(set(line.seeds)) == len(line.seeds) >= 1
    settings = [*line.set, f"train.seed={line.seeds[0]}"]
    if line.of:
        # The runs of a line above, with settings that act after training.
        before = itertools.takewhile(lambda one: one != line, results.read_lines())
        (other,) = [one for one in before if one.name == line.of]
        same = ("graph", "data", "folds", "fold", "split")
        assert [getattr(line, name) for name in same] == [
            getattr(other, name) for name in same
        ]
        assert set(line.seeds) <= set(other.seeds)
        assert line.set
        task = load_experiment(ROOT / line.graph, line.set).task
        refuse_other_sets(line.set)
        refuse_settings_of_training(task, line.set)
        return
    if line.codec:
        # Its codec is trained by a line above; all else that can be wrong is refused before that is missed.
        before = itertools.takewhile(lambda one: one != line, results.read_lines())
        assert line.codec in {
            f"{one.name}/seed{s}" for one in before for s in one.seeds
        }
        with pytest.raises(TaskError) as caught:
            load_experiment(ROOT / line.graph, [*settings, "task.codec=missing"])
        assert caught.value.code == "E516"
        return
    experiment = load_experiment(ROOT / line.graph, settings)
    of_folds = line.folds is not None or line.fold is not None
    assert of_folds == (experiment.dataset.split != "annotation")


def test_lines_have_names_of_their_own() -> None:
    names = [line.name for line in results.read_lines()]
    assert len(set(names)) == len(names)


def test_the_chains_of_the_makefile_are_lines() -> None:
    makefile = (ROOT / "Makefile").read_text()
    chains = re.findall(r"^(notes-\w+): LINES := (.+)$", makefile, flags=re.MULTILINE)
    names = [line.name for line in results.read_lines()]
    assert len(chains) >= 2
    for _, lines in chains:
        chosen = lines.split()
        assert chosen == [name for name in names if name in chosen]


def test_a_line_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no line 'toy'"):
        results.run(given(tmp_path, "--only", "toy"))


def test_spread() -> None:
    assert results.spread([0.5]) == "0.500"
    assert results.spread([0.5, 0.6, 0.7]) == "0.600 ± 0.100"
    assert results.spread([0.5, None]) == "undefined"
    assert results.spread([]) == "undefined"


def test_a_row_names_the_seeds_that_are_missing() -> None:
    line = results.Line.model_validate(LINE)
    assert results.row(line, {}) == [
        "toys",
        "`mpe_small`",
        "Accuracy",
        "0 (missing: 0, 1)",
        "—",
        "≥ 0.9",
        "",
    ]
    assert results.row(line, {1: {"Accuracy": 0.25}})[3:5] == [
        "1 (missing: 0)",
        "0.250",
    ]


def test_the_page_is_changed_between_its_markers_only() -> None:
    page = (ROOT / "docs" / "results.md").read_text()
    changed = results.published(page, "NEW")
    inside = re.compile(f"{results.BEGIN}.*{results.END}", re.DOTALL)
    assert inside.sub("", changed) == inside.sub("", page)
    assert f"{results.BEGIN}\nNEW\n{results.END}" in changed
    with pytest.raises(SystemExit, match="has no"):
        results.published("no markers", "NEW")


def test_without_training_nothing_is_made(tmp_path: Path) -> None:
    assert "| 0 (missing: 0, 1) | — |" in results.run(given(tmp_path, "--no-training"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_lines_without_a_run_keep_their_rows(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    row = "| toys | `mpe_small` | Accuracy | 2 | 0.500 ± 0.100 | ≥ 0.9 |  |"
    for before in (row, ""):
        page.write_text(f"{results.BEGIN}\n{before}\n{results.END}", encoding="utf-8")
        arguments = given(tmp_path, "--no-training", "--keep", "--page", str(page))
        written = results.run(arguments)
        assert (row in written) == bool(before)
        assert ("mirbricks train graphs/mpe_small.yaml" in written) == bool(before)
        assert "missing" not in written


@pytest.mark.parametrize(
    ("seeds", "mean"),
    [(0, "0.500 ± 0.100"), (1, "0.500 ± 0.100"), (2, "0.250 ± 0.071")],
)
def test_a_row_of_more_seeds_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int, mean: str
) -> None:
    """And what has fewer is not evaluated."""

    def figures(*of: int) -> dict[str, float]:
        assert seeds == 2
        return {"Accuracy": 0.2 + 0.1 * of[2]}

    monkeypatch.setattr(results, "ended", lambda *of: of[2] < seeds)
    page = tmp_path / "results.md"
    row = "| toys | `mpe_small` | Accuracy | 2 | 0.500 ± 0.100 | ≥ 0.9 |  |"
    page.write_text(f"{results.BEGIN}\n{row}\n{results.END}", encoding="utf-8")
    arguments = given(tmp_path, "--no-training", "--keep", "--page", str(page))
    table = results.RESULTS._replace(figures=figures)
    assert f"| Accuracy | 2 | {mean} |" in results.run(arguments, table)


def test_what_is_missing_is_trained_and_what_is_there_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    synthesise_polyphony(
        tmp_path / "runs" / "corpora" / "toys",
        n_clips=3,
        seconds=3.0,
        seed=2,
        stems=False,
    )
    text = results.run(given(tmp_path))
    kept = [
        json.loads((tmp_path / "runs" / "toys" / f"seed{s}.json").read_text())
        for s in (0, 1)
    ]
    assert [one["n_tracks"] for one in kept] == [3, 3]
    assert results.spread([one["figures"]["Accuracy"] for one in kept]) in text
    monkeypatch.setattr(
        results, "main", lambda words: pytest.fail(f"nothing is missing: {words}")
    )
    assert results.run(given(tmp_path)) == text


def test_an_ensemble_is_made_of_runs_that_are_there() -> None:
    line = results.Line.model_validate(
        {**LINE, "name": "both", "ensemble": ["toys/seed0", "toys/seed1"]}
    )
    words = line.train_words("data/toys", "runs/results/both/seed0", 0)
    assert words == [
        "ensemble",
        "runs/results/toys/seed0",
        "runs/results/toys/seed1",
        "--out",
        "runs/results/both/seed0",
    ]
    assert [line.name for line in results.read_lines() if line.ensemble] == [
        "chords_ensemble",
        "maps_ensemble",
    ]


def test_a_line_may_train_on_the_codec_of_another() -> None:
    line = results.Line.model_validate({**LINE, "codec": "notes_vae/seed0"})
    words = line.train_words("notes", "runs/results/flow/seed1", 1)
    assert words[-2:] == ["--set", "task.codec=runs/results/notes_vae/seed0"]


def test_a_command_without_out_follows_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(results, "main", lambda words: done.append(words[1]) or 0)
    line = results.Line.model_validate(
        {
            **LINE,
            "prepare": [
                "data import csv meta.csv --out {CORPORA}/toys",
                "data split {CORPORA}/toys --ratios .8/.1/.1",
            ],
        }
    )
    places = results.Places(data=tmp_path, corpora=tmp_path, runs=tmp_path)
    results.prepare(line, places)
    assert done == ["import", "split"]
    (tmp_path / "toys").mkdir()
    results.prepare(line, places)
    assert done == ["import", "split"]


def test_a_corpus_lies_where_its_line_makes_it(tmp_path: Path) -> None:
    places = results.Places(
        data=tmp_path / "data", corpora=tmp_path / "made", runs=tmp_path / "runs"
    )
    found = {line.name: places.corpus(line) for line in results.read_lines()}

    # Some lines make the corpora beside their own, and some that one as well.
    assert found["covers"] == tmp_path / "data" / "covers80"
    assert found["maps"] == tmp_path / "data" / "maps"
    assert found["esc10"] == tmp_path / "made" / "esc10"
    assert found["notes_flow"] == found["notes_instrument"] == tmp_path / "made/notes"


def test_pitches_are_held_out_between_pitches_that_train(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    entries = []
    for pitch in range(50, 75):
        annotations = {"filepath": (Atom(f"{pitch}.wav"),), "pitchmidi": (Atom(pitch),)}
        entries.append(Entry(annotations))
    write_audio(
        folder / "notes_audio.hdf5",
        ((f"{p}.wav", np.ones(10, np.float32), 8000) for p in range(50, 75)),
    )
    definitions = {
        "filepath": Definition("global", "text"),
        "pitchmidi": Definition("global", "numeric"),
    }
    Pyjama(definitions, entries).save(folder / "notes.pyjama")
    words = ["--by", "pitchmidi", "--every", "7", "--valid", "1", "--test", "5"]
    results._do(["python", str(ROOT / "docs" / "hold_out.py"), str(folder), *words])
    sides = {
        int(one.annotations["pitchmidi"][0].value): one.annotations["split"][0].value
        for one in mb.Corpus.open(folder)
    }
    assert {p for p, side in sides.items() if side == "test"} == {54, 61, 68}
    assert {p for p, side in sides.items() if side == "valid"} == {50, 57, 64, 71}
    held = [pitch for pitch, side in sides.items() if side != "train"]
    for pitch in held:
        around = {sides.get(pitch - 1, "train"), sides.get(pitch + 1, "train")}
        assert around == {"train"}
    # The corpus carries its split now, and a second one is refused.
    with pytest.raises(SystemExit):
        results._do(["python", str(ROOT / "docs" / "hold_out.py"), str(folder), *words])


def test_sounds_are_made_once_per_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "find_runs", lambda path: [Trained(path)])
    asked: list[list[str]] = []

    def generate(words: list[str]) -> int:
        asked.append(words)
        page = Path(words[-1], "index.html")
        page.parent.mkdir()
        page.touch()
        os.utime(page, (20, 20))
        return 0

    monkeypatch.setattr(results, "main", generate)
    line = results.Line.model_validate({**LINE, "sounds": 4})
    places = results.Places(data=tmp_path, corpora=tmp_path, runs=tmp_path)
    for at, times in ((10, 1), (10, 1), (30, 2)):
        weights(tmp_path, "toys/seed0", at)
        results.make_sounds(line, places, 0)
        assert len(asked) == times
    run = str(tmp_path / "toys" / "seed0")
    assert asked[0] == ["generate", run, "--n", "4", "--out", f"{run}_sounds"]
    monkeypatch.setattr(results, "main", lambda words: asked.append(words) or 0)
    results.judge_sounds(line, places, 0)
    corpus = str(tmp_path / "toys")
    assert asked[-1] == [
        "judge",
        f"{run}_sounds",
        corpus,
        "--run",
        run,
        "--train",
        corpus,
    ]
    line = results.Line.model_validate({**LINE, "sounds": 4, "heard": "zoo:ears"})
    results.judge_sounds(line, places, 0)
    assert asked[-1][-2:] == ["--heard", "zoo:ears"]


class Trained:
    """A run whose training has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_settings(self) -> dict[str, object]:
        return {"tuned": {}}


def weights(runs: Path, name: str, at: float) -> None:
    file = runs / name / results.WEIGHTS
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    os.utime(file, (at, at))


def test_an_ensemble_is_made_anew_with_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "find_runs", lambda path: [Trained(path)])
    line = results.Line.model_validate(
        {
            **LINE,
            "name": "both",
            "folds": None,
            "ensemble": ["toys/seed0", "toys/seed1"],
        }
    )
    places = results.Places(data=tmp_path, corpora=tmp_path, runs=tmp_path)
    assert not results.ended(line, places, 0)
    for name, at in (("toys/seed0", 10), ("toys/seed1", 20), ("both/seed0", 30)):
        weights(tmp_path, name, at)
    assert results.ended(line, places, 0)
    weights(tmp_path, "toys/seed1", 40)
    assert not results.ended(line, places, 0)
    monkeypatch.setattr(
        results, "main", lambda _: (tmp_path / "both" / "seed0").exists()
    )
    results.train(line, places, 0)  # `ensemble` finds no folder of the old one


@pytest.mark.parametrize(
    ("side", "folds", "expected"),
    [("test", 1, {"ngram": 2.0}), ("valid", 1, {}), (None, 1, {}), ("test", 2, {})],
)
def test_figures_that_only_the_training_knows_are_those_of_the_same_side(
    monkeypatch: pytest.MonkeyPatch, side: str | None, folds: int, expected: object
) -> None:
    class Run:
        def read_settings(self) -> dict[str, object]:
            return {"evaluated_on": "test", "figures": {"ngram": 2.0}}

    monkeypatch.setattr(results, "find_runs", lambda _: [Run()] * folds)
    assert results.figures_of_training(Path("run"), side) == expected


def test_figures_are_kept_until_what_they_are_of_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "find_runs", lambda path: [Trained(path)])
    asked: list[list[str]] = []

    def evaluate(words: list[str]) -> int:
        asked.append(words)
        print(json.dumps({"figures": {"Accuracy": len(asked) / 10}}))
        return 0

    monkeypatch.setattr(results, "main", evaluate)
    places = results.Places(data=tmp_path, corpora=tmp_path, runs=tmp_path)
    line = results.Line.model_validate({**LINE, "prepare": []})
    weights(tmp_path, "toys/seed0", 10)
    for changed, expected in (
        ({}, 0.1),
        ({}, 0.1),
        ({"split": "valid"}, 0.2),
        ({"data": "other"}, 0.3),
    ):
        found = results.figures_of(line.model_copy(update=changed), places, 0, "1")
        assert found == {"Accuracy": expected}
    weights(tmp_path, "toys/seed0", 1e12)
    assert results.figures_of(
        line.model_copy(update={"data": "other"}), places, 0, "1"
    ) == {"Accuracy": 0.4}
    assert asked[1][-4:] == ["--split", "valid", "--jobs", "1"]


def test_a_line_may_evaluate_the_runs_of_another_with_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It trains nothing, keeps figures of its own, and shows the command that gives them."""
    monkeypatch.setattr(
        results, "find_runs", lambda path: [Trained(path)] if path.exists() else []
    )
    asked: list[list[str]] = []

    def evaluate(words: list[str]) -> int:
        asked.append(words)
        print(json.dumps({"figures": {"Accuracy": len(asked) / 10}}))
        return 0

    monkeypatch.setattr(results, "main", evaluate)
    places = results.Places(data=tmp_path, corpora=tmp_path, runs=tmp_path)
    line = results.Line.model_validate({**LINE, "prepare": [], "folds": None})
    own = {"name": "again", "of": "toys", "set": ["task.threshold=0.5"]}
    again = line.model_copy(update=own)
    assert results.measured(again, places, given(tmp_path)) == {}
    assert asked == []

    weights(tmp_path, "toys/seed0", 10)
    assert results.figures_of(line, places, 0, "1") == {"Accuracy": 0.1}
    for _ in range(2):
        assert results.figures_of(again, places, 0, "1") == {"Accuracy": 0.2}
        assert results.figures_of(line, places, 0, "1") == {"Accuracy": 0.1}
    run = str(tmp_path / "toys" / "seed0")
    assert asked[1][:2] == ["evaluate", run]
    assert asked[1][4:7] == ["--set", "task.threshold=0.5", "--json"]
    assert results.commands([again]).splitlines()[1:3] == [
        "$ mirbricks evaluate runs/results/toys/seed0 --data toys \\",
        "    --set task.threshold=0.5",
    ]
