"""Channels-last is asked of torch only where torch computes rightly."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from mirbricks.training.loop import TrainConfig
from mirbricks.training.memory_format import lay_channels_last

CPU = torch.device("cpu")


def is_laid(model: nn.Conv2d) -> bool:
    return model.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("settings", "dilation", "laid"),
    [
        ({}, (1, 1), False),
        ({"channels_last": True}, (4, 1), True),
        ({"channels_last": True, "bf16": True}, (1, 4), True),
        ({"channels_last": True, "bf16": True}, (4, 1), False),
    ],
)
def test_where_weights_are_laid_channels_last(
    settings: dict[str, bool],
    dilation: tuple[int, int],
    laid: bool,
    recwarn: pytest.WarningsRecorder,
) -> None:
    model = nn.Conv2d(4, 4, 3, dilation=dilation)
    warnings.simplefilter("always")
    assert lay_channels_last(model, TrainConfig(**settings), CPU) is laid
    assert is_laid(model) is laid
    expected = []
    if settings.get("channels_last") and not laid:
        expected = [
            "train.channels_last is left out: with train.bf16 on a CPU torch's gradients are wrong for "
            "convolutions dilated over frequency"
        ]
    assert [str(one.message) for one in recwarn] == expected
