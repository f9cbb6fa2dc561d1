"""Families of blocks: each of ours has one, others keep the name of their file."""

from __future__ import annotations

from dataclasses import replace

import pytest

import mirbricks as mb
from mirbricks.compiler.families import APART, FAMILIES, by_family, family_of

OURS = {name: spec for name, spec in mb.blocks().items() if spec.cls.__module__.startswith("mirbricks.blocks.")}
FILES = [file for files in FAMILIES.values() for file in files.split()]


@pytest.mark.parametrize("file", sorted({spec.family for spec in OURS.values()}))
def test_every_file_of_blocks_has_a_family(file: str) -> None:
    assert file in FILES, f"name blocks/{file}.py in FAMILIES, under what people look for its blocks in"


def test_no_file_is_named_twice_or_gone() -> None:
    assert sorted(FILES) == sorted({spec.family for spec in OURS.values()})


def test_blocks_apart_are_of_another_family_than_their_file() -> None:
    for name, family in APART.items():
        assert family in FAMILIES
        assert OURS[name].family not in FAMILIES[family].split()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("SincNet", "waveform front-ends"),
        ("HCQT", "spectral front-ends"),
        ("AutoPool", "many to one"),
        ("StatisticsPooling", "many to one"),
        ("MaxPool1d", "pooling"),
        ("Hardtanh", "activations"),
        ("Upsample", "upsampling"),
        ("FiLM", "conditioning"),
        ("ResidualVectorQuantizer", "bottlenecks"),
        ("TransformerEncoder", "attention and transformers"),
    ],
)
def test_blocks_are_where_they_are_looked_for(name: str, family: str) -> None:
    assert family_of(mb.blocks()[name]) == family


def test_families_come_in_the_order_of_a_signals_way_and_those_of_others_last() -> None:
    strange = [replace(OURS["ReLU"], name=name, family=file) for name, file in (("Z", "my_lab"), ("A", "her_lab"))]
    found = by_family([*strange, *OURS.values()])
    assert [*found] == [*FAMILIES, "her lab", "my lab"]
    assert [spec.name for spec in found["my lab"]] == ["Z"]
    assert [spec.name for spec in found["many to one"]] == sorted(spec.name for spec in found["many to one"])
    assert sum(map(len, found.values())) == len(OURS) + 2
