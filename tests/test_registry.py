"""The registry: what it takes, what it refuses and in whose words, and how configs read their values."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from pydantic import PositiveInt, ValidationError
from torch import Tensor

import mirbricks as mb
from mirbricks import catalogue, registry
from mirbricks.errors import RegistryError, codes
from mirbricks.registry import (
    Block,
    BlockConfig,
    Example,
    from_axis,
    get,
    load_plugin,
    register,
)

EXAMPLES: list[Any] = [((2, 3, 5), {})]


@pytest.fixture(autouse=True)
def _no_trace_in_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.blocks()
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())


class Keep(Block):
    """Changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Wide(Block):
    """A block with one field of each kind."""

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        rest: int | tuple[int, ...] = from_axis("...", "sizes behind the channels")
        out_channels: PositiveInt = 4
        kernel_size: PositiveInt | tuple[PositiveInt, PositiveInt] = 3
        p: float = 0.0


def add(cls: Any, name: str = "Mine", **changed: Any) -> Any:
    given: dict[str, Any] = {
        "shape": "B C T -> B C T",
        "source": "arXiv:0000.00000",
        "examples": EXAMPLES,
        **changed,
    }
    return register(name, **given)(cls)


def test_what_is_registered_is_found() -> None:
    assert add(Keep) is Keep
    spec = get("Mine")
    assert spec is Keep.spec is registry.blocks()["Mine"]
    assert (spec.name, spec.cls, spec.source, spec.summary) == (
        "Mine",
        Keep,
        "arXiv:0000.00000",
        "Changes nothing.",
    )
    assert spec.examples == (Example(((2, 3, 5),), {}),)
    assert spec.family == "test registry"


def test_examples_have_one_input_or_several() -> None:
    assert Example.of((2, 3), {}).shapes == ((2, 3),)
    assert Example.of([2, 3], {}).shapes == ((2, 3),)
    assert Example.of([(2, 3), [2, 5]], {"a": 1}) == Example(((2, 3), (2, 5)), {"a": 1})


def test_blocks_lists_all_sorted_however_often_it_is_called() -> None:
    names = list(registry.blocks())
    assert names == sorted(names) == list(registry.blocks())
    assert {"Conv2d", "LSTM", "AutoPoolSplit"} <= set(names)
    import mirbricks.blocks.pointwise.linear  # Python now binds `mirbricks.blocks` to the package

    assert mirbricks.blocks.pointwise.linear.Linear is registry.blocks()["Linear"].cls


def test_every_own_block_is_named_as_its_class() -> None:
    for name, spec in registry.blocks().items():
        assert name == spec.cls.__name__
        assert spec.cls.__module__.startswith("mirbricks.blocks.")
        assert "Shape:" in (spec.cls.__doc__ or "")
        assert "Source:" in (spec.cls.__doc__ or "")
        for field, info in spec.cls.Config.model_fields.items():
            assert info.description, f"{name}.{field} has no description"


def refusal(*args: Any, **changed: Any) -> str:
    with pytest.raises(RegistryError) as caught:
        add(*args, **changed)
    assert caught.value.code in codes()
    return str(caught.value)


def test_a_name_taken_by_another_class_is_refused() -> None:
    assert refusal(Keep, "ReLU") == (
        "the name 'ReLU' is taken by another block\n"
        "  registered  mirbricks.blocks.pointwise.activation.ReLU\n"
        f"  refused     {Keep.__module__}.Keep\n"
        "  help: register it under another name     [E301]"
    )
    assert get("ReLU").cls is not Keep


def test_the_same_class_may_be_registered_again() -> None:
    add(Keep)
    add(Keep, source="elsewhere")
    assert get("Mine").source == "elsewhere"


def test_what_is_not_a_block_is_refused() -> None:
    class Plain(torch.nn.Module):
        """Has no Config."""

    path = f"{Plain.__module__}.{Plain.__qualname__}"
    assert (
        refusal(Plain)
        == f"the block 'Mine' must be a subclass of Block, got the class {path}\n"
        "  help: derive it from mirbricks.Block     [E302]"
    )


class Bare(Block):
    pass


@pytest.mark.parametrize(
    ("cls", "changed", "missing", "help_"),
    [
        (Keep, {"source": ""}, "source", "a source"),
        (Keep, {"examples": []}, "example", "an example"),
        (Bare, {}, "docstring", "a docstring"),
        (Bare, {"source": ""}, "docstring and no source", "a docstring, a source"),
    ],
)
def test_what_is_incomplete_is_refused(
    cls: type[Block], changed: dict[str, Any], missing: str, help_: str
) -> None:
    where = f"{cls.__module__}.{cls.__name__}"
    assert (
        refusal(cls, **changed)
        == f"block 'Mine' ({where}) has no {missing}\n  help: give it {help_}     [E303]"
    )
    assert "Mine" not in registry.blocks()


def test_a_malformed_contract_is_refused() -> None:
    assert refusal(Keep, shape="B C T") == (
        "block 'Mine': a contract is 'inputs -> outputs', got 'B C T'\n  help: see mirbricks.shapes     [E304]"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Conv2D",
            "there is no block 'Conv2D'\n  help: did you mean 'Conv2d' or 'Conv1d'?     [E305]",
        ),
        (
            "Zzz",
            "there is no block 'Zzz'\n  help: `mirbricks blocks` lists all     [E305]",
        ),
    ],
)
def test_an_unknown_name_is_told_with_its_neighbours(name: str, message: str) -> None:
    with pytest.raises(RegistryError) as caught:
        get(name)
    assert str(caught.value) == message


def test_a_plugin_registers_on_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good_plugin.py").write_text(
        "from mirbricks import Block, register\n"
        "@register('FromPlugin', shape='B C -> B C', source='here', examples=[((2, 3), {})])\n"
        "class FromPlugin(Block):\n"
        "    'Changes nothing.'\n"
        "    def forward(self, x):\n"
        "        return x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    load_plugin("good_plugin")
    assert get("FromPlugin").family == "good plugin"
    mb.check_block("FromPlugin", export=False)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            None,
            "ModuleNotFoundError: No module named 'bad_plugin'\n"
            "  help: there is no module 'bad_plugin'; is it installed, or beside the graph?",
        ),
        (
            "import bad_plugin_of_it",
            "ModuleNotFoundError: No module named 'bad_plugin_of_it'\n  help: correct or uninstall it",
        ),
        (
            "1 / 0",
            "ZeroDivisionError: division by zero\n  help: correct or uninstall it",
        ),
    ],
)
def test_a_broken_plugin_is_named(
    text: str | None, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text:
        (tmp_path / "bad_plugin.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RegistryError) as caught:
        load_plugin("bad_plugin")
    expected = f"plugin 'bad_plugin' cannot be imported: {cause}     [E306]"
    assert str(caught.value) == expected


def test_a_plugin_that_breaks_the_rules_keeps_its_own_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "clashing_plugin.py").write_text(
        "from mirbricks import Block, register\n"
        "@register('ReLU', shape='B C -> B C', source='here', examples=[((2, 3), {})])\n"
        "class ReLU(Block):\n"
        "    'Another.'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RegistryError) as caught:
        load_plugin("clashing_plugin")
    assert caught.value.code == "E301"


class Entry:
    """What importlib.metadata gives for an entry point."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value


def test_installed_plugins_load_and_a_broken_one_warns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("installed_plugin")
    monkeypatch.setitem(sys.modules, "installed_plugin", module)
    asked: list[str] = []

    def entry_points(*, group: str) -> list[Entry]:
        asked.append(group)
        return [Entry("z", "installed_plugin"), Entry("a", "no_such_plugin")]

    monkeypatch.setattr(catalogue, "entry_points", entry_points)
    monkeypatch.setattr(registry.BLOCKS, "_plugins_are_in", False)
    with pytest.warns(UserWarning, match="plugin 'no_such_plugin' cannot be imported"):
        assert "Conv2d" in registry.blocks()
    assert asked == ["mirbricks.blocks"]


def test_inferred_fields_take_the_sizes_of_their_axes() -> None:
    axes: Any = {"B": 2, "C": 3, "...": (5, 7)}
    config = Wide.Config()
    assert config.resolve(axes) == Wide.Config(in_channels=3, rest=(5, 7))
    assert (config.in_channels, config.rest) == (-1, -1)
    assert Wide.Config(in_channels=8).resolve(axes).in_channels == 8
    assert Wide.Config(in_channels=-1).resolve({}).in_channels == -1
    assert {name: mark.axis for name, mark in Wide.Config.inferred().items()} == {
        "in_channels": "C",
        "rest": "...",
    }


def test_lists_of_yaml_become_tuples() -> None:
    given = {"kernel_size": [5, 3], "rest": [4]}
    config = Wide.Config(**given)
    assert (config.kernel_size, config.rest) == ((5, 3), (4,))
    assert given == {"kernel_size": [5, 3], "rest": [4]}


@pytest.mark.parametrize(
    "given",
    [
        {"out_chanels": 4},
        {"out_channels": "4"},
        {"out_channels": 4.0},
        {"out_channels": 0},
        {"out_channels": True},
        {"kernel_size": [1, 2, 3]},
        {"kernel_size": None},
        {"p": "0.5"},
    ],
)
def test_configs_refuse_what_is_not_meant(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Wide.Config(**given)


def test_configs_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Wide.Config().out_channels = 8  # type: ignore[misc]


def test_a_whole_number_is_a_number() -> None:
    assert Wide.Config(p=0).p == 0.0
