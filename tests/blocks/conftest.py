"""Shared by the tests of blocks: how one is built for an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mirbricks import registry
from mirbricks.registry import Block


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def make() -> Callable[..., Block]:
    """make(name, input shape, **config): a new block in float64, so that a reference can be met closely."""

    def build(name: str, shape: tuple[int, ...], **config: Any) -> Block:
        spec = registry.get(name)
        given = spec.cls.Config(**config)
        return registry.build(spec, given.resolve(spec.contract.bind([shape]))).double()

    return build
