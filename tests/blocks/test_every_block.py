"""Every registered block meets its contract."""

from __future__ import annotations

import pytest

import mirbricks as mb
from mirbricks import registry


@pytest.mark.parametrize("name", registry.blocks())
def test_block_meets_its_contract(name: str) -> None:
    mb.check_block(name)
