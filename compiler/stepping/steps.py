"""A compiled graph, one place at a time: what autoregressive models need to generate without computing anything twice.

One input of the graph comes place by place, such as the codes of a frame or a sample; all others, such as conditions,
are there from the start, and what hangs on them alone is computed once. A block that looks back over places keeps what
it needs in a cache of its own and offers

    new_cache(max_places, batch_size)      or new_cache(max_places, *others) where it reads other, unmoving tensors
    step(x, cache, *others)                the output at the places that came, and at no other
    can_step                               False where its settings do not allow it, such as looking ahead

Every other block is taken to treat each place by itself, as Linear and LayerNorm do. Whether that is so is found out by
`stepper_of`, which computes the whole graph again for each place where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..join import join
from ..module import GraphModule
from ..operations import Op

# What runs at each place: the running tensor and the moving stored ones in, the running tensor out.
Move = Callable[[Tensor, dict[str, Tensor]], Tensor]


class Steps:
    """A graph in eval mode that takes one of its inputs place by place.

    Parameters
    ----------
    model : GraphModule
        The graph.
    moving : str
        The input that comes place by place.
    others : mapping of str to Tensor
        The graph's other inputs, (B, ...).
    batch_size : int
        Sequences that are made at once.
    max_places : int
        The longest sequence: caches have this size from the start.

    Attributes
    ----------
    running : str or None
        The node that runs, or that failed.
    caches : list
        Of all layers that have one.

    Examples
    --------
    >>> import mirbricks as mb
    >>> graph = {"input": "B T D=4", "layers": [{"TransformerDecoder": {"num_heads": 2, "num_layers": 1}}]}
    >>> model = mb.compile_graph(graph).eval()
    >>> x = torch.randn(2, 5, 4)
    >>> steps = Steps(model, "x", {}, batch_size=2, max_places=5)
    >>> each = torch.cat([steps(x[:, [place]]) for place in range(5)], dim=1)
    >>> bool(torch.allclose(each, model(x), atol=1e-5))
    True
    """

    def __init__(
        self,
        model: GraphModule,
        moving: str,
        others: Mapping[str, Tensor],
        *,
        batch_size: int,
        max_places: int,
    ) -> None:
        self.model = model
        self._moving = moving
        self._batch_size = batch_size
        self._max_places = max_places
        self.running: str | None = None
        self.caches: list[Any] = []
        self._still: dict[str, Tensor] = dict(
            others
        )  # stored tensors that never change
        self._moving_keys = {moving}
        self._moves: list[Move] = []
        with torch.no_grad():
            self._plan()

    def __call__(self, x: Tensor) -> Tensor:
        """The output at the places that come next; raises ValueError where a cache is full."""
        stored = {self._moving: x}
        for move in self._moves:
            x = move(x, stored)
        return x

    def _plan(self) -> None:
        """Run all that does not move, and note what has to run at each place."""
        first = next(iter(self.model.input_shapes))
        # The running tensor as long as it does not move; None once it does.
        still: Tensor | None = None
        if first != self._moving:
            still = self._still[first]
        for op in self.model.ops:
            if op.kind == "StartFrom":
                still = self._start_from(op)
            elif op.kind == "StoreAs":
                self._store(op, still)
            else:
                still = self._apply(op, still)

    def _start_from(self, op: Op) -> Tensor | None:
        if op.name not in self._moving_keys:
            return self._still[op.name]
        self._moves.append(lambda _, stored: stored[op.name])
        return None

    def _store(self, op: Op, still: Tensor | None) -> None:
        if still is not None:
            self._still[op.name] = still
            self._moving_keys.discard(op.name)
            return

        def store(x: Tensor, stored: dict[str, Tensor]) -> Tensor:
            stored[op.name] = x
            return x

        self._moving_keys.add(op.name)
        self._moves.append(store)

    def _apply(self, op: Op, still: Tensor | None) -> Tensor | None:
        """A layer or a join; it moves where anything that goes in does."""
        if op.kind == "run":
            keys = op.extra
        else:
            keys = (op.name, *op.extra)
        moves = [key in self._moving_keys for key in keys]
        if still is not None and not any(moves):
            others = [self._still[key] for key in keys]
            if op.kind == "run":
                y: Tensor = self.model.get_submodule(op.name)(still, *others)
                return y
            return join(op.kind, [still, *others], op.fit)
        if op.kind == "run":
            self._moves.append(self._layer(op, still))
        else:
            self._moves.append(self._join(op, keys, still))
        return None

    def _layer(self, op: Op, still: Tensor | None) -> Move:
        module = self.model.get_submodule(op.name)
        unmoving = [self._still[key] for key in op.extra if key in self._still]
        moving = [key for key in op.extra if key in self._moving_keys]
        steps = hasattr(module, "step") and getattr(module, "can_step", True)
        if steps and still is None:
            return self._stepped(op.name, unmoving, moving)
        fixed = {key: self._still[key] for key in op.extra if key in self._still}

        def run(x: Tensor, stored: dict[str, Tensor]) -> Tensor:
            self.running = op.name
            others = [fixed[key] if key in fixed else stored[key] for key in op.extra]
            y: Tensor = module(x if still is None else still, *others)
            return y

        return run

    def _stepped(self, name: str, unmoving: list[Tensor], moving: list[str]) -> Move:
        """A block with a cache of its own; a layer that a graph runs twice has two of them."""
        block: Any = self.model.get_submodule(name)
        if unmoving:
            cache = block.new_cache(self._max_places, *unmoving)
        else:
            cache = block.new_cache(self._max_places, self._batch_size)
        self.caches.append(cache)

        def step(x: Tensor, stored: dict[str, Tensor]) -> Tensor:
            self.running = name
            y: Tensor = block.step(x, cache, *[stored[key] for key in moving])
            return y

        return step

    def _join(self, op: Op, keys: tuple[str, ...], still: Tensor | None) -> Move:
        fixed = {key: self._still[key] for key in keys if key not in self._moving_keys}
        # Over places, what does not move stands before the sequence: it comes once, with the first place.
        once = op.kind == "CatWith"
        begun = False

        def joined(x: Tensor, stored: dict[str, Tensor]) -> Tensor:
            nonlocal begun
            tensors = []
            if not (once and begun and still is not None):
                tensors.append(x if still is None else still)
            for key in keys:
                if key not in fixed:
                    tensors.append(stored[key])
                elif not (once and begun):
                    tensors.append(fixed[key])
            begun = True
            return join(op.kind, tensors, op.fit)

        return joined
