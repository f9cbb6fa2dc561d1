"""Fields that had another name: old graphs go on working, with a warning that names the new word."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import mirbricks as mb
from mirbricks import registry

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("nhead", "num_heads", "TransformerEncoder", {"num_layers": 1}),
    ("nhead", "num_heads", "TransformerDecoder", {"num_layers": 1}),
    ("heads", "num_heads", "AttentionPool", {}),
]


@pytest.mark.parametrize(("old", "new", "name", "fields"), CASES)
def test_an_old_word_gives_the_same_block(
    old: str, new: str, name: str, fields: dict[str, Any]
) -> None:
    axes = registry.get(name).contract.inputs[0]
    sized = {"B": "B", "C": "C=4", "D": "D=4", "F": "F=3"}
    given = " ".join(
        sized.get(token.axis or "", "T") for token in axes if token.axis != "..."
    )
    graphs = [
        {"input": given, "layers": [{name: {"name": "block", word: 2, **fields}}]}
        for word in (old, new)
    ]
    with pytest.warns(FutureWarning, match=f"'{old}' is called '{new}' now"):
        one = mb.compile_graph(graphs[0])
    two = mb.compile_graph(graphs[1])
    two.load_state_dict(one.state_dict())
    shapes = [4 if "=4" in word else 5 for word in given.split()]
    x = torch.randn(2, *shapes[1:])
    assert torch.equal(one.eval()(x), two.eval()(x))


def test_every_old_word_is_tried() -> None:
    renamed = {
        (old, new)
        for spec in registry.blocks().values()
        for old, new in spec.cls.Config.renamed.items()
    }
    assert renamed == {(old, new) for old, new, *_ in CASES}
