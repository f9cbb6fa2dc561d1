"""No memory left is one message, wherever it runs out."""

from __future__ import annotations

import errno
from collections.abc import Callable

import numpy as np
import pytest
import torch

from mirbricks.cli import main
from mirbricks.errors import MirbricksError
from mirbricks.out_of_memory import memory_reported, of_memory

HUGE = 1 << 54  # bytes: more than any address space has


@pytest.mark.parametrize(
    "allocate", [lambda: torch.empty(HUGE), lambda: np.empty(HUGE), lambda: bytes(HUGE)]
)
def test_real_failures_are_known(allocate: Callable[[], object]) -> None:
    with pytest.raises(MirbricksError) as caught, memory_reported("here", "less"):
        allocate()
    assert caught.value.code == "E195"
    assert str(caught.value).startswith("out of memory here\n  reason  ")


def test_other_failures_pass() -> None:
    assert not of_memory(RuntimeError("shapes differ"))
    with pytest.raises(KeyError), memory_reported("here", "less"):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (MemoryError(), "MemoryError"),
        (
            OSError(errno.ENOMEM, "Cannot allocate memory"),
            "[Errno 12] Cannot allocate memory",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "DefaultCPUAllocator: can't allocate memory",
        ),
    ],
)
def test_a_command_ends_with_a_message(
    failure: Exception,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from mirbricks.commands.models import zoo

    def without_memory(_: object) -> int:
        raise failure

    monkeypatch.setattr(zoo, "zoo", without_memory)
    assert main(["zoo"]) == 1
    assert capsys.readouterr().err == (
        f"out of memory in this command\n  reason  {reason}\n"
        "  help: close other programs, or give less at a time     [E195]\n"
    )
