"""Texts of the shipped graphs, and the mistakes that the benchmarks put into them."""

from __future__ import annotations

import re
from pathlib import Path

import mirbricks as mb

GRAPHS = Path(mb.__file__).parent / "graphs"
ITEM = re.compile(r"( *)- ")
# A block, or the graph that a variant changes or a part comes from: a letter more makes it unknown.
NAMED = re.compile(r"^\s*- (?=[A-Z])|^\s*(?:- )?(?:extends|graph): ", re.MULTILINE)
JOIN = re.compile(r"- (CatWith|AddWith|MulWith)")


def wrong_layers(text: str) -> list[tuple[int, str, str]]:
    """Layers that may not fit: the index of the line before which each goes, its indent, and the layer.

    Before each join one that changes the size; before every layer one of an unknown size. A variant of another graph
    has no layers of its own, and gets none.
    """
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("layers:")]
    if not heads:
        return []
    items = [i for i in range(heads[0] + 1, len(lines)) if ITEM.match(lines[i])]
    indent = ITEM.match(lines[items[0]])[1]
    # Only layers of the whole graph: what stands in a branch may be of another rank.
    tops = [i for i in items if ITEM.match(lines[i])[1] == indent]
    joins = [i for i in tops if JOIN.search(lines[i])]
    pool = "- AvgPool2d: {kernel_size: 2}"
    linear = "- Linear: {in_features: 1000003, out_features: 3}"
    # A skip whose size is wrong takes longest to explain: it comes first.
    return [(at, indent, pool) for at in joins] + [(at, indent, linear) for at in tops]
