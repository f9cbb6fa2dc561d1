"""SubbandLSTM: torch's LSTM on each bin by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_each_bin_goes_through_the_same_lstm(make: Make, bidirectional: bool) -> None:
    block = make(
        "SubbandLSTM", (2, 3, 5, 7), hidden_size=4, bidirectional=bidirectional
    )
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    y = block(x)
    plain = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=bidirectional).double()
    plain.load_state_dict(
        {
            name.removeprefix("lstm."): value
            for name, value in block.state_dict().items()
        }
    )
    for row in range(5):
        torch.testing.assert_close(
            y[:, :, row], plain(x[:, :, row].transpose(1, 2))[0].transpose(1, 2)
        )


def test_one_direction_hears_nothing_of_later_frames(make: Make) -> None:
    block = make("SubbandLSTM", (1, 2, 3, 6), hidden_size=4)
    x = torch.randn(1, 2, 3, 6, dtype=torch.float64)
    later = x.clone()
    later[..., 4:] = 0.0
    assert torch.equal(block(x)[..., :4], block(later)[..., :4])
