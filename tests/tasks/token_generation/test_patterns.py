"""Patterns: every code stands somewhere, and comes back."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.tasks.token_generation.patterns import Pattern, PatternName

NAMES = get_args(PatternName)
SIZES = st.tuples(
    st.sampled_from(NAMES),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(2, 12),
)


def codes_of(batch: int, levels: int, frames: int, n_codes: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(batch + 10 * levels + 100 * frames)
    shape = (batch, levels, frames)
    return torch.randint(n_codes, shape, generator=generator)


@given(SIZES)
def test_round_trip(sizes: tuple[Any, ...]) -> None:
    name, batch, levels, frames, n_codes = sizes
    pattern = Pattern(name, levels, n_codes)
    codes = codes_of(batch, levels, frames, n_codes)
    tokens = pattern.tokens(codes)
    assert torch.equal(pattern.codes(tokens), codes)
    # Only `delay` has places without a code, as many at the beginning as at the end.
    assert int((tokens == pattern.empty).sum()) == batch * levels * pattern.delay
    assert int(tokens.max()) < pattern.n_embeddings


@given(SIZES)
def test_logits_are_those_of_their_codes(sizes: tuple[Any, ...]) -> None:
    """A graph that knows the code of every place has its one in the place of that code."""
    name, batch, levels, frames, n_codes = sizes
    pattern = Pattern(name, levels, n_codes)
    codes = codes_of(batch, levels, frames, n_codes)
    tokens = pattern.tokens(codes).clamp_max(n_codes - 1)
    one_hot = torch.nn.functional.one_hot(tokens, n_codes)
    if name == "flatten":
        outputs = one_hot.transpose(1, 2).flatten(1, 2)
    else:
        outputs = one_hot.transpose(1, 2).flatten(2)
    assert outputs.shape[1:] == (pattern.n_places(frames), pattern.n_logits())
    assert torch.equal(pattern.logits(outputs, frames).argmax(-1), codes)


@given(SIZES)
def test_columns_one_after_another_are_the_tokens(sizes: tuple[Any, ...]) -> None:
    name, batch, levels, frames, n_codes = sizes
    pattern = Pattern(name, levels, n_codes)
    codes = codes_of(batch, levels, frames, n_codes)
    tokens = pattern.tokens(codes)
    if name == "flatten":
        sequence = tokens.transpose(1, 2).reshape(batch, 1, -1)
    else:
        sequence = tokens
    columns = []
    for place in range(pattern.n_places(frames)):
        # What is drawn outside of the recording must not count: here always the first code.
        drawn = sequence[..., place]
        drawn = drawn.masked_fill(drawn == pattern.empty, 0)
        columns.append(pattern.column(drawn, place, frames))
        assert torch.equal(columns[-1][..., 0], sequence[..., place])
        assert torch.equal(columns[-1], pattern.column_of(tokens, place))
    assert torch.equal(pattern.gathered(columns), codes)


@pytest.mark.parametrize("name", NAMES)
def test_no_place_sees_a_code_of_its_own_frame_that_comes_later(name: Any) -> None:
    """The order in which codes are predicted: coarse before fine, and never a later frame before an earlier one."""
    pattern = Pattern(name, 3, 50)
    codes = torch.arange(12).view(1, 3, 4)
    sequence = pattern.tokens(codes)
    if name == "flatten":
        sequence = sequence.transpose(1, 2).reshape(1, 1, -1)
    place = {}
    for column in range(sequence.shape[-1]):
        for code in sequence[0, :, column].tolist():
            place[code] = column
    for level in range(3):
        for frame in range(4):
            here = place[level * 4 + frame]
            if level and name != "parallel":
                assert here > place[(level - 1) * 4 + frame]
            if frame:
                assert here > place[level * 4 + frame - 1]
