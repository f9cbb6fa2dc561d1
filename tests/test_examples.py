"""The examples in the docstrings of what every room stands on run as they are printed."""

from __future__ import annotations

import doctest
import importlib

import pytest

from mirbricks import errors, registry

MODULES = ["catalogue", "errors", "registry", "spelling"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What an example registers must not be known to the tests after it.
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    monkeypatch.setattr(errors, "CODES", errors.codes())
    monkeypatch.setattr(errors, "_OWNERS", dict(errors._OWNERS))
    results = doctest.testmod(importlib.import_module(f"mirbricks.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
