"""The trained models that come with mirbricks, by name: `zoo:NAME` stands wherever a run or a graph file may.

A folder each: graph.yaml (every default written out), weights.safetensors (at most 5 MB, with the settings of the run
in its metadata) and card.md. `mirbricks pack` makes them of runs.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import RunError, did_you_mean

PREFIX = "zoo:"
GRAPH = "graph.yaml"
WEIGHTS = "weights.safetensors"
CARD = "card.md"
MOST_BYTES = 5_000_000
FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every model of the zoo, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{CARD}"))


def located(path: str | Path) -> Path:
    """The folder of `zoo:NAME`; any other path as it is. Raises RunError E610 with the nearest names."""
    text = str(path)
    if not text.startswith(PREFIX):
        return Path(path)
    name = text.removeprefix(PREFIX)
    known = names()
    if name not in known:
        near = (
            did_you_mean(name, known) or f"models are: {', '.join(known) or 'none yet'}"
        )
        raise RunError(
            f"there is no model '{name}' in the zoo",
            code="E610",
            help=f"{near}; `mirbricks zoo` tells more",
        )
    return FOLDER / name


def graph_file(path: str | Path) -> str | Path:
    """The graph file of `zoo:NAME`; any other path as it is. Raises as `located`."""
    if str(path).startswith(PREFIX):
        return located(path) / GRAPH
    return path
