"""The separating model of the zoo answers by what it is asked for: real mixes, real stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data.corpus import Corpus, Item
from mirbricks.metrics.reconstruction import si_sdr_db

ASKED = ("violin", "bassoon")
FAR_DB = 8.0
SECONDS = 6


def piece(folder: Path, number: str) -> tuple[Item, dict[str, Item]]:
    """A mix, and its stems by instrument."""
    corpus = Corpus.open(folder)
    (mix,) = (
        item
        for item in corpus.items
        if item.stem_of is None and item.key.startswith(number)
    )
    stems = {}
    for item in corpus.items:
        if item.stem_of == mix.key:
            stems[str(item.entry.first("instrument"))] = item
    return mix, stems


# The pieces of its test fold, which it has never seen.
@pytest.mark.parametrize("number", ["02", pytest.param("07", marks=pytest.mark.slow)])
def test_asked_for_two_instruments_it_gives_two_answers(
    bach10: Path, number: str
) -> None:
    mix, stems = piece(bach10, number)
    sr_hz = mix.sr_hz
    stop = SECONDS * sr_hz
    model = mb.load("zoo:separation_bach10")
    found = model.separate(mix.read(0, stop)[0], sr_hz=sr_hz, targets=ASKED)
    assert found.targets == ASKED
    for asked in ASKED:
        estimate = found[asked].samples[0]
        ratios = {}
        for name, stem in stems.items():
            ratio = si_sdr_db(estimate, stem.read(0, stop)[0])
            assert ratio is not None
            ratios[name] = ratio
        own = ratios.pop(asked)
        assert own - max(ratios.values()) >= FAR_DB, (asked, own, ratios)
        assert len(ratios) == 3


def test_the_answer_to_one_question_does_not_depend_on_the_other(
    bach10: Path,
) -> None:
    mix, _ = piece(bach10, "02")
    wave, sr_hz = mix.read(0, 3 * mix.sr_hz)
    model = mb.load("zoo:separation_bach10")
    both = model.separate(wave, sr_hz=sr_hz, targets=ASKED)
    for asked in ASKED:
        alone = model.separate(wave, sr_hz=sr_hz, targets=[asked])
        np.testing.assert_array_equal(alone[asked].samples, both[asked].samples)
