from __future__ import annotations

import math

import torch

from mirbricks.data.batching.masks import mask_of, masked_mean


def test_masks() -> None:
    mask = mask_of(torch.tensor([0, 2, 4, 9]), 4)
    assert mask.tolist() == [
        [False] * 4,
        [True, True, False, False],
        [True] * 4,
        [True] * 4,
    ]


def test_the_mean_of_what_is_data() -> None:
    x = torch.rand(3, 5, 2, 4, dtype=torch.float64)
    mask = mask_of(torch.tensor([1, 3, 5]), 5)
    wanted = torch.stack([x[row, :n].mean(0) for row, n in enumerate((1, 3, 5))])
    torch.testing.assert_close(masked_mean(x, mask), wanted)
    torch.testing.assert_close(masked_mean(x[:, :, 0, 0], mask), wanted[:, 0, 0])


def test_padding_has_no_influence() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    with torch.no_grad():
        x[1, 1:] = math.nan
    mean = masked_mean(x, mask_of(torch.tensor([3, 1]), 3))
    assert mean.tolist() == [1.0, 1.0]
    mean.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(
        x.grad, torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]])
    )


def test_a_row_without_data() -> None:
    assert masked_mean(torch.ones(1, 3, 2), mask_of(torch.tensor([0]), 3)).tolist() == [
        [0.0, 0.0]
    ]
