"""Runs side by side: figures with their differences, settings that differ, curves, and tracks that both judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..compiler.language.graph import SECTIONS
from ..data.stores.atomic import written_whole
from ..errors import RunError
from ..report.comparison import Comparison
from ..runs.folder import RunFolder
from .new_file import refuse_existing
from .run_list import Contents, RunRow, contents_of, row_from

ABSENT = "-"  # of a setting that a run does not have
MOST_RUNS = 8  # lines that a picture can hold


def compare(folders: Sequence[str | Path]) -> Comparison:
    """Read several runs.

    Parameters
    ----------
    folders : sequence of paths
        Two to eight run folders.

    Returns
    -------
    Comparison

    Raises
    ------
    RunError
        E600 for a folder without a run, E605, E606 for a damaged one, E616 for fewer than two or more than eight.
    """
    if not 2 <= len(folders) <= MOST_RUNS:
        raise RunError(
            f"a comparison is of 2 to {MOST_RUNS} runs, and there are {len(folders)}",
            code="E616",
            help="`mirbricks runs DIR` lists any number",
        )
    runs = [RunFolder.open(folder) for folder in folders]
    # Each run is read once, whatever is taken from it.
    contents = [contents_of(run) for run in runs]
    sections = [_settings_of(one) for one in contents]
    paths = list(dict.fromkeys(path for one in sections for path in one))
    differing = {}
    for path in paths:
        values = [one.get(path, ABSENT) for one in sections]
        if len(set(values)) > 1:
            differing[path] = values
    rows = [row_from(run.path, one) for run, one in zip(runs, contents, strict=True)]
    return Comparison(
        names=_names([run.path for run in runs]),
        about=[_about(row) for row in rows],
        figures=[row.figures for row in rows],
        settings=differing,
        metrics=[one.metrics for one in contents],
        tracks=[one.settings.get("tracks") or {} for one in contents],
    )


def _about(row: RunRow) -> dict[str, str]:
    took = "" if row.training_s is None else f"{row.training_s:.0f} s"
    return {
        "graph": row.graph,
        "data": row.corpus,
        "fold": "" if row.fold is None else str(row.fold),
        "seed": "" if row.seed is None else str(row.seed),
        "state": f"{row.state}, step {row.step} of {row.steps}",
        "training": took,
        "last changed": row.changed.astimezone().strftime("%Y-%m-%d %H:%M"),
    }


def write_comparison(compared: Comparison, out: str | Path, command: str) -> Path:
    """Write the page of a comparison; raises E191 where the file exists, E408 where it cannot be written."""
    from ..report.compared import comparison_page  # matplotlib takes a second

    refuse_existing(out)
    page = comparison_page(compared, command)
    with written_whole(Path(out)) as part:
        part.write_text(page, encoding="utf-8")
    return Path(out)


def _settings_of(contents: Contents) -> dict[str, str]:
    """Every setting of an experiment as text, and the layers of its graph as one of them."""
    data = contents.graph
    found = {"graph": str(data.get("name") or "")}
    for name in SECTIONS:
        found |= _flat(data.get(name), name)
    # Overrides are among the settings already, each under its own name.
    for name in ("corpus", "fold"):
        found[name] = str(contents.settings.get(name))
    # Layers are long: their hash says whether they differ, and `mirbricks diff` how.
    layers = json.dumps(data.get("layers"), sort_keys=True, default=str).encode()
    found["layers"] = hashlib.sha256(layers).hexdigest()[:8]
    return found


def _flat(value: Any, path: str) -> dict[str, str]:
    if isinstance(value, Mapping) and value:
        found: dict[str, str] = {}
        for key, one in value.items():
            found |= _flat(one, f"{path}.{key}")
        return found
    return {path: str(value)}


def _names(paths: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    deepest = max(len(path.parts) for path in paths)
    names = [path.name for path in paths]
    for depth in range(2, deepest + 1):
        if len(set(names)) == len(names):
            break
        names = ["/".join(path.parts[-depth:]) for path in paths]
    return names
