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
    """make(name, input shape or a list of them, **config): a new block in float64, to meet a reference closely."""

    def build(
        name: str, given_shape: tuple[int, ...] | list[tuple[int, ...]], **config: Any
    ) -> Block:
        spec = registry.get(name)
        given = spec.cls.Config(**config)
        shapes = given_shape if isinstance(given_shape, list) else [given_shape]
        return registry.build(spec, given.resolve(spec.contract.bind(shapes))).double()

    return build


@pytest.fixture
def sizes_of() -> Callable[[Block], dict[str, tuple[int, ...]]]:
    """The size of every weight by its key: what a test writes by hand, where its oracle reads sizes from weights."""

    def sizes(block: Block) -> dict[str, tuple[int, ...]]:
        return {key: tuple(value.shape) for key, value in block.state_dict().items()}

    return sizes
