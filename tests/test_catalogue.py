"""The catalogue under everything that has a name: blocks, tasks, importers and whatever comes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks import catalogue, registry
from mirbricks.augment.base import AUGMENTATIONS, register_augmentation
from mirbricks.catalogue import Catalogue, load_plugin
from mirbricks.data.importers.contract import IMPORTERS, importer
from mirbricks.errors import RegistryError, TaskError, Where
from mirbricks.features.base import FEATURES, register_feature
from mirbricks.losses.base import LOSSES, register_loss
from mirbricks.tasks.base import TASKS, register_task

EVERY: list[Catalogue[Any]] = [
    registry.BLOCKS,
    TASKS,
    IMPORTERS,
    FEATURES,
    AUGMENTATIONS,
    LOSSES,
]
DECORATORS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "block": lambda name: registry.register(
        name, shape="B -> B", source="", examples=[]
    ),
    "task": register_task,
    "importer": lambda name: importer(name, "what it reads"),
    "feature": register_feature,
    "augmentation": register_augmentation,
    "loss": register_loss,
}
LIBRARY = {
    "__init__.py": """
        from mirbricks.catalogue import Catalogue
        from mirbricks.errors import TaskError
        TOYS = Catalogue("toy", package="toylibrary", group="toys", error=TaskError, code="E500", families=True)
        """,
    "wood.py": """
        from . import TOYS
        class Train: ...
        TOYS.register("train", Train)
        """,
    "soft/__init__.py": "",
    "soft/animals.py": """
        from .. import TOYS
        class Bear: ...
        TOYS.register("bear", Bear)
        """,
}


class Entry:
    """What importlib.metadata gives for an entry point."""

    def __init__(self, value: str) -> None:
        self.name, self.value = value, value


@pytest.fixture
def write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Writes modules that can be imported until the test ends."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("toy"):
            del sys.modules[name]


@pytest.fixture
def toys(write: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A catalogue of a library that lies in a temporary folder, with no other package installed."""
    write({f"toylibrary/{name}": text for name, text in LIBRARY.items()})
    install(monkeypatch)
    import toylibrary

    return toylibrary.TOYS


def install(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Let other packages name these modules as entry points."""
    entries = {"toys": [Entry(module) for module in modules]}
    monkeypatch.setattr(catalogue, "entry_points", lambda group: entries[group])


PLUGIN = """
from toylibrary import TOYS
class Mine: ...
TOYS.register({name!r}, Mine)
"""


def test_modules_are_imported_when_a_name_is_first_asked_for(toys: Any) -> None:
    assert (toys.known, "toylibrary.wood" in sys.modules) == ({}, False)
    assert list(toys.all()) == ["bear", "train"]
    assert toys.get("bear").__module__ == "toylibrary.soft.animals"


def test_an_unknown_name(toys: Any) -> None:
    where = Where("g.yaml", 2, 7, 5, "toy: baer")
    with pytest.raises(TaskError) as caught:
        toys.get("baer", where)
    assert str(caught.value) == (
        "g.yaml:2:7: there is no toy 'baer'\n    2 | toy: baer\n      |       ^^^\n"
        "  help: did you mean 'bear'?     [E500]"
    )
    with pytest.raises(TaskError) as caught:
        toys.get("xylophone")
    assert caught.value.help == "toys are: bear, train"
    toys.listing = "`toys` lists all"
    with pytest.raises(TaskError) as caught:
        toys.get("xylophone")
    assert caught.value.help == "`toys` lists all"


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_plugin_is_refused_a_name_of_ours_whichever_comes_first(
    toys: Any, write: Callable[..., None], asked_before: bool
) -> None:
    write({"toyplugin.py": PLUGIN.format(name="train")})
    if asked_before:
        toys.all()
    with pytest.raises(RegistryError) as caught:
        load_plugin("toyplugin")
    assert str(caught.value) == (
        "the name 'train' is taken by another toy\n"
        "  registered  toylibrary.wood.Train\n"
        "  refused     toyplugin.Mine\n"
        "  help: register it under another name     [E301]"
    )
    assert toys.get("train").__module__ == "toylibrary.wood"


@pytest.mark.usefixtures("toys")
def test_two_plugins_cannot_have_one_name(write: Callable[..., None]) -> None:
    write({f"{name}.py": PLUGIN.format(name="kite") for name in ("toyone", "toytwo")})
    load_plugin("toyone")
    with pytest.raises(RegistryError) as caught:
        load_plugin("toytwo")
    assert dict(caught.value.facts) == {
        "registered": "toyone.Mine",
        "refused": "toytwo.Mine",
    }


def test_a_class_may_be_registered_again(toys: Any) -> None:
    def cell() -> type:
        class Kite: ...

        toys.register("kite", Kite)
        return Kite

    cell()
    again = cell()
    assert toys.get("kite") is again


def test_installed_packages_come_in_and_a_broken_one_is_reported_once(
    toys: Any, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        {
            "toyone.py": PLUGIN.format(name="kite"),
            "toytaken.py": PLUGIN.format(name="bear"),
            "toybroken.py": "1 / 0",
        }
    )
    install(monkeypatch, "toytaken", "toybroken", "toyabsent", "toyone")
    with pytest.warns(UserWarning, match="toy|bear") as caught:
        assert list(toys.all()) == ["bear", "kite", "train"]
    first_lines = [str(one.message).splitlines()[0] for one in caught]
    assert first_lines == [
        "plugin 'toyabsent' cannot be imported: ModuleNotFoundError: No module named 'toyabsent'",
        "plugin 'toybroken' cannot be imported: ZeroDivisionError: division by zero",
        "the name 'bear' is taken by another toy",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(toys.all()) == ["bear", "kite", "train"]


@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.kind)
def test_no_plugin_takes_a_name_of_ours(of: Catalogue[Any]) -> None:
    """Whatever the kind: a newcomer is refused every name of ours, and we keep it."""
    before = of.all()
    assert before
    assert list(before) == sorted(before)
    for name in before:
        with pytest.raises(RegistryError) as caught:
            of.register(name, before[name], Entry)
        assert caught.value.code == "E301"
        assert dict(caught.value.facts)["refused"] == f"{__name__}.Entry"
    assert of.all() == before


@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.kind)
@given(word=st.text(max_size=12))
def test_every_unknown_word_gets_the_error_of_its_kind(
    of: Catalogue[Any], word: str
) -> None:
    if word in of.all():
        assert of.get(word) is of.all()[word]
        return
    with pytest.raises(of.error) as caught:
        of.get(word)
    assert caught.value.code == of.code
    assert caught.value.help


JUNK_NAMES = [None, 3, "", "  ", " padded", b"bytes", ["list"], Entry]


@pytest.mark.parametrize("name", JUNK_NAMES, ids=repr)
@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.kind)
def test_what_is_not_a_name_is_refused_at_once(of: Catalogue[Any], name: Any) -> None:
    before = of.all()
    some = next(iter(before.values()))
    with pytest.raises(RegistryError, match=f"the name of a {of.kind} must be text"):
        of.register(name, some)
    with pytest.raises(RegistryError) as caught:
        DECORATORS[of.kind](name)
    assert caught.value.code == "E313"
    assert of.all() == before


@pytest.mark.parametrize(
    "cls",
    [None, 3, "Mine", Entry, Entry("module")],
    ids=["None", "3", "text", "class", "instance"],
)
@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.kind)
def test_a_class_of_another_kind_is_refused_at_once(
    of: Catalogue[Any], cls: Any
) -> None:
    if of.base is None and callable(cls):
        pytest.skip("a loss is anything that can be called")
    before = of.all()
    with pytest.raises(RegistryError) as caught:
        DECORATORS[of.kind]("brand_new")(cls)
    assert caught.value.code == "E302"
    assert f"the {of.kind} 'brand_new' must be a" in str(caught.value)
    assert of.all() == before


@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.kind)
def test_the_help_of_a_wrong_class_names_what_can_be_imported(
    of: Catalogue[Any],
) -> None:
    if of.base is None:
        return
    with pytest.raises(RegistryError) as caught:
        DECORATORS[of.kind]("brand_new")(Entry)
    room, _, name = (caught.value.help or "").split()[-1].rpartition(".")
    assert getattr(importlib.import_module(room), name) is of.base


@pytest.mark.parametrize("word", [None, 3, 1.5, ["logmel"], {"type": "logmel"}])
@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.kind)
def test_what_is_not_text_is_not_looked_up(of: Catalogue[Any], word: Any) -> None:
    with pytest.raises(of.error) as caught:
        of.get(word)
    assert caught.value.code == of.code
    assert f"the name of a {of.kind} must be text, got {word!r}" in str(caught.value)


def test_all_is_a_copy() -> None:
    TASKS.all().clear()
    assert "multi_pitch" in TASKS.all()


def test_a_folder_registers_by_its_init_where_there_are_no_families(toys: Any) -> None:
    toys.families = False
    assert list(toys.all()) == ["train"]
    assert "toylibrary.soft" in sys.modules
    assert "toylibrary.soft.animals" not in sys.modules


def test_tasks_come_without_their_pictures() -> None:
    """Pictures import matplotlib's pyplot, which takes a second; no check of a graph needs them."""
    script = "import sys; from mirbricks.tasks.finding import tasks; tasks(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "mirbricks.tasks.covers.task" in loaded
    assert not {name for name in loaded if name.startswith("mirbricks.plots.")}


def test_only_the_module_that_registers_a_block_is_imported_for_it() -> None:
    script = (
        "import sys\n"
        "from mirbricks.registry import BLOCKS, blocks, find\n"
        "assert find('FiLM').name == 'FiLM'\n"
        "assert 'mirbricks.blocks.generative.wavenet' not in sys.modules\n"
        "assert find('NoSuchBlock') is None\n"
        "assert 'mirbricks.blocks.generative.wavenet' in sys.modules\n"
        "print(len(blocks()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == len(registry.blocks())


def test_the_text_of_a_module_names_every_block_that_it_registers() -> None:
    for name, spec in registry.BLOCKS.all().items():
        if spec.own:
            text = catalogue._texts_of("mirbricks.blocks")[spec.cls.__module__]
            assert re.search(rf'register\(\s*"{name}"', text), name
