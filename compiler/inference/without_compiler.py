"""Shapes on the meta device without waiting for what torch would import for them: its compiler, and sympy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .without_dynamo import without_dynamo
from .without_symbols import without_symbols


@contextmanager
def without_compiler() -> Iterator[None]:
    """While this holds, sizes are plain numbers and no function is marked for torch.compile; see the two parts."""
    with without_dynamo(), without_symbols():
        yield
