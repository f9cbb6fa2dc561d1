"""Augmentations as a list of a graph file: every mistake in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from mirbricks.augment.base import augmentations
from mirbricks.augment.chain import AugmentStep, Chain

READ = TypeAdapter(tuple[AugmentStep, ...])


def test_a_list_of_yaml_and_back() -> None:
    steps = READ.validate_python(
        [{"Gain": {"min_db": -3.0}}, "Polarity", {"Noise": None}]
    )
    assert [step.name for step in steps] == ["Gain", "Polarity", "Noise"]
    dumped = READ.dump_python(steps)
    assert dumped[0] == {"Gain": {"probability": 1.0, "min_db": -3.0, "max_db": 6.0}}
    assert READ.validate_python(dumped) == steps


def test_a_chain_applies_them_in_order() -> None:
    steps = READ.validate_python(
        [{"Gain": {}}, {"LowPass": {"min_hz": 100.0, "max_hz": 900.0}}]
    )
    x = torch.randn(3, 1, 500)
    rng = np.random.default_rng(5)
    known = augmentations()
    gain = known["Gain"](steps[0].settings)(x, rng)
    wanted = known["LowPass"](steps[1].settings, 8000)(gain, rng)
    assert torch.equal(
        Chain(steps, "waveform", 8000)(x, np.random.default_rng(5)), wanted
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Gian", "there is no augmentation 'Gian': did you mean 'Gain'?"),
        (
            7,
            "an augmentation is a name, or one name with its settings: `- Gain: {max_db: 6}`",
        ),
        (
            {"Gain": {}, "Noise": {}},
            "an augmentation is a name, or one name with its settings: `- Gain: {max_db: 6}`",
        ),
        (
            {"Gain": {"mindb": 3.0}},
            "Gain has no setting 'mindb': did you mean 'min_db'?",
        ),
        (
            {"Gain": {"min_db": "loud"}},
            "Gain: 'min_db': input should be a valid number",
        ),
        ({"Gain": {"min_db": 9.0}}, "Gain: 'min_db' 9.0 is greater than 'max_db' 6.0"),
        (
            {"Gain": [1]},
            "Gain takes a mapping of settings: `- Gain: {probability: 0.5}`",
        ),
        ({"LowPass": {"max_hz": 9.0}}, "LowPass: 'min_hz': field required"),
    ],
)
def test_mistakes(given: Any, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        READ.validate_python([given])
    assert str(raised.value.errors()[0]["msg"]).removeprefix("Value error, ") == message


def test_a_chain_has_one_domain() -> None:
    with pytest.raises(
        ValueError, match="SpecAugment changes a spectrum, but here a waveform comes"
    ):
        Chain(READ.validate_python(["SpecAugment"]), "waveform", 8000)
