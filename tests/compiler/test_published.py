"""What the papers say of the graphs that follow them: receptive fields, least sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.compiler.receptive_field import receptive_fields
from mirbricks.compiler.sizes import free_sizes

GRAPHS = Path(mb.__file__).parent / "graphs"


@pytest.mark.parametrize(
    ("name", "node", "frames"),
    [
        ("move", "conv5", 1 + 179 + 4 + 4 * 20 + 4 + 4 * 13),  # section 3.2: kernels 180, 5, 5, 5, 5
        ("wavenet", "logits", 1 + 1 + 3 * 1023),  # a first causal convolution; section 2.1: each stack sees 1,024
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
    assert [str(sizes) for sizes in free_sizes(model.graph, model.graph.inputs, base)] == ["any B", "T ≥ 320"]


def test_samplecnn_ends_in_one_frame() -> None:
    """Table 1: 59,049 = 3^10 samples, and ten times a third of them."""
    model = mb.compile_graph(GRAPHS / "samplecnn.yaml")
    sizes = [node.went[2] for node in model.nodes if node.block == "SampleCNNBlock"]
    assert sizes == [3 ** (9 - i) for i in range(10)] + [1]
