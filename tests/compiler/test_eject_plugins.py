"""Blocks of plugins in written files: carried with what they use, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.eject import eject
from mirbricks.compiler.eject_check import check_ejected
from mirbricks.errors import GraphError

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


def plugin(name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_BLOCKS", dict(mb.blocks()))
    module = name.lower()
    (tmp_path / f"{module}.py").write_text(PLUGIN.format(name=name, extra=extra))
    monkeypatch.syspath_prepend(str(tmp_path))
    mb.load_plugin(module)


def test_a_plugins_block_is_carried_with_what_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin("EjectedScale", "", tmp_path, monkeypatch)
    graph = {"input": "B C=3 F=8 T=8", "layers": [{"ResidualBlock": {"out_channels": 3}}, {"EjectedScale": {"by": 4}}]}
    model = mb.compile_graph(graph)
    text = eject(model)
    check_ejected(text, model)
    assert "Config(channels=3, by=4)" in text  # the width is the default
    assert "def _reach_2(" in text
    assert text.count("\nPair") == text.count("\nPair = int | tuple[int, int]\n") == 1
    assert "        width: int = 3  # a width\n" in text.replace("    width", "        width")
    assert "_odd" not in text
    assert "mirbricks" not in text[text.index("import") :]


@pytest.mark.parametrize(
    ("name", "extra", "message"),
    [
        ("EjectedNumpy", "import numpy", "'EjectedNumpy' imports 'numpy' when it runs"),
        (
            "EjectedRegistry",
            "self.names = len(mb.blocks())",
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
        "  help: a block can be written that uses torch, Python's own modules and its own package only     [E701]"
    )
