"""Shapes on the meta device without waiting for sympy to be imported.

Torch asks of many sizes whether they are symbols, in functions that import `torch.fx.experimental.symbolic_shapes` and
sympy when they are called: a third of a second, which `mirbricks check` has no use for, as all its sizes are numbers.
While this context holds, stand-ins answer for numbers. Whatever else is asked of them goes to the real modules, which
are imported then; afterwards everything is as before.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

SYMPY = "sympy"
SYMBOLIC = "torch.fx.experimental.symbolic_shapes"
PLAIN = frozenset((bool, int))


class _Never:
    """Stands for the class of sympy's expressions: nothing is one while sympy is not imported."""


class _StandIn(ModuleType):
    """Has a few names of a module; for any other name the real module is imported, and asked from then on."""

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        super().__init__(name)
        self.names = names
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


def _real(name: str) -> ModuleType:
    _take_away()
    return importlib.import_module(name)


def _take_away() -> None:
    for name in (SYMPY, SYMBOLIC):
        stand_in = sys.modules.get(name)
        if isinstance(stand_in, _StandIn):
            del sys.modules[name]
            # A module that keeps the stand-in must not keep its answers.
            for known in stand_in.names:
                vars(stand_in).pop(known, None)


def _is_plain(value: object) -> bool:
    """A number, or a shape of numbers."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return type(value) in PLAIN


def _for_numbers(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """The answer for plain numbers; anything else is asked of torch's own function."""

    def answered(*values: Any, **more: Any) -> Any:
        # Asked a hundred thousand times per graph, and mostly of single numbers.
        if not more and (
            PLAIN.issuperset(map(type, values)) or all(map(_is_plain, values))
        ):
            return answer(*values)
        return getattr(_real(SYMBOLIC), name)(*values, **more)

    return answered


def _equal(one: Any, other: Any) -> bool:
    """Of two shapes; one may be a list and the other a tuple."""
    if isinstance(one, (tuple, list)):
        return list(one) == list(other)
    return bool(one == other)


def _same(value: bool | int) -> bool | int:
    return value


_ANSWERS: dict[str, Callable[..., Any]] = {
    "guard_or_false": _same,
    "guard_or_true": _same,
    "guard_size_oblivious": _same,
    "expect_true": _same,
    "statically_known_true": _same,
    "guarding_hint_or_throw": _same,
    "has_guarding_hint": lambda _: True,
    "is_nested_int": lambda _: False,
    "sym_or": lambda *values: any(values),
    "sym_eq": _equal,
    "sym_and": lambda *values: all(values),
}


@contextmanager
def without_symbols() -> Iterator[None]:
    """For one thread; does nothing where either module is imported already."""
    if SYMPY in sys.modules or SYMBOLIC in sys.modules:
        yield
        return
    answers = {name: _for_numbers(name, answer) for name, answer in _ANSWERS.items()}
    sys.modules[SYMPY] = _StandIn(SYMPY, {"Basic": _Never})
    sys.modules[SYMBOLIC] = _StandIn(SYMBOLIC, answers)
    try:
        yield
    finally:
        _take_away()
