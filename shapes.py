"""Shape contracts: "B C T -> B {out_channels} T".

A contract has inputs and outputs, several of them separated by commas. A side is a list of tokens:

    C            an axis; the same name means the same size everywhere in the contract
    F'           an axis whose size only torch knows (it depends on F, on the kernel, on the stride, ...)
    C*2          twice the size of axis C: on the left side the size must be even
    1            exactly this size
    {channels}   the config's value of that name (a field or a property; a tuple stands for several axes)
    ...          any number of axes, the same on both sides
    ...'         any number of axes, known only to torch; on the left side, any axes whatever
    [B ...']     an input that may be left out; it comes last

`Contract.bind` matches shapes against the left side and gives the size of every axis; `Contract.predict` gives the
right side, with None where only torch knows. Torch stays the oracle: the compiler holds every prediction against the
shape that came out of the block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

Shape = tuple[int, ...]
Prediction = tuple["int | None", ...]
Axes = dict[str, "int | Shape"]

_TOKEN = re.compile(
    r"(?P<axis>[A-Z][A-Za-z0-9]*)(?P<prime>')?(?:\*(?P<times>\d+))?|(?P<fixed>\d+)|\{(?P<field>\w+)\}"
)
REST = "..."


class ContractError(ValueError):
    """A contract that cannot be read, or shapes that do not meet it; the message says which axis."""


@dataclass(frozen=True)
class Token:
    """One token of a contract; exactly one of `axis`, `size`, `field` is set."""

    text: str
    axis: str | None = None
    free: bool = False
    times: int = 1
    size: int | None = None
    field: str | None = None


@dataclass(frozen=True)
class Contract:
    """The parsed form of a shape contract."""

    text: str
    inputs: tuple[tuple[Token, ...], ...]
    outputs: tuple[tuple[Token, ...], ...]
    optional: int = 0  # of the inputs, the last ones, which may be left out

    @property
    def required(self) -> int:
        """How many inputs there must be."""
        return len(self.inputs) - self.optional

    def bind(self, shapes: Sequence[Shape], config: object = None) -> Axes:
        """Sizes of all axes of the left side; raises `ContractError` where the shapes do not fit."""
        if not self.required <= len(shapes) <= len(self.inputs):
            wanted = str(self.required)
            if self.optional:
                wanted = f"{self.required} to {len(self.inputs)}"
            raise ContractError(f"takes {wanted} inputs, got {len(shapes)}")
        axes: Axes = {}
        for tokens, shape in zip(self.inputs, shapes, strict=False):
            _bind_one(tokens, tuple(shape), config, axes)
        return axes

    def predict(
        self, axes: Mapping[str, int | Shape], config: object = None
    ) -> tuple[Prediction | None, ...]:
        """Shapes of the outputs; None for a size, or for a whole shape, that only torch knows."""
        return tuple(_predict_one(tokens, axes, config) for tokens in self.outputs)


@cache
def parse(text: str) -> Contract:
    """Read a contract; raises `ContractError` where it is malformed."""
    sides = text.split("->")
    if len(sides) != 2:
        raise ContractError(f"a contract is 'inputs -> outputs', got '{text}'")
    parts = [part.strip() for part in sides[0].split(",")]
    optional = [part[:1] == "[" and part[-1:] == "]" for part in parts]
    if optional != sorted(optional) or all(optional):
        raise ContractError(f"inputs that may be left out come last, got '{text}'")
    needed = [
        part.strip("[]") if may else part
        for part, may in zip(parts, optional, strict=True)
    ]
    inputs, outputs = _side(",".join(needed)), _side(sides[1])
    if any([token.axis for token in tokens].count(REST) > 1 for tokens in inputs):
        raise ContractError(f"'{REST}' can stand once in an input, got '{text}'")
    bound = {token.axis for tokens in inputs for token in tokens}
    for token in (token for tokens in outputs for token in tokens):
        if token.axis and not token.free and token.axis not in bound:
            message = f"axis '{token.axis}' of the output is not an axis of the input"
            raise ContractError(f"{message}; write {token.axis}' if torch decides")
    return Contract(text, inputs, outputs, sum(optional))


def _side(text: str) -> tuple[tuple[Token, ...], ...]:
    return tuple(
        tuple(_token(word) for word in part.split()) for part in text.split(",")
    )


def _token(word: str) -> Token:
    if word in (REST, REST + "'"):
        return Token(word, axis=REST, free=word != REST)
    match = _TOKEN.fullmatch(word)
    if not match:
        raise ContractError(
            f"'{word}' is not a token of a contract (an axis C, C', C*2, a number, {{field}} or ...)"
        )
    if match["fixed"]:
        return Token(word, size=int(match["fixed"]))
    if match["field"]:
        return Token(word, field=match["field"])
    return Token(
        word,
        axis=match["axis"],
        free=bool(match["prime"]),
        times=int(match["times"] or 1),
    )


def _expected(token: Token, config: object) -> Shape | None:
    """The sizes a token fixes by itself, or None where it names an axis."""
    if token.size is not None:
        return (token.size,)
    if token.field is not None and config is not None:
        value = getattr(config, token.field)
        if isinstance(value, tuple):
            return tuple(value)
        return (value,)
    return None


def _bind_one(
    tokens: tuple[Token, ...], shape: Shape, config: object, axes: Axes
) -> None:
    rest = next((i for i, token in enumerate(tokens) if token.axis == REST), None)
    fixed = len(tokens) - (rest is not None)
    if len(shape) < fixed or (rest is None and len(shape) != fixed):
        wanted = f"{'at least ' if rest is not None else ''}{fixed} axes ({' '.join(token.text for token in tokens)})"
        raise ContractError(f"expected {wanted}, got {len(shape)}: {show(shape)}")
    spread = len(shape) - fixed
    position = 0
    for token in tokens:
        if token.axis == REST:
            if not token.free:
                _agree(axes, REST, shape[position : position + spread], token, shape)
            position += spread
            continue
        _bind_axis(token, shape[position], shape, config, axes)
        position += 1


def _bind_axis(
    token: Token, size: int, shape: Shape, config: object, axes: Axes
) -> None:
    if token.axis:
        if size % token.times:
            raise ContractError(
                f"axis {token.text} must be a multiple of {token.times}, got {size} in {show(shape)}"
            )
        _agree(axes, token.axis, size // token.times, token, shape)
        return
    expected = _expected(token, config)
    if expected is not None and expected != (size,):
        raise ContractError(
            f"axis {token.text} must be {', '.join(map(str, expected))}, got {size} in {show(shape)}"
        )


def _agree(
    axes: Axes, name: str, size: int | Shape, token: Token, shape: Shape
) -> None:
    known = axes.setdefault(name, size)
    if known != size:
        raise ContractError(
            f"axis {token.text} is {known} in one input and {size} in {show(shape)}"
        )


def _predict_one(
    tokens: tuple[Token, ...], axes: Mapping[str, int | Shape], config: object
) -> Prediction | None:
    sizes: list[int | None] = []
    for token in tokens:
        if token.axis == REST:
            if token.free:
                return None
            rest = axes[REST]
            sizes += rest if isinstance(rest, tuple) else (rest,)
        elif token.axis:
            if not token.free:
                size = axes[token.axis]
            else:
                size = None
            sizes.append(size * token.times if isinstance(size, int) else None)
        else:
            sizes += _expected(token, config) or (None,)
    return tuple(sizes)


def meets(shape: Shape, prediction: Prediction | None) -> bool:
    """Whether a shape is what was predicted; None stands for any size."""
    if prediction is None:
        return True
    return len(shape) == len(prediction) and all(
        p is None or p == s for s, p in zip(shape, prediction, strict=True)
    )


def show(shape: Sequence[object]) -> str:
    """(2, 64, 360) as a reader writes it, with names for free sizes."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
