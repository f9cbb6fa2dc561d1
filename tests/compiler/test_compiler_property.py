"""Promises of the compiler under random graphs: what it takes runs, what it refuses it refuses in the user's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

import mirbricks as mb
from mirbricks.compiler.module import GraphModule
from mirbricks.errors import CODES, ErrorList, MirbricksError

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in GRAPHS]
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
SPECS = mb.blocks()
EXAMPLES = [(spec.name, dict(example.config)) for spec in SPECS.values() for example in spec.examples]

UNCHECKED = {"dim", "padding", "output_padding"}  # the meta device takes values here that the CPU refuses
INTEGERS = st.integers(-1, 6)
VALUES = st.one_of(
    INTEGERS,
    st.lists(INTEGERS, min_size=1, max_size=3),
    st.sampled_from(["same", "valid", "linear", True, False, None, 0.5, "", {}]),
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """A small input, and a chain of registered blocks that mostly fit its number of axes, with skips."""
    axes = draw(st.sampled_from(["C={c} F={f}", "C={c}", "T=7 D={c}", "D={c}"]))
    frames = "" if "D" in axes else draw(st.sampled_from(["T", "T=5", "T=12"]))
    line = f"B {axes.format(c=draw(st.integers(1, 6)), f=draw(st.integers(1, 9)))} {frames}".strip()
    fitting = [example for example in EXAMPLES if fits(example[0], len(line.split()))]
    chosen = st.sampled_from(fitting) | st.sampled_from(EXAMPLES)
    chain: list[Any] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["block", "changed", "skip"]))
        chain.append(draw(skips(chain)) if kind == "skip" else draw(layers(chosen, kind == "changed")))
    return {"input": line, "layers": chain}


def fits(name: str, rank: int) -> bool:
    tokens = SPECS[name].contract.inputs[0]
    return len(tokens) == rank or any(token.text == "..." for token in tokens)


@st.composite
def layers(draw: st.DrawFn, chosen: st.SearchStrategy[tuple[str, dict[str, Any]]], changed: bool) -> Any:
    """A registered block with the config of an example, or with one field of it changed."""
    name, config = draw(chosen)
    fields = SPECS[name].cls.Config.model_fields
    config = {key: value for key, value in config.items() if key not in SPECS[name].cls.Config.inferred()}
    if changed and set(fields) - UNCHECKED:
        key = draw(st.sampled_from(sorted(set(fields) - UNCHECKED)))
        config[key] = draw(INTEGERS if "int" in str(fields[key].annotation) else VALUES)
    return {name: config}


@st.composite
def skips(draw: st.DrawFn, chain: list[Any]) -> Any:
    """StoreAs, or a join with a tensor that was mostly stored before."""
    stored = [layer["StoreAs"] for layer in chain if "StoreAs" in layer]
    kind = draw(st.sampled_from(["StoreAs", "CatWith", "AddWith", "MulWith"]))
    if kind == "StoreAs":
        return {kind: draw(st.sampled_from("PQ"))}
    key = draw(st.sampled_from([*stored, "x", "x"]))
    return {kind: {"key": key, "fit": draw(st.sampled_from(["error", "crop", "pad"]))}}


def assert_in_the_users_words(error: MirbricksError, file: str) -> None:
    for one in error.errors if isinstance(error, ErrorList) else [error]:
        assert one.code in CODES
        assert one.where is not None
        assert one.where.file == file
        assert one.where.line >= 1
        assert one.where.column >= 1
        assert str(one)


def run(model: GraphModule) -> Tensor:
    """Forward and backward in training mode, at the sizes the model itself names."""
    sizes = {**model.free_sizes, "B": 2}
    shapes = [[sizes[n] if isinstance(n, str) else n for n in shape] for shape in model.input_shapes.values()]
    tensors = [torch.randn(shape, requires_grad=True) for shape in shapes]
    y: Tensor = model(*tensors)
    y.sum().backward()
    return y


TAKEN: list[bool] = []


@given(values=graphs())
@QUICK
def test_what_is_taken_runs_and_what_is_refused_is_told(values: dict[str, Any]) -> None:
    try:
        model = mb.compile_graph(values)
    except MirbricksError as error:
        TAKEN.append(False)
        assert_in_the_users_words(error, "<dict>")
        return
    TAKEN.append(True)
    y = run(model)
    sizes = {**model.free_sizes, "B": 2}
    for expected, size in zip(model.output_shape, y.shape, strict=True):
        assert size == (sizes.get(expected, size) if isinstance(expected, str) else expected)


def test_the_random_graphs_were_of_both_kinds() -> None:
    if not TAKEN:
        pytest.skip("runs after the test of random graphs")
    assert min(TAKEN.count(True), TAKEN.count(False)) >= 10


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
@QUICK
def test_random_edits_of_a_graph_are_taken_or_told(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "edited.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        with torch.device("meta"):
            mb.compile_graph(path)
    except MirbricksError as error:
        assert_in_the_users_words(error, str(path))
