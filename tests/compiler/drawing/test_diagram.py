"""The drawn graph: every layer and every skip is there, nothing lies on anything else, hostile names stay text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.compiler.drawing.layout import GROUP, LANE, WIDTH, Layout, lay_out
from mirbricks.compiler.drawing.parts import Part, config_text, size_text
from mirbricks.compiler.drawing.svg import COLOURS, INK, NIGHT, without_night
from mirbricks.compiler.drawing.walk import parts_and_arcs
from mirbricks.compiler.module import GraphModule
from mirbricks.registry import get

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
CONV = {"Conv2d": {"out_channels": 8, "kernel_size": 3, "padding": "same"}}
SVG = "{http://www.w3.org/2000/svg}"
JOINS = ("CatWith", "AddWith", "MulWith")


def graph(*layers: Any, given: Any = "B C=8 F=24 T", name: str = "g") -> GraphModule:
    return mb.compile_graph({"name": name, "input": given, "layers": list(layers)})


def residual(n: int) -> GraphModule:
    return graph(
        *(
            x
            for i in range(n)
            for x in ({"StoreAs": f"r{i}"}, CONV, "ReLU", CONV, {"AddWith": f"r{i}"})
        )
    )


def unet(depth: int) -> GraphModule:
    down = [
        x
        for i in range(depth)
        for x in (CONV, "BatchNorm2d", "ReLU", CONV, "ReLU", {"StoreAs": f"E{i}"})
    ]
    up = [
        x
        for i in reversed(range(depth))
        for x in (CONV, "BatchNorm2d", "ReLU", {"CatWith": f"E{i}"}, CONV, "ReLU")
    ]
    return graph(*down, *up)


def groups(model: GraphModule, kind: str) -> list[ElementTree.Element]:
    return groups_of(draw(model), kind)


def groups_of(svg: str, kind: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [group for group in root.iter(f"{SVG}g") if group.get("class") == kind]


def shapes_overlap(layout: Layout) -> bool:
    boxes = [(p.x, p.y - p.height / 2, p.y + p.height / 2) for p in layout.places]
    return any(
        abs(a[0] - b[0]) < WIDTH and a[1] < b[2] and b[1] < a[2]
        for a, b in combinations(boxes, 2)
    )


MODELS = {
    **{path.stem: path for path in GRAPHS},
    "residual": lambda: residual(3),
    "residual_long": lambda: residual(14),
    "unet_shallow": lambda: unet(1),
    "unet_deep": lambda: unet(6),
}


@dataclass(frozen=True)
class Drawing:
    """A graph and its picture."""

    model: GraphModule
    svg: str


@pytest.fixture(params=list(MODELS), ids=str, scope="module")
def drawing(request: pytest.FixtureRequest) -> Drawing:
    """Each graph, compiled and drawn once for all tests that look at it."""
    made = MODELS[request.param]
    model = mb.compile_graph(made) if isinstance(made, Path) else made()
    return Drawing(model, draw(model))


def test_every_layer_and_skip_is_drawn(drawing: Drawing) -> None:
    model = drawing.model
    texts = [group.find(f"{SVG}text") for group in groups_of(drawing.svg, "row")]
    rows = ["".join(text.itertext()) for text in texts]
    assert len(rows) == len(model.nodes)
    for row, node in zip(rows, model.nodes, strict=True):
        # A long title is cut short: its beginning is there.
        begin, _, _ = row.partition("…")
        assert row.startswith(node.block) or node.block.startswith(begin)
    skips = groups_of(drawing.svg, "skip")
    titles = [group.find(f"{SVG}title").text for group in skips]
    assert [title for title in titles if title] == asked_for(model)
    stores = [op for op in model.ops if op.kind == "StoreAs"]
    # A branch draws its beginning only, and its ends where they join.
    if not any("/" in op.name for op in stores):
        # What is stored at the very end is an output, from which no arc begins.
        arcs = len(stores) - (_last_stored(model) is not None)
        assert len(groups_of(drawing.svg, "store")) == arcs


def asked_for(model: GraphModule) -> list[str]:
    """What the user stored or gave, in the order in which it is asked for; a branch's own keys have a slash."""
    keys = [
        [*([op.name] if op.kind not in ("run", "StoreAs") else []), *op.extra]
        for op in model.ops
    ]
    asked = [key for one in keys for key in one if "/" not in key]
    # An output that was stored on the way is handed on at the end; the last layer is there already.
    stored = {op.name for op in model.ops if op.kind == "StoreAs"}
    handed = [name for name in model.outputs if name in stored]
    return asked + [name for name in handed if name != _last_stored(model)]


def _last_stored(model: GraphModule) -> str | None:
    """The name under which the very last tensor is stored; None where the last operation is a layer."""
    last = model.ops[-1]
    return last.name if last.kind == "StoreAs" else None


def test_nothing_overlaps_and_all_is_inside(drawing: Drawing) -> None:
    layout = lay_out(*parts_and_arcs(drawing.model))
    assert not shapes_overlap(layout)
    for place in layout.places:
        assert WIDTH / 2 <= place.x <= layout.width - WIDTH / 2
        assert place.y - place.height / 2 > 0
        assert place.y + place.height / 2 < layout.height
    assert all(0 < lane < layout.width for lane in layout.lanes if lane is not None)


def test_same_graph_gives_the_same_characters(drawing: Drawing) -> None:
    assert draw(drawing.model) == drawing.svg


def test_nested_arcs_run_in_lanes_from_inside_out() -> None:
    model = graph(
        {"StoreAs": "a"},
        CONV,
        {"StoreAs": "b"},
        CONV,
        {"AddWith": "b"},
        CONV,
        {"AddWith": "a"},
    )
    parts, arcs = parts_and_arcs(model)
    inner, outer = lay_out(parts, arcs).lanes
    assert [arc.key for arc in arcs] == ["b", "a"]
    assert inner is not None
    assert outer == inner + LANE


def test_arcs_one_after_another_share_a_lane() -> None:
    assert len(set(lay_out(*parts_and_arcs(residual(3))).lanes)) == 1


def test_long_unet_is_a_u_whose_arcs_do_not_cross() -> None:
    parts, arcs = parts_and_arcs(unet(6))
    layout = lay_out(parts, arcs)
    assert layout.lanes == (None,) * 6
    ends = sorted(
        (layout.places[arc.start].y, layout.places[arc.end].y) for arc in arcs
    )
    assert all(a[1] < b[1] for a, b in pairwise(ends))
    assert {place.up for place in layout.places} == {False, True}


def test_long_chain_folds_where_no_skip_is_open() -> None:
    parts, arcs = parts_and_arcs(residual(14))
    layout = lay_out(parts, arcs)
    assert 2 <= len({place.column for place in layout.places}) <= 4
    assert all(
        layout.places[arc.start].column == layout.places[arc.end].column for arc in arcs
    )


def test_sizes_after_joins() -> None:
    layers = (
        {"StoreAs": "a"},
        {"MaxPool2d": {"kernel_size": 2}},
        {"CatWith": {"key": "a", "fit": "crop"}},
        "ReLU",
    )
    parts, _ = parts_and_arcs(graph(*layers))
    assert [size_text(p.size).replace("//", "/") for p in parts] == [
        "8 × 24 × T", "8 × 24 × T", "8 × 12 × T/2", "16 × 12 × T/2", "16 × 12 × T/2", "16 × 12 × T/2"
    ]  # fmt: skip
    parts, _ = parts_and_arcs(graph({"StoreAs": "a"}, "ReLU", {"CatWith": "a"}))
    assert size_text(parts[-1].size) == "16 × 24 × T"


def test_several_inputs_are_drawn_and_joined() -> None:
    given = {"x": "B C=8 F=24 T", "t": "B C=8 F=24 T"}
    parts, arcs = parts_and_arcs(graph(CONV, {"AddWith": "t"}, given=given))
    assert [(p.kind, p.name) for p in parts[:2]] == [("input", "t"), ("input", "x")]
    assert [(parts[a.start].name, parts[a.end].kind) for a in arcs] == [("t", "join")]


def drawn(*layers: Any, **more: Any) -> tuple[list[str], list[tuple[str, str, str]]]:
    """The parts by kind and name, and the arcs between them with their keys."""
    made = mb.compile_graph({"input": "B C=8 F=24 T", "layers": list(layers), **more})
    parts, arcs = parts_and_arcs(made)
    ElementTree.fromstring(draw(made))
    words = [
        p.kind if p.kind in ("store", "start", "join") else p.name or p.label
        for p in parts
    ]
    return words, [(words[arc.start], words[arc.end], arc.key) for arc in arcs]


def test_the_chain_goes_on_from_a_stored_tensor() -> None:
    words, arcs = drawn(
        {"StoreAs": "a"},
        "ReLU",
        {"StoreAs": "b"},
        {"StartFrom": "a"},
        "GELU",
        {"AddWith": "b"},
    )
    assert words == [
        "input",
        "store",
        "ReLU",
        "store",
        "start",
        "GELU",
        "join",
        "output",
    ]
    assert arcs == [("store", "start", "a"), ("store", "join", "b")]
    parts, _ = parts_and_arcs(
        graph(
            {"StoreAs": "a"},
            "ReLU",
            {"StoreAs": "b"},
            {"StartFrom": "a"},
            {"AddWith": "b"},
        )
    )
    assert [part.kind for part in parts if part.cut] == ["input", "start"]


def test_a_path_of_a_branch_that_is_empty_is_an_arc() -> None:
    words, arcs = drawn({"branch": [[CONV, "ReLU"], []]})
    assert words == ["input", "store", "Conv2d", "ReLU", "join", "output"]
    assert arcs == [("store", "join", "")]
    assert drawn({"branch": [[], [CONV]]}) == (
        ["input", "store", "start", "Conv2d", "join", "output"],
        [("store", "start", ""), ("store", "join", "")],
    )


def test_the_last_path_of_a_branch_leads_into_the_join() -> None:
    words, arcs = drawn({"branch": [["ReLU"], ["GELU"], ["Tanh"]]})
    assert words == [
        "input",
        "store",
        "ReLU",
        "store",
        "start",
        "GELU",
        "store",
        "start",
        "Tanh",
        "join",
        "output",
    ]
    assert [arc[:2] for arc in arcs] == [
        ("store", "start"),
        ("store", "start"),
        ("store", "join"),
        ("store", "join"),
    ]
    parts, _ = parts_and_arcs(graph({"branch": [["ReLU"], ["GELU"], [CONV]]}))
    assert size_text(parts[-1].size) == "24 × 24 × T"


def test_a_branch_inside_a_branch() -> None:
    inner = {"branch": [["ReLU"], []], "join": "add"}
    words, arcs = drawn({"branch": [[inner], ["GELU"]]})
    assert words == [
        "input",
        "store",
        "store",
        "ReLU",
        "join",
        "store",
        "start",
        "GELU",
        "join",
        "output",
    ]
    assert len(arcs) == 3


class GatedForDiagram(mb.Block):
    """x times the mean of a second input.

    Source: none.
    """

    def forward(self, x: Tensor, gain: Tensor) -> Tensor:
        return x * gain.mean(2, keepdim=True)


def test_a_further_input_of_a_block_is_an_arc_to_its_side() -> None:
    spec_of = mb.register(
        "GatedForDiagram",
        shape="B C T, B C N -> B C T",
        source="none",
        examples=[([(2, 3, 5), (2, 3, 7)], {})],
    )
    try:
        spec_of(GatedForDiagram)
        model = graph(
            {"GatedForDiagram": {"with": "g"}}, given={"x": "B C=3 T", "g": "B C=3 N"}
        )
        parts, arcs = parts_and_arcs(model)
        assert [
            (parts[arc.start].name, parts[arc.end].label, arc.key) for arc in arcs
        ] == [("g", "GatedForDiagram", "g")]
        layout = lay_out(parts, arcs)
        edge = layout.places[arcs[0].end].x + WIDTH / 2
        (path,) = [g.find(f"{SVG}path").get("d") for g in groups(model, "skip")]
        assert path.endswith(f"H{edge + 6:g}")
    finally:
        registry.BLOCKS.known.pop("GatedForDiagram")


def test_named_outputs_are_drawn_each() -> None:
    layers = ({"StoreAs": "E1"}, "ReLU", {"Conv2d": {**CONV["Conv2d"], "name": "head"}})
    words, arcs = drawn(*layers, outputs=["E1", "head"])
    assert words == ["input", "store", "ReLU", "head", "head", "E1"]
    assert arcs == [("store", "E1", "E1")]


def test_a_node_that_runs_again_is_marked() -> None:
    model = graph(
        {"Conv2d": {**CONV["Conv2d"], "name": "mid"}}, "ReLU", {"Reuse": "mid"}
    )
    first, _, again = groups(model, "row")
    assert "stroke-dasharray" not in ElementTree.tostring(first, encoding="unicode")
    assert "stroke-dasharray" in ElementTree.tostring(again, encoding="unicode")
    assert "".join(again.find(f"{SVG}text").itertext()) == "Conv2dmid again"
    assert "the weights of 'mid' again" in again.find(f"{SVG}title").text


def test_sub_graphs_have_a_bar(tmp_path: Path) -> None:
    (tmp_path / "enc.yaml").write_text(
        "input: B C F T\nlayers: [ReLU, {StoreAs: s}, GELU, {AddWith: s}, Tanh]\n"
    )
    path = tmp_path / "g.yaml"
    path.write_text(
        "input: B C=8 F=24 T\nlayers: [Abs, {graph: enc.yaml, name: enc}, {graph: enc.yaml}, Abs]\n"
    )
    model = mb.compile_graph(path)
    assert [g.find(f"{SVG}title").text for g in groups(model, "group")] == [
        "enc",
        "enc_1",
    ]
    layout = lay_out(*parts_and_arcs(model))
    assert not shapes_overlap(layout)
    assert min(place.x - WIDTH / 2 for place in layout.places) > GROUP


def test_title_and_paper() -> None:
    root = ElementTree.fromstring(draw(graph(CONV, name="my net")))
    paper, title, facts = list(root)[:3]
    assert [paper.get(key) for key in ("width", "height", "fill")] == [
        root.get("width"),
        root.get("height"),
        "#ffffff",
    ]
    assert (title.text, facts.text) == ("my net", "1 layer, 584 parameters")


def test_the_keys_of_arcs_stand_beside_one_another() -> None:
    for model in (unet(6), residual(14)):
        parts, arcs = parts_and_arcs(model)
        ends = [
            (lane, *sorted(p.y for p in (a, b)))
            for lane, a, b in _lanes(lay_out(parts, arcs), arcs)
        ]
        middles = [(lane, (low + high) / 2) for lane, low, high in ends]
        assert all(
            abs(a[1] - b[1]) > 14 or a[0] != b[0] for a, b in combinations(middles, 2)
        )


def _lanes(layout: Layout, arcs: Any) -> Any:
    return [
        (lane, layout.places[a.start], layout.places[a.end])
        for lane, a in zip(layout.lanes, arcs, strict=True)
    ]


def test_convolution_norm_and_activation_stand_together() -> None:
    parts, _ = parts_and_arcs(
        graph(
            "BatchNorm2d",
            CONV,
            "ReLU",
            CONV,
            "BatchNorm2d",
            "ReLU",
            {"Dropout": {"p": 0.1}},
        )
    )
    rows: list[Part] = [part for part in parts if part.kind == "row"]
    runs = [part.run for part in rows]
    assert [runs.index(run) for run in runs] == [0, 0, 0, 3, 3, 3, 3]


@pytest.mark.parametrize(
    ("block", "config", "rank", "words"),
    [
        (
            "Conv2d",
            {"out_channels": 32, "kernel_size": 5, "padding": "same"},
            4,
            "32, 5×5, same",
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": (70, 3), "bias": False},
            4,
            "8, 70×3, no bias",
        ),
        (
            "Conv2d",
            {"out_channels": 8, "kernel_size": 3, "dilation": (1, 1), "stride": (1, 2)},
            4,
            "8, 3×3, stride 1×2",
        ),
        (
            "Conv1d",
            {"out_channels": 16, "kernel_size": 15, "dilation": 2},
            3,
            "16, 15, dilation 2",
        ),
        ("LSTM", {"hidden_size": 8, "bidirectional": True}, 3, "8, bidirectional"),
        ("Permute", {"dims": (0, 2, 1)}, 3, "dims 0, 2, 1"),
        (
            "Rearrange",
            {"pattern": "b (c k) t -> b c k t", "sizes": {"k": 3}},
            3,
            "pattern b (c k) t -> b c k t, sizes k: 3",
        ),
        ("ReLU", {}, 4, ""),
    ],
)
def test_configs_in_few_words(
    block: str, config: dict[str, Any], rank: int, words: str
) -> None:
    assert config_text(get(block).cls.Config(**config), rank) == words


def test_tooltip_tells_line_shapes_and_parameters() -> None:
    title = groups(graph(CONV), "row")[0].find(f"{SVG}title")
    assert title is not None
    assert (
        title.text
        == "Conv2d 'conv2d_1', line 4\n(B, 8, 24, T) → (B, 8, 24, T)\n584 parameters"
    )


def test_names_of_users_are_shown_and_numbers_are_not() -> None:
    named = [
        {"Conv2d": {**CONV["Conv2d"], "name": name}} for name in ("head", "conv2d_1")
    ]
    parts, _ = parts_and_arcs(graph(*named))
    assert [part.name for part in parts if part.kind == "row"] == ["head", ""]


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=30).filter(str.isprintable))
def test_any_name_stays_text(words: str) -> None:
    made = graph({"StoreAs": words}, "ReLU", {"AddWith": words}, name=words)
    root = ElementTree.fromstring(draw(made))
    assert not list(root.iter(f"{SVG}script"))
    assert len([g for g in root.iter(f"{SVG}g") if g.get("class") == "skip"]) == 1


def test_markup_in_a_key_is_escaped() -> None:
    evil = "</title><script>alert(1)</script>"
    svg = draw(graph({"StoreAs": evil}, "ReLU", {"AddWith": evil}, name=evil))
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def repeated(*layers: Any, n: int = 3, **more: Any) -> dict[str, Any]:
    return {"repeat": n, "layers": list(layers), **more}


def test_a_repeat_has_a_bracket_with_how_often() -> None:
    inner = repeated(CONV, "ReLU", n=2, index="j")
    model = graph(repeated(inner, "GELU"), repeated("Tanh", n=1))
    found = groups(model, "repeat")
    titles = [one.find(f"{SVG}title").text for one in found]
    assert sorted(titles) == ["repeat: 2"] * 3 + ["repeat: 3"]
    words = [next(one.iter(f"{SVG}text")).text for one in found]
    assert sorted(words) == ["repeat × 2"] * 3 + ["repeat × 3"]
    # A mark between rounds, and the bracket around it all further from the layers.
    paths = {title: one.find(f"{SVG}path").get("d") for title, one in zip(titles, found, strict=True)}  # fmt: skip
    assert [paths[one].count("M") for one in ("repeat: 2", "repeat: 3")] == [2, 3]
    left = {title: float(path[1:].partition(" ")[0]) for title, path in paths.items()}
    assert left["repeat: 3"] < left["repeat: 2"] - 15


def test_a_bracket_holds_its_layers_and_no_other() -> None:
    model = graph("Abs", repeated(CONV, {"StoreAs": "a"}, "ReLU", {"AddWith": "a"}))
    parts, arcs = parts_and_arcs(model)
    inside = [bool(part.rounds) for part in parts]
    assert inside == [False, False, *[True] * 12, False]
    (bracket,) = groups(model, "repeat")
    path = bracket.find(f"{SVG}path").get("d")
    top = float(path.split()[1].partition("H")[0])
    bottom = float(path.partition("V")[2].partition("H")[0])
    places = lay_out(parts, arcs).places
    for place, is_inside in zip(places, inside, strict=True):
        assert (top <= place.y <= bottom) == is_inside


def test_a_repeat_over_several_columns_says_which_rounds_stand_where() -> None:
    model = graph(repeated(CONV, "BatchNorm2d", "ReLU", {"MaxPool2d": {"kernel_size": 1}}, n=12))  # fmt: skip
    words = [next(one.iter(f"{SVG}text")).text for one in groups(model, "repeat")]
    assert words[0].startswith("repeat 1–")
    assert words[-1].endswith("12 of 12")
    # A column begins with a round: none is torn apart.
    parts, arcs = parts_and_arcs(model)
    places = lay_out(parts, arcs).places
    for (a, before), (b, after) in pairwise(zip(parts, places, strict=True)):
        if before.column != after.column:
            assert a.rounds != b.rounds


def test_the_chain_turns_rather_where_no_skip_begins() -> None:
    many = [x for _ in range(8) for x in (CONV, "ReLU")]
    model = graph(*many, {"StoreAs": "a"}, *many[:4], {"AddWith": "a"}, *many[:12])
    # In the middle stands the store.
    parts, arcs = parts_and_arcs(model)
    places = lay_out(parts, arcs).places
    for (a, before), (b, after) in pairwise(zip(parts, places, strict=True)):
        if before.column != after.column:
            assert "store" not in (a.kind, b.kind)


def test_the_key_of_an_arc_lies_on_no_line_of_another() -> None:
    given = {"x": "B C=8 F=24 T", "t": "B C=8 F=24 T"}
    model = graph(
        {"StartFrom": "t"}, CONV, {"StartFrom": "x"}, {"AddWith": "t"}, given=given
    )
    parts, arcs = parts_and_arcs(model)
    layout = lay_out(parts, arcs)
    root = ElementTree.fromstring(draw(model))
    labels = {}
    for text in root.iter(f"{SVG}text"):
        if text.get("font-weight") == "600" and text.text in ("t", "x"):
            labels.setdefault(float(text.get("x")), float(text.get("y")) - 4)
    ends = [layout.places[i].y for arc in arcs for i in (arc.start, arc.end)]
    for lane in filter(None, layout.lanes):
        assert all(abs(labels[lane] - y) > 5 for y in ends)


def test_every_colour_has_one_for_the_dark_and_words_can_be_read(
    drawing: Drawing,
) -> None:
    colours = set(re.findall(r'(?:fill|stroke)="(#\w+)"', drawing.svg))
    assert colours <= set(NIGHT) | {border for _, border in COLOURS.values()}
    style = drawing.svg.partition("<style>")[2].partition("</style>")[0]
    for colour in colours & set(NIGHT):
        assert f'"{colour}"]' in style or colour == INK
    bare = without_night(drawing.svg)
    assert "<style" not in bare
    assert ElementTree.fromstring(bare).get("class") == "mirbricks"
