"""Shapes on the meta device without waiting for torch's compiler to be imported.

Torch computes many shapes in Python functions that it marks "not to be traced by torch.compile" at their first call,
and for that mark alone it imports all of `torch._dynamo`: a second or more, which a command such as `mirbricks check`
has no use for. While this context holds, a stand-in gives those functions back unmarked; then everything is as before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

# what torch/_compile.py imports, and where it keeps the marked function
NAME = "torch._dynamo"
MARK = "__dynamo_disable"


class _StandIn(ModuleType):
    """Has `disable` only; whoever asks for more gets the real module."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.unmarked: list[Callable[..., Any]] = []

    def disable(
        self, function: Callable[..., Any], *_: Any, **__: Any
    ) -> Callable[..., Any]:
        self.unmarked.append(function)
        return function

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _take_away(self)
        import torch._dynamo

        return getattr(torch._dynamo, name)


@contextmanager
def without_dynamo() -> Iterator[None]:
    """For one thread; does nothing where `torch._dynamo` is imported already."""
    if NAME in sys.modules:
        yield
        return
    stand_in = _StandIn()
    sys.modules[NAME] = stand_in
    vars(torch)["_dynamo"] = stand_in
    try:
        yield
    finally:
        _take_away(stand_in)


def _take_away(stand_in: _StandIn) -> None:
    if sys.modules.get(NAME) is stand_in:
        del sys.modules[NAME]
    if vars(torch).get("_dynamo") is stand_in:
        del vars(torch)["_dynamo"]
    for function in stand_in.unmarked:  # else torch would never mark them
        vars(function).pop(MARK, None)
