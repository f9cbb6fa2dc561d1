"""Promises of the compiler under random graphs: what it takes runs, what it refuses it refuses in the user's words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.given_shapes import read_shape
from mirbricks.compiler.inference.sizes import free_sizes, sweep
from mirbricks.compiler.module import GraphModule
from mirbricks.compiler.saved import resolved_yaml
from mirbricks.errors import ErrorList, MirbricksError, codes

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in GRAPHS]
SPECS = registry.blocks()
EXAMPLES = [
    (spec.name, dict(example.config))
    for spec in SPECS.values()
    for example in spec.examples
]

INTEGERS = st.integers(-1, 6)
VALUES = st.one_of(
    INTEGERS,
    st.lists(INTEGERS, min_size=1, max_size=3),
    st.sampled_from(
        [
            "same",
            "valid",
            "linear",
            True,
            False,
            None,
            0.5,
            "",
            {},
            "${w}",
            "${2 * w - i}",
            "${no}",
        ]
    ),
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """A small input or two, and layers of registered blocks that mostly fit its number of axes, in every form."""
    # Most of what is drawn freely does not fit; what begins with an example often does.
    if draw(st.booleans()):
        return draw(examples_and_more())
    axes = draw(
        st.sampled_from(["C={c} F={f}", "C={c} F", "C={c}", "T=7 D={c}", "D={c}"])
    )
    frames = "" if "D" in axes else draw(st.sampled_from(["T", "T=5", "T=12"]))
    line = f"B {axes.format(c=draw(st.integers(1, 6)), f=draw(st.integers(1, 9)))} {frames}".strip()
    rank = len(line.split())
    two = draw(st.integers(0, 5)) == 0
    graph: dict[str, Any] = {
        "vars": {"w": draw(st.integers(1, 5))},
        "input": {"x": line, "z": line} if two else line,
    }
    graph["layers"] = draw(chains(rank, 2, draw(st.integers(1, 5))))
    if draw(st.integers(0, 7)) == 0:
        graph["outputs"] = draw(
            st.lists(st.sampled_from(["P", "Q", "n0", "n1"]), min_size=1, max_size=2)
        )
    return graph


@st.composite
def examples_and_more(draw: st.DrawFn) -> dict[str, Any]:
    """A block on the shape of its own example, perhaps with the last axis free, and further layers."""
    spec = draw(st.sampled_from(list(SPECS.values())))
    example = draw(st.sampled_from(spec.examples))
    lines = [
        " ".join(["B", *(f"A{i}={n}" for i, n in enumerate(shape[1:]))])
        for shape in example.shapes
    ]
    if draw(st.booleans()):
        lines = [line.rpartition("=")[0] for line in lines]
    layer = {
        spec.name: {**example.config, **({"with": ["z"]} if len(lines) > 1 else {})}
    }
    rank = len(spec.contract.outputs[0])
    inputs = dict(zip("xzv", lines, strict=False)) if len(lines) > 1 else lines[0]
    return {
        "vars": {"w": 2},
        "input": inputs,
        "layers": [layer, *draw(chains(rank, 1, draw(st.integers(0, 2))))],
    }


@st.composite
def chains(draw: st.DrawFn, rank: int, depth: int, length: int) -> list[Any]:
    """Layers for a tensor of `rank` axes; `depth` forms inside each other."""
    fitting = [example for example in EXAMPLES if fits(example[0], rank)]
    chosen = st.sampled_from(fitting) | st.sampled_from(EXAMPLES)
    kinds = [
        "block",
        "block",
        "changed",
        "skip",
        "skip",
        *(["repeat", "branch"] if depth else []),
    ]
    chain: list[Any] = []
    for _ in range(length):
        kind = draw(st.sampled_from(kinds))
        if kind == "skip":
            chain.append(draw(skips(chain)))
        elif kind == "repeat":
            inner = draw(chains(rank, depth - 1, draw(st.integers(1, 2))))
            form = {
                "repeat": draw(st.integers(1, 3)),
                "share": draw(st.booleans()),
                "layers": inner,
            }
            chain.append({**form, "index": "ij"[2 - depth]})
        elif kind == "branch":
            paths = [
                draw(chains(rank, depth - 1, draw(st.integers(0, 2))))
                for _ in range(draw(st.integers(2, 3)))
            ]
            join, fit = (
                draw(st.sampled_from(["cat", "add", "mul"])),
                draw(st.sampled_from(["error", "crop", "pad"])),
            )
            chain.append({"branch": paths, "join": join, "fit": fit})
        else:
            chain.append(draw(layers(chosen, kind == "changed")))
    return chain


def fits(name: str, rank: int) -> bool:
    tokens = SPECS[name].contract.inputs[0]
    return len(tokens) == rank or any(token.text == "..." for token in tokens)


@st.composite
def layers(
    draw: st.DrawFn,
    chosen: st.SearchStrategy[tuple[str, dict[str, Any]]],
    changed: bool,
) -> Any:
    """A registered block with the config of an example, or with one field of it changed."""
    name, config = draw(chosen)
    fields = SPECS[name].cls.Config.model_fields
    config = {
        key: value
        for key, value in config.items()
        if key not in SPECS[name].cls.Config.inferred()
    }
    if draw(st.integers(0, 3)) == 0 and "name" not in fields:
        config["name"] = draw(st.sampled_from(["n0", "n1", "n0.a", "n${i}", "m${i}"]))
    if changed and fields:
        key = draw(st.sampled_from(sorted(fields)))
        config[key] = draw(INTEGERS if "int" in str(fields[key].annotation) else VALUES)
    return {name: config}


@st.composite
def skips(draw: st.DrawFn, chain: list[Any]) -> Any:
    """StoreAs, or a join with a tensor that was mostly stored before."""
    stored = [layer["StoreAs"] for layer in chain if "StoreAs" in layer]
    kind = draw(
        st.sampled_from(
            [
                "StoreAs",
                "StoreAs",
                "CatWith",
                "AddWith",
                "MulWith",
                "StartFrom",
                "Reuse",
            ]
        )
    )
    if kind == "StoreAs":
        return {kind: draw(st.sampled_from("PQ"))}
    if kind == "Reuse":
        return {kind: draw(st.sampled_from(["n0", "n1"]))}
    key = draw(st.sampled_from([*stored, *stored, "x", "z"]))
    if kind == "StartFrom":
        return {kind: key}
    if draw(st.integers(0, 4)) == 0:
        key = [key, draw(st.sampled_from([*stored, "x"]))]
    return {kind: {"key": key, "fit": draw(st.sampled_from(["error", "crop", "pad"]))}}


def assert_in_the_users_words(error: MirbricksError, file: str) -> None:
    for one in error.errors if isinstance(error, ErrorList) else [error]:
        assert one.code in codes()
        assert one.where is not None
        assert one.where.file == file
        assert one.where.line >= 1
        assert one.where.column >= 1
        assert str(one)


def tensors(model: GraphModule, sizes: dict[str, int]) -> list[Tensor]:
    shapes = [
        [sizes[n] if isinstance(n, str) else n for n in shape]
        for shape in model.input_shapes.values()
    ]
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


def run(model: GraphModule, sizes: dict[str, int]) -> dict[str, Tensor]:
    """Forward and backward in training mode."""
    y = model(*tensors(model, sizes))
    outputs = y if isinstance(y, dict) else {"y": y}
    total = sum(one.float().sum() for one in outputs.values())
    if isinstance(total, Tensor) and total.requires_grad:
        total.backward()
    return outputs


def assert_runs_where_it_says(model: GraphModule, further: Sequence[int]) -> None:
    """At sizes its free axes allow: those that `check` names, and those of `further` that the meta device takes."""
    base = {**model.free_sizes, **({"B": 2} if "B" in model.free_sizes else {})}
    inputs = read_shape(model.graph, None)
    for sizes in free_sizes(model.graph, inputs, base):
        if sizes.axis == "B":
            continue
        told = [] if sizes.gaps else [sizes.least, sizes.least + 3 * sizes.step]
        outcomes = sweep(model.graph, inputs, base, sizes.axis, [*told, *further])
        for outcome in outcomes:
            assert outcome.size not in told or outcome.error is None or sizes.most
            if outcome.error is None:
                run(model, {**base, sizes.axis: outcome.size})


def assert_saved_is_the_same(model: GraphModule, path: Path) -> None:
    path.write_text(resolved_yaml(model, {}), encoding="utf-8")
    again = mb.compile_graph(path)
    again.load_state_dict(model.state_dict())
    given = tensors(model, {**model.free_sizes, "B": 2})
    with torch.no_grad():
        one, other = model.eval()(*given), again.eval()(*given)
    assert model.output_shapes == again.output_shapes
    pairs = (
        [(one[key], other[key]) for key in one]
        if isinstance(one, dict)
        else [(one, other)]
    )
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


TAKEN: list[bool] = []


@given(values=graphs(), further=st.lists(st.integers(1, 40), max_size=2))
@pytest.mark.filterwarnings("ignore::mirbricks.errors.GraphWarning")
def test_what_is_taken_runs_and_what_is_refused_is_told(
    values: dict[str, Any], further: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        model = mb.compile_graph(values)
    except MirbricksError as error:
        TAKEN.append(False)
        assert_in_the_users_words(error, "<dict>")
        return
    TAKEN.append(True)
    sizes = {**model.free_sizes, "B": 2}
    outputs = run(model, sizes)
    for name, shape in model.output_shapes.items():
        for expected, size in zip(shape, outputs[name].shape, strict=True):
            assert size == (
                sizes.get(expected, size) if isinstance(expected, str) else expected
            )
    assert_runs_where_it_says(model, further)
    assert_saved_is_the_same(model, tmp_path_factory.getbasetemp() / "saved.yaml")


def test_the_random_graphs_were_of_both_kinds() -> None:
    if not TAKEN:
        pytest.skip("runs after the test of random graphs")
    assert min(TAKEN.count(True), TAKEN.count(False)) >= len(TAKEN) // 6


EDITS = ["", *" \n\t-:[]{}'\",!#|09Bé", "&a", "*a", "<<", "? ", "---\n", "1e999"]


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    """A shipped graph with a few random edits."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text) - 1))
        new = draw(st.sampled_from(EDITS))
        text = text[:at] + new + text[at + draw(st.integers(0, 4)) :]
    return text


@given(text=broken_texts())
@pytest.mark.filterwarnings("ignore::mirbricks.errors.GraphWarning")
def test_random_edits_of_a_graph_are_taken_or_told(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "edited.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        with torch.device("meta"):
            mb.compile_graph(path)
    except MirbricksError as error:
        assert_in_the_users_words(error, str(path))
