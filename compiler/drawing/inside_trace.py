"""What a block computes, as torch.export sees it: a list of operations with their tensors.

What only moves a tensor (view, permute, chunk, ...) is no operation of its own but a part of the way from one to the
next; what is computed from the weights alone (a weight norm, sinc filters) belongs to the operation that takes it.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from ...errors import RegistryError
from ...registry import Spec, build
from ...shapes import Shape
from ..exporting.refusal import first_line
from .parts import Size

BATCH = (
    101  # a size that nothing else has, so that the batch can be told in every shape
)
MOVES = {
    "view", "_unsafe_view", "reshape", "permute", "transpose", "t", "mT", "movedim", "unsqueeze", "squeeze", "expand",
    "expand_as", "broadcast_to", "flatten", "unflatten", "slice", "select", "narrow", "chunk", "split",
    "split_with_sizes", "unbind", "detach", "alias", "clone", "contiguous", "to", "_to_copy", "type_as",
    "lift_fresh_copy", "real", "imag", "view_as_real", "view_as_complex",
}  # fmt: skip
SILENT = {
    "detach",
    "alias",
    "clone",
    "contiguous",
    "to",
    "_to_copy",
    "type_as",
    "lift_fresh_copy",
}
PIECES = {"chunk", "split", "split_with_sizes", "unbind"}
WRAPPERS = {
    "wrap_with_set_grad_enabled": 1,
    "wrap_with_autocast": 4,
}  # arguments before the graph inside


@dataclass(frozen=True)
class Value:
    """A tensor: `maker` is the index of the operation that made it, None where it comes from weights alone.

    `moves` are what moved it since; `piece` says which part of a chunk it is, `role` which argument of the operation
    that takes it. Of a tensor from weights, `weights` are their names and `made_by` the operations on them.
    """

    maker: int | None
    size: Size = ()
    moves: tuple[str, ...] = ()
    piece: str = ""
    role: str = ""
    weights: tuple[str, ...] = ()
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """An operation: its name, the tensors it takes, what comes out, and the rest of its arguments by name.

    `path` is the module that it runs in ("block.conv"). An input is a call too: its path is its name.
    """

    name: str
    values: tuple[Value, ...]
    size: Size
    given: tuple[tuple[str, Any], ...] = ()
    path: str = ""
    kinds: tuple[
        tuple[str, str], ...
    ] = ()  # (path, class) of the modules around it, the outermost first
    note: str = ""  # of what stands for several operations: which

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the parameters and buffers that go in."""
        return tuple(
            dict.fromkeys(name for value in self.values for name in value.weights)
        )

    @property
    def data(self) -> tuple[Value, ...]:
        """The tensors that depend on the input."""
        return tuple(value for value in self.values if value.maker is not None)


def trace(spec: Spec) -> tuple[list[Call], Value]:
    """The operations of a block's first example in eval(), its inputs first, and the tensor that comes out.

    Raises `RegistryError` where torch cannot export the block.
    """
    n_inputs = len(spec.examples[0].shapes)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch's own, about how recurrent layers keep their weights
        try:
            program = _exported(spec)
        except Exception as error:
            message = f"block '{spec.name}' cannot be traced, so what is inside cannot be drawn"
            hint = f"check_block('{spec.name}') tells more"
            raise RegistryError(
                message, code="E308", facts=[("torch", first_line(error))], help=hint
            ) from error
    calls, out = _Trace(program, moves=MOVES).result()
    if len(calls) > n_inputs:
        return calls, out
    return _Trace(
        program, moves=set()
    ).result()  # a block that only moves its input: then that is what it does


def _exported(spec: Spec) -> torch.export.ExportedProgram:
    example = spec.examples[0]
    config = spec.cls.Config(**example.config)
    block = build(spec, config.resolve(spec.contract.bind(example.shapes))).eval()
    return torch.export.export(
        block,
        tuple(torch.zeros(BATCH, *shape[1:]) for shape in example.shapes),
        strict=False,
    )


class _Trace:
    """Walks an exported graph once; `moves` are the operations that are told on the way only."""

    def __init__(self, program: torch.export.ExportedProgram, moves: set[str]) -> None:
        self.program = program
        self.moves = moves
        self.calls: list[Call] = []

    def result(self) -> tuple[list[Call], Value]:
        """All that the output depends on, numbered anew, and the output."""
        signature = self.program.graph_signature
        named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        constants = {*signature.inputs_to_lifted_tensor_constants}
        graph = self.program.graph_module
        outside: list[Any] = []
        for node in graph.graph.nodes:
            if node.op != "placeholder":
                continue
            if node.name in named or node.name in constants:
                weights = (named[node.name],) if node.name in named else ()
                outside.append(Value(None, _size(node), weights=weights))
            else:
                self.calls.append(Call("input", (), _size(node), path=node.name))
                outside.append(Value(len(self.calls) - 1, _size(node)))
        (out,) = self._run(graph, outside)
        return _needed(self.calls, out)

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
        target: Any = node.target
        if target is operator.getitem:
            return self._piece(node, known)
        name = str(target.__name__).partition(".")[0]
        if name in WRAPPERS:
            inner, *outside = [
                known.get(one)
                for one in node.args[WRAPPERS[name] :]
                if isinstance(one, fx.Node)
            ]
            if isinstance(inner, fx.GraphModule):
                return self._run(inner, outside)
            return None
        if not isinstance(node.meta.get("val"), (Tensor, tuple, list)):
            return None  # arithmetic on sizes and dtypes
        pairs = [(role, known.get(one)) for role, one in _tensors(node)]
        values = [
            replace(value, role=role)
            for role, value in pairs
            if isinstance(value, Value)
        ]
        if all(value.maker is None for value in values):
            return self._from_weights(node, name, values)
        if name in self.moves or _does_nothing(node, name):
            value = next(value for value in values if value.maker is not None)
            if name in SILENT:
                moves = value.moves
            else:
                moves = (*value.moves, name)
            if name in ("real", "imag"):
                piece = name
            else:
                piece = value.piece
            return replace(value, size=_size(node), moves=moves, piece=piece)
        stack = [
            (path, kind)
            for path, kind in (node.meta.get("nn_module_stack") or {}).values()
        ]
        kinds = tuple(
            (path, str(kind).rpartition(".")[2]) for path, kind in stack if path
        )
        given = tuple(_arguments(node))
        if kinds:
            path = kinds[-1][0]
        else:
            path = ""
        self.calls.append(
            Call(
                _plain(name),
                tuple(dict.fromkeys(values)),
                _size(node),
                given,
                path,
                kinds,
            )
        )
        return Value(len(self.calls) - 1, _size(node))

    def _piece(self, node: fx.Node, known: dict[fx.Node, Any]) -> Any:
        """One tensor of several that an operation gives."""
        whole, index = node.args
        assert isinstance(whole, fx.Node)
        value = known[whole]
        if isinstance(value, list):
            return value[int(str(index))]
        if value is None or value.maker is None:
            return value
        name = str(getattr(whole.target, "__name__", "")).partition(".")[0]
        if name in PIECES:
            words = f"part {int(str(index)) + 1}/{len(whole.meta['val'])}"
        else:
            words = value.piece
        if (
            not value.moves and name not in PIECES
        ):  # such as the first of the three that an LSTM gives
            self.calls[value.maker] = replace(self.calls[value.maker], size=_size(node))
        return replace(value, size=_size(node), piece=words)

    def _from_weights(self, node: fx.Node, name: str, values: Iterable[Value]) -> Value:
        """A tensor that no input has a part in."""
        values = tuple(values)
        kind = str(
            list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())[-1][1]
        ).rpartition(".")[2]
        known = {"_WeightNorm": "weight norm", "_SpectralNorm": "spectral norm"}
        word = () if name in MOVES or not values else (known.get(kind, _plain(name)),)
        weights = tuple(dict.fromkeys(one for value in values for one in value.weights))
        made_by = tuple(
            dict.fromkeys([*(one for value in values for one in value.made_by), *word])
        )
        return Value(None, _size(node), weights=weights, made_by=made_by)


def _does_nothing(node: fx.Node, name: str) -> bool:
    return (
        name.endswith("dropout")
        and len(node.args) > 1
        and float(str(node.args[1])) == 0
    )


def _plain(name: str) -> str:
    """conv1d for conv1d, norm for linalg_vector_norm, rfft for fft_rfft, dot_product_attention for scaled_..."""
    for prefix in ("linalg_vector_", "linalg_", "fft_", "special_", "scaled_"):
        name = name.removeprefix(prefix)
    return name.strip("_")


def _tensors(node: fx.Node) -> Iterable[tuple[str, fx.Node]]:
    """The nodes that go in, with the names of the arguments."""
    schema = getattr(node.target, "_schema", None)
    for i, argument in enumerate(schema.arguments if schema else ()):
        held: list[fx.Node] = []
        fx.node.map_arg(
            node.args[i] if i < len(node.args) else node.kwargs.get(argument.name),
            held.append,
        )
        yield from ((argument.name, one) for one in held)


def _arguments(node: fx.Node) -> Iterable[tuple[str, Any]]:
    """The arguments that are no tensors and differ from their defaults, by name."""
    schema = getattr(node.target, "_schema", None)
    for i, argument in enumerate(schema.arguments if schema else ()):
        if i < len(node.args):
            value = node.args[i]
        else:
            value = node.kwargs.get(argument.name, argument.default_value)
        held: list[Any] = []
        fx.node.map_arg(value, held.append)
        if not held and value is not None and value != argument.default_value:
            yield (
                argument.name,
                tuple(value) if isinstance(value, (list, tuple)) else value,
            )


def _size(node: fx.Node) -> Size:
    """The shape that comes out, the first of several; the batch, and what it is merged with, by name."""
    value = node.meta["val"]
    while isinstance(value, (tuple, list)):
        value = value[0]
    return sized(tuple(value.shape))


def sized(shape: Shape) -> Size:
    """B where an axis is the batch, B·9 where it is merged with others."""
    names = (
        "B" if n == BATCH else f"B·{n // BATCH}" if n and n % BATCH == 0 else n
        for n in shape
    )
    return tuple(names)


def _needed(calls: Sequence[Call], out: Value) -> tuple[list[Call], Value]:
    """The inputs and what the output depends on."""
    wanted = {i for i, call in enumerate(calls) if call.name == "input"}
    if out.maker is not None:
        waiting = [out.maker]
    else:
        waiting = []
    while waiting:
        i = waiting.pop()
        if i not in wanted:
            wanted.add(i)
            waiting += [
                value.maker for value in calls[i].values if value.maker is not None
            ]
    place = {old: new for new, old in enumerate(sorted(wanted))}

    def moved(value: Value) -> Value:
        if value.maker is None:
            return value
        return replace(value, maker=place[value.maker])

    kept = [
        replace(calls[i], values=tuple(map(moved, calls[i].values)))
        for i in sorted(wanted)
    ]
    return kept, moved(out)
