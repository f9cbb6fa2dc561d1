"""What the papers say of the graphs that follow them: receptive fields, least sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.inference.receptive_field import receptive_fields
from mirbricks.compiler.inference.sizes import free_sizes

GRAPHS = Path(mb.__file__).parent / "graphs"


@pytest.mark.parametrize(
    ("name", "node", "frames"),
    [
        (
            "move",
            "conv5",
            1 + 179 + 4 + 4 * 20 + 4 + 4 * 13,
        ),  # section 3.2: kernels 180, 5, 5, 5, 5
        (
            "wavenet",
            "logits",
            1 + 1 + 3 * 1023,
        ),  # a first causal convolution; section 2.1: each stack sees 1,024
    ],
)
def test_receptive_field_is_the_papers(name: str, node: str, frames: int) -> None:
    model = mb.compile_graph(GRAPHS / f"{name}.yaml")
    field = receptive_fields(model)[[info.name for info in model.nodes].index(node)]
    assert field is not None
    assert field.frames == frames


def test_move_needs_as_many_frames_as_its_last_convolution_sees() -> None:
    model = mb.compile_graph(GRAPHS / "move.yaml")
    base = {**model.free_sizes, "B": 2}
    assert [
        str(sizes) for sizes in free_sizes(model.graph, model.graph.inputs, base)
    ] == ["any B", "T ≥ 320"]


def test_samplecnn_ends_in_one_frame() -> None:
    """Table 1: 59,049 = 3^10 samples, and ten times a third of them."""
    model = mb.compile_graph(GRAPHS / "samplecnn.yaml")
    sizes = [node.went[2] for node in model.nodes if node.block == "SampleCNNBlock"]
    assert sizes == [3 ** (9 - i) for i in range(10)] + [1]


def test_the_chord_crnn_sees_five_frames_before_its_recurrent_layers() -> None:
    """McFee & Bello, section 3: one filter of 5 x 5, 36 of full height, then GRUs of 128 in both directions."""
    model = mb.compile_graph(GRAPHS / "chord_crnn.yaml")
    fields = dict(
        zip([info.name for info in model.nodes], receptive_fields(model), strict=True)
    )
    assert fields["pitches"] is not None
    assert fields["pitches"].frames == 5
    assert fields["recurrent"] is not None
    assert fields["recurrent"].frames is None
    gru = sum(
        2 * 3 * 128 * (came + 128 + 2) for came in (36, 256)
    )  # two directions, three gates, torch's two biases
    norm, filters, head = 2, (5 * 5 + 1) + 36 * (216 + 1), 25 * (256 + 1)
    assert sum(p.numel() for p in model.parameters()) == norm + filters + gru + head


def test_the_autoregressive_transformer_has_twelve_squares_a_layer() -> None:
    """Kaplan et al., "Scaling Laws for Neural Language Models", 2020, table 1: 12 layers · width² without biases."""
    model = mb.compile_graph(GRAPHS / "ar_transformer.yaml")
    assert (
        sum(p.numel() for p in model.decoder.parameters() if p.ndim == 2)
        == 12 * 6 * 256**2
    )
    assert model.output_shapes["y"] == ("B", "2T", 1024)
    assert model.codes.start.numel() == 256  # apart from the codes
    assert model.codes.levels.shape == (2, 256)


def test_the_patch_transformer_has_asts_patches_and_deits_layers() -> None:
    model = mb.compile_graph(GRAPHS / "patch_transformer.yaml").eval()
    seconds = 10
    patches = 12 * -(
        -(100 * seconds - 16) // 10
    )  # AST, section 2.1: 12 ⌈(100 t - 16) / 10⌉
    found = model.patches(torch.zeros(1, 1, 128, 100 * seconds))
    assert found.shape == (1, patches, 192)
    deit_ti, classes, embedding = (
        5_717_416,
        1000 * (192 + 1),
        192 * (3 * 16 * 16 + 1),
    )  # as released; its ends
    tokens, norms, attention = (
        192 * (1 + 197),
        192 * (1 + 2 * 12),
        12 * 192 * (3 + 1),
    )  # and biases that it has
    layers = deit_ti - classes - embedding - tokens - norms - attention
    assert sum(p.numel() for p in model.encoder.parameters()) == layers
    base = {"B": 2, "T": 1000}
    assert [
        str(sizes) for sizes in free_sizes(model.graph, model.graph.inputs, base)
    ] == [
        "any B",
        "T ≥ 16 and T ≤ 1005",
    ]
