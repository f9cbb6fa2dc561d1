"""Every registered block meets its contract."""

from __future__ import annotations

import pytest

import mirbricks as mb


@pytest.mark.parametrize("name", mb.blocks())
def test_block_meets_its_contract(name: str) -> None:
    mb.check_block(name)
