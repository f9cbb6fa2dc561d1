"""Which layer of a graph cannot be stepped: what each gives place by place, held against what it gives at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..module import GraphModule
from ..operations import NodeInfo


class Recorder:
    """Notes what the layers of a graph give, at once and place by place.

    Attributes
    ----------
    whole, stepped : dict of str to list of Tensor
        The outputs of each layer's calls, by its node's name.
    failed : str or None
        The layer that could not run place by place.
    """

    def __init__(self, model: GraphModule) -> None:
        self.model = model
        self.whole: dict[str, list[Tensor]] = {}
        self.stepped: dict[str, list[Tensor]] = {}
        self.failed: str | None = None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Note what the layers give while the whole graph runs."""
        with self._noting(self.whole):
            yield

    @contextmanager
    def place_by_place(self) -> Iterator[None]:
        """Note what they give while the graph is stepped."""
        with self._noting(self.stepped):
            yield

    @contextmanager
    def _noting(self, into: dict[str, list[Tensor]]) -> Iterator[None]:
        def note(name: str, output: Any) -> None:
            if isinstance(output, Tensor):
                into.setdefault(name, []).append(output)

        handles = []
        for name in {op.name for op in self.model.ops if op.kind == "run"}:
            layer = self.model.get_submodule(name)
            handles.append(
                layer.register_forward_hook(
                    lambda _module, _inputs, output, name=name: note(name, output)
                )
            )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def culprit_of(model: GraphModule, recorder: Recorder, close: float) -> NodeInfo | None:
    """The first layer whose outputs differ by more than `close`; None where each by itself is as it should be."""
    if recorder.failed is not None:
        return _node(model, recorder.failed)
    for op in model.ops:
        # A layer with a step of its own is not called, and has not been noted.
        noted = op.name in recorder.whole and op.name in recorder.stepped
        if op.kind != "run" or not noted:
            continue
        if not _alike(recorder.whole[op.name], recorder.stepped[op.name], close):
            return _node(model, op.name)
    return None


def _node(model: GraphModule, name: str) -> NodeInfo | None:
    for node in model.nodes:
        if node.name == name:
            return node
    return None


def _alike(whole: Sequence[Tensor], stepped: Sequence[Tensor], close: float) -> bool:
    """Whether the calls of all places together give what the calls of the whole graph gave."""
    calls = len(whole)
    for call, expected in enumerate(whole):
        # A layer that the graph runs several times takes turns at every place.
        places = stepped[call::calls]
        if not any(
            _equals(expected, places, axis, close) for axis in range(expected.ndim)
        ):
            return False
    return True


def _equals(
    expected: Tensor, places: Sequence[Tensor], axis: int, close: float
) -> bool:
    """Whether places side by side on an axis are the expected tensor; one alone may be what does not move."""
    if any(place.ndim != expected.ndim for place in places):
        return False
    sizes = [place.shape[:axis] + place.shape[axis + 1 :] for place in places]
    if any(size != sizes[0] for size in sizes):
        return False
    each = torch.cat(list(places), dim=axis)
    if each.shape != expected.shape:
        return False
    return bool((each - expected).abs().max() < close)
