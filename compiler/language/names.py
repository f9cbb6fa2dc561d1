"""What a node or a sub-graph may be called: its name is the key of its weights and an attribute of the module."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from ...fields import quoted

RESERVED = {
    *dir(nn.Module()), "graph", "ops", "nodes", "outputs", "input_shapes", "output_shapes", "output_shape",
    "free_sizes", "axis_names", "run_steps",
}  # fmt: skip
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")


def name_problem(name: Any) -> str | None:
    """Why a node cannot have this name; None where it can."""
    if not isinstance(name, str) or not _NODE_NAME.fullmatch(name):
        return f"'name' must be a word of letters, digits and _ that begins with a letter, got {quoted(name)}"
    taken = next((part for part in name.split(".") if part in RESERVED), None)
    if taken:
        return f"'name' cannot be '{taken}': a torch module has that word for itself"
    return None
