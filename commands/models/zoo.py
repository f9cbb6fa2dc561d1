"""The command zoo: the trained models that come with mirbricks."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

from ...runs.folder import RunFolder
from ...zoo import CARD, PREFIX, WEIGHTS, names
from ..wrapping import wrapped


def zoo(arguments: Namespace) -> int:
    """List the models, or print the card of one."""
    if arguments.name:
        # With the prefix or without: both are how people name a model.
        run = RunFolder.open(f"{PREFIX}{arguments.name.removeprefix(PREFIX)}")
        print(run.read_text(CARD), end="")
        return 0
    models = {name: about(RunFolder.open(f"{PREFIX}{name}")) for name in names()}
    if arguments.json:
        print(json.dumps(models))
    elif not models:
        print(
            "the zoo is empty: `mirbricks pack RUN --out DIR` makes a model of a run",
            file=sys.stderr,
        )
    else:
        _print(models)
    return 0


def about(run: RunFolder) -> dict[str, Any]:
    """Task, data, the figure that people look at first, and the size of the weights in bytes."""
    settings = run.read_settings()
    known = {
        name: settings.get(name) for name in ("task", "corpus", "parameters", "shown")
    }
    return {**known, "bytes": (run.path / WEIGHTS).stat().st_size}


def figure_text(value: float) -> str:
    """A figure to read: thousandths say nothing of thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def _print(models: dict[str, dict[str, Any]]) -> None:
    # In one column: the list is there to compare.
    width = max(map(len, models)) + len(PREFIX)
    for name, model in models.items():
        shown = model["shown"] or {}
        if shown.get("value") is not None:
            figure = f"{shown['name']} {figure_text(shown['value'])}, {shown['on']}"
        else:
            figure = ""
        size = f"{model['bytes'] / 1e6:.1f} MB"
        line = f"{PREFIX + name:<{width}}  {model['task']}, {model['corpus']}, {size}: {figure}"
        print(wrapped(line, width + len("  ")))
