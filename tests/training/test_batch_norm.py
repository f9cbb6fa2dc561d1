"""Batch normalisation and one example: refused before data is read, at the node's line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import mirbricks as mb
from mirbricks.errors import MirbricksError, RunError
from mirbricks.training.batch_norm import refuse_one_example
from mirbricks.workflows.loading import load_experiment

GRAPH = """\
name: tgs
input: B C=1 F=16 T
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: same}
  - Mean: {dim: [2, 3], keepdim: true}
  - Flatten
  - BatchNorm1d
  - Linear: {name: tags, out_features: 3}
feature: {type: logmel, sr_hz: 22050, n_mels: 16}
dataset: {folds: 3}
task: {type: tagging, labels: one, annotation: class, patch_frames: 32}
train: {steps: 3, batch_size: 1, validate_every: 2, warmup_steps: 1}
"""


def test_the_message_names_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tg.yaml").write_text(GRAPH)
    with pytest.raises(RunError) as caught:
        load_experiment("tg.yaml")
    assert str(caught.value) == (
        "tg.yaml:7:5: BatchNorm1d 'batchnorm1d_1' cannot train on one example: "
        "it has one value per channel, (1, 4)\n"
        "    7 |   - BatchNorm1d\n"
        "      |     ^^^^^^^^^^^\n"
        "  help: set train.batch_size to 2 or more, or use a LayerNorm     [E625]"
    )
    load_experiment("tg.yaml", ["train.batch_size=2"])


LAYERS: dict[str, tuple[str, list[Any], bool]] = {
    "a vector": ("B C=4", ["BatchNorm1d"], True),
    "frames": ("B C=4 T", ["BatchNorm1d"], False),
    "one frame": ("B C=4 T=1", ["BatchNorm1d"], True),
    "one bin and frame": ("B C=4 F=1 T=1", ["BatchNorm2d"], True),
    "inside a block": ("B C=4 T=1", [{"ConvBlock1d": {"out_channels": 3}}], True),
    "a layer norm": ("B C=4", ["LayerNorm"], False),
    "a stretch that needs numbers": (
        "B C=4 T",
        [{"VectorQuantizer": {"n_codes": 8}}, "BatchNorm1d"],
        False,
    ),
}


@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_only_what_torch_refuses_is_refused(case: str, batch_size: int) -> None:
    axes, layers, is_refused = LAYERS[case]
    model = mb.compile_graph({"input": axes, "layers": layers})
    sizes = {**model.free_sizes, "B": batch_size}
    [shape] = model.input_shapes.values()
    x = torch.randn([sizes[size] if isinstance(size, str) else size for size in shape])
    if is_refused and batch_size == 1:
        with pytest.raises(MirbricksError, match="more than 1 value per channel"):
            model.train()(x)
        with pytest.raises(RunError, match="cannot train on one example"):
            refuse_one_example(model, batch_size)
    else:
        model.train()(x)
        refuse_one_example(model, batch_size)
    assert all(not tensor.is_meta for tensor in model.state_dict().values())
