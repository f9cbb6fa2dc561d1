"""The labels of a corpus: which there are, and which of them a recording has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import Item
from ...errors import TaskError, did_you_mean
from .config import TaggingConfig


def values_of(item: Item, config: TaggingConfig) -> list[str]:
    """The labels of a recording, as words. Raises TaskError E506 where there must be one and there are several."""
    values = [str(atom.value) for atom in item.annotations.get(config.annotation, ())]
    if config.labels == "one" and len(set(values)) > 1:
        raise TaskError(
            f"'{item.key}' has {len(values)} values of '{config.annotation}', but task.labels is one",
            code="E506",
            facts=[("values", ", ".join(values))],
            help="set task.labels to several, or keep one of them",
        )
    return list(dict.fromkeys(values))


def labels_of(items: Sequence[Item], config: TaggingConfig) -> list[str]:
    """Every label that occurs, sorted. Raises as `values_of`, and TaskError E503 where there are fewer than two."""
    labels = sorted({value for item in items for value in values_of(item, config)})
    if len(labels) < 2:
        raise TaskError(
            f"expected recordings with at least two different labels in '{config.annotation}'",
            code="E503",
            facts=[
                ("labels", ", ".join(labels) or "none"),
                ("recordings", str(len(items))),
            ],
            help="task.annotation names the annotation; look at the corpus with `mirbricks data info`",
        )
    return labels


def truth_of(
    items: Sequence[Item], labels: Sequence[str], config: TaggingConfig
) -> NDArray[np.bool_]:
    """(items, K): which label each recording has. Raises TaskError E507 for a label that is not one of `labels`."""
    column = {label: k for k, label in enumerate(labels)}
    truth = np.zeros((len(items), len(labels)), bool)
    for row, item in enumerate(items):
        for value in values_of(item, config):
            if value not in column:
                raise unknown_label(value, item.key, labels)
            truth[row, column[value]] = True
    return truth


def unknown_label(value: str, key: str, labels: Sequence[str]) -> TaskError:
    """A label that training has never seen cannot be found, and to count it as missed would say little."""
    listed = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
    return TaskError(
        f"'{key}' has the label '{value}', which no recording of the training had",
        code="E507",
        facts=[("labels", listed)],
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
            facts=[
                (
                    "labels",
                    ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else ""),
                )
            ],
            help="take another --fold or split, or more recordings of it",
        )


def refuse_other_size(
    found: int, labels: Sequence[str], annotation: str, where: Any
) -> None:
    """Raise TaskError E508 where the graph's last layer gives another number of scores than there are labels."""
    if found != len(labels):
        raise TaskError(
            f"the graph gives {found} scores, but '{annotation}' has {len(labels)} labels in the training recordings",
            code="E508",
            where=where,
            facts=[
                (
                    "labels",
                    ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else ""),
                )
            ],
            help=f"let the last layer give {len(labels)}; "
            "or, if only this fold lacks recordings of a label, take another",
        )
