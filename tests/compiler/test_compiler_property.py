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

VALUES = st.one_of(
    st.integers(-1, 6),
    st.lists(st.integers(0, 4), min_size=1, max_size=3),
    st.sampled_from(["same", "valid", "linear", True, False, None, 0.5, "", {}]),
)


@st.composite
def inputs(draw: st.DrawFn) -> str:
    """The `input:` line of a small tensor; T is free at times."""
    frames = draw(st.sampled_from(["T", "T=5", "T=12"]))
    middle = draw(st.sampled_from(["C={c}", "C={c} F={f}", "C={c} F={f}", ""]))
    return " ".join(["B", middle.format(c=draw(st.integers(1, 6)), f=draw(st.integers(1, 9))), frames])


@st.composite
def layers(draw: st.DrawFn) -> Any:
    """A registered block with the config of an example, at times with one field changed; or a skip."""
    kind = draw(st.sampled_from(["block", "block", "block", "changed", "StoreAs", "join"]))
    if kind == "StoreAs":
        return {"StoreAs": draw(st.sampled_from("PQ"))}
    if kind == "join":
        key, fit = draw(st.sampled_from(["P", "Q", "x"])), draw(st.sampled_from(["error", "crop", "pad"]))
        return {draw(st.sampled_from(["CatWith", "AddWith", "MulWith"])): {"key": key, "fit": fit}}
    name, config = draw(st.sampled_from(EXAMPLES))
    config = {key: value for key, value in config.items() if key not in SPECS[name].cls.Config.inferred()}
    fields = sorted(SPECS[name].cls.Config.model_fields)
    if kind == "changed" and fields:
        config = {**config, draw(st.sampled_from(fields)): draw(VALUES)}
    return {name: config}


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


@given(line=inputs(), chain=st.lists(layers(), min_size=1, max_size=5))
@QUICK
def test_what_is_taken_runs_and_what_is_refused_is_told(line: str, chain: list[Any]) -> None:
    try:
        model = mb.compile_graph({"input": line, "layers": chain})
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


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    """A shipped graph with a few random edits."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text) - 1))
        new = draw(st.sampled_from(["", " ", "\n", "\t", "-", ":", "[", "}", "'", '"', "&a", "*a", "!", "#", "0", "9", "B", "é", "<<", "? "]))  # fmt: skip
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
