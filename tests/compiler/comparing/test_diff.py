"""What two graphs differ in, node by node."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import mirbricks as mb
from mirbricks.compiler.comparing.alignment import align
from mirbricks.compiler.comparing.diff import Diff, Side, diff_graphs
from mirbricks.compiler.compile import as_graph
from mirbricks.compiler.language.source import read_text
from mirbricks.compiler.saved import resolved_yaml

CONV = {"out_channels": 8, "kernel_size": 3, "padding": "same"}
BASE: list[Any] = [
    "BatchNorm2d",
    {"Conv2d": CONV},
    "ReLU",
    {"StoreAs": "E1"},
    {"Conv2d": {**CONV, "name": "mid"}},
    "ReLU",
    {"CatWith": "E1"},
    {"Conv2d": {"name": "head", "out_channels": 1, "kernel_size": 1}},
]


def side(
    layers: list[Any], sizes: bool = True, sections: Any = None, **more: Any
) -> Side:
    graph = as_graph({"input": "B C=6 F=12 T", "layers": layers, **more})
    return Side(graph, mb.compile_graph(graph) if sizes else None, sections or {})


def diff(new: list[Any], old: list[Any] = BASE, sizes: bool = True) -> Diff:
    return diff_graphs(side(old, sizes), side(new, sizes))


def replaced(index: int, *layers: Any) -> list[Any]:
    return [*BASE[:index], *layers, *BASE[index + 1 :]]


def told(result: Diff) -> list[tuple[str, str, Any]]:
    return [(change.sign, change.what, change.facts) for change in result.nodes]


def signs(result: Diff) -> list[tuple[str, str]]:
    return [(change.sign, change.what) for change in result.nodes]


@pytest.mark.parametrize("sizes", [True, False])
def test_a_graph_is_the_same_as_itself(sizes: bool) -> None:
    result = diff(BASE, sizes=sizes)
    assert result.same
    assert (result.head, result.nodes, result.sections, result.only_sizes) == (
        (),
        (),
        (),
        0,
    )
    assert result.parameters == ((1053, 1053) if sizes else None)


def test_a_changed_field_with_what_follows_from_it() -> None:
    result = diff(replaced(1, {"Conv2d": {**CONV, "out_channels": 12}}))
    assert told(result) == [
        (
            "~",
            "Conv2d",
            (("out_channels", "8", "12"), ("out", "(B, 8, 12, T)", "(B, 12, 12, T)")),
        ),
        ("~", "Conv2d 'mid'", (("in", "(B, 8, 12, T)", "(B, 12, 12, T)"),)),
        ("~", "Conv2d 'head'", (("in", "(B, 16, 12, T)", "(B, 20, 12, T)"),)),
    ]
    assert result.only_sizes == 1  # the first ReLU
    assert result.parameters is not None
    assert result.parameters[0] < result.parameters[1]


def test_without_sizes_the_fields_alone_are_compared() -> None:
    result = diff(replaced(1, {"Conv2d": {**CONV, "out_channels": 12}}), sizes=False)
    assert told(result) == [("~", "Conv2d", (("out_channels", "8", "12"),))]
    assert (result.only_sizes, result.parameters) == (0, None)


def test_added_and_removed_are_told_as_a_file_has_them() -> None:
    result = diff([*BASE[:2], {"Dropout": {"p": 0.25}}, *BASE[3:]], sizes=False)
    assert signs(result) == [("-", "ReLU"), ("+", "Dropout: {p: 0.25}")]


def test_lines_are_those_of_each_file() -> None:
    old = Side(as_graph({"layers": ["ReLU", "GELU", "Abs"]}))
    new = Side(as_graph({"layers": ["GELU", {"Abs": {"name": "last"}}, "Tanh"]}), None)
    lines = [
        (change.what, change.line_a, change.line_b)
        for change in diff_graphs(old, new).nodes
    ]
    assert lines == [("ReLU", 2, None), ("Abs 'last'", 4, 3), ("Tanh", None, 5)]


def test_named_nodes_are_found_where_they_moved() -> None:
    layers = [BASE[4], *BASE[:4], *BASE[5:]]
    assert signs(diff(layers, sizes=False)) == [(">", "Conv2d 'mid'")]
    changed = {"Conv2d": {**CONV, "name": "mid", "kernel_size": 5}}
    result = diff([changed, *BASE[:4], *BASE[5:]], sizes=False)
    assert told(result) == [(">", "Conv2d 'mid'", (("kernel_size", "3", "5"),))]


def test_a_named_node_of_another_block_is_the_same_node() -> None:
    result = diff(
        replaced(7, {"Linear": {"name": "head", "out_features": 1}}), sizes=False
    )
    assert [change.sign for change in result.nodes] == ["~"]
    assert result.nodes[0].facts[0] == ("block", "Conv2d", "Linear")


def test_a_new_name_is_a_change() -> None:
    result = diff(
        replaced(7, {"Conv2d": {"name": "out", "out_channels": 1, "kernel_size": 1}}),
        sizes=False,
    )
    assert told(result) == [("~", "Conv2d 'out'", (("name", "head", "out"),))]


def test_numbers_that_the_compiler_gives_are_no_names() -> None:
    named = side(
        read_text(
            resolved_yaml(
                mb.compile_graph({"input": "B C=6 F=12 T", "layers": BASE}), {}
            ),
            "f",
        ).data["layers"]
    )
    assert diff_graphs(side(BASE), named).same


def test_one_number_for_all_axes_is_the_same_as_a_list_of_it() -> None:
    new = replaced(1, {"Conv2d": {**CONV, "kernel_size": [3, 3], "stride": [1, 1]}})
    assert diff(new).same
    assert told(diff(replaced(1, {"Conv2d": {**CONV, "kernel_size": [3, 5]}}))) == [
        ("~", "Conv2d", (("kernel_size", "3", "[3, 5]"),))
    ]


def test_skips_are_compared_too() -> None:
    result = diff(replaced(6, {"CatWith": {"key": "E1", "fit": "crop"}}), sizes=False)
    assert told(result) == [("~", "CatWith 'E1'", (("fit", "'error'", "'crop'"),))]
    stored_later = [*BASE[:3], BASE[4], BASE[3], *BASE[5:]]
    assert signs(diff(stored_later, sizes=False)) in (
        [(">", "StoreAs 'E1'")],
        [(">", "Conv2d 'mid'")],
    )


def test_paths_of_a_branch_differ_by_where_they_begin() -> None:
    one, two = [{"branch": [["ReLU", "GELU"], []]}], [{"branch": [["ReLU"], ["GELU"]]}]
    assert diff(one, one).same
    assert signs(diff(two, one, sizes=False)) == [
        ("+", "next path of the branch"),
        ("-", "next path of the branch"),
    ]
    assert diff([*one, *one], [*one, *one]).same
    assert signs(diff(["Abs", *one, "Abs"], ["Abs", "Abs"])) == [
        ("+", "branch"), ("+", "ReLU"), ("+", "GELU"), ("+", "next path of the branch"), ("+", "CatWith of the branch"),
    ]  # fmt: skip


def test_a_shared_node_is_told_as_reuse() -> None:
    layers = [{"Conv2d": {**CONV, "out_channels": 6, "name": "mid"}}, "ReLU"]
    assert signs(diff([*layers, {"Reuse": "mid"}], layers)) == [("+", "Reuse: mid")]


def test_inputs_outputs_and_names() -> None:
    new = side(BASE, outputs=["mid", "head"], name="b")
    wide = {"name": "a", "input": "B C=6 F=20 T", "layers": BASE}
    graph = as_graph(wide)
    old = Side(graph, mb.compile_graph(graph))
    result = diff_graphs(old, new)
    assert result.head == (
        ("name", "a", "b"),
        ("input", "B C=6 F=20 T", "B C=6 F=12 T"),
        ("outputs", None, "mid, head"),
    )
    assert result.nodes == ()
    assert result.only_sizes == 6


def test_sections_are_compared_value_by_value() -> None:
    old = side(BASE, sections={"train": {"lr": 0.1, "steps": 3}, "task": {"type": "a"}})
    new = side(
        BASE,
        sections={
            "train": {"lr": 0.2, "loss": {"kind": [1, 2]}},
            "task": {"type": "a"},
        },
    )
    assert diff_graphs(old, new).sections == (
        ("train.lr", "0.1", "0.2"),
        ("train.steps", "3", None),
        ("train.loss.kind", None, "[1, 2]"),
    )


def test_what_is_added_one_way_is_removed_the_other_way() -> None:
    graphs = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
    sides = [Side(mb.load_graph(path)) for path in graphs]
    chains = [
        side
        for side in sides
        if not any(getattr(node, "made", False) for node in side.graph.nodes)
    ]  # no branch
    for a, b in combinations(chains[:9], 2):
        there, back = diff_graphs(a, b), diff_graphs(b, a)
        gains = sum(
            (change.sign == "+") - (change.sign == "-") for change in there.nodes
        )
        assert gains == len(b.graph.nodes) - len(a.graph.nodes)
        assert gains == -sum(
            (change.sign == "+") - (change.sign == "-") for change in back.nodes
        )


def brute_force(a: list[int], b: list[int], likeness: Any) -> int:
    """The greatest sum over every pairing in order."""
    best = 0
    for n in range(1, min(len(a), len(b)) + 1):
        for left in combinations(a, n):
            best = max(
                best, *(sum(map(likeness, left, right)) for right in combinations(b, n))
            )
    return best


def test_the_alignment_is_the_best_one() -> None:
    draw = random.Random(0)

    def likeness(x: int, y: int) -> int:
        return 3 if x == y else 1 if x % 2 == y % 2 else 0

    for _ in range(150):
        a, b = ([draw.randrange(5) for _ in range(draw.randrange(7))] for _ in range(2))
        pairs = align(a, b, likeness)
        assert list(pairs) == sorted(pairs)
        assert list(pairs.values()) == sorted(set(pairs.values()))
        assert sum(likeness(a[i], b[j]) for i, j in pairs.items()) == brute_force(
            a, b, likeness
        )
