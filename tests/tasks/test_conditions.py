"""Conditions: fitted on training recordings, encoded for a graph, asked for by a user."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import TaskError
from mirbricks.tasks.conditions import (
    Conditions,
    as_number,
    refuse_inputs,
    scaled_inputs,
)


@dataclass
class Note:
    """A recording without audio."""

    key: str
    annotations: dict[str, Any] = field(default_factory=dict)


def note(key: str, **values: Any) -> Note:
    return Note(key, {name: (Atom(value),) for name, value in values.items()})


NOTES = [
    note("a.wav", instrument="flute", pitchmidi=72),
    note("b.wav", instrument="cello", pitchmidi=40),
    note("c.wav", instrument="cello", pitchmidi=41.0),
]
NAMES = ["instrument", "pitchmidi"]


def test_labels_and_whole_numbers_are_classes_in_order() -> None:
    conditions = Conditions.fit(NOTES, NAMES)
    inputs = conditions.encode(conditions.of(NOTES))
    assert inputs["instrument"].tolist() == [1, 0, 0]
    assert inputs["pitchmidi"].tolist() == [2, 0, 1]
    assert [one.n_classes for one in conditions.each] == [3, 4]
    assert conditions.known() == {
        "instrument": ["cello", "flute"],
        "pitchmidi": [40, 41, 72],
    }


def test_scaled_numbers_have_the_spread_of_the_training_recordings() -> None:
    conditions = Conditions.fit(NOTES, NAMES, scaled=["pitchmidi"])
    pitches = np.array([72, 40, 41])
    expected = (pitches - pitches.mean()) / pitches.std()
    inputs = conditions.encode(conditions.of(NOTES))["pitchmidi"]
    np.testing.assert_allclose(inputs[:, 0].numpy(), expected, rtol=1e-6)
    assert inputs[:, 1].tolist() == [1, 1, 1]
    # Between and beyond the training recordings a number is as good as any other.
    between = conditions.encode([{"instrument": "flute", "pitchmidi": 56.5}])
    assert between["pitchmidi"][0, 0] == pytest.approx(
        (56.5 - pitches.mean()) / pitches.std()
    )


@pytest.mark.parametrize("scaled", [[], ["pitchmidi"]])
def test_settings_are_json_and_come_back(scaled: list[str]) -> None:
    conditions = Conditions.fit(NOTES, NAMES, scaled)
    stored = json.loads(json.dumps(conditions.to_json()))
    again = Conditions.from_json(stored)
    rows = conditions.of(NOTES)
    for name, values in conditions.encode(rows).items():
        assert torch.equal(again.encode(rows)[name], values)
    assert again.to_json() == conditions.to_json()


def test_a_dropped_condition_is_a_class_of_its_own() -> None:
    conditions = Conditions.fit(NOTES, NAMES, scaled=["pitchmidi"])
    inputs = conditions.dropped(2)
    assert inputs["instrument"].tolist() == [2, 2]
    assert inputs["pitchmidi"].tolist() == [[0, 0], [0, 0]]
    # A value of None, and one that is missing, are dropped too.
    same = conditions.encode([{"instrument": None}, {}])
    for name in NAMES:
        assert torch.equal(same[name], inputs[name])


def test_dropout_takes_all_conditions_of_a_row_together() -> None:
    notes = [note(str(k), instrument="ab"[k % 2], pitchmidi=k) for k in range(400)]
    conditions = Conditions.fit(notes, NAMES)
    inputs = conditions.encode(conditions.of(notes))
    found = conditions.with_dropout(inputs, 0.25, np.random.default_rng(0))
    lost = found["instrument"] == 2
    assert torch.equal(lost, found["pitchmidi"] == 400)
    assert 0.15 < lost.float().mean() < 0.35
    assert torch.equal(found["pitchmidi"][~lost], inputs["pitchmidi"][~lost])
    same = conditions.with_dropout(inputs, 0.0, np.random.default_rng(0))
    assert torch.equal(same["pitchmidi"], inputs["pitchmidi"])


def test_dropout_of_some_conditions_leaves_the_others() -> None:
    notes = [note(str(k), instrument="ab"[k % 2], pitchmidi=k) for k in range(400)]
    conditions = Conditions.fit(notes, NAMES, scaled=["pitchmidi"])
    inputs = conditions.encode(conditions.of(notes))
    every = conditions.with_dropout(inputs, 0.25, np.random.default_rng(0))
    found = conditions.with_dropout(
        inputs, 0.25, np.random.default_rng(0), ["instrument"]
    )
    assert torch.equal(found["instrument"], every["instrument"])
    assert torch.equal(found["pitchmidi"], inputs["pitchmidi"])

    free = conditions.without(inputs, ["instrument"])
    assert torch.equal(free["instrument"], conditions.dropped(400)["instrument"])
    assert torch.equal(free["pitchmidi"], inputs["pitchmidi"])
    nothing = conditions.without(inputs)
    for name, values in conditions.dropped(400).items():
        assert torch.equal(nothing[name], values)


def test_asked_for_one_value_or_one_per_sound() -> None:
    conditions = Conditions.fit(NOTES, NAMES)
    rows = conditions.asked({"instrument": "cello", "pitchmidi": ["40", 41]}, 2, 0)
    assert rows == [
        {"instrument": "cello", "pitchmidi": 40},
        {"instrument": "cello", "pitchmidi": 41},
    ]


@given(seed=st.integers(0, 2**32), count=st.integers(1, 5))
def test_what_is_left_out_is_drawn_from_a_recording_that_fits(
    seed: int, count: int
) -> None:
    conditions = Conditions.fit(NOTES, NAMES)
    together = {("flute", 72), ("cello", 40), ("cello", 41)}
    free = conditions.asked({}, count, seed)
    assert {(row["instrument"], row["pitchmidi"]) for row in free} <= together
    assert conditions.asked({}, count, seed) == free
    cellos = conditions.asked({"instrument": "cello"}, count, seed)
    assert {row["pitchmidi"] for row in cellos} <= {40, 41}
    # No recording has all that is wanted: what was asked for is kept all the same.
    odd = Conditions.fit([*NOTES, note("d", instrument="oboe", pitchmidi=72)], NAMES)
    rows = odd.asked({"instrument": "oboe", "pitchmidi": 40}, count, seed)
    assert rows == [{"instrument": "oboe", "pitchmidi": 40}] * count


@given(
    st.lists(
        st.one_of(st.integers(-200, 200), st.floats(-1e6, 1e6), st.text(max_size=4)),
        min_size=1,
        max_size=12,
    )
)
def test_every_value_of_the_training_is_encoded_and_no_two_alike(
    values: list[Any],
) -> None:
    notes = [note(str(k), x=value) for k, value in enumerate(values)]
    conditions = Conditions.fit(notes, ["x"])
    rows = conditions.of(notes)
    numbers = conditions.encode(rows)["x"].tolist()
    assert len(set(numbers)) == len({row["x"] for row in rows})
    assert max(numbers) < conditions.each[0].n_classes - 1
    assert json.loads(json.dumps(conditions.to_json()))["each"][0]["name"] == "x"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("60", 60),
        (60.0, 60),
        (60.5, 60.5),
        ("x", None),
        (True, None),
        ("nan", None),
        (float("inf"), None),
        (None, None),
    ],
)
def test_what_counts_as_a_number(value: Any, number: float | None) -> None:
    assert as_number(value) == number


def test_a_graph_says_by_its_input_how_it_reads_a_number() -> None:
    shapes = {"codes": ("B", 2, "T"), "instrument": ("B",), "pitchmidi": ("B", 2)}
    refuse_inputs(NAMES, shapes, ["codes"])
    assert scaled_inputs(NAMES, shapes) == {"pitchmidi"}


MESSAGES = {
    "unknown condition": (
        lambda: Conditions.fit(NOTES, NAMES).asked({"instrumnet": "cello"}, 1, 0),
        "the model has no condition 'instrumnet'\n"
        "  conditions  'instrument', 'pitchmidi'\n"
        "  help: did you mean 'instrument'?     [E560]",
    ),
    "value not seen": (
        lambda: Conditions.fit(NOTES, NAMES).asked({"instrument": "chello"}, 1, 0),
        "no training recording has 'chello' as its 'instrument'\n"
        "  values  cello, flute\n"
        "  help: did you mean 'cello'?     [E561]",
    ),
    "number not seen": (
        lambda: Conditions.fit(NOTES, NAMES).asked({"pitchmidi": 60}, 1, 0),
        "no training recording has '60' as its 'pitchmidi'\n"
        "  values  40, 41, 72\n"
        "  help: choose one of these values     [E561]",
    ),
    "not a number": (
        lambda: Conditions.fit(NOTES, NAMES, ["pitchmidi"]).asked(
            {"pitchmidi": "high"}, 1, 0
        ),
        "the condition 'pitchmidi' is a number, got 'high'\n"
        "  values  40 to 72 in the training recordings\n"
        "  help: give a number     [E561]",
    ),
    "another count": (
        lambda: Conditions.fit(NOTES, NAMES).asked({"pitchmidi": [40, 41]}, 3, 0),
        "the condition 'pitchmidi' has 2 values for 3 sounds\n"
        "  help: give one value for all, or 3 of them     [E563]",
    ),
    "validation has a value of its own": (
        lambda: Conditions.fit(NOTES[:2], NAMES).of(NOTES),
        "'c.wav': no training recording has '41' as its 'pitchmidi'\n"
        "  values  40, 72\n"
        "  help: leave such recordings out, train on recordings with this value too, or let the graph read "
        "'pitchmidi' as a number where it is one: `pitchmidi: B D=2`     [E561]",
    ),
    "no annotation": (
        lambda: Conditions.fit(NOTES, ["instrument", "pitch"]),
        "'a.wav' has no annotation 'pitch', which is a condition\n"
        "  got  'instrument', 'pitchmidi'\n"
        "  help: did you mean 'pitchmidi'?     [E560]",
    ),
    "several values": (
        lambda: Conditions.fit(
            [Note("a.wav", {"tag": (Atom("x"), Atom(["y"]))})], ["tag"]
        ),
        "'a.wav' has 2 values of the condition 'tag', and a sound has one\n"
        "  values  x, y\n"
        "  help: choose an annotation with one value per recording     [E560]",
    ),
    "words as numbers": (
        lambda: Conditions.fit(NOTES, NAMES, ["instrument"]),
        "the graph reads 'instrument' as a number, and its values are words\n"
        "  got  'flute'\n"
        "  help: write `instrument: B` in `input:`: words are given as class numbers     [E562]",
    ),
    "no input": (
        lambda: refuse_inputs(NAMES, {"x": ("B", 2, "T"), "pitchmidi": ("B",)}, ["x"]),
        "the graph has no input for the condition 'instrument'\n"
        "  inputs  'x', 'pitchmidi'\n"
        "  help: add `instrument: B` to `input:`, or take it out of task.conditions     [E564]",
    ),
    "an input of many axes": (
        lambda: refuse_inputs(["pitchmidi"], {"pitchmidi": ("B", 3, "T")}, []),
        "the graph cannot read the condition 'pitchmidi' by its input of 3 axes\n"
        "  help: write `pitchmidi: B` for class numbers, or `pitchmidi: B D=2` for a scaled number     [E564]",
    ),
    "an input too many": (
        lambda: refuse_inputs(
            ["pitchmidi"], {"x": ("B",), "pitchmidi": ("B",), "pitch": ("B",)}, ["x"]
        ),
        "the task has nothing for the graph's input 'pitch'\n"
        "  given  'x', 'pitchmidi'\n"
        "  help: did you mean 'pitchmidi'?     [E564]",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case: str) -> None:
    call, text = MESSAGES[case]
    with pytest.raises(TaskError) as found:
        call()
    assert str(found.value) == text
