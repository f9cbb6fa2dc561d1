"""The words that stand as items of their own among the layers, beside blocks."""

from __future__ import annotations

JOINS = ("CatWith", "AddWith", "MulWith")
SKIPS = ("StoreAs", "StartFrom", "Reuse", *JOINS)


def own_item(word: str) -> str:
    """What to do where a skip stands among the keys of a block."""
    return (
        f"{word} is an item of its own: write `- {word}: ...` on a line below the block"
    )
