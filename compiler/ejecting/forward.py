"""The forward of a compiled graph as lines of Python."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator

from ...shapes import show
from ..module import GraphModule
from ..operations import NodeInfo, Op
from .calls import Call, lines

FIT_FUNCTIONS = {
    "crop": '''def crop(*tensors: Tensor) -> tuple[Tensor, ...]:
    """(B, C, ...) tensors cut at the end of every axis from 2 on to the smallest of them."""
    sizes = [min(axis) for axis in zip(*(tensor.shape[2:] for tensor in tensors))]
    return tuple(resize(tensor, sizes) for tensor in tensors)''',
    "pad": '''def pad(*tensors: Tensor) -> tuple[Tensor, ...]:
    """(B, C, ...) tensors filled with zeros at the end of every axis from 2 on to the largest of them."""
    sizes = [max(axis) for axis in zip(*(tensor.shape[2:] for tensor in tensors))]
    return tuple(resize(tensor, sizes) for tensor in tensors)''',
    "resize": '''def resize(x: Tensor, sizes: list[int]) -> Tensor:
    """Cut or filled with zeros at the end of every axis from 2 on."""
    missing = [size - have for size, have in zip(sizes, x.shape[2:])]
    return functional.pad(x, [side for gap in reversed(missing) for side in (0, gap)])''',
}
SIGNS = {"AddWith": "+", "MulWith": "*"}
TAKEN = {"x", "self", "torch", "functional", "nn", "Tensor", "dict", *FIT_FUNCTIONS}


class Forward:
    """The lines of `def forward`; `fits` are the functions of `FIT_FUNCTIONS` that they use, in order."""

    def __init__(self, model: GraphModule) -> None:
        self.model = model
        # `crop` and `pad` both call `resize`, so it comes before them.
        joins = [
            op for op in model.ops if op.kind not in ("run", "StoreAs", "StartFrom")
        ]
        used = {op.fit for op in joins} - {"error"}
        self.fits: list[str] = []
        if used:
            self.fits = ["resize", *sorted(used)]
        self._variables: dict[str, str] = {}
        self._asked = {
            key for op in model.ops if op.kind != "StoreAs" for key in _read_by(op)
        } | set(model.outputs)

    def lines(self) -> Iterator[str]:
        inputs = list(self.model.input_shapes)
        # The chain's tensor is always `x`. The first input begins the chain and can be `x`
        # itself, unless it is read again after `x` has become another tensor.
        names = [
            self._variable(name) if i or name in self._asked else "x"
            for i, name in enumerate(inputs)
        ]
        if self.model.outputs:
            returns = "dict[str, Tensor]"
        else:
            returns = "Tensor"
        parameters = ("self", *(f"{name}: Tensor" for name in names))
        yield from lines("    def ", Call("forward", parameters), f" -> {returns}:")
        if names[0] != "x" and self.model.ops[0].kind != "StartFrom":
            yield f"        x = {names[0]}"
        for line, shape in self._steps():
            if shape:
                yield f"        {line}  # {show(shape)}"
            else:
                yield f"        {line}"
        pairs = [f'"{key}": {self._variable(key)}' for key in self.model.outputs]
        if pairs:
            yield from lines("        return ", Call("", tuple(pairs), "{}"))
        else:
            yield "        return x"

    def _steps(self) -> Iterator[tuple[str, tuple[int | str, ...] | None]]:
        """Each op as a line, with the shape that it makes where that is known."""
        runs = list(self.model.nodes)
        for i, op in enumerate(self.model.ops):
            # A store changes nothing, so its line needs no shape.
            if op.kind == "run":
                shape = runs.pop(0).went
            elif op.kind == "StoreAs":
                shape = None
            else:
                shape = self._made(i, runs)
            line = self._line(i, op)
            if line:
                yield line, shape

    def _made(self, i: int, runs: list[NodeInfo]) -> tuple[int | str, ...] | None:
        """The shape after a skip: what comes into the next layer, if that is what follows."""
        following = next(
            (op.kind for op in self.model.ops[i + 1 :] if op.kind != "StoreAs"), None
        )
        if following is None and not self.model.outputs:
            return self.model.output_shape
        if following == "run":
            return runs[0].came
        return None

    def _line(self, i: int, op: Op) -> str:
        """An op as a statement; nothing for a tensor stored that nobody asks for."""
        if op.kind == "run":
            return f"x = {child(op.name)}({', '.join(['x', *map(self._variable, op.extra)])})"
        if op.kind == "StoreAs":
            if self._is_read(i, op.name):
                return f"{self._variable(op.name)} = x"
            return ""
        if op.kind == "StartFrom":
            return f"x = {self._variable(op.name)}"
        tensors = ["x", *map(self._variable, (op.name, *op.extra))]
        if op.kind == "CatWith":
            # `crop` and `pad` give a tuple back, which takes the place of the literal one.
            fitted = f"({', '.join(tensors)})"
            if op.fit != "error":
                fitted = f"{op.fit}{fitted}"
            return f"x = torch.cat({fitted}, dim=1)"
        return self._arithmetic(op, tensors)

    def _arithmetic(self, op: Op, tensors: list[str]) -> str:
        sign = f" {SIGNS[op.kind]} "
        if op.fit == "error":
            return f"x = {sign.join(tensors)}"
        fitted = [f"{name}_fit" for name in tensors]
        return f"{', '.join(fitted)} = {op.fit}({', '.join(tensors)})\n        x = {sign.join(fitted)}"

    def _is_read(self, i: int, key: str) -> bool:
        # A key may be stored again: what is read after that is the later tensor.
        for op in self.model.ops[i + 1 :]:
            if op.kind != "StoreAs" and key in _read_by(op):
                return True
            if op.kind == "StoreAs" and op.name == key:
                return False
        return key in self.model.outputs

    def _variable(self, key: str) -> str:
        """The variable of a stored tensor or an input: its key in small letters."""
        if key not in self._variables:
            word = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_") or "stored"
            if word[0].isdigit() or keyword.iskeyword(word):
                word = f"stored_{word}"
            # E1 and e1 are two keys, and become two variables.
            taken = {*self._variables.values(), *TAKEN}
            name = word
            number = 1
            while name in taken:
                number += 1
                name = f"{word}_{number}"
            self._variables[key] = name
        return self._variables[key]


def _read_by(op: Op) -> tuple[str, ...]:
    if op.kind == "run":
        return op.extra
    return (op.name, *op.extra)


def child(name: str) -> str:
    """The expression for a module by its dotted name; Python's own words cannot stand behind a dot."""
    place = "self"
    for part in filter(None, name.split(".")):
        if keyword.iskeyword(part):
            place = f'getattr({place}, "{part}")'
        else:
            place = f"{place}.{part}"
    return place
