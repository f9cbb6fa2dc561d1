"""The card of a packed model: what it was trained on, on what terms, and how good it is, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..compiler.module import count_parameters
from ..runs.settings import RunSettings
from ..tasks.separation import Separation
from ..zoo import PREFIX
from ..zoo.corpora import origin_of
from .experiment import Experiment


@dataclass(frozen=True)
class Measured:
    """Figures of an evaluation: on what, and of how many tracks."""

    text: str
    figures: Mapping[str, float]
    n_tracks: int


def card_of(
    name: str,
    experiment: Experiment,
    settings: RunSettings,
    corpora: Sequence[str],
    measured: Sequence[Measured],
    command: str,
    notes: Sequence[str],
) -> str:
    """The text of card.md; `command` is that of the training, without paths, or one per training of an ensemble."""
    count = count_parameters(experiment.model)
    lines = [f"$ {line}" for line in command.splitlines()]
    figures = "None were given."
    if measured:
        figures = _table(measured, experiment.task.headline)

    # The order is that of a reader's questions: what is it, from what data, made how, how good.
    parts = [
        f"# {name}",
        f"{experiment.task.title.capitalize()}: the graph `{experiment.graph.name}`, {count:,} parameters, reads the "
        f"feature `{experiment.feature.type}`.",
        _commands(name, experiment),
        "## Data",
        "\n".join(_origin(corpus) for corpus in corpora),
        f"Split: {_split(settings)}.",
        "## Training",
        "\n".join(["```console", *lines, "```"]),
        f"Weights of step {settings.best_step}; {settings.training_s:.0f} s with torch {settings.versions['torch']}.",
        "## Figures",
        figures,
    ]
    if notes:
        parts += ["## Limits", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts) + "\n"


def _commands(name: str, experiment: Experiment) -> str:
    """How to use it; a model whose features come with a corpus cannot predict from audio, nor one that makes sounds."""
    lines = [f"$ mirbricks evaluate {PREFIX}{name} --data DIR --json"]
    if experiment.task.generates:
        # There is nothing in a recording that it could predict.
        lines.append(f"$ mirbricks generate {PREFIX}{name} --n 8 --out sounds")
        return "\n".join(["```console", *lines, "```"])
    if isinstance(experiment.task, Separation):
        # Its command writes a sound per target, where `predict` writes what is in a recording.
        lines.append(f"$ mirbricks separate {PREFIX}{name} song.wav --out DIR")
        return "\n".join(["```console", *lines, "```"])
    given = experiment.feature.type == "given"
    if not given or getattr(experiment.feature, "from_audio", None):
        lines.append(f"$ mirbricks predict {PREFIX}{name} song.wav")
    return "\n".join(["```console", *lines, "```"])


def _origin(corpus: str) -> str:
    origin = origin_of(corpus)
    return f"- `{corpus}`: {origin.title}. Source: {origin.source}. Licence of the data: {origin.licence}."


def _split(settings: RunSettings) -> str:
    """How many groups stood on each side, and how that was decided."""
    sides = ", ".join(
        f"{len(groups)} {side}" for side, groups in settings.split.items() if groups
    )
    if settings.evaluated_on == "train":
        return f"everything trained ({sides} groups), nothing was held out"
    if settings.fold is None:
        # A fold number means nothing where the corpus itself is split.
        own = "the corpus's own split"
    else:
        own = f"fold {settings.fold}"
    return f"{own}; {sides} groups, none on two sides"


def _table(measured: Sequence[Measured], headline: Sequence[str]) -> str:
    """A row per evaluation, a column per figure that people look at first."""
    names = [name for name in headline if any(name in one.figures for one in measured)]
    # A task without headline figures still gets a table, of a width that a page can hold.
    names = names or list(measured[0].figures)[:6]
    rows = [["on", "tracks", *names], ["---", *["---:"] * (len(names) + 1)]]
    rows += [
        [one.text, str(one.n_tracks), *(_cell(one.figures.get(name)) for name in names)]
        for one in measured
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.3f}"
