"""Near misses, and words of other libraries."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks import registry
from mirbricks.commands.table import COMMANDS
from mirbricks.features import features
from mirbricks.spelling import BROUGHT, REMARKS, did_you_mean
from mirbricks.training.optimization import TrainConfig

COUNTS = ", which counts batches, not passes over the corpus"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("epochs", f"did you mean 'steps'{COUNTS}?"),
        ("max_epochs", f"did you mean 'steps'{COUNTS}?"),
        ("max_steps", "did you mean 'steps'?"),
        ("learning_rate", "did you mean 'lr'?"),
        ("LEARNING-RATE", "did you mean 'lr'?"),
        ("grad_clip", "did you mean 'clip_norm'?"),
        ("batchsize", "did you mean 'batch_size'?"),
        ("filters", None),  # nothing of the training is meant
    ],
)
def test_words_of_other_libraries_in_a_training(word: str, hint: str | None) -> None:
    assert did_you_mean(word, TrainConfig.model_fields) == hint


def test_the_place_decides_which_word_is_meant() -> None:
    assert did_you_mean("rate", ["p", "inplace"]) == "did you mean 'p'?"
    assert did_you_mean("rate", ["sr_hz", "n_mels"]) == "did you mean 'sr_hz'?"
    assert did_you_mean("rate", ["ratio"]) == "did you mean 'ratio'?"


def places() -> dict[str, set[str]]:
    """What may be written, by place."""
    found = {
        name: set(spec.cls.Config.model_fields)
        for name, spec in registry.blocks().items()
    }
    found |= {name: set(one.Config.model_fields) for name, one in features().items()}
    found["train"] = set(TrainConfig.model_fields)
    found["commands"] = set(COMMANDS)
    found["options"] = {"out", "jobs", "device"}
    return found


@pytest.mark.parametrize("word", BROUGHT)
def test_every_word_leads_somewhere(word: str) -> None:
    """A proposal that no place knows would never be made."""
    for ours in set(BROUGHT[word]) - {word}:
        fields = [known for known in places().values() if ours in known]
        assert fields, ours
        hints = {did_you_mean(word, known) for known in fields if word not in known}
        assert any(f"'{ours}'" in (hint or "") for hint in hints), (word, ours, hints)
    assert set(REMARKS) <= set(BROUGHT)


@given(st.text(max_size=12), st.lists(st.text(max_size=8)))
def test_only_names_that_there_are_come(word: str, known: list[str]) -> None:
    hint = did_you_mean(word, known)
    assert hint is None or any(f"'{name}'" in hint for name in known)


@pytest.mark.parametrize("word", [None, 3, 1.5, ["lr"]])
def test_what_is_not_text_is_near_to_nothing(word: Any) -> None:
    assert did_you_mean(word, ["lr", "steps"]) is None
