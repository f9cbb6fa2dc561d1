"""Conditions: what a generating model is asked for, such as an instrument and a pitch, from annotations.

Labels, and numbers where the graph wants classes, become class numbers; the class after the last one means "dropped",
which classifier-free guidance needs (Ho & Salimans, arXiv:2207.12598). Numbers otherwise become two features: the
value over the spread of the training recordings, and 1; a dropped one is (0, 0). Everything is fitted on training
recordings only and kept as plain JSON values in the settings of a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from ..errors import TaskError, Where, did_you_mean
from ..printable import listed

LISTED = 20  # values that a message names
MOST_COMBINATIONS = 4096  # of values that occur together, kept to draw from
NUMBER_FEATURES = 2  # the value, and whether there is one

Value = str | int | float


class Annotated(Protocol):
    """A recording with annotations: an item of a corpus."""

    @property
    def key(self) -> str: ...
    @property
    def annotations(self) -> Mapping[str, Sequence[Any]]: ...


@dataclass(frozen=True)
class Condition:
    """One condition.

    Parameters
    ----------
    name : str
        The annotation that it is read from.
    values : tuple of str, int or float
        Every value of the training recordings, sorted.
    mean, deviation : float, optional
        Of a number that is given as a scaled value; None for classes.
    """

    name: str
    values: tuple[Value, ...]
    mean: float | None = None
    deviation: float | None = None

    @property
    def is_number(self) -> bool:
        """Whether values are numbers, as classes or scaled."""
        return not isinstance(self.values[0], str)

    @property
    def is_scaled(self) -> bool:
        """Whether the model is given a scaled value, and not the number of a class."""
        return self.mean is not None

    @property
    def n_classes(self) -> int:
        """Classes with the one of a dropped condition; 0 for a scaled value."""
        if self.is_scaled:
            return 0
        return len(self.values) + 1

    def encode(self, values: Sequence[Value | None]) -> Tensor:
        """Class numbers (B,) int64, or scaled values (B, 2) float32; None is a dropped condition.

        Raises TaskError E561 for a value that no training recording has, of scaled ones for what is not a number.
        """
        if self.mean is None or self.deviation is None:
            numbers = {value: number for number, value in enumerate(self.values)}
            dropped = len(self.values)
            rows = []
            for value in values:
                rows.append(dropped if value is None else numbers[self.known(value)])
            return torch.tensor(rows, dtype=torch.int64)
        pairs = torch.zeros(len(values), NUMBER_FEATURES)
        for row, value in enumerate(values):
            if value is not None:
                scaled = (float(self.known(value)) - self.mean) / self.deviation
                pairs[row] = torch.tensor([scaled, 1.0])
        return pairs

    def dropped(self, count: int) -> Tensor:
        """The condition of `count` sounds of which it is not known."""
        return self.encode([None] * count)

    def known(self, value: Any) -> Value:
        """The value as the training recordings have it: "60" is the number 60. Raises TaskError E561."""
        plain = _plain(value)
        if self.is_number:
            number = as_number(plain)
            if number is not None and (self.is_scaled or number in self.values):
                return number
            raise self._not_seen(value)
        if str(plain) in self.values:
            return str(plain)
        raise self._not_seen(value)

    def _not_seen(self, value: object) -> TaskError:
        if self.is_scaled:
            message = f"the condition '{self.name}' is a number, got '{value}'"
            span = f"{self.values[0]} to {self.values[-1]} in the training recordings"
            return TaskError(
                message, code="E561", facts=[("values", span)], help="give a number"
            )
        words = [str(known) for known in self.values]
        near = None
        if not self.is_number:
            near = did_you_mean(str(value), words)
        return TaskError(
            f"no training recording has '{value}' as its '{self.name}'",
            code="E561",
            facts=[("values", listed(words, LISTED, quote=""))],
            help=near or "choose one of these values",
        )


@dataclass(frozen=True)
class Conditions:
    """All conditions of a model, in the order of the task's settings.

    Parameters
    ----------
    each : tuple of Condition
        The conditions.
    together : tuple of tuples
        Values that occur together in a training recording: what is drawn from where a condition is left out.

    Examples
    --------
    >>> from mirbricks.data import Atom, Entry
    >>> class Note:
    ...     def __init__(self, key, instrument, pitch):
    ...         self.key = key
    ...         self.annotations = {"instrument": (Atom(instrument),), "pitchmidi": (Atom(pitch),)}
    >>> notes = [Note("a.wav", "flute", 72), Note("b.wav", "cello", 40)]
    >>> conditions = Conditions.fit(notes, ["instrument", "pitchmidi"])
    >>> conditions.encode(conditions.of(notes))["instrument"]       # sorted: cello, flute
    tensor([1, 0])
    >>> conditions.dropped(2)["instrument"]
    tensor([2, 2])
    """

    each: tuple[Condition, ...] = ()
    together: tuple[tuple[Value, ...], ...] = ()

    @classmethod
    def fit(
        cls,
        items: Sequence[Annotated],
        names: Sequence[str],
        scaled: Iterable[str] = (),
    ) -> Conditions:
        """The conditions of training recordings.

        Parameters
        ----------
        items : sequence of items
            The training recordings, and no others.
        names : sequence of str
            Their annotations that are conditions.
        scaled : iterable of str
            Those that the model reads as scaled values, and not as classes: see `scaled_inputs`.

        Raises
        ------
        TaskError
            E560 for an annotation that a recording lacks, or has several values of; E562 for a scaled condition that
            is not a number.
        """
        wanted = set(scaled)
        columns = {name: [value_of(item, name) for item in items] for name in names}
        each = []
        known = []
        for name, column in columns.items():
            condition = _fitted(name, column, name in wanted)
            each.append(condition)
            known.append([condition.known(value) for value in column])
        distinct = sorted(set(zip(*known, strict=True)), key=_sortable)
        # A spread of them is as good to draw from, and the file stays small.
        step = math.ceil(len(distinct) / MOST_COMBINATIONS) or 1
        return cls(tuple(each), tuple(distinct[::step]))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the conditions."""
        return tuple(one.name for one in self.each)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a run's settings."""
        each = []
        for one in self.each:
            values = [one.values[0], one.values[-1]] if one.is_scaled else one.values
            each.append(
                {
                    "name": one.name,
                    "values": list(values),
                    "mean": one.mean,
                    "deviation": one.deviation,
                }
            )
        return {"each": each, "together": [list(row) for row in self.together]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Conditions:
        """The conditions that `to_json` wrote."""
        each = []
        for one in stored["each"]:
            each.append(
                Condition(
                    one["name"], tuple(one["values"]), one["mean"], one["deviation"]
                )
            )
        return cls(tuple(each), tuple(tuple(row) for row in stored["together"]))

    def known(self) -> dict[str, list[Value]]:
        """The values that may be asked for, by name; of scaled ones the least and the greatest seen."""
        found = {}
        for one in self.each:
            ends = [one.values[0], one.values[-1]]
            found[one.name] = ends if one.is_scaled else list(one.values)
        return found

    def of(self, items: Sequence[Annotated]) -> list[dict[str, Value]]:
        """What recordings are annotated with. Raises TaskError E560, and E561 naming the recording."""
        rows = []
        for item in items:
            row = {}
            for one in self.each:
                value = value_of(item, one.name)
                try:
                    row[one.name] = one.known(value)
                except TaskError as error:
                    raise TaskError(
                        f"'{item.key}': {error.message}",
                        code="E561",
                        facts=error.facts,
                        help="leave such recordings out, train on recordings with this value too, or let the graph "
                        f"read '{one.name}' as a number where it is one: `{one.name}: B D=2`",
                    ) from error
            rows.append(row)
        return rows

    def encode(self, rows: Sequence[Mapping[str, Value | None]]) -> dict[str, Tensor]:
        """Model inputs by name: (B,) int64 class numbers or (B, 2) float32; a missing value or None is dropped."""
        return {
            one.name: one.encode([row.get(one.name) for row in rows])
            for one in self.each
        }

    def dropped(self, count: int) -> dict[str, Tensor]:
        """Model inputs for `count` sounds without any condition."""
        return {one.name: one.dropped(count) for one in self.each}

    def with_dropout(
        self, inputs: Mapping[str, Tensor], share: float, rng: Generator
    ) -> dict[str, Tensor]:
        """The inputs with all conditions of a random `share` of the rows dropped together.

        Source: Ho & Salimans, "Classifier-Free Diffusion Guidance", 2022, algorithm 1.
        """
        found = dict(inputs)
        if not self.each or not share:
            return found
        count = len(next(iter(inputs.values())))
        lost = torch.from_numpy(rng.random(count) < share)
        for one in self.each:
            given = inputs[one.name]
            mask = lost.view(-1, *[1] * (given.ndim - 1))
            found[one.name] = torch.where(mask, one.dropped(count), given)
        return found

    def asked(
        self, given: Mapping[str, Any], count: int, seed: int
    ) -> list[dict[str, Value]]:
        """What each of `count` sounds is asked for: the values given, the others drawn from the training recordings.

        Parameters
        ----------
        given : mapping of str to value or list
            One value for all sounds, or a list of `count` values.
        count : int
            Sounds.
        seed : int
            Of the values that are drawn: a row of a training recording that has the values given, if there is one.

        Raises
        ------
        TaskError
            E560 for a condition that the model does not have, E561 for a value that it was not trained on, E563 for
            a list of another length.
        """
        self._refuse_unknown(given)
        rng = np.random.default_rng((seed, count))
        rows: list[dict[str, Value]] = []
        for place in range(count):
            wanted = {}
            for one in self.each:
                if given.get(one.name) is not None:
                    value = _at(one.name, given[one.name], place, count)
                    wanted[one.name] = one.known(value)
            rows.append({**self._drawn(wanted, rng), **wanted})
        return [{name: row[name] for name in self.names} for row in rows]

    def _refuse_unknown(self, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self.names:
                message = f"the model has no condition '{name}'"
                raise TaskError(
                    message,
                    code="E560",
                    facts=[("conditions", listed(self.names, LISTED) or "none")],
                    help=did_you_mean(name, self.names) or "choose one of these",
                )

    def _drawn(
        self, wanted: Mapping[str, Value], rng: Generator
    ) -> Mapping[str, Value]:
        """Values of one training recording that has what is wanted; of any where none has all of it."""
        if len(wanted) == len(self.each):
            return wanted
        rows = [dict(zip(self.names, row, strict=True)) for row in self.together]
        fitting = []
        for row in rows:
            if all(row[name] == value for name, value in wanted.items()):
                fitting.append(row)
        among = fitting or rows
        return among[int(rng.integers(len(among)))]


def scaled_inputs(
    names: Iterable[str], input_shapes: Mapping[str, Sequence[int | str]]
) -> set[str]:
    """The conditions that a graph reads as (B, 2), scaled values, and not as (B,), class numbers."""
    return {
        name for name in names if name in input_shapes and len(input_shapes[name]) > 1
    }


def refuse_inputs(
    names: Sequence[str],
    input_shapes: Mapping[str, Sequence[int | str]],
    others: Sequence[str],
    where: Where | None = None,
) -> None:
    """Raise TaskError E564 where the graph's inputs are not those of `others` and one for each condition.

    A condition is read as `NAME: B`, class numbers, or `NAME: B D=2`, a scaled value and whether there is one.
    """
    for name in names:
        shape = input_shapes.get(name)
        if shape is None:
            raise TaskError(
                f"the graph has no input for the condition '{name}'",
                code="E564",
                where=where,
                facts=[("inputs", listed(list(input_shapes), LISTED))],
                help=f"add `{name}: B` to `input:`, or take it out of task.conditions",
            )
        if len(shape) == 1 or (len(shape) == 2 and shape[1] == NUMBER_FEATURES):
            continue
        raise TaskError(
            f"the graph cannot read the condition '{name}' by its input of {len(shape)} axes",
            code="E564",
            where=where,
            help=f"write `{name}: B` for class numbers, or `{name}: B D={NUMBER_FEATURES}` for a scaled number",
        )
    for name in input_shapes:
        if name not in names and name not in others:
            raise TaskError(
                f"the task has nothing for the graph's input '{name}'",
                code="E564",
                where=where,
                facts=[("given", listed([*others, *names], LISTED))],
                help=did_you_mean(name, [*others, *names])
                or "name an annotation in task.conditions, or leave the input out",
            )


def value_of(item: Annotated, name: str) -> Value:
    """The one value of an annotation of a recording. Raises TaskError E560 for none, or several."""
    values = []
    for atom in item.annotations.get(name, ()):
        several = atom.value if isinstance(atom.value, list) else [atom.value]
        values += [_plain(value) for value in several]
    distinct = list(dict.fromkeys(values))
    if len(distinct) == 1:
        value: Value = distinct[0]
        return value
    known = sorted(set(item.annotations) - {"filepath"})
    if distinct:
        message = f"'{item.key}' has {len(distinct)} values of the condition '{name}', and a sound has one"
        raise TaskError(
            message,
            code="E560",
            facts=[("values", listed([str(v) for v in distinct], LISTED, quote=""))],
            help="choose an annotation with one value per recording",
        )
    raise TaskError(
        f"'{item.key}' has no annotation '{name}', which is a condition",
        code="E560",
        facts=[("got", listed(known, LISTED) or "no annotations")],
        help=did_you_mean(name, known) or "set task.conditions to annotations it has",
    )


def as_number(value: Any) -> int | float | None:
    """A number, also one written as text; whole ones as int. None for anything else, NaN and infinity with it."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _fitted(name: str, column: Sequence[Value], scaled: bool) -> Condition:
    numbers = [None if isinstance(value, str) else as_number(value) for value in column]
    plain = [number for number in numbers if number is not None]
    if len(plain) < len(column):
        if scaled:
            message = f"the graph reads '{name}' as a number, and its values are words"
            raise TaskError(
                message,
                code="E562",
                facts=[("got", f"'{next(v for v in column if isinstance(v, str))}'")],
                help=f"write `{name}: B` in `input:`: words are given as class numbers",
            )
        return Condition(name, tuple(sorted({str(value) for value in column})))
    values = tuple(sorted(set(plain)))
    if not scaled:
        return Condition(name, values)
    # One value has no spread, and is as good as any other.
    deviation = float(np.std(plain)) or 1.0
    return Condition(name, values, float(np.mean(plain)), deviation)


def _plain(value: Any) -> Any:
    """Python's own number or text: NumPy's cannot be written as JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _sortable(row: tuple[Value, ...]) -> tuple[tuple[bool, float, str], ...]:
    keys = []
    for value in row:
        is_text = isinstance(value, str)
        keys.append((is_text, 0.0 if is_text else float(value), str(value)))
    return tuple(keys)


def _at(name: str, given: Any, place: int, count: int) -> Any:
    """The value for one sound: that of all, or its own of a list."""
    if not isinstance(given, list | tuple | np.ndarray):
        return given
    if len(given) != count:
        raise TaskError(
            f"the condition '{name}' has {len(given)} values for {count} sounds",
            code="E563",
            help=f"give one value for all, or {count} of them",
        )
    return given[place]
