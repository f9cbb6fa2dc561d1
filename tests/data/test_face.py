"""The names of `mirbricks.data`: their examples run, and `help()` says what they take and give."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest

import mirbricks.data

NAMES = [
    name
    for name in mirbricks.data.__all__
    # importers stand in a room of their own, with tests of their own
    if name not in ("Importer", "Recording", "importer")
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in: examples write files."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_name_run(name: str) -> None:
    value = getattr(mirbricks.data, name)
    finder = doctest.DocTestFinder(recurse=True)
    runner = doctest.DocTestRunner()
    for test in finder.find(value, name, globs={}):
        runner.run(test)
    assert runner.failures == 0


FUNCTIONS = [
    name for name in NAMES if inspect.isfunction(getattr(mirbricks.data, name))
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_each_parameter_is(name: str) -> None:
    value = getattr(mirbricks.data, name)
    text = inspect.getdoc(value) or ""
    section = text.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    listed = {
        one.strip()
        for line in section.splitlines()
        if line and not line.startswith(" ")
        for one in line.partition(" : ")[0].split(",")
    }
    assert listed == set(inspect.signature(value).parameters)


def test_the_examples_are_many() -> None:
    texts = [inspect.getdoc(getattr(mirbricks.data, name)) or "" for name in NAMES]
    assert sum(">>>" in text for text in texts) >= 12
