"""Levels of notes, which stand for velocities, and the figures of velocities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks.data.corpus import Corpus, Item
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.features.cache import FeatureCache
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig
from mirbricks.tasks.multi_pitch.annotation import velocities_of
from mirbricks.tasks.multi_pitch.loudness import with_levels
from mirbricks.tasks.multi_pitch.prediction import Note

FEATURE = HCQTFeatureConfig(
    sr_hz=8000,
    harmonics=(0.5, 1.0),
    fmin_hz=110.0,
    n_octaves=4,
    bins_per_octave=36,
    hop_length=160,
)
NOTES = [
    (57, 0.2, 0.5, 60),
    (64, 0.8, 0.5, 80),
    (69, 1.4, 0.5, 100),
    (76, 2.0, 0.5, 120),
]


class Loud(nn.Module):
    """What is loud at harmonic 1 is a pitch."""

    def forward(self, x: Tensor) -> Tensor:
        return 40.0 * x[:, 1:] - 34.0


def test_the_level_is_that_of_the_keys_own_bins_after_its_onset() -> None:
    values = torch.zeros(2, FEATURE.n_bins, 100)
    # A4 is two octaves above 110 Hz, bin 72; its frames from 1.0 s on have a tenth and half of the peak.
    values[1, 72, 50] = 0.1
    values[1, 72, 52] = 0.5
    values[1, 72, 90] = 1.0
    values[0, 72, 51] = 0.9
    values[1, 75, 51] = 0.9
    (note,) = with_levels([Note(1.0, 0.5, 69.0, 0.9)], values, FEATURE)
    # Two octaves above fmin_hz a window is a quarter as long, and a magnitude half as large.
    assert note.level_db == pytest.approx(20 * np.log10(0.5 * 2))
    (silent,) = with_levels([Note(0.0, 0.5, 45.0, 0.9)], values, FEATURE)
    assert silent.level_db == pytest.approx(-120.0)
    # A note that begins after the last frame, by rounding, has the last frame's level.
    (late,) = with_levels([Note(5.0, 0.5, 45.0, 0.9)], values, FEATURE)
    assert late.level_db == pytest.approx(-120.0)


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Tones that grow with their velocities: a corpus with the annotation and its features."""
    folder = tmp_path_factory.mktemp("struck")
    wave = np.zeros(8000 * 3, np.float32)
    for midi, onset_s, length_s, velocity in NOTES:
        times_s = np.arange(round(length_s * 8000)) / 8000
        tone = np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * times_s)
        first = round(onset_s * 8000)
        wave[first : first + len(tone)] += velocity / 240 * tone.astype(np.float32)
    pitches = tuple(Atom(midi, on, length) for midi, on, length, _ in NOTES)
    velocity = tuple(Atom(one, on, length) for _, on, length, one in NOTES)
    entry = Entry(
        {"filepath": (Atom("a.wav"),), "pitchmidi": pitches, "velocity": velocity}
    )
    form = Definition("segment", "numeric")
    definitions = {
        "filepath": Definition("global", "text"),
        "pitchmidi": form,
        "velocity": form,
    }
    write_audio(folder / "struck_audio.hdf5", iter([("a.wav", wave, 8000)]))
    Pyjama(definitions, [entry]).save(folder / "struck.pyjama")
    corpus = Corpus.open(folder)
    cache = FeatureCache(folder / "cache", FEATURE)
    cache.build(corpus.items, n_jobs=1)
    return corpus, cache


def test_velocities_are_judged_by_mir_eval_where_they_are_annotated(
    struck: Any,
) -> None:
    corpus, cache = struck
    config = MultiPitchConfig(thresholds=(0.5,), min_note_s=0.1)
    task = MultiPitch(config, FEATURE)
    figures = task.evaluate(Loud(), corpus.items, cache, {"threshold": 0.5}).figures
    assert figures["note_f1"] > 0.8
    assert figures["note_f1_velocity"] == figures["note_f1"]
    assert figures["note_onset_f1"] >= figures["note_f1"]
    found = task.predict(Loud(), cache.open("a.wav"), {"threshold": 0.5})
    expected_db = 20 * np.log10(np.array([60, 80, 100, 120]) / 120)
    levels_db = found.levels_db()
    assert levels_db is not None
    # A tone between two bins is a little lower than one on a bin.
    np.testing.assert_allclose(levels_db - levels_db[-1], expected_db, atol=0.5)


def test_without_a_velocity_of_each_note_there_is_none(
    make_item: Callable[..., Item], struck: Any
) -> None:
    corpus, _ = struck
    assert velocities_of(corpus["a.wav"]).tolist() == [60, 80, 100, 120]  # type: ignore[union-attr]
    assert velocities_of(make_item(pitchmidi=[(60, 0.0, 0.5)])) is None
    assert velocities_of(make_item(f0=([[60.0]], [0.0]))) is None
