"""Ensembles: several trainings of one task as one model, whose logits are the mean of theirs.

Of tasks that compare vectors the vectors stand one behind the other: the score of two recordings is then the mean of
the scores that each training gives.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..compiler.language.graph import SECTIONS
from ..compiler.module import count_parameters
from ..errors import RunError
from ..runs.folder import GRAPH, RESOLVED, RunFolder
from ..runs.settings import RunSettings
from ..zoo import located
from .experiment import Experiment
from .loading import find_runs, load_experiment, load_run
from .new_file import refuse_existing

SAME = "give runs of one recipe on one corpus, such as seeds: `--set train.seed=1`"
AXES = "ftuv"  # names for what comes after batch and channels


class Member(NamedTuple):
    """One run of the ensemble, its weights loaded."""

    run: RunFolder
    experiment: Experiment
    settings: RunSettings


class Ensemble(NamedTuple):
    """What was made: the folder, of how many folds, how many runs each has, and its number of parameters."""

    path: Path
    n_folds: int
    n_runs: int
    parameters: int


class Made(NamedTuple):
    """The model of several runs, not written yet."""

    members: list[Member]
    together: Experiment
    tuned: dict[str, Any]


def ensemble(folders: Sequence[str | Path], out: Path, command: str) -> Ensemble:
    """Write a run folder: the runs' graphs side by side, the mean of their logits, the mean of what they tuned.

    Of folders that hold folds one such folder for each fold, which `evaluate` judges together.
    """
    refuse_existing(out)
    # All folds are made before the first is written: an error leaves nothing behind.
    made = {}
    for fold, runs in _by_fold(folders).items():
        made[fold] = _made_of(runs)
    for fold, one in made.items():
        _write(RunFolder.create(out / fold), one, command)
    parts = list(made.values())
    parameters = count_parameters(parts[0].together.model)
    return Ensemble(out, len(parts), len(parts[0].members), parameters)


def _by_fold(folders: Sequence[str | Path]) -> dict[str, list[RunFolder]]:
    """The runs that become one model, for each folder to write below the new one; "" for that itself.

    Raises E600, and E614 where not all have the same folds.
    """
    found: list[dict[str, RunFolder]] = []
    for folder in folders:
        runs = find_runs(folder)
        single = len(runs) == 1 and runs[0].path == located(folder)
        found.append({"" if single else run.path.name: run for run in runs})
    first, *others = found
    for folder, other in zip(folders[1:], others, strict=True):
        if other.keys() != first.keys():
            raise RunError(
                f"no ensemble with '{folder}': it holds {_words(other)}, and '{folders[0]}' {_words(first)}",
                code="E614",
                help="give folders with the same folds, or one run of each",
            )
    return {fold: [one[fold] for one in found] for fold in first}


def _words(runs: Mapping[str, RunFolder]) -> str:
    """What a folder holds, in words."""
    if "" in runs:
        return "one run"
    return ", ".join(runs)


def _made_of(runs: Sequence[RunFolder]) -> Made:
    """The model of these runs. Raises E614."""
    members = []
    for run in runs:
        members.append(Member(run, *load_run(run)))
    # Before anything is written: a mean of unlike outputs would be a plausible wrong model.
    _refuse(members)
    tuned = agreed("tuned", [one.settings.tuned for one in members])
    together = _side_by_side(members)
    # Each member keeps its weights under the name of its sub-graph, which is all that the graph needs.
    weights = {}
    for number, one in enumerate(members):
        for name, tensor in one.experiment.model.state_dict().items():
            weights[f"run{number}.{name}"] = tensor
    together.model.load_state_dict(weights)
    return Made(members, together, tuned)


def _refuse(members: Sequence[Member]) -> None:
    """Raise E614 where the mean would mean nothing, or where a test track of one run trained another."""
    # The checks go from the cheapest to the most particular; the first that fails is what to mend.
    first, *others = members
    if not others:
        raise _unlike(
            first,
            "an ensemble needs two runs or more",
            "give further runs, such as other seeds",
        )
    task = first.experiment.task
    if not (task.logits or task.compares):
        reason = f"the models of {task.title} give no logits, of which a mean is taken"
        raise _unlike(first, reason, "evaluate the runs one by one")
    for other in others:
        for what in ("feature", "task"):
            if _section(other, what) != _section(first, what):
                raise _unlike(
                    other,
                    f"its section '{what}' is not that of '{first.run.path}'",
                    SAME,
                )
        if other.experiment.model.output_shapes != first.experiment.model.output_shapes:
            raise _unlike(
                other,
                f"its outputs have another shape than those of '{first.run.path}'",
                SAME,
            )
        same_corpus = other.settings.fingerprint == first.settings.fingerprint
        # A track that one of them learned from must not be a test track of the mean.
        if not same_corpus or other.settings.split != first.settings.split:
            raise _unlike(
                other, f"it was not trained on the tracks of '{first.run.path}'", SAME
            )


def _unlike(member: Member, reason: str, help: str) -> RunError:
    return RunError(
        f"no ensemble with '{member.run.path}': {reason}", code="E614", help=help
    )


def _section(member: Member, name: str) -> Any:
    experiment = member.experiment
    if name == "task":
        config = experiment.task.config
    else:
        config = getattr(experiment, name)
    return config.model_dump(mode="json")


def agreed(name: str, values: Sequence[Any]) -> Any:
    """What runs have tuned as one: the mean of numbers, at each place of lists; all else must be the same."""
    first = values[0]
    # A threshold is a real number, so its mean is one too; labels and sizes must be equal.
    if all(isinstance(one, float) for one in values):
        return math.fsum(values) / len(values)
    if all(isinstance(one, dict) and one.keys() == first.keys() for one in values):
        return {
            key: agreed(f"{name}.{key}", [one[key] for one in values]) for key in first
        }
    if all(isinstance(one, list) and len(one) == len(first) for one in values):
        return [agreed(name, each) for each in zip(*values, strict=True)]
    if any(one != first for one in values):
        message = f"no ensemble of these runs: their '{name}' differ"
        raise RunError(
            message,
            code="E614",
            facts=[("values", ", ".join(map(str, values)))],
            help=SAME,
        )
    return first


def _side_by_side(members: Sequence[Member]) -> Experiment:
    """The graph of all members, compiled; the sections are those of the first."""
    first = members[0].experiment
    count = len(members)
    if first.task.compares:
        layers = _joined_vectors(count, unit=first.task.compares_directions)
    else:
        shape = next(iter(first.model.output_shapes.values()))
        layers = _mean_of_logits(count, " ".join(AXES[: len(shape) - 2]))
    graph = {
        "name": f"{first.graph.name}_x{count}",
        "input": first.graph.source.data["input"],
        "layers": layers,
        **{section: _section(members[0], section) for section in SECTIONS},
    }

    # The compiler reads sub-graphs from files beside the graph; afterwards all is in the resolved text.
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(members):
            Path(folder, f"run{number}.yaml").write_text(
                one.experiment.resolved(), encoding="utf-8"
            )
        path = Path(folder, "ensemble.yaml")
        path.write_text(json.dumps(graph), encoding="utf-8")  # JSON is YAML too
        return load_experiment(path)


def _paths(count: int) -> list[list[dict[str, Any]]]:
    """Each run's graph as a path of its own, under a name of its own."""
    return [[{"graph": f"run{k}.yaml", "name": f"run{k}"}] for k in range(count)]


def _mean_of_logits(count: int, rest: str) -> list[dict[str, Any]]:
    """Joined over channels, the only axis that `branch` joins, then taken apart by run for the mean."""
    apart = {
        "pattern": f"b (run c) {rest} -> b run c {rest}",
        "sizes": {"run": count},
    }
    return [
        {"branch": _paths(count), "join": "cat"},
        {"Rearrange": apart},
        {"Mean": {"dim": 1}},
    ]


def _joined_vectors(count: int, *, unit: bool) -> list[dict[str, Any]]:
    """The vectors one behind the other, of unit length where their directions are compared.

    The product of two such vectors is the sum of the members' cosines, and the mean of squared differences is the mean
    of theirs, so that no training needs to know where another puts a recording.
    """
    paths = _paths(count)
    if unit:
        for path in paths:
            path.append({"L2Normalize": {}})
    return [{"branch": paths, "join": "cat"}]


def _write(run: RunFolder, made: Made, command: str) -> None:
    """The folder as a training leaves it, but for what only a training has; figures come from evaluating it."""
    members, together, tuned = made
    # What was measured on single members is dropped: it does not hold for their mean.
    settings = [one.settings for one in members]
    run.write_text(GRAPH, together.resolved())
    run.write_text(RESOLVED, together.resolved())
    run.save_weights(together.model, {"runs": str(len(members))})
    changed = {
        "command": "\n".join([*(one.command for one in settings), command]),
        "best_step": max(one.best_step for one in settings),
        "training_s": sum(one.training_s for one in settings),
        "tuned": tuned,
        "figures": {},
        "tracks": {},
    }
    run.write_settings({**members[0].run.read_settings(), **changed})
