"""How far a graph sees, beside what really moves its outputs; chunks of it that equal one pass over all."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mirbricks as mb
from mirbricks.tasks.separation import chunks
from mirbricks.tasks.separation.chunks import chunks_of, overlap_for, reach_of
from mirbricks.tasks.separation.inference import context_of, separated_pieces

INVERSE = {"ISTFT": {"n_fft": 32, "hop_length": 8, "size_of": "mix"}}


def spectral(*layers: Any, inputs: Any = None) -> Any:
    """A graph of these layers between a transform and its inverse."""
    transform = {"STFT": {"n_fft": 32, "hop_length": 8}}
    graph = {
        "input": inputs or {"mix": "B C=2 T"},
        "layers": [transform, *layers, INVERSE],
    }
    torch.manual_seed(0)
    return mb.compile_graph(graph).eval()


def conv(**more: Any) -> Any:
    return {"Conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same", **more}}


def unet(depth: int) -> list[Any]:
    """A mask for the spectrum, from maps that are halved and doubled again."""
    strided = {"out_channels": 4, "kernel_size": 5, "stride": 2, "padding": 2}
    down = [{"Conv2d": strided}, "ReLU"] * depth
    up = [{"Upsample": {"scale_factor": 2}}, conv()] * depth
    # Doubled and cut: brought to a size, frames would lie a little further apart in a longer recording.
    masked = {"MulWith": {"key": "spectrum", "fit": "crop"}}
    return [{"StoreAs": "spectrum"}, *down, *up, "Sigmoid", masked]


GRAPHS = {
    "one layer": [conv()],
    "dilated": [conv(dilation=2), "ReLU", conv()],
    "one level": unet(1),
    "two levels": unet(2),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_no_sample_further_away_moves_an_output(name: str) -> None:
    model = spectral(*GRAPHS[name])
    reach, step = reach_of(model)
    assert reach is not None
    assert step % 8 == 0
    n_samples = 6 * reach // step * step + 4 * step
    mix = torch.randn(1, 2, n_samples, dtype=torch.float64, requires_grad=True)
    model = model.double()
    seen = 0
    # Every place of a period, as frames see different samples.
    middle = n_samples // 2 // step * step
    for place in range(middle, middle + step):
        (gradient,) = torch.autograd.grad(
            model(mix)[0, :, place].sum(), mix, retain_graph=False
        )
        moved = gradient.abs().sum((0, 1)).nonzero()[:, 0]
        seen = max(seen, int((moved - place).abs().max()))
    assert seen <= reach
    # Nor is it far more: the window is 0 at one end, and a stretch that no kernel meets may be counted.
    assert reach <= 1.3 * seen + 8


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("n_samples", [3001, 4000])
def test_chunks_equal_one_pass(name: str, n_samples: int) -> None:
    model = spectral(*GRAPHS[name])
    reach, step = reach_of(model)
    chunk, overlap = chunks_of(model, 1200, 10)
    assert overlap % step == 0
    assert chunk % step == 0
    assert context_of(overlap) >= reach
    mix = torch.randn(2, n_samples)
    with torch.inference_mode():
        whole = model(mix[None])
        pieces = mix.split(777, dim=1)
        found = separated_pieces(model_of(model), pieces, chunk=chunk, overlap=overlap)
        together = torch.cat(list(found), dim=2)
    torch.testing.assert_close(together, whole, rtol=0, atol=1e-4)


def model_of(model: Any) -> Any:
    return lambda wave: model(wave[None])


def test_a_condition_sees_nothing_and_a_norm_over_time_everything() -> None:
    target = {"mix": "B C=2 T", "target": "B K=3"}
    film = {"FiLM": {"with": "target"}}
    assert reach_of(spectral(conv(), film, inputs=target)) == reach_of(spectral(conv()))
    model = spectral(conv(), {"GroupNorm": {"num_groups": 1}})
    assert reach_of(model)[0] is None
    # What is asked for stays, in whole frames.
    assert chunks_of(model, 1000, 250) == (1008, 256)


def test_what_is_longer_than_a_chunk_leaves_it_as_it_is() -> None:
    model = spectral(*unet(2))
    reach, step = reach_of(model)
    assert reach > 100
    # The overlap that it needs would be more than half a chunk.
    assert chunks_of(model, 4 * step, step) == (4 * step, step)
    assert chunks_of(model, 2 * step - 1, 3) == (2 * step - 1, 3)


@given(st.integers(0, 5000))
def test_the_least_overlap(reach: int) -> None:
    overlap = overlap_for(reach)
    assert context_of(overlap) >= reach
    assert overlap == 0 or context_of(overlap - 1) < reach


def test_the_examples_run() -> None:
    found = doctest.testmod(chunks)
    assert found.attempted
    assert not found.failed
