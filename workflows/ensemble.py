"""Ensembles: several trainings of one task as one model, whose logits are the mean of theirs."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..compiler.language.graph import SECTIONS
from ..compiler.module import count_parameters
from ..errors import RunError
from ..runs.folder import GRAPH, RESOLVED, RunFolder
from ..runs.settings import RunSettings
from .experiment import Experiment
from .loading import load_experiment, load_run
from .new_file import refuse_existing

SAME = "give runs of one recipe on one corpus, such as seeds: `--set train.seed=1`"
AXES = "ftuv"  # names for what comes after batch and channels


class Member(NamedTuple):
    """One run of the ensemble, its weights loaded."""

    run: RunFolder
    experiment: Experiment
    settings: RunSettings


class Ensemble(NamedTuple):
    """What was made: the folder, how many runs are in it, its number of parameters."""

    run: RunFolder
    n_runs: int
    parameters: int


def ensemble(folders: Sequence[str | Path], out: Path, command: str) -> Ensemble:
    """Write a run folder: the runs' graphs side by side, the mean of their logits, the mean of what they tuned."""
    refuse_existing(out)
    members = []
    for run in map(RunFolder.open, folders):
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
    run = RunFolder.create(out)
    _write(run, together, members, tuned, command)
    parameters = count_parameters(together.model)
    return Ensemble(run, len(members), parameters)


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
    if not task.logits:
        if task.compares:
            reason = f"{task.title} compares embeddings, and those of two trainings have nothing in common"
        else:
            reason = (
                f"the models of {task.title} give no logits, of which a mean is taken"
            )
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
    shape = next(iter(first.model.output_shapes.values()))
    rest = " ".join(AXES[: len(shape) - 2])

    # Joined over channels, the only axis that `branch` joins, then taken apart by run for the mean.
    paths = [[{"graph": f"run{k}.yaml", "name": f"run{k}"}] for k in range(count)]
    apart = {
        "pattern": f"b (run c) {rest} -> b run c {rest}",
        "sizes": {"run": count},
    }
    layers = [
        {"branch": paths, "join": "cat"},
        {"Rearrange": apart},
        {"Mean": {"dim": 1}},
    ]
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


def _write(
    run: RunFolder,
    together: Experiment,
    members: Sequence[Member],
    tuned: dict[str, Any],
    command: str,
) -> None:
    """The folder as a training leaves it, but for what only a training has; figures come from evaluating it."""
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
