"""New mixes: what is in them, and that each is a pure function of seed and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.tasks.reading import InMemory
from mirbricks.tasks.separation import SeparationConfig
from mirbricks.tasks.separation.mixing import StemMixes
from mirbricks.tasks.separation.transposing import read_length, transposed

N_FRAMES = 256
LABELS = ("violin", "horn")


class Recording:
    """As much of an item as mixing needs."""

    def __init__(self, key: str) -> None:
        self.key = key


class Piece:
    """A mix whose stems are constants: 1 and 2 in the first piece, 3 and 4 in the second, ..."""

    def __init__(self, number: int, labels: tuple[str, ...] = LABELS) -> None:
        self.mix = Recording(f"{number}.wav")
        self.labels = labels
        self.stems = tuple(Recording(f"{number}-{label}") for label in labels)


def constant(value: float, n_channels: int = 1, n_samples: int = 1000) -> InMemory:
    rows = value * torch.arange(1.0, n_channels + 1)[:, None]
    return InMemory(rows.expand(n_channels, n_samples))


def mixes(
    kind: str = "conditioned",
    n_channels: int = 1,
    pieces: list[Piece] | None = None,
    features: dict[str, InMemory] | None = None,
    **remix: Any,
) -> StemMixes:
    plain = {"gain_db": 0.0, "polarity": 0.0, "swap_channels": 0.0, "silent": 0.0}
    settings = SeparationConfig(
        targets=LABELS, patch_frames=N_FRAMES, remix={**plain, **remix}
    )
    pieces = pieces or [Piece(0), Piece(1), Piece(2)]
    if features is None:
        features = {}
        for value, stem in enumerate((s for p in pieces for s in p.stems), 1):
            features[stem.key] = constant(value, n_channels)
    return StemMixes(
        pieces,
        features,
        settings,
        kind,
        {"mix": "mix", "target": "which"},
        seed=0,
        batch_size=64,
    )


def test_a_mix_is_the_sum_of_stems_of_one_piece() -> None:
    batch = mixes(other_pieces=0.0).batch(0)
    mix = batch.named["mix"]
    assert mix.shape == (64, 1, N_FRAMES)
    # 1 + 2, 3 + 4 or 5 + 6, the same in every sample.
    assert set(mix.flatten(1).unique(dim=1).flatten().tolist()) == {3.0, 7.0, 11.0}
    own = {3.0: (1.0, 2.0), 7.0: (3.0, 4.0), 11.0: (5.0, 6.0)}
    for row, asked, wanted in zip(
        mix, batch.named["which"], batch.targets, strict=True
    ):
        total = float(row[0, 0])
        assert float(wanted[0, 0]) == own[total][int(asked.argmax())]
    # Each target is asked for, one at a time.
    assert set(batch.named["which"].argmax(dim=1).tolist()) == {0, 1}
    assert (batch.named["which"].sum(dim=1) == 1).all()


def test_targets_are_asked_for_in_turn() -> None:
    found = mixes(targets_in_turn=True)
    for step in (0, 1, 7):
        asked = found.batch(step).named["which"].argmax(dim=1)
        assert asked.tolist() == [0, 1] * 32


def test_stems_of_other_pieces_keep_their_labels() -> None:
    batch = mixes("several", other_pieces=1.0).batch(0)
    violin = batch.targets["violin"][:, 0, 0]
    horn = batch.targets["horn"][:, 0, 0]
    assert set(violin.tolist()) == {1.0, 3.0, 5.0}
    assert set(horn.tolist()) == {2.0, 4.0, 6.0}
    torch.testing.assert_close(batch.named["mix"][:, 0, 0], violin + horn)
    # Not always the neighbour of the same piece.
    assert len(set((horn - violin).tolist())) > 1


def test_gains_and_polarity_are_of_each_stem() -> None:
    found = mixes("several", other_pieces=0.0, gain_db=6.0, polarity=0.5).batch(3)
    for label, least in (("violin", 1.0), ("horn", 2.0)):
        own = found.targets[label][:, 0, 0]
        assert (own < 0).any()
        assert (own > 0).any()
        assert own.abs().min() >= least * 0.5011
    factors = found.targets["violin"][:, 0, 0] / found.targets["horn"][:, 0, 0]
    assert len(factors.unique()) > 32


def test_channels_change_places_together() -> None:
    found = mixes("several", n_channels=2, other_pieces=0.0, swap_channels=0.5).batch(0)
    violin = found.targets["violin"][:, :, 0]
    ratio = violin[:, 1] / violin[:, 0]
    assert set(ratio.tolist()) == {2.0, 0.5}
    total = sum(found.targets.values())
    torch.testing.assert_close(found.named["mix"], total)


def test_a_target_sounds_unless_it_may_be_silent() -> None:
    """A stem that is silent for nine tenths is nearly always taken where it sounds."""
    wave = torch.zeros(1, 4000)
    wave[:, 3600:] = 1.0
    pieces = [Piece(0, ("violin",))]
    features = {"0-violin": InMemory(wave)}
    for silent, least, most in ((0.0, 0.5, 1.0), (1.0, 0.0, 0.3)):
        batch = mixes(pieces=pieces, features=features, silent=silent).batch(0)
        share = float((batch.targets.abs().amax(dim=(1, 2)) > 0).float().mean())
        assert least <= share <= most
    # One that may be silent need not even play in the piece.
    assert set(batch.named["which"].argmax(dim=1).tolist()) == {0, 1}


def test_a_batch_is_a_pure_function_of_its_step() -> None:
    one = mixes(transpose_semitones=2.0, gain_db=6.0)
    two = mixes(transpose_semitones=2.0, gain_db=6.0)
    two.batch(1)
    for step in (5, 0):
        torch.testing.assert_close(
            one.batch(step).named["mix"], two.batch(step).named["mix"], rtol=0, atol=0
        )
    assert not torch.equal(one.batch(0).targets, one.batch(1).targets)


def test_a_short_stem_lies_anywhere_in_its_patch() -> None:
    pieces = [Piece(0, ("violin",))]
    batch = mixes(
        pieces=pieces, features={"0-violin": constant(1.0, n_samples=50)}
    ).batch(0)
    sums = batch.named["mix"].sum(dim=(1, 2))
    assert (sums == 50).all()
    firsts = (batch.named["mix"][:, 0] > 0).float().argmax(dim=1)
    assert len(firsts.unique()) > 10


@given(st.floats(-3, 3), st.sampled_from([256, 1000, 4096, 22050]))
def test_a_transposed_tone_has_another_pitch_and_the_same_level(
    semitones: float, n_frames: int
) -> None:
    before, length = read_length(n_frames, semitones)
    moments = torch.arange(-before, length - before, dtype=torch.float64)
    wave = torch.sin(0.3 * moments).float()[None]
    found = transposed(wave, n_frames, semitones)
    assert found.shape == (1, n_frames)
    # The ratio is rounded to a 256th of the patch.
    step = max(n_frames // 256, 1)
    ratio = length / (n_frames + 2 * step) if semitones else 1.0
    assert ratio == pytest.approx(2 ** (semitones / 12), abs=1 / 256)
    expected = torch.sin(0.3 * ratio * torch.arange(n_frames, dtype=torch.float64))
    middle = slice(n_frames // 8, -n_frames // 8)
    phase = 0.3 * (ratio * step - before) if semitones else 0.0
    expected = torch.sin(
        0.3 * ratio * torch.arange(n_frames, dtype=torch.float64) + phase
    )
    difference = (found[0].double() - expected)[middle].abs().max()
    assert float(difference) < 0.05


def test_all_stems_of_an_example_are_transposed_alike() -> None:
    """A tone in both stems stays in unison, unless each has a number of semitones of its own."""
    tone = InMemory(torch.sin(0.3 * torch.arange(4000.0))[None])
    pieces = [Piece(0)]
    features = {"0-violin": tone, "0-horn": tone}
    given = {"pieces": pieces, "features": features, "other_pieces": 0.0}
    alike = mixes("several", transpose_semitones=2.0, **given).batch(0)
    torch.testing.assert_close(alike.targets["violin"], alike.targets["horn"])
    apart = mixes(
        "several", transpose_semitones=2.0, each_by_itself=True, **given
    ).batch(0)
    difference = apart.targets["violin"] - apart.targets["horn"]
    assert (difference.abs().amax(dim=(1, 2)) > 0.1).float().mean() > 0.8
    assert np.isfinite(difference.numpy()).all()
