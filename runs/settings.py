"""settings.json of a run: what evaluating it and its report need besides graph and weights."""

from __future__ import annotations

import platform
from typing import Any, Literal, get_args

import numpy
import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from ..data.corpus import Corpus
from ..data.splitting.splits import Split
from ..errors import RunError
from ..tasks.base import Figures, Task
from ..version import __version__
from .folder import FORM, SETTINGS, WEIGHTS, RunFolder

Side = Literal["train", "valid", "test"]


class RunSettings(BaseModel):
    """The settings of a run whose training has ended. `fold` is None for a corpus's own split.

    `fingerprint` is that of the corpus; runs of the first version have none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORM
    corpus: str
    fingerprint: str | None = None
    data: str
    fold: int | None
    split: dict[str, tuple[str, ...]]
    command: str
    versions: dict[str, str]
    best_step: int
    stopped: str
    training_s: float
    tuned: dict[str, Any]
    evaluated_on: Side
    figures: dict[str, float]
    tracks: dict[str, Figures]

    @field_validator("figures", mode="before")
    @classmethod
    def _without_undefined(cls, value: object) -> object:
        """What is null in settings.json was undefined on these tracks."""
        if isinstance(value, dict):
            return {name: one for name, one in value.items() if one is not None}
        return value

    def is_of(self, corpus: Corpus) -> bool:
        """Whether the run was trained on this corpus: the same recordings; in the first runs, the same name."""
        if self.fingerprint is None:
            return self.corpus == corpus.name
        return self.fingerprint == corpus.fingerprint


def at_start(
    corpus: Corpus, split: Split, fold: int | None, command: str
) -> dict[str, Any]:
    """What is known when a training begins."""
    return {
        "corpus": corpus.name,
        "fingerprint": corpus.fingerprint,
        "data": str(corpus.folder),
        "fold": fold,
        "split": {"train": split.train, "valid": split.valid, "test": split.test},
        "command": command,
        "format": FORM,
        "versions": {
            "mirbricks": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
    }


def read_settings(run: RunFolder, task: Task) -> RunSettings:
    """Raises E605 without the file, E609 where the training has not ended, E606 where something is missing or wrong."""
    # A run folder without settings.json is reported as missing a file, not as a training that goes on.
    run.file(WEIGHTS if run.packed else SETTINGS)
    raw = run.read_settings()
    if "tuned" not in raw:
        message = f"the training in '{run.path}' has not ended"
        raise RunError(
            message, code="E609", help="go on with `mirbricks train ... --resume`"
        )
    try:
        settings = RunSettings.model_validate(raw)
    except ValidationError as error:
        # One fault is enough: a damaged file has many, and one remedy.
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            reason = f"it has no '{place}'"
        else:
            reason = f"'{place}': {first['msg']}"
        raise run.damaged(SETTINGS, reason) from error
    for name, kind in task.tuned.items():
        # A figure that tasks came to choose later is None in older runs.
        if name not in settings.tuned and type(None) in get_args(kind):
            continue
        if name not in settings.tuned:
            raise run.damaged(SETTINGS, f"it has no 'tuned.{name}'")
        try:
            TypeAdapter(kind).validate_python(settings.tuned[name])
        except ValidationError as error:
            raise run.damaged(
                SETTINGS, f"'tuned.{name}': {error.errors()[0]['msg']}"
            ) from error
    return settings
