"""Compiled graphs: sizes, names, skips, the dialect, and that nothing given is changed."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

import mirbricks as mb
from mirbricks.errors import GraphError

GRAPHS = Path(mb.__file__).parent / "graphs"
DIALECT = Path(__file__).parent / "dialect"
LONG = {"chord_conv_lstm"}  # torch.export unrolls a thousand frames
SHIPPED = [
    pytest.param(path.stem, marks=[pytest.mark.slow] if path.stem in LONG else [])
    for path in sorted(GRAPHS.glob("*.yaml"))
]
UNET = """
input: B C=6 F=16 T
layers:
  - BatchNorm2d
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: same}
  - StoreAs: E1
  - MaxPool2d: {kernel_size: 2}
  - Conv2d: {name: mid, out_channels: 8, kernel_size: 3, padding: same}
  - ReLU
  - ConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2}
  - CatWith: E1
  - Conv2d: {name: head, out_channels: 1, kernel_size: 1}
"""
PUBLISHED = {
    "mpe_bittner": ((1, 6, 360, 64), (1, 1, 360, 64), 406_253),
    "mpe_doras_unet": ((1, 6, 360, 64), (1, 1, 360, 64), 7_093_591),
    "cover_tutorial": ((2, 1, 23, 1800), (2, 32), 1_869_094),
    "chord_conv_lstm": ((1, 1, 72, 1024), (1, 25, 1024), 6_959_721),
    "move": ((2, 1, 23, 1800), (2, 16_000), 6_288_902),
    "tagging_lms_conv2d": ((2, 1, 128, 64), (2, 10), 164_755),
}
IN_DIALECT = {
    "bittner": "mpe_bittner",
    "doras": "mpe_doras_unet",
    "cover": "cover_tutorial",
    "chord": "chord_conv_lstm",
    "tagging": "tagging_lms_conv2d",
}


def graph(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    return path


class HandWritten(nn.Module):
    """UNET as a person would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(6)
        self.first = nn.Conv2d(6, 4, 3, padding="same")
        self.mid = nn.Conv2d(4, 8, 3, padding="same")
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stored = self.first(self.norm(x))
        x = self.up(torch.relu(self.mid(nn.functional.max_pool2d(stored, 2))))
        return self.head(torch.cat((x, stored), dim=1))


def test_equals_the_same_model_by_hand(tmp_path: Path) -> None:
    torch.manual_seed(0)
    compiled = mb.compile_graph(graph(UNET, tmp_path))
    torch.manual_seed(0)
    by_hand = HandWritten()
    x = torch.randn(2, 6, 16, 10)
    assert torch.equal(compiled(x), by_hand(x))


def test_named_nodes_keep_their_weights_when_layers_are_inserted(
    tmp_path: Path,
) -> None:
    before = mb.compile_graph(graph(UNET, tmp_path)).state_dict()
    longer = UNET.replace(
        "  - ReLU\n", "  - ReLU\n  - Conv2d: {out_channels: 8, kernel_size: 1}\n"
    )
    after = mb.compile_graph(graph(longer, tmp_path)).state_dict()
    assert {"mid.weight", "head.weight"} <= set(before) & set(after)
    assert before["mid.weight"].shape == after["mid.weight"].shape


def test_free_axes_stay_free_and_are_named(tmp_path: Path) -> None:
    model = mb.compile_graph(graph(UNET, tmp_path))
    assert model.input_shapes == {"x": ("B", 6, 16, "T")}
    assert model.output_shape == ("B", 1, 16, "T")
    assert [node.went[-1] for node in model.nodes] == [
        "T",
        "T",
        "T/2",
        "T/2",
        "T/2",
        "T",
        "T",
    ]
    assert model(torch.randn(3, 6, 16, 22)).shape == (3, 1, 16, 22)


def test_a_size_that_does_not_fit_is_told_when_it_comes(tmp_path: Path) -> None:
    model = mb.compile_graph(graph(UNET, tmp_path))
    with pytest.raises(GraphError, match="differ in T") as caught:
        model(torch.randn(2, 6, 16, 11))
    assert caught.value.code == "E203"
    assert caught.value.where is not None
    assert caught.value.where.line == 11


@pytest.mark.parametrize(("fit", "frames"), [("crop", 10), ("pad", 11)])
def test_fit_makes_odd_sizes_run(fit: str, frames: int, tmp_path: Path) -> None:
    model = mb.compile_graph(
        graph(
            UNET.replace("CatWith: E1", f"CatWith: {{key: E1, fit: {fit}}}"), tmp_path
        )
    )
    assert model(torch.randn(2, 6, 16, 11)).shape == (2, 1, 16, frames)


def test_joins_do_what_they_say(tmp_path: Path) -> None:
    x = torch.randn(2, 3, 4, 5)
    for op, expected in (
        ("CatWith", torch.cat((x.relu(), x), 1)),
        ("AddWith", x.relu() + x),
        ("MulWith", x.relu() * x),
    ):
        text = f"input: B C F T\nlayers:\n  - StoreAs: A\n  - ReLU\n  - {op}: A\n"
        assert torch.equal(mb.compile_graph(graph(text, tmp_path))(x), expected)


def test_the_output_of_a_graph_that_ends_in_a_join_is_the_joined_one() -> None:
    model = mb.compile_graph(
        {"input": "B C=6 F T", "layers": [{"StoreAs": "a"}, "ReLU", {"CatWith": "a"}]}
    )
    assert model.output_shape == ("B", 12, "F", "T")
    assert model(torch.randn(2, 6, 3, 4)).shape == (2, 12, 3, 4)


def test_pad_and_crop_act_on_the_end(tmp_path: Path) -> None:
    x = torch.randn(1, 1, 4, 5)
    pooled = nn.functional.max_pool2d(x, 2)
    for fit in ("crop", "pad"):
        text = (
            "input: B C F T\nlayers:\n  - StoreAs: A\n  - MaxPool2d: {kernel_size: 2}\n"
        )
        y = mb.compile_graph(
            graph(f"{text}  - AddWith: {{key: A, fit: {fit}}}\n", tmp_path)
        )(x)
        if fit == "crop":
            expected = pooled + x[..., :2, :2]
        else:
            expected = x.clone()
            expected[..., :2, :2] += pooled
        assert torch.equal(y, expected)


def test_several_inputs_join_by_their_names(tmp_path: Path) -> None:
    text = "input: {x: B C=2 T, t: B C=3 T}\nlayers:\n  - CatWith: t\n  - Conv1d: {out_channels: 4, kernel_size: 1}\n"
    model = mb.compile_graph(
        graph(text, tmp_path), {"x": (None, 2, 7), "t": (None, 3, 7)}
    )
    assert model(torch.randn(2, 2, 7), torch.randn(2, 3, 7)).shape == (2, 4, 7)
    assert model.input_shapes == {"x": ("B", 2, 7), "t": ("B", 3, 7)}


def test_nothing_given_is_changed(tmp_path: Path) -> None:
    values = {
        "input": "B C F=8 T",
        "layers": [
            {"Conv2d": {"in_channels": -1, "out_channels": 3, "kernel_size": [1, 1]}}
        ],
    }
    kept, shape = copy.deepcopy(values), [None, 2, None, None]
    first, second = mb.compile_graph(values, shape), mb.compile_graph(values, shape)
    assert values == kept
    assert shape == [None, 2, None, None]
    assert first.input_shapes == second.input_shapes == {"x": ("B", 2, 8, "T")}
    checked = mb.load_graph(graph(UNET, tmp_path))
    assert mb.compile_graph(checked).nodes == mb.compile_graph(checked).nodes


@pytest.mark.parametrize("shape", [(1, 5, 16, 8), (1, 6, 16), {"y": (1, 6, 16, 8)}])
def test_a_shape_that_contradicts_the_graph_is_refused(shape, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GraphError) as caught:
        mb.compile_graph(graph(UNET, tmp_path), shape)
    assert caught.value.code == "E207"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_graphs_have_their_sizes(name: str) -> None:
    came, went, parameters = PUBLISHED[name]
    model = mb.compile_graph(GRAPHS / f"{name}.yaml", came)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model.output_shape == went
    assert model.eval()(torch.randn(came)).shape == went


@pytest.mark.parametrize("name", IN_DIALECT)
def test_the_dialect_gives_the_native_model(name: str) -> None:
    came, went, parameters = PUBLISHED[IN_DIALECT[name]]
    torch.manual_seed(0)
    model = mb.compile_graph(DIALECT / f"{name}.yaml", came)
    assert (model.output_shape, sum(p.numel() for p in model.parameters())) == (
        went,
        parameters,
    )
    torch.manual_seed(0)
    native = mb.compile_graph(GRAPHS / f"{IN_DIALECT[name]}.yaml", came)
    x = torch.randn(came)
    assert torch.equal(model.eval()(x), native.eval()(x))


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.filterwarnings(
    "ignore:.*_flat_weights:UserWarning"
)  # torch's own, exporting its recurrent layers
def test_every_shipped_graph_copies_pickles_and_exports(name: str) -> None:
    model = mb.compile_graph(GRAPHS / f"{name}.yaml").eval()
    sizes = {
        axis: 2 if axis == "B" else size for axis, size in model.free_sizes.items()
    }
    shapes = [
        [sizes[s] if isinstance(s, str) else s for s in shape]
        for shape in model.input_shapes.values()
    ]
    given = tuple(map(torch.randn, shapes))
    with torch.no_grad():
        y = model(*given)
        for again in (
            copy.deepcopy(model),
            pickle.loads(pickle.dumps(model)),
            torch.export.export(model, given).module(),
        ):
            torch.testing.assert_close(again(*given), y, rtol=0, atol=0)
        state = io.BytesIO()
        torch.save(model.state_dict(), state)


def test_the_dialect_variants_have_the_sizes_of_the_tutorials_modules() -> None:
    model = mb.compile_graph(DIALECT / "variants_2d.yaml", (1, 6, 20, 16))
    depthwise = 6 * 25 + 6 + 6 * 8 + 8
    residual = (
        8 * 12 * 9 + 12 + 24 + 12 * 12 * 9 + 12 + 24 + 8 * 12 + 12
    )  # biases, no norm on the shortcut
    convnext = 12 * 49 + 12 + 24 + 12 * 48 + 48 + 48 * 12 + 12  # no layer scale
    assert (
        sum(p.numel() for p in model.parameters())
        == 12 + depthwise + residual + convnext + 1
    )
    model = mb.compile_graph(DIALECT / "variants_1d.yaml", (1, 1, 3200))
    tcn = sum(
        2 * (i * o * 2 + o * o * 2) // 2 + 2 * o + 2 * o + i * o + o
        for i, o in ((80, 4), (4, 8))
    )
    lstm = 4 * 6 * (8 + 6) + 2 * 4 * 6
    assert sum(p.numel() for p in model.parameters()) == 6400 + 160 + tcn + lstm


def test_a_graph_file_runs_no_code(tmp_path: Path) -> None:
    path = graph(
        "layers:\n  - !!python/object/apply:pathlib.Path.touch [x]\n", tmp_path
    )
    with pytest.raises(GraphError):
        mb.load_graph(path)
