"""Whether a training that goes on is the one that was begun, and with which settings it was begun."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..compiler.language.source import read_file
from ..errors import MirbricksError, RunError
from ..runs.folder import RESOLVED, RunFolder
from .experiment import Experiment

MOST_FACTS = 6  # settings that a message lists


def overrides_of(out: Path, given: Sequence[str]) -> list[str]:
    """The overrides that the run in `out` was begun with, then those given now: --resume needs none again."""
    if not out.is_dir():
        return list(given)
    try:
        begun = RunFolder(out).read_settings().get("overrides", [])
    except MirbricksError:  # it is reported where the run is opened
        return list(given)
    return [*(one for one in begun if isinstance(one, str)), *given]


def refuse_other(
    run: RunFolder, experiment: Experiment, settings: dict[str, Any]
) -> None:
    """Raise E608 where a resumed run is another experiment, or has another split.

    What it learned from could then be its test.
    """
    # As JSON has them: tuples as lists, so that what was read and what is now compare equal.
    old = run.read_settings()
    new = json.loads(json.dumps(settings))
    # Other data first: where it differs, most settings that depend on it do too.
    facts = _other_data(old, new) or _other_settings(run, experiment)
    if facts:
        raise RunError(
            f"'{run.path}' holds another training, which cannot go on with these settings",
            code="E608",
            facts=facts[:MOST_FACTS],
            help="give what it was started with, or another folder for the run",
        )


def _other_data(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for key in ("corpus", "fold"):
        if old.get(key) != new[key]:
            facts.append((key, f"{old.get(key)} in the run, {new[key]} now"))
    if facts:
        return facts
    if old.get("fingerprint") not in (None, new["fingerprint"]):
        return [("corpus", "other recordings than in the run")]
    if old.get("split") != new["split"]:
        return [("split", "other pieces on its sides than in the run")]
    if old.get("also", []) != new["also"]:
        return [("also", "other corpora than in the run")]
    return []


def _other_settings(run: RunFolder, experiment: Experiment) -> list[tuple[str, str]]:
    """Which settings of the graph file differ; those of `train` are compared by the training itself."""
    # The text decides, for it holds every default; the sections are only read to name what differs.
    was = run.read_text(RESOLVED)
    now = experiment.resolved()
    if was.partition("\ntrain:")[0] == now.partition("\ntrain:")[0]:
        return []
    before = read_file(run.file(RESOLVED)).data
    after = json.loads(json.dumps(experiment.sections()))
    facts = []
    for section in ("feature", "dataset", "task"):
        facts += _differing(section, before.get(section), after[section])
    return facts or [("graph", "its layers differ from those of the run")]


def _differing(name: str, before: Any, after: Any) -> list[tuple[str, str]]:
    if not isinstance(before, dict) or not isinstance(after, dict):
        if before == after:
            return []
        return [(name, f"{before} in the run, {after} now")]
    facts = []
    for key in [*before, *(key for key in after if key not in before)]:
        facts += _differing(f"{name}.{key}", before.get(key), after.get(key))
    return facts
