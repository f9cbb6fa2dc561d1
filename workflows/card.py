"""The card of a packed model: what it was trained on, on what terms, and how good it is, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..compiler.module import count_parameters
from ..runs.settings import RunSettings
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
    """The text of card.md; `command` is that of the training, without paths, or a line for each of an ensemble's."""
    count = count_parameters(experiment.model)
    parts = [
        f"# {name}",
        f"{experiment.task.title.capitalize()}: the graph `{experiment.graph.name}`, {count:,} parameters, reads the "
        f"feature `{experiment.feature.type}`.",
        _commands(name, experiment),
        "## Data",
        "\n".join(_origin(corpus) for corpus in corpora),
        f"Split: {_split(settings)}.",
        "## Training",
        "\n".join(
            ["```console", *(f"$ {line}" for line in command.splitlines()), "```"]
        ),
        f"Weights of step {settings.best_step}; {settings.training_s:.0f} s with torch {settings.versions['torch']}.",
        "## Figures",
        _table(measured, experiment.task.headline) if measured else "None were given.",
    ]
    if notes:
        parts += ["## Limits", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts) + "\n"


def _commands(name: str, experiment: Experiment) -> str:
    """How to use it; a model of features that come with a corpus alone hears no audio."""
    lines = [f"$ mirbricks evaluate {PREFIX}{name} --data DIR --json"]
    if experiment.feature.type != "given" or getattr(
        experiment.feature, "from_audio", None
    ):
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
        own = "the corpus's own split"
    else:
        own = f"fold {settings.fold}"
    return f"{own}; {sides} groups, none on two sides"


def _table(measured: Sequence[Measured], headline: Sequence[str]) -> str:
    """A row for each evaluation, a column for each figure that people look at first."""
    names = [name for name in headline if any(name in one.figures for one in measured)]
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
