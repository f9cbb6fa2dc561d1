"""Families of blocks: the folder below blocks/ is the family; plugins keep the name of their module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import mirbricks
from mirbricks import registry
from mirbricks.registry import by_family

OURS = {name: spec for name, spec in registry.blocks().items() if spec.own}
FOLDERS = sorted(
    path.parent.name
    for path in Path(mirbricks.__file__).parent.glob("blocks/*/__init__.py")
)


def test_every_folder_of_blocks_is_a_family() -> None:
    assert sorted({spec.family for spec in OURS.values()}) == FOLDERS


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("SincNet", "frontends"),
        ("HCQT", "frontends"),
        ("AutoPool", "pooling"),
        ("ClassTokenPool", "pooling"),
        ("StatisticsPooling", "pooling"),
        ("MaxPool1d", "pooling"),
        ("Hardtanh", "pointwise"),
        ("Upsample", "convolution"),
        ("FiLM", "unet"),
        ("ResidualVectorQuantizer", "generative"),
        ("TransformerEncoder", "sequence"),
    ],
)
def test_blocks_are_where_they_are_looked_for(name: str, family: str) -> None:
    assert registry.get(name).family == family


def test_families_come_sorted_and_those_of_plugins_last() -> None:
    strangers = []
    for name, module in (("Z", "my_lab"), ("A", "her_lab")):
        cls = type(name, (OURS["ReLU"].cls,), {"__module__": f"stranger.{module}"})
        strangers.append(replace(OURS["ReLU"], name=name, cls=cls))
    found = by_family([*strangers, *OURS.values()])
    assert [*found] == [*FOLDERS, "her lab", "my lab"]
    assert [spec.name for spec in found["my lab"]] == ["Z"]
    assert [spec.name for spec in found["pooling"]] == sorted(
        spec.name for spec in found["pooling"]
    )
    assert sum(map(len, found.values())) == len(OURS) + 2
