"""The part of the page's script that needs no browser: the order of a listener, and the csv; run by node."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import mirbricks
from mirbricks.data.stores.cells import guarded_cell
from mirbricks.workflows.listening.ratings import COLUMNS, read_ratings

SCRIPT = Path(mirbricks.__file__).parent / "report" / "listening.js"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")

CONTENT: dict[str, Any] = {
    "page": "p",
    "test": "mushra",
    "seed": 3,
    "repetitions": 1,
    "items": [
        {"item": f"i{i}", "stimuli": [f"{i}{s}" for s in "abcd"], "reference": f"{i}a"}
        for i in range(6)
    ],
}


def run(code: str, *values: Any) -> Any:
    """What an expression of the script's functions gives; `given` are the values."""
    assert NODE is not None
    program = (
        f"const listening = require({json.dumps(str(SCRIPT))});"
        f"const given = {json.dumps(values)};"
        f"process.stdout.write(JSON.stringify({code}))"
    )
    done = subprocess.run(
        [NODE, "-e", program], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def plan(listener: str, **changes: Any) -> Any:
    return run("listening.plan(given[0], given[1])", {**CONTENT, **changes}, listener)


def test_a_listener_gets_the_same_order_again_and_others_another() -> None:
    first = plan("ann")
    assert plan("ann") == first
    assert plan("bob") != first
    assert plan("ann", seed=4) != first


def test_every_sound_comes_once_per_item() -> None:
    trials = plan("ann")
    assert sorted(one["item"] for one in trials) == [f"i{i}" for i in range(6)]
    for one in trials:
        number = one["item"][1]
        assert sorted(one["sounds"]) == [f"{number}{s}" for s in "abcd"]
        assert one["reference"] == f"{number}a"
    mos = plan("ann", test="mos")
    assert len(mos) == 24
    assert {len(one["sounds"]) for one in mos} == {1}


def test_places_and_the_third_sound_are_even() -> None:
    items = [{"item": "i", "stimuli": ["a", "b"], "reference": None}]
    trials = plan("ann", test="abx", items=items, repetitions=2000)
    assert all(one["sounds"][2] in one["sounds"][:2] for one in trials)
    first = Counter(one["sounds"][0] for one in trials)
    third = Counter(one["sounds"][2] == one["sounds"][0] for one in trials)
    # 2000 fair draws lie within four deviations of 22.4.
    assert abs(first["a"] - 1000) < 90
    assert abs(third[True] - 1000) < 90


def test_the_place_of_the_reference_is_even_over_listeners() -> None:
    code = (
        "given[1].map(name => listening.plan(given[0], name)[0])"
        ".map(trial => trial.sounds.indexOf(trial.reference))"
    )
    places = Counter(run(code, CONTENT, [f"listener {i}" for i in range(1200)]))
    assert set(places) == {0, 1, 2, 3}
    assert max(abs(count - 300) for count in places.values()) < 60


def test_the_csv_is_read_back_word_for_word() -> None:
    names = {"0a": ['it, "em"\nx', "reference"], "0b": ["é", "ours"]}
    trial = {"item": "x", "sounds": ["0b", "0a"]}
    code = "listening.csv(listening.rows(given[0], given[1], given[2], 0, given[3], [40, 100], 2.345))"
    text = run(code, CONTENT, names, 'Ann, "A"', trial)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert set(COLUMNS) <= set(rows[0])
    assert [(row["item"], row["system"], row["score"]) for row in rows] == [
        ("é", "ours", "40"),
        ('it, "em"\nx', "reference", "100"),
    ]
    assert rows[0]["listener"] == 'Ann, "A"'


@pytest.mark.parametrize(("answer", "score"), [(0, "1"), (1, "0")])
def test_abx_scores_the_choice(answer: int, score: str) -> None:
    names = {"a": ["i", "ours"], "b": ["i", "theirs"]}
    trial = {"item": "i", "sounds": ["a", "b", "a"]}
    content = {**CONTENT, "test": "abx"}
    code = "listening.csv(listening.rows(given[0], given[1], 'ann', 0, given[2], given[3], 1))"
    text = run(code, content, names, trial, answer)
    (row,) = csv.DictReader(io.StringIO(text))
    chosen = ("ours", "theirs")[answer]
    assert (row["system"], row["answer"], row["score"]) == ("ours", chosen, score)


@pytest.mark.parametrize(
    "name", ["=1+1", "+x", "-2+3", "@SUM(A1)", "'=1", "''+x", "-1.5", "it's", "ann"]
)
def test_no_name_is_a_formula_and_each_is_read_back(name: str, tmp_path: Path) -> None:
    names = {"a": [name, "ours"], "b": [name, name]}
    trial = {"item": name, "sounds": ["b", "a"]}
    code = "listening.csv(listening.rows(given[0], given[1], given[2], 0, given[3], [40, 100], 2.345))"
    text = run(code, CONTENT, names, name, trial)
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert row["listener"] == guarded_cell(name)
        assert row["item"] == guarded_cell(name)
    path = tmp_path / "answers.csv"
    path.write_text(text, encoding="utf-8")
    ratings = read_ratings([str(path)])
    assert {rating.listener for rating in ratings} == {name}
    assert {rating.item for rating in ratings} == {name}
    assert {rating.system for rating in ratings} == {name, "ours"}
