"""A machine that has not enough memory, told as any other reason why something cannot be done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .errors import MirbricksError

# torch has a type for the memory of a GPU only; for that of the CPU it raises a RuntimeError with such words, and other
# libraries in C have words of their own.
NO_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "unable to allocate",
    "bad_alloc",
    "out of memory",
)


def of_memory(error: BaseException) -> bool:
    """Whether the machine has no memory left; what was being done is not at fault."""
    # By name, so that torch is not imported for a command that has no use for it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if not isinstance(error, RuntimeError | OSError | ValueError):
        return False
    text = str(error).lower()
    return any(words in text for words in NO_MEMORY)


def out_of_memory(error: BaseException, doing: str, help: str) -> MirbricksError:
    """E195 for a failure of memory while something was done."""
    reason = str(error).strip() or type(error).__name__
    return MirbricksError(
        f"out of memory {doing}",
        code="E195",
        facts=[("reason", reason.splitlines()[0])],
        help=help,
    )


@contextlib.contextmanager
def memory_reported(doing: str, help: str) -> Iterator[None]:
    """Failures of memory inside as MirbricksError E195; others pass."""
    try:
        yield
    except MirbricksError:
        raise
    except Exception as error:
        if not of_memory(error):
            raise
        raise out_of_memory(error, doing, help) from error
