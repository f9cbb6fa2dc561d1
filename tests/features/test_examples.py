"""The examples in the docstrings of features, augmentations, losses, metrics and plots run as they stand."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import mirbricks
from mirbricks.augment.base import AUGMENTATIONS
from mirbricks.features.base import FEATURES
from mirbricks.losses.base import LOSSES

ROOT = Path(mirbricks.__file__).parent
ROOMS = ("features", "augment", "losses", "metrics", "plots")
MODULES = sorted(
    f"mirbricks.{path.parent.name}.{path.stem}"
    for room in ROOMS
    for path in (ROOT / room).glob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_there_are_examples() -> None:
    assert len(MODULES) >= 5


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What an example registers must not be known to the tests after it.
    for catalogue in (FEATURES, AUGMENTATIONS, LOSSES):
        catalogue.all()
        monkeypatch.setattr(catalogue, "known", dict(catalogue.known))
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0
