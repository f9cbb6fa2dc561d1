"""Labels of recordings: which there are, which of them a recording has, and what a model predicts of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.corpus import Item
from ..data.stores.cells import guarded_cell
from ..errors import TaskError, Where, did_you_mean
from ..outputs.layers import Layer, TagScores
from ..printable import listed
from .predictions import Prediction

Float64 = NDArray[np.float64]
NAMED = 5  # labels that the `repr` of a prediction names
LISTED = 20  # labels that a message names


@dataclass(frozen=True)
class Labelling:
    """How labels are read: from a global annotation, one per recording or several."""

    annotation: str
    several: bool

    def values_of(self, item: Item) -> list[str]:
        """The labels of a recording. Raises TaskError E506 where there must be one and there are several."""
        atoms = item.annotations.get(self.annotation, ())
        values = [str(atom.value) for atom in atoms]
        if not self.several and len(set(values)) > 1:
            raise TaskError(
                f"'{item.key}' has {len(values)} values of '{self.annotation}', but task.labels is one",
                code="E506",
                facts=[("values", ", ".join(values))],
                help="set task.labels to several, or keep one of them",
            )
        return list(dict.fromkeys(values))

    def labels_of(self, items: Sequence[Item]) -> list[str]:
        """Every label that occurs, sorted. Raises as `values_of`, and TaskError E503 for fewer than two."""
        # Sorted, so that the order of the scores does
        # not depend on the order of the corpus.
        labels = sorted({value for item in items for value in self.values_of(item)})
        if len(labels) < 2:
            raise TaskError(
                f"expected recordings with at least two different labels in '{self.annotation}'",
                code="E503",
                facts=[
                    ("labels", ", ".join(labels) or "none"),
                    ("recordings", str(len(items))),
                ],
                help="task.annotation names the annotation; look at the corpus with `mirbricks data info`",
            )
        return labels

    def truth_of(
        self, items: Sequence[Item], labels: Sequence[str]
    ) -> NDArray[np.bool_]:
        """(items, K): which label each recording has. Raises TaskError E507 for one that is not in `labels`."""
        column = {label: k for k, label in enumerate(labels)}
        truth = np.zeros((len(items), len(labels)), bool)
        for row, item in enumerate(items):
            for value in self.values_of(item):
                if value not in column:
                    raise unknown_label(value, item.key, labels)
                truth[row, column[value]] = True
        return truth


def unknown_label(value: str, key: str, labels: Sequence[str]) -> TaskError:
    """E507: a label that training has never seen cannot be found, and to count it as missed would say little."""
    return TaskError(
        f"'{key}' has the label '{value}', which no recording of the training had",
        code="E507",
        facts=[("labels", listed(labels, LISTED, quote=""))],
        help=did_you_mean(value, labels)
        or "leave such recordings out, or train on them too",
    )


def refuse_unseen(known: set[str], labels: Sequence[str], annotation: str) -> None:
    """Raise TaskError E507 where recordings that do not train have a label that none has that trains."""
    unseen = sorted(known.difference(labels))
    if unseen:
        raise TaskError(
            f"no recording that trains has the label '{unseen[0]}' of '{annotation}', which others of the corpus have",
            code="E507",
            facts=[("labels", listed(labels, LISTED, quote=""))],
            help="take another fold or split, or more recordings of it",
        )


def refuse_other_size(
    found: int, labels: Sequence[str], annotation: str, where: Where | None
) -> None:
    """Raise TaskError E508 where the graph's last layer gives another number of scores than there are labels."""
    if found != len(labels):
        raise TaskError(
            f"the graph gives {found} scores, but '{annotation}' has {len(labels)} labels in the training recordings",
            code="E508",
            where=where,
            facts=[("labels", listed(labels, LISTED, quote=""))],
            help=f"let the last layer give {len(labels)}; "
            "or, if only this fold lacks recordings of a label, take another",
        )


@dataclass(frozen=True, repr=False, eq=False)
class Tags(Prediction):
    """Labels of a recording, with their scores over time.

    Parameters
    ----------
    vocabulary : tuple of str, K
        Every label that the model knows.
    probabilities : array of float, (K,)
        Of the whole recording: means over the patches.
    labels : tuple of str
        The labels that the recording has: the best one, or all whose probability reaches their threshold.
    times_s : array of float, (P,)
        Centres of the patches in seconds.
    over_time : array of float, (P, K)
        Probabilities of each patch.
    """

    with_sound: ClassVar[bool] = True

    vocabulary: tuple[str, ...]
    probabilities: Float64
    labels: tuple[str, ...]
    times_s: Float64
    over_time: Float64

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.vocabulary[int(self.probabilities.argmax())]

    @property
    def scores(self) -> dict[str, float]:
        """The probability of every label, the most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return {self.vocabulary[k]: float(self.probabilities[k]) for k in order}

    def answer(self) -> str:
        """The labels that the recording has, with their probabilities."""
        scores = self.scores
        ranked = [label for label in scores if label in self.labels]
        words = [f"{label} ({scores[label]:.2f})" for label in ranked]
        if not words:
            return f"no label; the best is {self.label} ({scores[self.label]:.2f})"
        return listed(words, NAMED, quote="")

    def files(self) -> dict[str, bytes]:
        """The labels as JSON, the most probable first; the scores over time as CSV."""
        listed = [
            {"label": label, "score": round(score, 6)}
            for label, score in self.scores.items()
        ]
        text = json.dumps(
            {"given": list(self.labels), "scores": listed}, indent=1, ensure_ascii=False
        )
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        # A label of somebody's corpus may look like a formula.
        writer.writerow(["time_s", *map(guarded_cell, self.vocabulary)])
        for time_s, row in zip(self.times_s, self.over_time, strict=True):
            writer.writerow([f"{time_s:.3f}", *(f"{score:.5f}" for score in row)])
        return {
            ".tags.json": f"{text}\n".encode(),
            ".tags.csv": table.getvalue().encode(),
        }

    def layers(self) -> list[Layer]:
        """Every label with its probability."""
        return [TagScores("labels", list(self.scores.items()), self.labels)]

    def plot(self, ax: Any = None) -> Any:
        """The scores over time, a row per label; see `Prediction.plot`."""
        from ..plots.tags import tagogram  # matplotlib takes a second to import

        return tagogram(
            **self._rows(),
            title=self.title,
            ax=ax,
            length_s=self.recorded_s or None,
            note=self.knows(),
        )

    def plot_with(self, samples: Any, sr_hz: int) -> Any:
        """The scores over time below the spectrogram of the recording; see `Prediction.plot_with`."""
        from ..plots.tags import sound_and_tags  # matplotlib takes a second to import

        return sound_and_tags(samples, sr_hz, self._rows(), self.title, self.knows())

    def _rows(self) -> dict[str, Any]:
        return {
            "times_s": self.times_s,
            "scores": self.over_time,
            "labels": self.vocabulary,
            "given": self.labels,
        }

    def knows(self) -> str:
        """How many labels, and what the model was trained on: it knows no other, whatever it is given."""
        kinds = f"one of {len(self.vocabulary)} labels"
        if not self.trained_on:
            return kinds
        return f"{kinds}; trained on {self.trained_on}"
