"""Variants: which places messages show of what was merged, and overrides that lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.compiler.language.files import Files
from mirbricks.compiler.language.graph import Graph
from mirbricks.compiler.language.nodes import Skip
from mirbricks.compiler.language.source import Source, read_file
from mirbricks.compiler.language.variants import read_variant
from mirbricks.compiler.language.vars import DEEPEST, MOST_VALUES
from mirbricks.errors import GraphError, MirbricksError

BASE = """\
vars: {width: 8, depth: 2}
input: B C=2 T
layers:
  - Conv1d: {name: head, out_channels: "${width * depth}", kernel_size: 1}
feature: {type: hcqt, harmonics: [1, 2, 3]}
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(BASE)


def merged(variant: str, *overrides: str) -> Source:
    Path("variant.yaml").write_text(f"extends: base.yaml\n{variant}")
    source = read_file("variant.yaml")
    return read_variant(source, Files.of(source), overrides, [])[0]


def test_each_value_keeps_the_place_of_the_file_that_gives_it() -> None:
    source = merged("\nfeature: {harmonics: [7], fmin_hz: 3}\n")
    feature = {"type": "hcqt", "harmonics": [7], "fmin_hz": 3}
    assert source.data["feature"] == feature
    places = {
        steps: (source.value(("feature", *steps)).file, source.value(("feature", *steps)).column)
        for steps in [("type",), ("harmonics",), ("harmonics", 0), ("fmin_hz",)]
    }  # fmt: skip
    assert places == {
        ("type",): ("base.yaml", 17),
        ("harmonics",): ("variant.yaml", 22),
        ("harmonics", 0): ("variant.yaml", 23),
        ("fmin_hz",): ("variant.yaml", 36),
    }


def test_items_that_a_variant_took_away_have_no_place_any_more() -> None:
    source = merged("feature: {harmonics: [7]}\n")
    # The third item stood in the base; what is shown now is the list that replaced it.
    assert source.value(("feature", "harmonics", 2)).file == "variant.yaml"
    whole = merged("feature: none\n")
    assert whole.value(("feature", "type")).file == "variant.yaml"
    assert whole.key(("feature", "type")).file == "variant.yaml"


def test_overrides_have_the_last_word_and_their_own_place() -> None:
    source = merged("feature: {type: cqt}\n", "feature.type=logmel", "train.lr=0.1")
    assert source.data["feature"]["type"] == "logmel"
    assert source.value(("feature", "type")).file == "--set"
    assert source.data["train"] == {"lr": 0.1}


def refused(*overrides: str) -> GraphError:
    with pytest.raises(GraphError) as caught:
        mb.load_graph("base.yaml", overrides)
    assert caught.value.code == "E107"
    return caught.value


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("vars.widht=3", "the graph has no var 'widht'", "did you mean 'width'?"),
        ("vars.q=3", "the graph has no var 'q'", "its vars: width, depth"),
        ("vars.width.x=3", "'vars.width.x' does not lead to a value of this graph",
         "name a section and its key, as in train.lr"),
        ("vars=3", "'vars' names no var of the graph", "its vars: width, depth"),
        ("name.x.y=3", "'name.x.y'", None),
        ("input.x.y=3", "'input.x.y' does not lead to a value of this graph", None),
    ],
)  # fmt: skip
def test_an_override_that_leads_nowhere(
    override: str, message: str, hint: str | None
) -> None:
    if override == "name.x.y=3":
        Path("base.yaml").write_text(f"name: base\n{BASE}")
    error = refused(override)
    assert message in error.message
    if hint:
        assert hint in (error.help or "")


def test_a_var_and_a_node_are_changed() -> None:
    graph = mb.load_graph("base.yaml", ["vars.width=3", "layers.head.kernel_size=5"])
    (node,) = graph.nodes
    assert (node.config.out_channels, node.config.kernel_size) == (6, 5)


def nested(depth: int) -> str:
    return "[" * depth + "1" + "]" * depth


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        (nested(DEEPEST), True),
        (nested(DEEPEST + 1), False),
        (str([1] * (MOST_VALUES - 1)), True),
        (str([1] * MOST_VALUES), False),
        (str([[1] * 9] * (MOST_VALUES // 10)), False),
    ],
    ids=["deep", "too deep", "long", "too long", "too many in all"],
)
def test_lists_of_vars_have_bounds(value: str, fine: bool) -> None:
    text = BASE.replace("depth: 2", f"depth: 2, more: {value}")
    Path("base.yaml").write_text(text)
    if fine:
        with pytest.warns(match="never used"):
            mb.load_graph("base.yaml")
        return
    with pytest.raises(MirbricksError, match=r"holds more than 1,000 values") as caught:
        mb.load_graph("base.yaml")
    assert caught.value.code == "E103"


def test_a_shipped_name_stands_where_a_file_may() -> None:
    Path("variant.yaml").write_text("extends: mpe_small\nname: mine\n")
    assert mb.load_graph("variant.yaml").source.data["layers"]
    shipped = mb.compile_graph(
        "onsets_frames"
    )  # which extends a file of its own folder
    Path("second.yaml").write_text("extends: onsets_frames\n")
    assert mb.compile_graph("second.yaml").output_shapes == shipped.output_shapes
    # chord_circular names a file in a folder beside it.
    Path("part.yaml").write_text(
        f"input: {mb.load_graph('chord_circular').source.data['input']}\n"
        "layers:\n  - graph: chord_circular\n    name: inner\n"
    )
    graph = mb.load_graph("part.yaml")
    assert all(
        node.name.startswith("inner.") for node in graph.nodes if hasattr(node, "name")
    )


def test_a_file_beside_the_graph_goes_before_a_shipped_name() -> None:
    Path("mpe_small").write_text(BASE)
    Path("variant.yaml").write_text("extends: mpe_small\n")
    assert mb.compile_graph("variant.yaml").output_shape == ("B", 16, "T")


@pytest.mark.parametrize(
    ("given", "code", "help"),
    [
        ("mpe_smal", "E101", "did you mean 'mpe_small'"),
        ("nothing_like_it_at_all", "E101", "the path is relative"),
        (
            str(Path(mb.__file__).parent / "graphs" / "mpe_small.yaml"),
            "E114",
            "move the file",
        ),
    ],
)
def test_what_is_neither_a_file_nor_a_shipped_name(
    given: str, code: str, help: str
) -> None:
    Path("variant.yaml").write_text(f"extends: {given}\n")
    with pytest.raises(GraphError, match=help) as caught:
        mb.load_graph("variant.yaml")
    assert caught.value.code == code


def test_a_shipped_graph_opens_no_way_out_of_the_users_folder() -> None:
    Path("variant.yaml").write_text("extends: ../graphs/mpe_small.yaml\n")
    with pytest.raises(GraphError) as caught:
        mb.load_graph("variant.yaml")
    assert caught.value.code == "E114"


def written(graph: Graph) -> list[str]:
    """The settings of each layer, and the names of each skip."""
    return [
        str(one.keys if isinstance(one, Skip) else one.config) for one in graph.nodes
    ]


@pytest.mark.parametrize("name", ["tagging_conv1d", "codec_rvq"])
def test_a_copy_of_a_shipped_graph_finds_its_parts(name: str) -> None:
    shipped = mb.load_graph(name)
    text = Path(shipped.source.file).read_text(encoding="utf-8")
    Path("mine.yaml").write_text(text, encoding="utf-8")
    copy = mb.load_graph("mine.yaml")
    assert written(copy) == written(shipped)


def test_a_part_of_the_users_own_goes_before_a_shipped_one() -> None:
    Path("parts").mkdir()
    Path("parts/tagging_head.yaml").write_text(BASE)
    Path("mine.yaml").write_text(
        "input: B C=2 T\nlayers:\n  - graph: parts/tagging_head.yaml\n"
    )
    assert mb.compile_graph("mine.yaml").output_shape == ("B", 16, "T")


@pytest.mark.parametrize("given", ["parts/../../errors.py", "parts", "parts/none.yaml"])
def test_nothing_else_of_mirbricks_is_read_as_a_part(given: str) -> None:
    Path("variant.yaml").write_text(f"extends: {given}\n")
    with pytest.raises(GraphError) as caught:
        mb.load_graph("variant.yaml")
    assert caught.value.code in ("E101", "E114")
