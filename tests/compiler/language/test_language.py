"""What the language says: vars, repeat, branch, sub-graphs, inputs and outputs, variants, against torch by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import mirbricks as mb
from mirbricks.compiler.language.expressions import (
    LARGEST,
    ExpressionError,
    Names,
    fill,
)
from mirbricks.compiler.saved import resolved_yaml
from mirbricks.errors import GraphError, GraphWarning
from mirbricks.registry import BLOCKS


def compiled(text: str, tmp_path: Path, *overrides: str) -> nn.Module:
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    return mb.compile_graph(mb.load_graph(path, overrides)).eval()


def saved_again(model: nn.Module, tmp_path: Path) -> nn.Module:
    """The model written out as resolved.yaml and read again, with its weights."""
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(model, {}))
    again = mb.compile_graph(path).eval()
    again.load_state_dict(model.state_dict())
    return again


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${width}", 8), ("${ 2 * width + 1 }", 17), ("${width / 2}", 4), ("${width / 3}", 8 / 3), ("${width // 3}", 2),
        ("${-width % 3}", 1), ("${2 ** 5}", 32), ("${(1 + 2) * 3}", 9), ("${min(width, 5)}", 5), ("${max(1, 2, 3)}", 3),
        ("${ks[1]}", 5), ("${ks[-1]}", 7), ("${ks}", [3, 5, 7]), ("mid${width}", "mid8"), ("${width}x${ks[0]}", "8x3"),
        ("${act}", "ReLU"), ("${on}", True), ("B C=${width} T", "B C=8 T"), ("no slot", "no slot"), ("${0.5 * 3}", 1.5),
        ("${+width}", 8), ("$width", "$width"), ("${width * 2 ** (0 - 1)}", 4), ("${width * 0.5}", 4),
        ("x${width / 2 ** 1.0}", "x4"), ("${2.0}", 2.0),
    ],
)  # fmt: skip
def test_expression(text: str, value: object) -> None:
    filled = fill(text, Names({"width": 8, "ks": [3, 5, 7], "act": "ReLU", "on": True}))
    assert (filled, type(filled)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "${}", "${width", "${a.b}", "${__import__('os')}", "${(lambda: 1)()}", "${[1, 2]}", "${'a' * 9}",
        "${1 if 1 else 2}",
        "${width == 8}", "${on + 1}", "${ks + 1}", "${ks[3]}", "${ks[width]}", "${width[0]}", "${1 / 0}", "${1 % 0}",
        "${9 ** 99}", "${10 ** 16}", "${1e308 * 10}", "${min()}", "${min(1, key=2)}", "${pow(2, 3)}", "${(-8) ** 0.5}",
        "${" + "(" * 150 + "}", "${ks[0.5]}", "${1j}", "${'x'}", "${True}", "${width := 3}", "x${on}", "${0 ** -1}",
        "${1000000 ** 64}", "${(0 - 9) ** 64 ** 2}", "${10 ** 15 * 10 ** 15}",
    ],
)  # fmt: skip
def test_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        fill(text, Names({"width": 8, "ks": [3, 5, 7], "on": True}))


NUMBERS = st.sampled_from(
    ["0", "1", "9", "64", "65", "1000000", "1e9", "0.5", "width", "ks[1]"]
)
SIGNS = st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])
ARITHMETIC = st.recursive(
    NUMBERS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, SIGNS, inner)
        | st.builds("-{}".format, inner)
        | st.builds("max({}, {})".format, inner, inner)
    ),
    max_leaves=6,
)


@given(ARITHMETIC)
def test_arithmetic_ends_in_a_number_or_in_a_refusal(expression: str) -> None:
    try:
        value = fill(f"${{{expression}}}", Names({"width": 8, "ks": [3, 5, 7]}))
    except ExpressionError:
        return
    assert abs(value) <= LARGEST


def test_repeat_with_index_is_the_layers_written_out(tmp_path: Path) -> None:
    text = """
vars: {width: 4, dilations: [1, 2, 4]}
input: B C=2 T
layers:
  - repeat: 3
    layers:
      - Conv1d: {name: "mid${i}", out_channels: "${width * (i + 1)}", kernel_size: 3, dilation: "${dilations[i]}"}
      - ReLU
"""
    model = compiled(text, tmp_path)
    by_hand = nn.Sequential(
        nn.Conv1d(2, 4, 3),
        nn.ReLU(),
        nn.Conv1d(4, 8, 3, dilation=2),
        nn.ReLU(),
        nn.Conv1d(8, 12, 3, dilation=4),
        nn.ReLU(),
    )
    by_hand.load_state_dict(
        dict(zip(by_hand.state_dict(), model.state_dict().values(), strict=True))
    )
    x = torch.randn(2, 2, 40)
    assert list(model.state_dict()) == [
        f"mid{i}.{p}" for i in range(3) for p in ("weight", "bias")
    ]
    assert torch.equal(model(x), by_hand(x))
    assert torch.equal(saved_again(model, tmp_path)(x), model(x))


def test_nested_repeats_count_on_their_own(tmp_path: Path) -> None:
    text = """
input: B C=2 T
layers:
  - repeat: 2
    layers:
      - repeat: 2
        index: j
        layers:
          - ReLU: {name: "act${i}${j}"}
"""
    assert [node.name for node in compiled(text, tmp_path).nodes] == [
        "act00",
        "act01",
        "act10",
        "act11",
    ]


def test_share_runs_one_set_of_weights(tmp_path: Path) -> None:
    text = """
input: B C=3 T
layers:
  - repeat: 3
    share: true
    layers:
      - Conv1d: {name: mid, out_channels: 3, kernel_size: 3, padding: same}
      - StoreAs: E
      - Tanh
      - AddWith: E
"""
    model = compiled(text, tmp_path)
    conv, x = model.get_submodule("mid"), torch.randn(2, 3, 20)
    assert isinstance(conv, nn.Conv1d)
    expected = x
    for _ in range(3):
        expected = conv(expected)
        expected = torch.tanh(expected) + expected
    assert list(model.state_dict()) == ["mid.weight", "mid.bias"]
    assert [node.reused for node in model.nodes] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert torch.equal(model(x), expected)
    assert torch.equal(saved_again(model, tmp_path)(x), expected)


@pytest.mark.parametrize(
    ("join", "by_hand"),
    [
        ("cat", lambda a, x, b: torch.cat([a, x, b], 1)),
        ("add", lambda a, x, b: a + x + b),
        ("mul", lambda a, x, b: a * x * b),
    ],
)
def test_branch(join: str, by_hand: object, tmp_path: Path) -> None:
    text = f"""
input: B C=3 T
layers:
  - Tanh
  - branch:
      - - Conv1d: {{name: a, out_channels: 3, kernel_size: 1}}
        - ReLU
      - []
      - [Conv1d: {{name: b, out_channels: 3, kernel_size: 5, padding: same}}]
    join: {join}
  - Sigmoid
"""
    model, x = compiled(text, tmp_path), torch.randn(2, 3, 20)
    a, b, t = model.get_submodule("a"), model.get_submodule("b"), torch.tanh(x)
    expected = torch.sigmoid(by_hand(torch.relu(a(t)), t, b(t)))  # type: ignore[operator]
    assert torch.equal(model(x), expected)
    assert torch.equal(saved_again(model, tmp_path)(x), expected)


@pytest.mark.parametrize(("fit", "size"), [("crop", 16), ("pad", 20)])
def test_branch_and_joins_of_several_fit(fit: str, size: int, tmp_path: Path) -> None:
    text = f"""
input: B C=3 T
layers:
  - branch:
      - [Conv1d: {{name: a, out_channels: 2, kernel_size: 5}}]
      - []
      - [Conv1d: {{name: b, out_channels: 1, kernel_size: 3}}]
    fit: {fit}
"""
    model, x = compiled(text, tmp_path), torch.randn(2, 3, 20)
    parts = [model.get_submodule("a")(x), x, model.get_submodule("b")(x)]
    expected = torch.zeros(2, 6, size)
    for first, part in zip((0, 2, 5), parts, strict=True):
        width = min(size, part.shape[2])
        expected[:, first : first + part.shape[1], :width] = part[:, :, :width]
    assert torch.equal(model(x), expected)


def test_start_from_and_named_outputs(tmp_path: Path) -> None:
    text = """
input: {x: B C=3 T, t: B C=2 T}
outputs: {pitch: head, both: E1}
layers:
  - CatWith: t
  - StoreAs: E1
  - Conv1d: {name: head, out_channels: 1, kernel_size: 1}
  - Sigmoid
  - StartFrom: t
  - Conv1d: {name: aside, out_channels: 2, kernel_size: 1}
"""
    model, x, t = compiled(text, tmp_path), torch.randn(2, 3, 9), torch.randn(2, 2, 9)
    found, both = model(x, t), torch.cat([x, t], 1)
    assert list(found) == list(model.output_shapes) == ["pitch", "both"]
    assert model.output_shapes == {"pitch": ("B", 1, "T"), "both": ("B", 5, "T")}
    assert torch.equal(found["both"], both)
    assert torch.equal(found["pitch"], model.get_submodule("head")(both))
    again = saved_again(model, tmp_path)(x, t)
    assert all(torch.equal(again[name], found[name]) for name in found)


ENCODER = """
vars: {width: 4}
input: B C T
outputs: {middle: act}
layers:
  - Conv1d: {name: conv, out_channels: "${width}", kernel_size: 3, padding: same}
  - ReLU: {name: act}
  - StoreAs: E1
  - Conv1d: {out_channels: "${2 * width}", kernel_size: 1}
"""


def test_sub_graph_is_a_block_with_its_own_names(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "encoder.yaml").write_text(ENCODER)
    text = """
vars: {width: 6}
input: B C=2 T
layers:
  - graph: parts/encoder.yaml
    name: enc
    vars: {width: "${width}"}
  - CatWith: enc.E1
  - AddWith: {key: enc.middle, fit: crop}
  - graph: parts/encoder.yaml
"""
    text = text.replace(
        "  - AddWith: {key: enc.middle, fit: crop}\n", "  - CatWith: enc.middle\n"
    )
    model, x = compiled(text, tmp_path), torch.randn(2, 2, 9)
    inner = torch.relu(model.get_submodule("enc.conv")(x))
    joined = torch.cat([model.get_submodule("enc.conv1d_1")(inner), inner, inner], 1)
    second = torch.relu(model.get_submodule("encoder_1.conv")(joined))
    assert torch.equal(model(x), model.get_submodule("encoder_1.conv1d_1")(second))
    assert [name for name, _ in model.named_children()] == ["enc", "encoder_1"]
    assert torch.equal(saved_again(model, tmp_path)(x), model(x))


def test_inputs_of_a_sub_graph(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "input: {x: B C=2 T, t: B C=2 T}\nlayers:\n  - Tanh\n  - AddWith: t\n  - MulWith: x\n"
    )
    text = "input: B C=2 T\nlayers:\n  - StoreAs: E\n  - ReLU\n  - graph: inner.yaml\n    with: E\n"
    model, x = compiled(text, tmp_path), torch.randn(2, 2, 5)
    relu = torch.relu(x)
    assert torch.equal(model(x), (torch.tanh(relu) + x) * relu)


def test_extends_changes_named_nodes_vars_and_sections(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "name: base\nvars: {width: 4}\ninput: B C=2 T\n"
        "layers:\n  - Conv1d: {name: head, out_channels: '${width}', kernel_size: 3}\n  - ReLU: {name: act}\n"
        "train: {lr: 0.1, steps: 5}\n"
    )
    text = (
        "extends: base.yaml\nvars: {width: 6}\nlayers:\n  head: {kernel_size: 5}\n"
        "  act: {replace: [GELU, {Conv1d: {name: act, out_channels: 1, kernel_size: 1}}]}\ntrain: {lr: 0.5}\n"
    )
    model = compiled(text, tmp_path, "layers.act.out_channels=3", "train.steps=9")
    head, act = model.get_submodule("head"), model.get_submodule("act")
    assert (head.out_channels, head.kernel_size, act.out_channels) == (6, (5,), 3)
    assert [node.block for node in model.nodes] == ["Conv1d", "GELU", "Conv1d"]
    assert (model.graph.name, model.graph.source.data["train"]) == (
        "graph",
        {"lr": 0.5, "steps": 9},
    )


def test_a_variant_may_replace_all_layers(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "input: B C=2 T\nlayers:\n  - ReLU: {name: act}\n"
    )
    model = compiled("extends: base.yaml\nlayers:\n  - GELU\n", tmp_path)
    assert [node.block for node in model.nodes] == ["GELU"]


def test_set_reaches_nodes_of_a_sub_graph_and_of_a_repeat(tmp_path: Path) -> None:
    (tmp_path / "encoder.yaml").write_text(ENCODER)
    text = (
        "input: B C=2 T\nlayers:\n  - graph: encoder.yaml\n    name: enc\n"
        "  - repeat: 2\n    layers:\n      - Conv1d: {name: 'mid${i}', out_channels: 3, kernel_size: 1}\n"
    )
    model = compiled(
        text, tmp_path, "layers.enc.conv.out_channels=7", "layers.mid1.out_channels=5"
    )
    sizes = {
        name: model.get_submodule(name).out_channels
        for name in ("enc.conv", "mid0", "mid1")
    }
    assert sizes == {"enc.conv": 7, "mid0": 3, "mid1": 5}


class Scaled(mb.Block):
    """x times the mean of a second input.

    Source: none.
    """

    def forward(self, x: Tensor, gain: Tensor) -> Tensor:
        return x * gain.mean(2, keepdim=True)


def test_with_gives_a_block_its_further_inputs(tmp_path: Path) -> None:
    example = ([(2, 3, 5), (2, 3, 7)], {})
    mb.register(
        "ScaledByTest", shape="B C T, B C N -> B C T", source="none", examples=[example]
    )(Scaled)
    try:
        text = "input: {x: B C=3 T, g: B C=3 N}\nlayers:\n  - ScaledByTest: {with: g, name: scaled}\n"
        model, x, g = (
            compiled(text, tmp_path),
            torch.randn(2, 3, 5),
            torch.randn(2, 3, 9),
        )
        assert torch.equal(model(x, g), x * g.mean(2, keepdim=True))
        assert torch.equal(saved_again(model, tmp_path)(x, g), model(x, g))
        with pytest.raises(GraphError, match="takes 2 inputs, got 1") as caught:
            compiled(text.replace("{with: g, name: scaled}", "{}"), tmp_path)
        assert (caught.value.code, caught.value.help) == (
            "E201",
            "give its further inputs by `with:`, the names of stored tensors or inputs",
        )
    finally:
        BLOCKS.known.pop("ScaledByTest")


def test_stored_tensors_are_let_go_after_their_last_use(tmp_path: Path) -> None:
    text = "input: B C=2 T\nlayers:\n  - StoreAs: E1\n  - ReLU\n  - AddWith: E1\n  - ReLU\n  - AddWith: E1\n  - ReLU\n"
    assert [op.done for op in compiled(text, tmp_path).ops] == [
        (),
        (),
        (),
        (),
        ("E1",),
        (),
    ]


def test_warnings_reach_python(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("input: B C=2 T\nlayers:\n  - StoreAs: E1\n  - ReLU\n")
    with pytest.warns(GraphWarning, match="StoreAs 'E1' is never used"):
        mb.compile_graph(path)


def test_a_dict_may_hold_every_form() -> None:
    layers = [{"repeat": 2, "layers": [{"branch": [["ReLU"], []], "join": "add"}]}]
    model, x = (
        mb.compile_graph({"vars": {"c": 2}, "input": "B C=${c} T", "layers": layers}),
        torch.randn(1, 2, 3),
    )
    once = torch.relu(x) + x
    assert torch.equal(model(x), torch.relu(once) + once)


def test_a_subgraph_takes_a_list_from_the_vars_of_its_outer_graph(
    tmp_path: Path,
) -> None:
    (tmp_path / "part.yaml").write_text(
        "vars: {sizes: [1, [2]]}\ninput: B C T\nlayers:\n"
        '  - Conv1d: {out_channels: "${sizes[1][0]}", kernel_size: "${sizes[0]}"}\n'
    )
    (tmp_path / "whole.yaml").write_text(
        "vars: {sizes: [3, [5]]}\ninput: B C=1 T\nlayers:\n"
        '  - {graph: part.yaml, name: a, vars: {sizes: "${sizes}"}}\n'
    )
    model = mb.compile_graph(tmp_path / "whole.yaml")
    assert model(torch.zeros(1, 1, 9)).shape == (1, 5, 7)
