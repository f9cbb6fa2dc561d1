"""Fields in words: what `help()` shows of a block, and what `Spec` gives back."""

from __future__ import annotations

import pytest
from pydantic import Field, PositiveInt
from torch import Tensor

from mirbricks import registry
from mirbricks.fields import PARAMETERS, with_parameters
from mirbricks.registry import INFER, Block, BlockConfig, from_axis, register

DOC = """Says nothing.

Shape:   (B, C) -> (B, C)
Source:  nowhere"""


class Config(BlockConfig):
    in_channels: int = from_axis("C")
    width: PositiveInt = Field(description="channels inside")
    hop_s: float = Field(0.01, gt=0, le=1, description="from frame to frame, in s")
    mode: str | None = Field(None)


def test_section_by_hand() -> None:
    expected = f"""{DOC}

Parameters
----------
in_channels : an integer, default: inferred
    size of axis C
width : an integer > 0
    channels inside
hop_s : a number > 0 and ≤ 1, default: 0.01
    from frame to frame, in s
mode : a word, default: none
"""
    assert with_parameters(DOC, Config, INFER) == expected


def test_section_of_the_author_stays() -> None:
    own = f"{DOC}\n\n{PARAMETERS}\nwidth : int\n    as I see it"
    assert with_parameters(own, Config, INFER) == own
    assert with_parameters(DOC, BlockConfig, INFER) == DOC


@pytest.mark.parametrize("name", registry.blocks())
def test_help_of_a_block_lists_each_field_once(name: str) -> None:
    spec = registry.get(name)
    fields = spec.cls.Config.model_fields
    doc = spec.cls.__doc__ or ""
    assert doc.count(PARAMETERS) == (1 if fields else 0)
    for field, info in fields.items():
        assert doc.count(f"\n{field} : ") == 1
        assert (info.description or "") in doc
    assert PARAMETERS not in spec.description
    assert doc.startswith(spec.description)
    assert spec.summary == doc.split("\n")[0]


def test_registering_completes_class_and_config(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "register", lambda *_: None)

    @register("Says", shape="B C -> B C", source="nowhere", examples=[((2, 3), {})])
    class Says(Block):
        """Says nothing."""

        class Config(BlockConfig):
            loud: bool = Field(False, description="whether it is heard")

        def forward(self, x: Tensor) -> Tensor:
            return x

    section = (
        f"{PARAMETERS}\nloud : true or false, default: false\n    whether it is heard\n"
    )
    assert Says.__doc__ == f"Says nothing.\n\n{section}"
    assert Says.Config.__doc__ == f"Fields of Says.\n\n{section}"
    assert Says.spec.description == "Says nothing."
