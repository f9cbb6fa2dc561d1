"""What blocks made of tensors on the meta device before, so that no block is built or run twice on the same sizes.

A graph is run at several sizes, a repeat has the same layer many times over, and building a large block costs far
more than asking a dict. What is remembered depends on the config and the shapes only, as every block's output does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from ...registry import Block, BlockConfig, Spec, build
from ..join import join
from ..module import count_parameters
from .operations_seen import OperationsSeen

Key = tuple[type, str]
# Of all blocks of a graph together: 4 GB of float32, far more than what is trained in the field.
MOST_PARAMETERS = 1_000_000_000
MOST_SECONDS = 120.0
# Of an editor that goes on for hours: far more than one graph has, a few hundred MB at most.
MOST_BLOCKS = 4_000
MOST_OUTPUTS = 50_000


@dataclass
class Remembered:
    """The blocks and outputs of one graph; `ends` is the time at which looking for its sizes has to end."""

    ends: float = field(default_factory=lambda: monotonic() + MOST_SECONDS)
    _blocks: dict[object, Block] = field(default_factory=dict)
    _sizes: dict[object, int] = field(default_factory=dict)
    _made: dict[object, Any] = field(default_factory=dict)
    _last: tuple[BlockConfig | None, Key] = (None, (object, ""))
    # Within a block the same function is asked for the same shapes over and over.
    operations: OperationsSeen = field(default_factory=OperationsSeen)

    def again(self) -> Remembered:
        """The same for the next graph, with time of its own: most of its layers are those of the one before."""
        if len(self._blocks) > MOST_BLOCKS or len(self._made) > MOST_OUTPUTS:
            return Remembered()
        return Remembered(
            _blocks=self._blocks,
            _sizes=self._sizes,
            _made=self._made,
            operations=self.operations,
        )

    def forget_outputs(self) -> None:
        """Keep the blocks only: of thousands of sizes, each of which is tried once, nothing need be known."""
        self._made.clear()

    @property
    def late(self) -> bool:
        return monotonic() > self.ends

    def made(self, spec: Spec, config: BlockConfig, inputs: Sequence[Tensor]) -> Any:
        """What the block of this config makes of these inputs, on the meta device."""
        shapes = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
        key = (self._key(spec, config), shapes)
        if key not in self._made:
            block = self.block(spec, config)
            with self._on_meta():
                self._made[key] = block(*inputs)
        return self._made[key]

    def joined(self, op: str, tensors: Sequence[Tensor], fit: str) -> Tensor:
        """What a skip makes of these tensors; each time a tensor of its own, as two skips are told apart by theirs."""
        shapes = tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors)
        key = (op, fit, shapes)
        if key not in self._made:
            with self._on_meta():
                self._made[key] = join(op, tensors, fit)
        made: Tensor = self._made[key]
        return made.detach()

    def block(self, spec: Spec, config: BlockConfig) -> Block:
        key = self._key(spec, config)
        if key not in self._blocks:
            with self._on_meta():
                self._blocks[key] = build(spec, config).eval()
        return self._blocks[key]

    @contextmanager
    def _on_meta(self) -> Iterator[None]:
        with torch.device("meta"), self.operations:
            yield

    def parameters(self, spec: Spec, config: BlockConfig) -> int:
        """How many weights the block has; it is built on the meta device, where they take no memory."""
        key = self._key(spec, config)
        if key not in self._sizes:
            self._sizes[key] = count_parameters(self.block(spec, config))
        return self._sizes[key]

    def _key(self, spec: Spec, config: BlockConfig) -> Key:
        """The class, which a notebook may define a second time, and the config in full: a list in it has no hash."""
        # A layer asks several times in a row with the config that it has just resolved.
        if self._last[0] is not config:
            # The fields as a dict are written ten times as fast as by the config itself.
            self._last = (config, (spec.cls, repr(vars(config))))
        return self._last[1]
