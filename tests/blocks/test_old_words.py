"""Fields that had another name: old graphs go on working, with a warning that names the new word."""

from __future__ import annotations

import pytest
import torch

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphWarning

RENAMED = [
    (name, old, new)
    for name, spec in registry.blocks().items()
    for old, new in spec.cls.Config.renamed.items()
]


def test_there_are_old_words() -> None:
    assert {(old, new) for _, old, new in RENAMED} == {
        ("nhead", "num_heads"),
        ("heads", "num_heads"),
        ("hop_samples", "hop_length"),
    }


@pytest.mark.parametrize(("name", "old", "new"), RENAMED)
def test_an_old_word_gives_the_same_config(name: str, old: str, new: str) -> None:
    spec = registry.get(name)
    today = spec.cls.Config(**spec.examples[0].config)
    values = {**spec.examples[0].config, old: getattr(today, new)}
    values.pop(new, None)
    with pytest.warns(FutureWarning, match=f"'{old}' is called '{new}' now"):
        assert spec.cls.Config(**values) == today


def test_an_old_graph_gives_the_same_model() -> None:
    models = []
    for word in ("nhead", "num_heads"):
        layer = {"TransformerEncoder": {"name": "encoder", word: 2, "num_layers": 1}}
        graph = {"input": "B T D=4", "layers": [layer]}
        if word == "nhead":
            with pytest.warns(GraphWarning, match="'nhead' is called 'num_heads' now"):
                models.append(mb.compile_graph(graph))
        else:
            models.append(mb.compile_graph(graph))
    one, two = models
    two.load_state_dict(one.state_dict())
    x = torch.randn(2, 5, 4)
    assert torch.equal(one.eval()(x), two.eval()(x))
