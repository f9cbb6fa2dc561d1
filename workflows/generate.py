"""Generation: sounds of a trained model, a batch at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, MirbricksError, TaskError
from ..printable import listed
from ..runs.folder import RunFolder
from ..runs.settings import RunSettings
from ..spelling import did_you_mean
from ..tasks.base import Task
from ..tasks.conditions import Condition, as_number
from ..tasks.sounds import Sound
from .experiment import Experiment
from .loading import load_run
from .progress import Progress, plural

AT_ONCE = 8  # sounds that are made together: what is done is kept when the work is interrupted
LISTED = 20  # conditions that a message names
FARTHEST = 100  # spans of the training's numbers beyond them: what is further off overflows, and was meant otherwise
SECTION = "task."  # what begins with it is a setting, everything else a condition

Conditions = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What `--set` asks for: conditions of the sounds, and settings of the task instead of those of the run."""

    conditions: Mapping[str, Sequence[str]]
    overrides: tuple[str, ...]


def asked_of(words: Sequence[str]) -> Asked:
    """The two kinds of KEY=VALUE: `task.temperature=.9` is a setting, `instrument=guitar` a condition.

    A condition that is given several times has each of its values. Raises DataError E650 for another form.
    """
    conditions: dict[str, list[str]] = {}
    overrides = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise DataError(
                f"expected NAME=VALUE, got '{word}'",
                code="E650",
                help="a condition is NAME=VALUE, a setting of the task task.KEY=VALUE",
            )
        if name.startswith(SECTION):
            overrides.append(word)
        else:
            conditions.setdefault(name.strip(), []).append(value.strip())
    return Asked(conditions, tuple(overrides))


def best_of(count: int | None) -> tuple[str, ...]:
    """The setting of `--best-of` as an override; nothing where it is not given."""
    if count is None:
        return ()
    return (f"{SECTION}best_of={count}",)


def refuse_others(overrides: Sequence[str]) -> None:
    """Raise DataError E650 for a setting that is not one of the task."""
    for word in overrides:
        if not word.startswith(SECTION):
            raise DataError(
                f"'{word.partition('=')[0]}' is not a setting of the task",
                code="E650",
                help="settings are called task.KEY; conditions go into `conditions`",
            )


def refuse_fixed(task: Task, overrides: Sequence[str]) -> None:
    """Raise DataError E650 for a setting that the weights were trained with: another value makes no sense of them."""
    for word in overrides:
        name = word.partition("=")[0].removeprefix(SECTION).partition(".")[0].strip()
        # What no task knows has its own message, with the nearest name.
        is_setting = name in task.Config.model_fields
        if task.of_sampling and is_setting and name not in task.of_sampling:
            raise DataError(
                f"--set {word}: the model was trained with its '{name}', which cannot be changed afterwards",
                code="E650",
                facts=[("settings", listed(task.of_sampling, LISTED))],
                help=f"leave it out, or train with it: mirbricks train ... --set {word}",
            )


def opened(
    run_folder: RunFolder, overrides: Sequence[str]
) -> tuple[Experiment, RunSettings]:
    """A run with other settings of its task. Raises as `load_run` and `refuse_fixed`."""
    try:
        experiment, settings = load_run(run_folder, overrides)
    except MirbricksError:
        # Weights rarely fit what they were not trained with: then this is the reason, and no fault of the graph.
        if overrides:
            refuse_fixed(load_run(run_folder)[0].task, overrides)
        raise
    refuse_fixed(experiment.task, overrides)
    return experiment, settings


def in_turn(conditions: Mapping[str, Sequence[str]], n: int) -> dict[str, Any]:
    """Each combination of the values in turn, over n sounds; one value stays one value.

    Raises DataError E650 where there are more combinations than sounds.
    """
    names = list(conditions)
    combinations = list(itertools.product(*conditions.values()))
    if len(combinations) > n:
        raise DataError(
            f"{len(combinations)} combinations of conditions need as many sounds, got --n {n}",
            code="E650",
            help=f"add --n {len(combinations)}, or leave some values out",
        )
    given: dict[str, Any] = {}
    for place, name in enumerate(names):
        if len(conditions[name]) == 1:
            given[name] = conditions[name][0]
        else:
            turns = itertools.islice(itertools.cycle(combinations), n)
            given[name] = [values[place] for values in turns]
    return given


def generate(
    experiment: Experiment,
    settings: RunSettings,
    n: int,
    conditions: Conditions,
    seed: int,
    progress: Progress,
) -> Iterator[Sound]:
    """Sounds of a model, made `AT_ONCE` at a time so that memory does not grow with n.

    Parameters
    ----------
    experiment, settings
        Of a run, as `load_run` gives them.
    n : int
        How many.
    conditions : mapping
        A value for all of them, or a list of n values, by name.
    seed : int
        The same seed gives the same sounds; those of a longer list begin with those of a shorter one where both are
        whole batches.

    Yields
    ------
    Sound

    Raises
    ------
    TaskError
        Before anything is computed: E514 for a task that makes no sounds, E560 for an unknown condition, E561 for a
        value that was not seen in training, E563 for a list of another length.
    """
    task = experiment.task
    conditions = {name: _plain(given) for name, given in conditions.items()}
    known = task.conditions_of(settings.tuned)
    if task.generates:
        _refuse_unfit(
            conditions, known, n, setting_names=list(task.Config.model_fields)
        )
        for note in _beyond_training(conditions, known):
            progress.note(note)
    return _batches(experiment, settings, n, conditions, seed, progress)


def _batches(
    experiment: Experiment,
    settings: RunSettings,
    n: int,
    conditions: Conditions,
    seed: int,
    progress: Progress,
) -> Iterator[Sound]:
    task = experiment.task
    for first in range(0, n, AT_ONCE):
        count = min(AT_ONCE, n - first)
        label = f"sounds {first + 1} to {first + count} of {n}"
        with progress.sharing(label) as on_share:
            made = task.generate(
                experiment.model,
                settings.tuned,
                n=count,
                conditions=_part(conditions, first, count),
                seed=_seed_of(seed, first // AT_ONCE),
                on_share=on_share,
            )
        yield from made


def _part(conditions: Conditions, first: int, count: int) -> dict[str, Any]:
    """The conditions of some of the sounds."""
    part = {}
    for name, value in conditions.items():
        if _is_list(value):
            value = list(value)[first : first + count]
        part[name] = value
    return part


def _seed_of(seed: int, batch: int) -> int:
    """A seed of its own for each batch; the first has the seed itself, as a task's own `generate` would."""
    if batch == 0:
        return seed
    drawn = np.random.SeedSequence((seed, batch)).generate_state(1, np.uint64)
    return int(drawn[0] >> np.uint64(1))  # torch takes 63 bits


def _plain(given: Any) -> Any:
    """A value, or a list of values, whatever holds them: an array, a tensor, a column of a table, a range."""
    if hasattr(given, "tolist"):
        return given.tolist()
    if isinstance(given, tuple | range):
        return list(given)
    return given


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _refuse_unfit(
    conditions: Conditions,
    known: Mapping[str, Sequence[Any]],
    n: int,
    setting_names: Sequence[str],
) -> None:
    """Raise E560, E561 or E563 for conditions that the model cannot fulfil, in whatever batch they stand."""
    for name, given in conditions.items():
        if name not in known:
            raise TaskError(
                f"the model has no condition '{name}'",
                code="E560",
                facts=[("conditions", listed(list(known), LISTED) or "none")],
                help=_near(name, known, setting_names),
            )
        values = list(given) if _is_list(given) else [given]
        if _is_list(given) and len(values) != n:
            raise TaskError(
                f"the condition '{name}' has {plural(len(values), 'value')} for {plural(n, 'sound')}",
                code="E563",
                help=f"give one value for all, or {n} of them",
            )
        condition = Condition(name, tuple(known[name]))
        # Of a number that is read as a scaled value only the least and the greatest are known: the task decides.
        if condition.is_number and len(condition.values) == 2:
            _refuse_far(condition, values)
            continue
        for value in dict.fromkeys(values):
            if value is not None:
                condition.known(value)


def _refuse_far(condition: Condition, values: Sequence[Any]) -> None:
    """Raise E561 for a number that is nowhere near the least and the greatest of the training recordings."""
    least, greatest = (float(value) for value in condition.values)
    span = (greatest - least) or 1.0
    for number in map(as_number, values):
        if number is None:
            continue
        if not least - FARTHEST * span <= number <= greatest + FARTHEST * span:
            raise TaskError(
                f"the condition '{condition.name}' is far from all that was learned, got {number:g}",
                code="E561",
                facts=[
                    ("values", f"{least:g} to {greatest:g} in the training recordings")
                ],
                help="give a number near these",
            )


def _beyond_training(
    conditions: Conditions, known: Mapping[str, Sequence[Any]]
) -> Iterator[str]:
    """A note for each condition with numbers below the least of the training recordings, or above their greatest."""
    for name, given in conditions.items():
        condition = Condition(name, tuple(known[name]))
        if not condition.is_number:
            continue
        learned = [float(value) for value in condition.values]
        values = list(given) if _is_list(given) else [given]
        numbers = [as_number(value) for value in values]
        beyond = []
        for number in dict.fromkeys(numbers):
            if number is None:
                continue
            if not min(learned) <= float(number) <= max(learned):
                beyond.append(str(number))
        if beyond:
            least, greatest = condition.values[0], condition.values[-1]
            yield (
                f"the training recordings have '{name}' from {least} to {greatest}: what comes of "
                f"{listed(beyond, LISTED, quote='')} was not learned"
            )


def _near(
    name: str, known: Mapping[str, Sequence[Any]], setting_names: Sequence[str]
) -> str:
    """What was probably meant: a setting of the task, or another condition."""
    if name in setting_names:
        return f"it is a setting of the task: write {SECTION}{name}=..."
    near = did_you_mean(name, known)
    if near:
        return near
    if known:
        return "choose one of these"
    return "leave it out"
