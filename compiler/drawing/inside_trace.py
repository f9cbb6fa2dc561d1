"""What a block computes, as torch.export sees it: a list of operations with their tensors.

What only moves a tensor (view, permute, chunk, ...) is not an operation of its own but a part of the way from one to
the next; what is computed from the weights alone (a weight norm, sinc filters) belongs to the operation that takes it.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from ...errors import RegistryError
from ...registry import Spec, build
from ..exporting.refusal import first_line
from .inside_nodes import (
    arguments,
    does_nothing,
    innermost,
    modules_of,
    name_of,
    plain,
    size_of,
    tensors,
)
from .inside_values import BATCH, Call, Value, reordered, weights_of

SILENT = {
    "detach", "alias", "clone", "contiguous", "to", "_to_copy", "type_as", "lift_fresh_copy",
}  # fmt: skip
PIECES = {"chunk", "split", "split_with_sizes", "unbind"}
MOVES = {
    "view", "_unsafe_view", "reshape", "permute", "transpose", "t", "mT", "movedim", "unsqueeze", "squeeze", "expand",
    "expand_as", "broadcast_to", "flatten", "unflatten", "slice", "select", "narrow", "real", "imag", "view_as_real",
    "view_as_complex", *SILENT, *PIECES,
}  # fmt: skip
# What runs a graph inside of the graph, and how many arguments stand before that graph.
WRAPPERS = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}
NORMS = {"_WeightNorm": "weight norm", "_SpectralNorm": "spectral norm"}


def trace(spec: Spec) -> tuple[list[Call], Value]:
    """The operations of a block's first example in eval(), its inputs first, and the tensor that comes out.

    Raises `RegistryError` where torch cannot export the block.
    """
    program = _exported(spec)
    calls, out = _Trace(program, moves=MOVES).result()
    n_inputs = len(spec.examples[0].shapes)
    if len(calls) > n_inputs:
        return calls, out
    # A block that only moves its input: then that is what it does.
    return _Trace(program, moves=set()).result()


def _exported(spec: Spec) -> torch.export.ExportedProgram:
    example = spec.examples[0]
    shapes = [(BATCH, *shape[1:]) for shape in example.shapes]
    with warnings.catch_warnings():
        # Torch warns about how recurrent layers keep their weights, which is nothing to act on here.
        warnings.simplefilter("ignore")
        try:
            config = spec.cls.Config(**example.config)
            sizes = spec.contract.bind(example.shapes)
            block = build(spec, config.resolve(sizes)).eval()
            inputs = tuple(torch.zeros(shape) for shape in shapes)
            return torch.export.export(block, inputs, strict=False)
        except Exception as error:
            raise RegistryError(
                f"block '{spec.name}' cannot be traced, so what is inside cannot be drawn",
                code="E308",
                facts=[("torch", first_line(error))],
                help=f"check_block('{spec.name}') explains more",
            ) from error


class _Trace:
    """Walks an exported graph once; `moves` are the operations that only belong to the way of a tensor."""

    def __init__(self, program: torch.export.ExportedProgram, moves: set[str]) -> None:
        self.program = program
        self.moves = moves
        self.calls: list[Call] = []

    def result(self) -> tuple[list[Call], Value]:
        """All that the output depends on, numbered from 0, and the output."""
        graph = self.program.graph_module
        outside = [
            self._placeholder(node)
            for node in graph.graph.nodes
            if node.op == "placeholder"
        ]
        (out,) = self._run(graph, outside)
        return _needed(self.calls, out)

    def _placeholder(self, node: fx.Node) -> Value:
        """An input, or a weight or constant of the block."""
        signature = self.program.graph_signature
        named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        if node.name in named:
            return Value(None, size_of(node), weights=(named[node.name],))
        if node.name in signature.inputs_to_lifted_tensor_constants:
            return Value(None, size_of(node))
        self.calls.append(Call("input", (), size_of(node), path=node.name))
        return self._last(node)

    def _last(self, node: fx.Node) -> Value:
        """What the last operation made."""
        return Value(len(self.calls) - 1, size_of(node))

    def _run(self, graph: fx.GraphModule, outside: Sequence[Any]) -> list[Any]:
        """Walk a graph with these values for its placeholders; returns what it puts out."""
        known: dict[fx.Node, Any] = {}
        given = iter(outside)
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                known[node] = next(given)
            elif node.op == "get_attr":
                known[node] = getattr(graph, str(node.target))
            elif node.op == "output":
                return [known[one] for one in node.all_input_nodes]
            else:
                known[node] = self._value(node, known)
        return []

    def _value(self, node: fx.Node, known: dict[fx.Node, Any]) -> Any:
        if node.target is operator.getitem:
            return self._piece(node, known)
        name = name_of(node)
        if name in WRAPPERS:
            return self._wrapped(node, name, known)
        if not isinstance(node.meta.get("val"), (Tensor, tuple, list)):
            # Arithmetic on sizes and dtypes is not what a block computes.
            return None
        values = []
        for role, one in tensors(node):
            value = known.get(one)
            if isinstance(value, Value):
                values.append(replace(value, role=role))
        # What no input has a part in is the same at every call: it belongs to the weights.
        if all(value.maker is None for value in values):
            return _from_weights(node, name, values)
        if name in self.moves or does_nothing(node, name):
            return _moved(node, name, values)
        return self._operation(node, name, values)

    def _wrapped(self, node: fx.Node, name: str, known: dict[fx.Node, Any]) -> Any:
        """A graph inside of the graph, walked as if it stood in its place."""
        held = node.args[WRAPPERS[name] :]
        inner, *outside = [known.get(one) for one in held if isinstance(one, fx.Node)]
        if isinstance(inner, fx.GraphModule):
            return self._run(inner, outside)
        return None

    def _operation(self, node: fx.Node, name: str, values: Sequence[Value]) -> Value:
        kinds = modules_of(node)
        path = kinds[-1][0] if kinds else ""
        call = Call(
            name=plain(name),
            values=tuple(dict.fromkeys(values)),
            size=size_of(node),
            given=tuple(arguments(node)),
            path=path,
            kinds=kinds,
        )
        self.calls.append(call)
        return self._last(node)

    def _piece(self, node: fx.Node, known: dict[fx.Node, Any]) -> Any:
        """One tensor of several that an operation gives."""
        whole, position = node.args
        assert isinstance(whole, fx.Node)
        value = known[whole]
        index = int(str(position))
        if isinstance(value, list):
            return value[index]
        if value is None or value.maker is None:
            return value
        size = size_of(node)
        if name_of(whole) in PIECES:
            words = f"part {index + 1}/{len(whole.meta['val'])}"
            return replace(value, size=size, piece=words)
        # Such as the first of the three that an LSTM gives: its size is that of the operation.
        if not value.moves:
            self.calls[value.maker] = replace(self.calls[value.maker], size=size)
        return replace(value, size=size)


def _moved(node: fx.Node, name: str, values: Sequence[Value]) -> Value:
    """The tensor that comes from the input, after a move."""
    value = next(value for value in values if value.maker is not None)
    moved = replace(value, size=size_of(node))
    if name not in SILENT:
        moved = replace(moved, moves=(*value.moves, name))
    if name in ("real", "imag"):
        moved = replace(moved, piece=name)
    return moved


def _from_weights(node: fx.Node, name: str, values: Sequence[Value]) -> Value:
    """A tensor that no input has a part in."""
    made_by = [one for value in values for one in value.made_by]
    # A constant, such as a range of numbers, is made of nothing that has a name.
    if values and name not in MOVES:
        made_by.append(NORMS.get(innermost(node), plain(name)))
    return Value(
        maker=None,
        size=size_of(node),
        weights=weights_of(values),
        made_by=tuple(dict.fromkeys(made_by)),
    )


def _needed(calls: list[Call], out: Value) -> tuple[list[Call], Value]:
    """The inputs and what the output depends on."""
    # An input is drawn even where nothing comes of it: it is part of the contract.
    wanted = {i for i, call in enumerate(calls) if call.name == "input"}
    waiting = []
    if out.maker is not None:
        waiting.append(out.maker)
    while waiting:
        i = waiting.pop()
        if i not in wanted:
            wanted.add(i)
            makers = (value.maker for value in calls[i].values)
            waiting += [maker for maker in makers if maker is not None]
    return reordered(calls, sorted(wanted), out)
