"""All conditions of a model together: fitted, encoded, dropped, and drawn where none is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from ...errors import TaskError, did_you_mean
from ...printable import listed
from .one_condition import Condition, fitted
from .values import LISTED, Annotated, Value, value_of

MOST_COMBINATIONS = 4096  # of values that occur together, kept to draw from


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
            condition = fitted(name, column, name in wanted)
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

    def without(
        self, inputs: Mapping[str, Tensor], names: Sequence[str] = ()
    ) -> dict[str, Tensor]:
        """The inputs with these conditions dropped in every row; with all of them where no name is given."""
        found = dict(inputs)
        for one in self.each:
            if not names or one.name in names:
                found[one.name] = one.dropped(len(inputs[one.name]))
        return found

    def with_dropout(
        self,
        inputs: Mapping[str, Tensor],
        share: float,
        rng: Generator,
        names: Sequence[str] = (),
    ) -> dict[str, Tensor]:
        """The inputs with these conditions, default: all, of a random `share` of the rows dropped together.

        Source: Ho & Salimans, "Classifier-Free Diffusion Guidance", 2022, algorithm 1.
        """
        if not self.each or not share:
            return dict(inputs)
        found = self.without(inputs, names)
        count = len(next(iter(inputs.values())))
        lost = torch.from_numpy(rng.random(count) < share)
        for one in self.each:
            given = inputs[one.name]
            mask = lost.view(-1, *[1] * (given.ndim - 1))
            found[one.name] = torch.where(mask, found[one.name], given)
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
