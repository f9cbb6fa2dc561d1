"""One block at one set of input shapes: how it is built, what it is given, and how a broken property is reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from ..errors import MirbricksError
from ..registry import INFER, Block, BlockConfig, Spec, build
from ..shapes import Axes, ContractError, Shape, show

SEED = 20240815
Check = Callable[["Trial"], "str | None"]


class BlockCheckError(MirbricksError, AssertionError):
    """A block broke a property that every block has; the message names block, example and property (E310)."""


class Trial:
    """A block at an example's sizes, or at others."""

    def __init__(
        self, spec: Spec, shapes: tuple[Shape, ...], given: Mapping[str, Any]
    ) -> None:
        self.spec = spec
        self.shapes = shapes
        self.given = dict(given)
        try:
            config = spec.cls.Config(**self.given)
            axes = spec.contract.bind(shapes)
            self.config: BlockConfig = config.resolve(axes)
            spec.contract.bind(shapes, self.config)
        except (ContractError, ValidationError) as error:
            raise self._unfit(first_line(error)) from error
        self._refuse_other_sizes(config, axes)
        self.promised = spec.contract.predict(axes, self.config)

    def _refuse_other_sizes(self, config: BlockConfig, axes: Axes) -> None:
        """Raise where a field that is the size of an axis was given another one."""
        for name, mark in config.inferred().items():
            value = getattr(config, name)
            size = axes.get(mark.axis)
            if not (isinstance(value, int) and isinstance(size, int)):
                continue
            if value not in (INFER, size):
                raise self._unfit(f"'{name}' is {value}, but {mark.axis} is {size}")

    def _unfit(self, problem: str) -> BlockCheckError:
        return self.failure(
            "the example fits the contract",
            problem,
            "correct the shapes or the config of the example, or the contract",
        )

    def failure(self, rule: str, problem: str, help: str) -> BlockCheckError:
        shapes = ", ".join(map(show, self.shapes))
        where = f"{shapes} with {json.dumps(self.given, default=str)}"
        message = f"{self.spec.name} on {where}: {rule}: {problem}"
        return BlockCheckError(message, code="E310", help=help)

    def run(self, check: Check, help: str) -> None:
        """Run one check, named after its property; it returns what went wrong, or raises."""
        rule = check.__name__.replace("_", " ")
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                problem = check(self)
        except Exception as error:
            told = f"{type(error).__name__}: {first_line(error)}"
            raise self.failure(rule, told, help) from error
        if problem:
            raise self.failure(rule, problem, help)

    def block(self) -> Block:
        return build(self.spec, self.config)

    def trained(self) -> Block:
        """A block in eval() whose running statistics are no longer those of a new one."""
        block = self.block()
        with torch.no_grad():
            block(*self.inputs())
        return block.eval()

    def inputs(self, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        return [torch.randn(shape).to(dtype) for shape in self.shapes]


def first_line(error: Exception) -> str:
    """What an exception says, in one line; of pydantic's several, the first two, which name the field."""
    lines = str(error).strip().splitlines() or [repr(error)]
    if isinstance(error, ValidationError):
        return " ".join(line.strip() for line in lines[1:3])
    return lines[0]
