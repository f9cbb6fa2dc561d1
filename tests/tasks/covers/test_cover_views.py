"""Versions made of a recording, and what the model sees of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mirbricks.tasks.covers import CoversConfig, ViewsConfig
from mirbricks.tasks.covers.views import (
    at_tempo,
    for_graph,
    held,
    moment,
    prepared,
    restructured,
    view,
)
from mirbricks.tasks.patches import level_of, rotated, transposed


class Held:
    """A feature in memory."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.n_frames = x, x.shape[-1]

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        return self.x[..., start:stop].clone()


RAMP = Held(torch.arange(100.0).expand(12, 100))


def test_a_view_without_changes_is_a_piece_of_the_recording() -> None:
    config = CoversConfig(patch_frames=30)
    starts = set()
    for seed in range(50):
        x = view(RAMP, 1.0, config, np.random.default_rng(seed))
        starts.add(float(x[0, 0]))
        assert torch.equal(x, x[:1, :1] + RAMP.x[:, :30])
    assert len(starts) > 20
    short = view(RAMP, 1.0, CoversConfig(patch_frames=130), np.random.default_rng(0))
    assert torch.equal(short[:, :100], RAMP.x)
    assert not short[:, 100:].any()


@given(st.integers(0, 10**6), st.integers(3, 9))
def test_sections_are_left_out_repeated_or_swapped(seed: int, most: int) -> None:
    x = torch.arange(40.0)[None]
    y = restructured(x, np.random.default_rng(seed), most)[0].tolist()
    steps = np.diff(y)
    assert y != x[0].tolist()
    assert (
        1 <= (steps != 1).sum() <= 4 or len(y) < 40
    )  # whole sections: few breaks; one left out at an end has none
    if len(y) < 40:
        assert len(set(y)) == len(y)
    elif len(y) > 40:
        assert sorted(set(y)) == x[0].tolist()
    else:
        assert sorted(y) == x[0].tolist()


def test_too_few_frames_have_no_sections() -> None:
    x = torch.rand(12, 2)
    assert torch.equal(restructured(x, np.random.default_rng(0), 5), x)


def test_tempo_is_linear_interpolation() -> None:
    y = at_tempo(RAMP.x, 0.5)
    assert y.shape == (12, 200)
    torch.testing.assert_close(
        y[0, 2:-2],
        torch.arange(100.0).repeat_interleave(2)[2:-2]
        + torch.tensor([-0.25, 0.25]).repeat(98),
    )
    assert at_tempo(RAMP.x, 2.0).shape == (12, 50)
    assert at_tempo(RAMP.x[:, :1], 4.0).shape == (12, 1)


def test_rotation_and_shift() -> None:
    x = torch.arange(24.0)[:, None]
    assert rotated(x, 1)[:, 0].tolist() == [11.0, *range(11), 23.0, *range(12, 23)]
    assert transposed(x, 1, "bins", 2)[:4, 0].tolist() == [0, 0, 0, 1]
    assert transposed(x, -1, "bins", 2)[-3:, 0].tolist() == [23, 0, 0]
    assert torch.equal(transposed(x, 3, "none", 2), x)


def test_each_change_does_what_it_says() -> None:
    config = CoversConfig(patch_frames=100)
    x = Held(torch.rand(12, 100) + 0.5)

    def seen(**views: object) -> Tensor:
        changed = config.model_copy(update={"views": ViewsConfig(**views)})  # type: ignore[arg-type]
        return view(x, 2.0, changed, np.random.default_rng(3))

    masked = seen(frame_masks=3, max_mask_frames=30)
    gone = (masked == 0).all(0)
    assert 0 < gone.sum() <= 90
    assert torch.equal(masked[:, ~gone], x.x[:, ~gone])
    ratio = seen(gain_db=6.0) / x.x
    torch.testing.assert_close(ratio, ratio[:1, :1].expand(12, 100))
    assert 0.5 < float(ratio[0, 0]) < 2
    assert float((seen(noise=0.3) - x.x).std()) == pytest.approx(
        0.3 * 2.0 / 12**0.5, rel=0.1
    )
    rolled = seen(transpose="chroma")
    assert any(torch.equal(rolled, x.x.roll(k, 0)) for k in range(12))
    assert not torch.equal(seen(structure=1.0), x.x)
    assert seen(max_tempo=2.0).shape == (12, 100)


def test_what_the_model_sees() -> None:
    x = torch.rand(12, 5)
    config = CoversConfig(patch_frames=5, power=0.5, compression=10.0)
    torch.testing.assert_close(
        prepared(x, 4.0, config), torch.log(1 + 10 * x.sqrt() / 2)
    )
    torch.testing.assert_close(prepared(7 * x, 7.0, config), prepared(x, 1.0, config))
    unit = prepared(x, 1.0, CoversConfig(patch_frames=5, unit_frames=True))
    torch.testing.assert_close(unit.norm(dim=0), torch.ones(5))
    assert torch.equal(unit.argmax(0), x.argmax(0))
    assert for_graph(
        x[None], CoversConfig(patch_frames=5, repeat_octave=True), 4
    ).shape == (1, 1, 23, 5)


def test_views_of_a_moment_share_place_and_key() -> None:
    rows = Held(torch.arange(12.0)[:, None] + 100 * torch.arange(200.0))
    views = ViewsConfig(transpose="chroma", jitter_frames=3)
    config = CoversConfig(patch_frames=20, views=views, learn_from="moments")
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(30):
        at = moment(rows, config, rng)
        two = [view(rows, 1.0, config, rng, at) for _ in range(2)]
        places = [int(x.min()) // 100 for x in two]
        assert all(abs(place + 10 - at.middle) <= 3 for place in places)
        assert all(int((x[:, 0] % 100).argmin()) == at.semitones % 12 for x in two)
        seen.add(at.semitones % 12)
    assert len(seen) > 6


def test_colour_and_leak() -> None:
    x = Held(torch.eye(12)[:, :6] + 0.1)
    config = CoversConfig(patch_frames=6, views=ViewsConfig(colour=0.3))
    ratio = view(x, 1.0, config, np.random.default_rng(0)) / x.x
    torch.testing.assert_close(ratio, ratio[:, :1].expand(12, 6))
    assert 0.1 < float(ratio[:, 0].log().std()) < 0.6
    config = CoversConfig(patch_frames=6, views=ViewsConfig(leak=0.5))
    shares = set()
    for seed in range(20):
        extra = view(x, 1.0, config, np.random.default_rng(seed)) - x.x
        share = float(extra[7, 0] - extra[6, 0])
        torch.testing.assert_close(extra, share * rotated(x.x, 7))
        shares.add(round(share, 6))
    assert 0.0 in shares
    assert max(shares) <= 0.5
    assert len(shares) > 6


class OnDisk(Held):
    """A feature that says how often it is read."""

    shape = (12,)
    reads = 0

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        self.reads += 1
        return super().read(start, stop)


def test_small_features_stay_in_memory() -> None:
    x = torch.rand(12, 40)
    disk = OnDisk(x)
    memory = held(disk)
    assert torch.equal(memory.read(3, 9), x[:, 3:9])
    assert torch.equal(memory.read(), x)
    assert (disk.reads, memory.n_frames) == (1, 40)
    assert held(disk, 12 * 40 - 1) is disk


def test_views_leave_what_is_held_as_it_is() -> None:
    x = torch.rand(12, 40)
    views = ViewsConfig(
        frame_masks=3, transpose="chroma", noise=0.2, gain_db=3.0, leak=0.3, colour=0.2
    )
    before = x.clone()
    memory = held(OnDisk(x))
    for seed in range(5):
        view(
            memory,
            1.0,
            CoversConfig(patch_frames=40, views=views),
            np.random.default_rng(seed),
        )
        view(
            memory,
            1.0,
            CoversConfig(patch_frames=40, views=ViewsConfig(frame_masks=3)),
            np.random.default_rng(seed),
        )
    assert torch.equal(memory.read(), before)


def test_the_level_is_the_90th_percentile_of_the_frames() -> None:
    x = torch.zeros(12, 100)
    x[3] = torch.arange(1.0, 101.0)
    assert level_of(lambda: x) == pytest.approx(
        float(np.quantile(np.arange(1.0, 101.0), 0.9))
    )
