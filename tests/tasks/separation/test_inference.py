"""Separation of any length: as one chunk would be, to the sample, whatever the pieces that the recording comes in."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mirbricks.features.resample import resample
from mirbricks.tasks.separation import inference
from mirbricks.tasks.separation.inference import (
    context_of,
    separated_pieces,
    separated_stream,
    whole_steps,
)
from mirbricks.tasks.separation.postprocess import sum_to_mix


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator)


def seeing(reach: int, step: int = 1):
    """A model of two sources that sees `reach` samples to either side, in frames of `step` samples."""
    taps = noise(1, 1, 2 * (reach // step) + 1, seed=3)

    def model(mix: Tensor) -> Tensor:
        n_channels, n_samples = mix.shape
        padded = torch.nn.functional.pad(mix, (0, -n_samples % step))
        frames = padded.reshape(n_channels, -1, step).transpose(1, 2)
        seen = torch.nn.functional.conv1d(
            frames.reshape(n_channels * step, 1, -1), taps, padding=reach // step
        )
        wave = seen.reshape(n_channels, step, -1).transpose(1, 2)
        first = wave.reshape(n_channels, -1)[:, :n_samples]
        return torch.stack([first, mix - first])

    return model


@given(
    n_samples=st.integers(1, 2000),
    chunk=st.integers(40, 400),
    share=st.floats(0.2, 0.9),
    step=st.integers(1, 8),
    piece=st.integers(1, 700),
)
@settings(max_examples=80)
def test_equals_one_shot_where_the_model_sees_no_further_than_the_context(
    n_samples: int, chunk: int, share: float, step: int, piece: int
) -> None:
    chunk, overlap = whole_steps(chunk, int(share * (chunk - 1)), step)
    assert (chunk - overlap) % step == 0
    reach = context_of(overlap) // step * step
    model = seeing(reach, step)
    mix = noise(2, n_samples)
    pieces = mix.split(piece, dim=1)
    found = list(separated_pieces(model, pieces, chunk=chunk, overlap=overlap))
    wanted = model(mix)
    together = torch.cat(found, dim=2)
    assert together.shape == (2, 2, n_samples)
    torch.testing.assert_close(together, wanted, rtol=0, atol=1e-4)


@given(
    n_samples=st.integers(1, 900), chunk=st.integers(1, 100), overlap=st.integers(0, 99)
)
def test_weights_sum_to_one_for_every_overlap(
    n_samples: int, chunk: int, overlap: int
) -> None:
    if overlap >= chunk:
        return
    mix = noise(1, n_samples)
    found = separated_pieces(
        lambda wave: torch.stack([wave, -wave]), [mix], chunk=chunk, overlap=overlap
    )
    together = torch.cat(list(found), dim=2)
    torch.testing.assert_close(together, torch.stack([mix, -mix]), rtol=0, atol=1e-6)


def test_a_chunk_has_what_the_overlap_says_on_either_side() -> None:
    """What a model says of the ends of chunks is not heard, but for those of the recording."""
    chunk, overlap = 400, 160
    context = context_of(overlap)

    def ends(wave: Tensor) -> Tensor:
        marked = torch.zeros_like(wave)
        marked[:, :context] = 1
        marked[:, -context:] = 1
        return marked[None]

    found = separated_pieces(ends, [torch.ones(1, 2000)], chunk=chunk, overlap=overlap)
    together = torch.cat(list(found), dim=2)[0, 0]
    assert together[:context].eq(1).all()
    assert together[-context:].eq(1).all()
    assert not together[context:-context].any()


def test_chunks_are_no_longer_than_asked_and_no_more_than_needed() -> None:
    lengths = []

    def model(wave: Tensor) -> Tensor:
        lengths.append(wave.shape[1])
        return wave[None]

    mix = noise(1, 1000)
    list(separated_pieces(model, mix.split(90, dim=1), chunk=400, overlap=100))
    # Of 1000 samples: 0 to 400, 300 to 700, and 600 to the end, which a chunk more would only repeat.
    assert lengths == [400, 400, 400]
    lengths.clear()
    list(separated_pieces(model, mix.split(90, dim=1), chunk=1000, overlap=100))
    assert lengths == [1000]
    lengths.clear()
    list(separated_pieces(model, [], chunk=1000, overlap=100))
    assert lengths == []


@pytest.mark.parametrize(
    ("from_hz", "model_hz"),
    [(44_100, 22_050), (48_000, 16_000), (22_050, 44_100), (16_000, 16_000), (44_099, 22_050)],
)  # fmt: skip
@pytest.mark.parametrize("n_samples", [1, 37_003, 60_000])
def test_other_rates_equal_one_shot_and_keep_the_length(
    from_hz: int, model_hz: int, n_samples: int
) -> None:
    mix = noise(2, n_samples)
    model = seeing(30)
    once = resample(model(resample(mix, from_hz, model_hz)), model_hz, from_hz)
    found = separated_stream(
        model,
        mix.split(10_000, dim=1),
        from_hz=from_hz,
        model_hz=model_hz,
        chunk=9000,
        overlap=2000,
    )
    together = torch.cat(list(found), dim=2)
    assert together.shape == (2, 2, n_samples)
    scale = float(once.abs().max())
    torch.testing.assert_close(
        together, once[..., :n_samples], rtol=0, atol=1e-5 * scale
    )


def test_what_is_made_of_the_mix_meets_its_own_samples() -> None:
    mix = noise(2, 23_456)
    pieces = separated_stream(
        # Sources that lack something, which comes back at the recording's own rate.
        lambda wave: torch.stack([wave / 2, wave / 5]),
        mix.split(5000, dim=1),
        from_hz=44_100,
        model_hz=22_050,
        chunk=4000,
        overlap=1000,
        finish=sum_to_mix,
    )
    found = list(pieces)
    assert len(found) > 3
    together = torch.cat(found, dim=2).sum(0)
    torch.testing.assert_close(together, mix, rtol=0, atol=1e-5)


def test_no_more_is_read_than_the_next_piece_needs() -> None:
    n_read = 0

    def pieces() -> Iterator[Tensor]:
        nonlocal n_read
        for _ in range(100):
            n_read += 1000
            yield noise(1, 1000)

    n_given = 0
    for piece in separated_stream(
        lambda wave: wave[None],
        pieces(),
        from_hz=44_100,
        model_hz=22_050,
        chunk=4000,
        overlap=1000,
    ):
        n_given += piece.shape[-1]
        # A chunk, twice as long at this rate, its overlap, and what filters reach.
        assert n_read - n_given <= 2 * 5000 + 2000
    assert n_given == n_read == 100_000


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="an overlap of 0 to 99 samples for chunks of 100, got 100"):  # fmt: skip
        list(separated_pieces(seeing(1), [noise(1, 500)], chunk=100, overlap=100))
    with pytest.raises(ValueError, match="an overlap of 0 to 99"):
        whole_steps(100, -1, 8)
    with pytest.raises(ValueError, match=r"sources \(S, 1, 100\), got \(1, 1, 99\)"):
        list(
            separated_pieces(
                lambda wave: wave[None, :, 1:], [noise(1, 500)], chunk=100, overlap=10
            )
        )


def test_the_examples_run() -> None:
    found = doctest.testmod(inference)
    assert found.attempted
    assert not found.failed
