"""Old names of fields: taken in files with a warning at their line, refused beside the new name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
from pydantic import BaseModel, PositiveInt, ValidationError
from torch import Tensor

from mirbricks import registry
from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.compiler.language.json_schema import graph_schema
from mirbricks.compiler.migrating.migrate import migrate
from mirbricks.compiler.module import GraphModule
from mirbricks.errors import ErrorList, GraphError, GraphWarning, MirbricksError
from mirbricks.registry import Block, BlockConfig, register
from mirbricks.settings import Settings


class Window(Settings):
    """A part of a config with an old word of its own."""

    renamed: ClassVar = {"n_hop": "hop_length"}
    hop_length: PositiveInt = 1


class Heads(Block):
    """Has fields that were renamed."""

    class Config(BlockConfig):
        renamed: ClassVar = {"nhead": "num_heads"}
        num_heads: PositiveInt
        window: Window = Window()

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    monkeypatch.chdir(tmp_path)
    example = ((2, 3, 4), {"num_heads": 2})
    register("Heads", shape="B C T -> B C T", source="none", examples=[example])(Heads)


def compiled(layers: str) -> tuple[GraphModule, list[str]]:
    """The model of these layers, and the warnings; any other kind of warning is an error."""
    Path("g.yaml").write_text(f"input: B C=3 T\nlayers:\n{layers}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.simplefilter("always", GraphWarning)
        model = compile_graph("g.yaml")
    return model, [str(one.message) for one in caught]


def refused(layers: str) -> MirbricksError:
    with pytest.raises(MirbricksError) as caught:
        compiled(layers)
    assert not isinstance(caught.value, ErrorList)
    return caught.value


def config(model: GraphModule) -> BaseModel:
    return model.nodes[0].config


def test_an_old_word_is_taken_with_a_warning_at_its_line() -> None:
    model, told = compiled("  - Heads: {nhead: 4}\n")
    assert config(model) == Heads.Config(num_heads=4)
    assert told == [
        "g.yaml:3:13: warning: 'nhead' is called 'num_heads' now\n"
        "    3 |   - Heads: {nhead: 4}\n"
        "      |             ^^^^^\n"
        "  help: write `num_heads`; `mirbricks migrate` does so in the whole file     [W104]"
    ]


def test_a_repeat_warns_once() -> None:
    layers = "  - repeat: 3\n    layers:\n      - Heads: {nhead: 4}\n"
    assert len(compiled(layers)[1]) == 1


def test_an_old_word_further_inside_has_its_own_place() -> None:
    model, told = compiled("  - Heads: {num_heads: 4, window: {n_hop: 7}}\n")
    assert config(model) == Heads.Config(num_heads=4, window=Window(hop_length=7))
    assert [one.split(": warning: ")[0] for one in told] == ["g.yaml:3:36"]
    assert "'n_hop' is called 'hop_length' now" in told[0]


def test_an_old_word_beside_the_new_one_is_refused() -> None:
    error = refused("  - Heads: {num_heads: 4, nhead: 4}\n")
    assert str(error) == (
        "g.yaml:3:27: Heads: 'nhead' is the old name of 'num_heads', and both are given\n"
        "    3 |   - Heads: {num_heads: 4, nhead: 4}\n"
        "      |                           ^^^^^\n"
        "  help: keep 'num_heads'     [E105]"
    )


def test_a_bad_value_is_reported_in_the_users_own_word() -> None:
    error = refused("  - Heads: {nhead: many}\n")
    assert error.message == "Heads: 'nhead' must be an integer > 0, got 'many'"
    assert error.where
    assert (error.where.line, error.where.column) == (3, 20)


def test_in_python_both_words_are_refused_too() -> None:
    with pytest.raises(ValidationError, match="nhead"):
        Heads.Config(nhead=1, num_heads=2)


def test_the_tutorials_dialect_has_the_words_of_its_time() -> None:
    layer = ["Heads", {"nhead": 4}]
    blocks = [{"sequential_l": [{"layer_l": [layer]}]}]
    graph = {"model": {"name": "x", "block_l": blocks}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = compile_graph(graph, (None, 3, None))
    assert config(model) == Heads.Config(num_heads=4)


def test_an_override_by_the_old_word_is_taken() -> None:
    Path("g.yaml").write_text("input: B C=3 T\nlayers: [Heads: {name: h, nhead: 4}]\n")
    with pytest.warns(GraphWarning, match="'nhead' is called"):
        graph = load_graph("g.yaml", ["layers.h.nhead=2"])
    assert config(compile_graph(graph)) == Heads.Config(num_heads=2)


@pytest.mark.parametrize(
    ("fields", "valid"),
    [
        ({"num_heads": 4}, True),
        ({"nhead": 4}, True),
        ({"nhead": 4, "window": {"n_hop": 3}}, True),
        ({"nhead": "many"}, False),
        ({}, False),
    ],
)
def test_editors_know_the_old_words(fields: dict[str, object], valid: bool) -> None:
    schema = graph_schema({})
    graph = {"input": "B C=3 T", "layers": [{"Heads": fields}]}
    validator = jsonschema.Draft7Validator(schema)
    assert validator.is_valid(graph) == valid


def test_editors_strike_the_old_words_through() -> None:
    text = str(graph_schema({}))
    assert "'nhead': {'description': \"old name of 'num_heads'\", " in text
    assert text.count("'deprecated': True") >= 2


def test_migrate_writes_the_new_words_and_nothing_else() -> None:
    text = """\
input: B C=3 T  # nhead
layers:
  - Heads: {name: nhead, window: {"n_hop": 7}, nhead: 4}  # nhead stays here
  - repeat: 2
    layers: [Heads: {nhead: 2}]
  - graph: part.yaml
"""
    Path("g.yaml").write_text(text)
    Path("part.yaml").write_text("input: B C=3 T\nlayers: [Heads: {nhead: 1}]\n")
    result = migrate("g.yaml")
    assert result.text == text.replace('"n_hop"', "hop_length").replace(
        "nhead: 4", "num_heads: 4"
    ).replace("nhead: 2", "num_heads: 2")
    assert result.notes == (
        "old names of fields were replaced on line 3, 5",
        "part.yaml has old names of fields too: migrate it as well",
    )
    Path("g.yaml").write_text(result.text)
    with pytest.raises(GraphError, match="in the native form already") as caught:
        migrate("g.yaml")
    assert caught.value.code == "E190"
    assert migrate("part.yaml").text.endswith("layers: [Heads: {num_heads: 1}]\n")
