"""Levels and magnitudes, by torch's functions."""

from __future__ import annotations

import torch

from mirbricks.blocks.pointwise.logarithm import Exp, Log


def test_log_by_torch():
    x = torch.tensor([[-2.0, 0.0, 0.5]])

    found = Log(Log.Config(floor=0.01))(x)

    torch.testing.assert_close(found, torch.tensor([[2.01, 0.01, 0.51]]).log())


def test_exp_by_torch():
    x = torch.tensor([[-3.0, 0.0, 1.5, 99.0]])

    found = Exp(Exp.Config(max=2.0))(x)

    torch.testing.assert_close(found, torch.tensor([[-3.0, 0.0, 1.5, 2.0]]).exp())
