"""A check ends, with a message at the line, whatever the file asks for; it allocates no weights to find that out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.inference import infer, remembered
from mirbricks.compiler.inference.remembered import Remembered
from mirbricks.errors import GraphError, MirbricksError
from mirbricks.registry import Block, BlockConfig, register


def refused(layers: str, tmp_path: Path, given: str = "B C=64 F=400 T") -> GraphError:
    path = tmp_path / "g.yaml"
    path.write_text(f"input: {given}\nlayers:\n{layers}")
    with pytest.raises(GraphError) as caught:
        mb.compile_graph(path)
    assert caught.value.where
    return caught.value


def test_weights_are_counted_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infer, "MOST_PARAMETERS", 1000)
    made: list[object] = []
    monkeypatch.setattr("mirbricks.compiler.compile.new_block", made.append)
    layer = "  - Conv2d: {out_channels: 16, kernel_size: 8}\n"
    error = refused(layer, tmp_path, "B C=2 F=8 T")
    assert error.code == "E204"
    assert error.message.endswith("the graph has 2,064 weights up to here")
    assert not made


def test_layers_that_are_large_together_are_refused_at_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infer, "MOST_PARAMETERS", 100)
    layer = "  - Conv1d: {out_channels: 4, kernel_size: 2, bias: false}\n"
    error = refused(layer * 5, tmp_path, "B C=4 T")
    assert error.code == "E204"
    assert error.message == "Conv1d is too large: the graph has 128 weights up to here"
    assert error.where
    assert error.where.line == 6
    assert error.facts[0] == ("at most", "100")


def test_weights_that_are_used_again_count_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(infer, "MOST_PARAMETERS", 40)
    conv = {"Conv1d": {"name": "c", "out_channels": 4, "kernel_size": 2, "bias": False}}
    layers = [conv, {"Reuse": "c"}, {"Reuse": "c"}]
    mb.compile_graph({"input": "B C=4 T", "layers": layers})


@pytest.mark.parametrize(
    "layers",
    [
        "  - repeat: 1000000000\n    layers: [ReLU]\n",
        "  - repeat: 2000\n    layers:\n      - repeat: 2000\n        layers: [ReLU]\n",
        "  - repeat: 100\n    layers:\n" + "".join(
            f"{'  ' * (i + 2)}- repeat: 100\n{'  ' * (i + 3)}layers:\n" for i in range(0, 16, 2)
        ) + f"{'  ' * 20}- ReLU\n",
        "  - ResidualBlock: {out_channels: 64, kernel_size: 1000}\n",
        "  - Conv2d: {out_channels: 100000000, kernel_size: 1}\n",
        "  - ReLU: " + "[" * 60 + "]" * 60 + "\n",
    ],
)  # fmt: skip
def test_files_that_ask_for_too_much(layers: str, tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(f"input: B C=64 F=400 T\nlayers:\n{layers}")
    with pytest.raises(MirbricksError, match=r"g\.yaml:\d+:"):
        mb.compile_graph(path)


class Slow(Block):
    """Takes its time, by a clock that the test moves."""

    class Config(BlockConfig):
        steps: int = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_a_graph_that_takes_too_long_is_refused_where_it_has_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    example = ((1, 2, 3), {})
    register("Slow", shape="B C T -> B C T", source="none", examples=[example])(Slow)
    now = iter(range(0, 1000, 50))
    monkeypatch.setattr(remembered, "monotonic", lambda: float(next(now)))
    layers = "".join(f"  - Slow: {{steps: {i}}}\n" for i in range(6))
    error = refused(layers, tmp_path, "B C=2 T")
    assert error.code == "E103"
    assert error.message == (
        "finding the sizes of the graph takes longer than 120 s; it has come to this line"
    )
    assert error.where
    # The clock moves by 50 s a layer: at the third it is past 120 s.
    assert error.where.line == 5


def test_equal_layers_are_built_and_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    made = remembered.build
    monkeypatch.setattr(
        remembered, "build", lambda *args: built.append(args) or made(*args)
    )
    conv = {"Conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}
    layers = [{"repeat": 50, "layers": [conv, "ReLU"]}]
    mb.compile_graph({"input": "B C=4 T", "layers": layers})
    assert len(built) == 2


def test_what_is_remembered_is_what_the_block_makes() -> None:
    spec = registry.get("Conv1d")
    config = spec.cls.Config(in_channels=2, out_channels=3, kernel_size=2)
    found = Remembered()
    with torch.device("meta"), torch.no_grad():
        for frames in (5, 9, 5):
            x = torch.empty(2, 2, frames)
            assert found.made(spec, config, [x]).shape == (2, 3, frames - 1)
    assert found.parameters(spec, config) == 2 * 3 * 2 + 3
