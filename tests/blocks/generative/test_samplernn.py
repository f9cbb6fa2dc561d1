"""SampleRNN's tiers against the paper's equations frame by frame, and what each output may see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mirbricks import registry
from mirbricks.registry import Block


def tier(name: str, shapes: list[tuple[int, ...]], **config: Any) -> Block:
    spec = registry.get(name)
    block = registry.build(
        spec, spec.cls.Config(**config).resolve(spec.contract.bind(shapes))
    ).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    return block


def by_equations(
    w: dict[str, Tensor], x: Tensor, frame: int, ratio: int, cond: Tensor | None
) -> Tensor:
    """One GRU layer over frames, one matrix for each of the `ratio` outputs of a frame."""
    padded = torch.cat(
        [torch.zeros(len(x), frame), x[:, 0], torch.zeros(len(x), -x.shape[2] % frame)],
        1,
    ).double()
    state, out = w["tier.start"][0].expand(len(x), -1), []
    for t in range(-(-x.shape[2] // frame)):
        samples = padded[:, t * frame : (t + 1) * frame]  # the frame before frame t
        given = samples @ w["tier.frames.weight"][:, 0].T + w["tier.frames.bias"]
        if cond is not None:
            given = given + cond[:, :, t]
        a = (given @ w["tier.rnn.weight_ih_l0"].T + w["tier.rnn.bias_ih_l0"]).chunk(
            3, 1
        )
        b = (state @ w["tier.rnn.weight_hh_l0"].T + w["tier.rnn.bias_hh_l0"]).chunk(
            3, 1
        )
        reset, update = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
        state = (1 - update) * (a[2] + reset * b[2]).tanh() + update * state
        out += [
            state @ w["tier.up.weight"][:, :, j] + w["tier.up.bias"]
            for j in range(ratio)
        ]
    return torch.stack(out, 2)


@pytest.mark.parametrize(
    ("samples", "ratio"), [(24, None), (21, None), (24, 2), (5, 4)]
)
def test_a_tier_by_its_equations(samples: int, ratio: int | None) -> None:
    x = torch.randn(2, 1, samples, dtype=torch.float64)
    block = tier("SampleRNNTier", [x.shape], hidden_size=3, frame_size=4, ratio=ratio)
    torch.testing.assert_close(
        block(x).detach(), by_equations(block.state_dict(), x, 4, ratio or 4, None)
    )


def test_a_lower_tier_adds_what_the_tier_above_says_and_leaves_what_is_over() -> None:
    x, cond = (
        torch.randn(2, 1, 21, dtype=torch.float64),
        torch.randn(2, 3, 8, dtype=torch.float64),
    )
    block = tier(
        "ConditionedSampleRNNTier", [x.shape, cond.shape], hidden_size=3, frame_size=4
    )
    torch.testing.assert_close(
        block(x, cond).detach(), by_equations(block.state_dict(), x, 4, 4, cond)
    )
    torch.testing.assert_close(block(x, cond[..., :6]), block(x, cond))
    with pytest.raises(RuntimeError):
        block(x, cond[..., :5])


def test_the_sample_tier_is_an_mlp_over_the_last_samples() -> None:
    x, cond = (
        torch.randn(2, 2, 7, dtype=torch.float64),
        torch.randn(2, 3, 8, dtype=torch.float64),
    )
    config = {"frame_size": 3, "embedding_dim": 5, "out_channels": 4}
    block = tier("SampleRNNSampleTier", [x.shape, cond.shape], **config)
    w = block.state_dict()
    for n in range(7):
        y = cond[:, :, n]
        for k in range(3):
            if n - 3 + k >= 0:
                y = (
                    y
                    + x[:, :, n - 3 + k]
                    @ w["embed.weight"][:, :, 0].T
                    @ w["conv.weight"][:, :, k].T
                )
        y = (y.relu() @ w["hidden.weight"][:, :, 0].T + w["hidden.bias"]).relu()
        y = y @ w["out.weight"][:, :, 0].T + w["out.bias"]
        torch.testing.assert_close(block(x, cond)[:, :, n].detach(), y)


def test_three_tiers_see_all_that_went_before_a_sample_and_not_itself() -> None:
    shape = (1, 1, 44)
    top = tier("SampleRNNTier", [shape], hidden_size=3, frame_size=8, ratio=4)
    middle = tier(
        "ConditionedSampleRNNTier", [shape, (1, 3, 24)], hidden_size=3, frame_size=2
    )
    samples = tier(
        "SampleRNNSampleTier",
        [shape, (1, 3, 44)],
        frame_size=2,
        embedding_dim=4,
        out_channels=5,
    )
    x = torch.rand(shape, dtype=torch.float64)

    def logits(wave: Tensor) -> Tensor:
        return samples(wave, middle(wave, top(wave)))

    before = logits(x)
    assert before.shape == (1, 5, 44)
    for n in (0, 7, 8, 21, 42):
        changed = x.clone()
        changed[..., n] += 1
        after = logits(changed)
        assert torch.equal(before[..., : n + 1], after[..., : n + 1])
        assert (
            not torch.isclose(before[..., n + 1 :], after[..., n + 1 :]).all(1).any()
        )  # every later one moves
