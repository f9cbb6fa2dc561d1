"""Lists of names: what they take for a pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mirbricks as mb
from mirbricks.errors import RegistryError

LISTS = [
    mb.list_blocks,
    mb.list_graphs,
    mb.list_tasks,
    mb.list_models,
    mb.list_features,
]


@pytest.mark.parametrize("names", LISTS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("pattern", [None, 3, ["conv"], b"*"])
def test_a_pattern_is_text(names: Callable[..., list[str]], pattern: Any) -> None:
    with pytest.raises(RegistryError) as caught:
        names(pattern)
    assert str(caught.value).startswith(
        f"a pattern of names must be text, got {pattern!r}\n  help: "
    )


@pytest.mark.parametrize("block", [None, 3, ["Conv2d"], object])
def test_a_block_is_checked_by_name_or_class(block: Any) -> None:
    with pytest.raises(RegistryError, match="E305"):
        mb.check_block(block)
