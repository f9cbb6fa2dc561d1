"""Write the table of docs/results_tutorial.md: `python docs/results_tutorial.py --data folder`.

Each line of docs/results_tutorial.yaml is a line of the tutorial: its own figure on its data beside ours on ours. They
are trained as those of docs/results.yaml are, by docs/results.py; the figures are those that `mirbricks train` prints
at its end, of the test side.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mirbricks.workflows.loading import find_runs, load_experiment

sys.path.insert(0, str(Path(__file__).parent))

import results

PAGE = results.ROOT / "docs" / "results_tutorial.md"
LINES = results.ROOT / "docs" / "results_tutorial.yaml"
HEAD = (
    "the tutorial's line",
    "its figure, its data",
    "ours",
    "trained",
    "not comparable",
    "with our settings",
)


class Beside(results.Line):
    """A line of the tutorial; docs/results_tutorial.yaml says what each field is."""

    line: str
    theirs: str
    unlike: str
    settled: str = ""
    stands: str = ""
    untrained: str = ""


def row(line: Beside, found: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """The cells of a line; `found` are the figures of each seed that there is."""
    ours = line.stands or "—"
    trained = line.untrained or "not trained"
    if found:
        names = [line.figure, *line.also]
        ours = "<br>".join(f"{name} {spread(found, name)}" for name in names)
        trained = budget(line, found)
    return [
        f"{line.line}: {line.text} (`{line.name}`)",
        line.theirs,
        ours,
        trained,
        line.unlike,
        line.settled,
    ]


def spread(found: Mapping[int, Mapping[str, Any]], name: str) -> str:
    """A figure over the seeds."""
    text: str = results.spread([figures.get(name) for figures in found.values()])
    return text


def budget(line: Beside, found: Mapping[int, Mapping[str, Any]]) -> str:
    """With which graph, how many steps and for how long one seed was trained."""
    train = load_experiment(results.ROOT / line.graph, line.set).train
    seconds = [figures["training_s"] for figures in found.values()]
    minutes = sum(seconds) / len(seconds) / 60
    words = [
        f"`{Path(line.graph).stem}`",
        f"{train.steps} steps of {train.batch_size}",
        f"{minutes:.1f} min",
    ]
    if line.fold is not None:
        words.insert(1, f"fold {line.fold}")
    return "<br>".join(words)


def figures_of(line: Beside, places: Any, seed: int, _jobs: str) -> dict[str, Any]:
    """What a training found at its end on the recordings that were kept from it, and how long it took."""
    settings = find_runs(places.run(line, seed))[0].read_settings()
    return {**settings["figures"], "training_s": settings["training_s"]}


TABLE = results.Table(Beside, HEAD, ("---",) * len(HEAD), row, figures_of)


if __name__ == "__main__":
    results.write(results.parser(__doc__, LINES, PAGE).parse_args(), TABLE)
