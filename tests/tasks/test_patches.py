"""What all tasks draw patches with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from torch import Tensor, nn

from mirbricks.tasks.base import Batch
from mirbricks.tasks.patches import (
    Example,
    PatchBatches,
    every_patch,
    input_shape_of,
    mean_over_patches,
    random_patch,
    random_start,
    rank_of,
    rotated,
    shares,
    transposed,
)
from mirbricks.tasks.reading import InMemory

RAMP = torch.arange(40.0).expand(3, 40)


class Drawn(PatchBatches):
    """Patches of a ramp: the first number says where they are from."""

    def draw(self, step: int, rng: Generator) -> Batch:
        examples = []
        for _ in range(self.batch_size):
            patch = random_patch(InMemory(RAMP), 8, rng)
            examples.append(Example(patch, int(patch[0, 0]), f"step {step}"))
        return self.collated(examples)


class Other(Drawn):
    stream = (5,)


def test_a_batch_is_a_pure_function_of_seed_and_step() -> None:
    batches = Drawn(seed=3, batch_size=6, input_rank=4)
    first = batches.batch(2)
    batches.batch(9)
    assert torch.equal(batches.batch(2).inputs[0], first.inputs[0])
    assert first.inputs[0].shape == (6, 1, 3, 8)
    assert torch.equal(first.inputs[0][:, 0, 0, 0].long(), first.targets)
    assert first.items == ("step 2",) * 6
    assert Drawn(seed=3, batch_size=6, input_rank=3).batch(2).inputs[0].ndim == 3
    for different in (
        Drawn(seed=4, batch_size=6, input_rank=4).batch(2),
        Drawn(seed=3, batch_size=6, input_rank=4).batch(3),
        Other(seed=3, batch_size=6, input_rank=4).batch(2),
    ):
        assert not torch.equal(different.targets, first.targets)


def test_draws_follow_numpys_generator_of_seed_stream_and_step() -> None:
    """Runs are resumed to the bit, so the seeds of a step may never change."""
    starts = [int(np.random.default_rng((3, 2)).integers(0, 33))]
    assert Drawn(seed=3, batch_size=1, input_rank=3).batch(2).targets.tolist() == starts
    starts = [int(np.random.default_rng((3, 5, 2)).integers(0, 33))]
    assert Other(seed=3, batch_size=1, input_rank=3).batch(2).targets.tolist() == starts


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 999))
def test_patches_come_from_anywhere(n_frames: int, size: int, seed: int) -> None:
    values = torch.arange(1.0, n_frames + 1)[None]
    rng = np.random.default_rng(seed)
    patch = random_patch(InMemory(values), size, rng, silence=-1.0)[0]
    assert len(patch) == size
    inside = patch[patch > 0]
    assert len(inside) == min(size, n_frames)
    assert torch.equal(inside, torch.arange(len(inside)) + inside[0])
    assert (patch[patch <= 0] == -1.0).all()
    assert 0 <= random_start(n_frames, size, rng) <= max(n_frames - size, 0)


def test_every_start_is_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {random_start(10, 8, rng) for _ in range(99)} == {0, 1, 2}
    assert {random_start(8, 10, rng) for _ in range(9)} == {0}
    starts = {float(random_patch(InMemory(RAMP), 38, rng)[0, 0]) for _ in range(99)}
    assert starts == {0.0, 1.0, 2.0}


def test_long_recordings_are_drawn_more_often() -> None:
    features = [InMemory(torch.zeros(2, n)) for n in (10, 30)]
    assert shares(features).tolist() == [0.25, 0.75]


@given(st.integers(-11, 11), st.sampled_from([1, 2]))
def test_transpositions(semitones: int, octaves: int) -> None:
    x = torch.rand(2, 12 * octaves, 3)
    up = transposed(x, semitones, "chroma")
    assert torch.equal(up, rotated(x, semitones))
    for pitch in range(12 * octaves):
        octave, own = divmod(pitch, 12)
        assert torch.equal(up[:, 12 * octave + (own + semitones) % 12], x[:, pitch])
    moved = transposed(x, semitones, "bins", 2)
    for row in range(12 * octaves):
        source = row - 2 * semitones
        expected = x[:, source] if 0 <= source < 12 * octaves else torch.zeros(2, 3)
        assert torch.equal(moved[:, row], expected)
    assert transposed(x, semitones, "none") is x


@given(st.integers(1, 50), st.integers(1, 12), st.integers(1, 12), st.integers(1, 5))
def test_every_frame_is_in_a_patch(
    n_frames: int, size: int, hop: int, at_once: int
) -> None:
    values = torch.arange(n_frames).float()[None]
    seen: set[int] = set()
    for starts, patches in every_patch(
        n_frames,
        InMemory(values).read,
        patch_frames=size,
        hop_frames=min(hop, size),
        silence=-1.0,
        at_once=at_once,
    ):
        assert len(starts) == len(patches) <= at_once
        assert patches.shape[1:] == (1, size)
        assert torch.equal(patches[:, 0, 0], torch.from_numpy(starts).float())
        seen |= set(patches[patches >= 0].int().tolist())
    assert seen == set(range(n_frames))


class Mean(nn.Module):
    """The mean of a patch, and how many came at once."""

    def __init__(self, shape: tuple[int | str, ...] | None = None) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))
        self.ranks: set[int] = set()
        if shape:
            self.input_shapes = {"x": shape}

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training
        self.ranks.add(x.ndim)
        return self.one * x.flatten(1).mean(1, keepdim=True)


@pytest.mark.parametrize(("shape", "rank"), [(None, 3), (("B", 1, 3, "T"), 4)])
def test_the_mean_over_patches(shape: tuple[int | str, ...] | None, rank: int) -> None:
    """Of a recording in three patches: the last one ends with it, whatever the hop."""
    model = Mean(shape)
    x = torch.arange(10.0).expand(3, 10)
    found = mean_over_patches(model, x, 4, lambda y: 2 * y, hop_frames=4)
    starts = [0, 4, 6]
    assert found.tolist() == [2 * sum(start + 1.5 for start in starts) / 3]
    assert found.dtype == np.float64
    assert model.ranks == {rank}
    assert model.training
    # By default half a patch; squares, so that other starts give another mean.
    found = mean_over_patches(model, x, 4, lambda y: y.square())
    assert found.tolist() == [sum((start + 1.5) ** 2 for start in (0, 2, 4, 6)) / 4]
    # The hop of a patch of one frame is one frame.
    assert mean_over_patches(model, x, 1, lambda y: y).tolist() == [4.5]
    # A short recording is filled up with silence, 1.0 here: 45 of ten frames and six times 1.
    found = mean_over_patches(model, x, 16, lambda y: y, silence=1.0)
    assert found.tolist() == [(45 + 6) / 16]


def test_the_input_of_a_model() -> None:
    assert input_shape_of(Mean()) == ()
    assert input_shape_of(Mean(("B", 3, "T"))) == ("B", 3, "T")
    assert (rank_of(Mean()), rank_of(Mean(("B", 3, "T")))) == (0, 3)
