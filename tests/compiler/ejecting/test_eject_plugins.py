"""Blocks of plugins in written files: carried with what they use, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.ejecting.check import check_ejected, model_of
from mirbricks.compiler.ejecting.eject import eject
from mirbricks.errors import GraphError

IMPORTS = "from mirbricks import Block, BlockConfig, from_axis, register"
PLUGIN = '''
from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field, PositiveInt, field_validator
from torch import Tensor

import mirbricks as mb

SCALE, HALF = 2.0, 0.5  # two at once
Pair = PositiveInt | tuple[PositiveInt, PositiveInt]


def _reach(value: Pair) -> tuple[int, int]:
    """Another _reach than that of ResidualBlock."""
    return (0, value) if isinstance(value, int) else value


class Shared(mb.BlockConfig):
    """Fields of both."""

    width: Annotated[int, Field(ge=1)] = Field(default=3, description="a width")

    @field_validator("width")
    @classmethod
    def _odd(cls, value: int) -> int:
        return value


@mb.register("{name}", shape="B C ... -> B C ...", source="none", examples=[((2, 3, 4), {{}})])
class {name}(mb.Block):
    """Scales."""

    class Config(Shared):
        channels: int = mb.from_axis("C")
        by: Pair = 2

        def halved(self) -> float:
            """Half of the width."""
            return self.width * HALF

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.gain = torch.nn.Parameter(torch.full((1,), SCALE * config.halved() * math.pi * _reach(config.by)[1]))
        {extra}

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain
'''


def plugin(
    name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    module = name.lower()
    (tmp_path / f"{module}.py").write_text(PLUGIN.format(name=name, extra=extra))
    monkeypatch.syspath_prepend(str(tmp_path))
    mb.load_plugin(module)


def test_a_plugins_block_is_carried_with_what_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("EjectedScale", "", tmp_path, monkeypatch)
    graph = {
        "input": "B C=3 F=8 T=8",
        "layers": [{"ResidualBlock": {"out_channels": 3}}, {"EjectedScale": {"by": 4}}],
    }
    model = mb.compile_graph(graph)
    text = eject(model)
    check_ejected(text, model)
    assert "Config(channels=3, by=4)" in text  # the width is the default
    assert "def _reach_2(" in text
    assert text.count("\nPair") == text.count("\nPair = int | tuple[int, int]\n") == 1
    assert "        width: int = 3  # a width\n" in text.replace(
        "    width", "        width"
    )
    assert "_odd" not in text
    assert "mirbricks" not in text[text.index("import") :]


@pytest.mark.parametrize(
    ("name", "extra", "message"),
    [
        ("EjectedScipy", "import scipy", "'EjectedScipy' imports 'scipy' when it runs"),
        (
            "EjectedSpec",
            "self.text = self.spec.source",
            "it asks what the registry knows of it",
        ),
        (
            "EjectedRegistry",
            "self.names = len(vars(mb))",
            "it uses the module 'mb' as a whole: import names from it",
        ),
    ],
)
def test_a_block_that_cannot_be_carried(
    name: str, extra: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(name, extra, tmp_path, monkeypatch)
    with pytest.raises(GraphError) as caught:
        eject(mb.compile_graph({"input": "B C=3 T=8", "layers": [name]}))
    assert str(caught.value) == (
        f"<dict>:3:3: {name} cannot be written without mirbricks: {message}\n"
        f"    3 | - {name}\n"
        f"      |   {'^' * len(name)}\n"
        "  help: a block can be written that uses torch, numpy, einops, x-transformers, Python's own modules and "
        "its own package only     [E701]"
    )


STAGE = '''
from __future__ import annotations

import mirbricks as mb
from mirbricks.errors import DataError
from mirbricks.registry import INFER
from mirbricks.shapes import Axes
from pydantic import PositiveInt
from torch import Tensor, nn


@mb.register("EjectedStage", shape="B C T -> B {out_channels} T", source="none", examples=[((2, 3, 4), {})])
class EjectedStage(mb.Block):
    """A convolution of three frames."""

    class Config(mb.BlockConfig):
        in_channels: int = mb.from_axis("C")
        out_channels: PositiveInt = 4
        groups: int = INFER
        gain: float = 1.0
        widths: list[int] = []

        def resolve(self, axes: Axes) -> EjectedStage.Config:
            """As many groups as channels where that can be."""
            found = super().resolve(axes)
            return found.model_copy(update={"groups": 2 if found.in_channels % 2 == 0 else 1})

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        c = config
        self.conv = nn.Conv1d(c.in_channels, c.out_channels, 3, padding=1, groups=c.groups)
        self.gain = nn.Parameter(nn.init.constant_(self.conv.weight.new_empty(1), c.gain))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] > 999:
            raise DataError(f"{self.spec.name}: too long", code="E450", help="cut it")
        return self.gain * self.conv(x)
'''


def test_a_stage_of_a_plugin_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    (tmp_path / "ejectedstage.py").write_text(
        STAGE.replace("import mirbricks as mb", IMPORTS).replace("mb.", "")
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    mb.load_plugin("ejectedstage")
    unet = {
        "depth": 1,
        "widths": 4,
        "stage": "EjectedStage",
        "stage_config": {"gain": 3},
    }
    model = mb.compile_graph({"input": "B C=3 T", "layers": [{"UNet1d": unet}]})
    text = eject(model)
    check_ejected(text, model)
    assert 'stage_config={"gain": 3.0}' in text
    assert "        widths: list[int] = field(default_factory=list)\n" in text
    assert (
        'return replace(found, **{"groups": 2 if found.in_channels % 2 == 0 else 1})'
        in text
    )
    written = model_of(text)
    with pytest.raises(ValueError, match=r"^EjectedStage: too long$"):
        written(torch.zeros(2, 3, 1000))
