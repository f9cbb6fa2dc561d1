"""A trained classifier that chooses among sounds, and what is refused before any sound is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...data.stores.downmix import mixed_down
from ...errors import TaskError, Where
from ...features.kinds import feature_of
from ...features.resample import resample
from ...printable import listed
from ..conditions import Condition, Conditions
from ..labels import Tags
from ..sounds import Sound, without_silence
from ..trained import Trained

LISTED = 20  # values that a message names


class Ear:
    """A classifier that finds the probability of a label in a sound.

    Parameters
    ----------
    part : Trained
        A model of the task tagging with `labels: one`.

    Raises
    ------
    TaskError
        E566 for another model.

    Attributes
    ----------
    annotation : str
        The annotation whose values are its labels.
    labels : tuple of str
        What it can tell apart, in the order of its probabilities.
    """

    def __init__(self, part: Any, where: Where | None = None) -> None:
        if not _chooses_one_label(part):
            raise TaskError(
                "task.ear does not choose one of several labels",
                code="E566",
                where=where,
                help="name a model of the task tagging with `labels: one`, such as a run of graphs/notes_ear.yaml",
            )
        self._part = part
        self._feature = feature_of(part.task.feature)
        self.annotation = str(part.task.config.annotation)
        self.labels = tuple(str(label) for label in part.settings["labels"])

    def probabilities(self, sound: Sound) -> NDArray[np.float64]:
        """The probability of each label (K,); zeros for a sound that is nothing but silence."""
        # Short notes come with silence behind them, which says nothing of the label.
        wave = without_silence(mixed_down(sound.samples))
        if not len(wave):
            return np.zeros(len(self.labels))
        config = self._part.task.feature
        samples = resample(torch.from_numpy(wave)[None], sound.sr_hz, config.sr_hz)
        if config.audio_channels > 1:
            samples = samples.expand(1, config.audio_channels, -1)
        with torch.inference_mode():
            values = self._feature(samples)[0]
        found = self._part.task.predict(self._part.module, values, self._part.settings)
        assert isinstance(found, Tags)
        return np.asarray(found.probabilities, np.float64)

    def best_of(
        self, sounds: Sequence[Sound], asked: Sequence[Mapping[str, Any]]
    ) -> list[int]:
        """The places of the chosen sounds.

        Parameters
        ----------
        sounds : sequence of Sound
            As many for each row of `asked`, side by side.
        asked : sequence of mapping
            The conditions of each sound that is wanted.

        Returns
        -------
        list of int
            For each row the sound whose label has the highest probability; of several such the first.
        """
        tries = len(sounds) // len(asked)
        chosen = []
        for number, row in enumerate(asked):
            first = number * tries
            label = self.labels.index(str(row[self.annotation]))
            among = sounds[first : first + tries]
            found = [self.probabilities(sound)[label] for sound in among]
            chosen.append(first + int(np.argmax(found)))
        return chosen

    def refuse_other_conditions(
        self, names: Sequence[str], scaled: set[str], where: Where | None
    ) -> None:
        """Raise TaskError E566 where its annotation is not a condition with classes.

        Parameters
        ----------
        names : sequence of str
            The conditions.
        scaled : set of str
            Those that the graph reads as numbers of any size.
        where : Where, optional
            The setting that names the ear.
        """
        if self.annotation in scaled:
            raise TaskError(
                f"task.ear finds classes of '{self.annotation}', which the graph reads as a number of any size",
                code="E566",
                where=where,
                help="take an ear of another condition",
            )
        if self.annotation not in names:
            raise TaskError(
                f"task.ear finds the '{self.annotation}' of a sound, and that is not a condition",
                code="E566",
                where=where,
                facts=[("conditions", listed(names, LISTED) or "none")],
                help="take a classifier of one of these, or train with "
                f"'{self.annotation}' among task.conditions",
            )

    def refuse_unknown(self, conditions: Conditions, where: Where | None) -> None:
        """Raise TaskError E567 where a sound may be asked for by a value that the ear does not know."""
        for condition in conditions.each:
            if condition.name == self.annotation:
                self._refuse_unknown_values(condition, where)

    def _refuse_unknown_values(self, condition: Condition, where: Where | None) -> None:
        unknown = []
        for value in condition.values:
            if str(value) not in self.labels:
                unknown.append(str(value))
        if not unknown:
            return
        raise TaskError(
            f"task.ear does not know every value of the condition '{condition.name}'",
            code="E567",
            where=where,
            facts=[
                ("missing", listed(unknown, LISTED, quote="")),
                ("known", listed(self.labels, LISTED, quote="")),
            ],
            help="train an ear on recordings of all these values, or do without: task.ear=null and task.best_of=1",
        )


def _chooses_one_label(part: Any) -> bool:
    if not isinstance(part, Trained) or part.task.name != "tagging":
        return False
    labelling: Any = getattr(part.task, "labelling", None)
    return labelling is not None and not labelling.several
