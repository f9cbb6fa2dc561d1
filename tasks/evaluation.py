"""What an evaluation gives: figures of tracks, and pictures and sounds for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..printable import listed
from .tables import pandas

LISTED = 4  # figures that `repr` names
Figures = dict[
    str, Any
]  # of a track: numbers by name, and lists where pooling needs them


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Figures of a set of tracks; plain values, as JSON knows them.

    Attributes
    ----------
    figures : dict of str to float
        The figures of all tracks together, by name, such as "f_measure".
    tracks : dict of str to dict
        What each track adds to them, by its key: numbers by name, and lists where pooling needs them. `to_frame()`
        has the numbers as a table.
    """

    figures: dict[str, float]
    tracks: dict[str, Figures]

    def __repr__(self) -> str:
        n = len(self.tracks)
        words = []
        for name, value in self.figures.items():
            words.append(f"{name} {value:.4g}" if _is_number(value) else name)
        first = listed(words, LISTED, quote="") or "no figures"
        return f"<Evaluation of {n} track{'' if n == 1 else 's'}: {first}>"

    def to_frame(self) -> Any:
        """The numbers of every track as a pandas DataFrame, a row per track.

        Returns
        -------
        pandas.DataFrame
            With the tracks' keys as its index; lists, such as the scores of every label, are left out.

        Raises
        ------
        TaskError
            E512 without pandas.
        """
        package = pandas("`tracks`")
        rows = {}
        for key, figures in self.tracks.items():
            rows[key] = {
                name: value
                for name, value in figures.items()
                if isinstance(value, int | float)
            }
        return package.DataFrame.from_dict(rows, orient="index")

    def _repr_html_(self) -> str:
        """The figures as a table, in a notebook."""
        rows = ""
        for name, value in self.figures.items():
            if _is_number(value):
                rows += f"<tr><td>{escape(name)}</td><td>{value:.4g}</td></tr>"
        n = len(self.tracks)
        caption = f"{n} track{'' if n == 1 else 's'}"
        head = "<tr><th>figure</th><th>value</th></tr>"
        return f"<table><caption>{caption}</caption>{head}{rows}</table>"


def of_parts(figures: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of parts, such as targets, that are named `FIGURE/PART`: by part, then by figure.

    Examples
    --------
    >>> of_parts({"si_sdr_db": 5.0, "si_sdr_db/violin": 6.0, "si_sdr_db/bassoon": 4.0})
    {'violin': {'si_sdr_db': 6.0}, 'bassoon': {'si_sdr_db': 4.0}}
    """
    parts: dict[str, dict[str, float]] = {}
    for name, value in figures.items():
        figure, slash, part = name.partition("/")
        if slash and _is_number(value):
            parts.setdefault(part, {})[figure] = value
    return parts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure with its title and what one sees in it."""

    title: str
    caption: str
    figure: Any


@dataclass(frozen=True)
class Sounding:
    """Sounds with their title and what one hears in them; a report has a player for each."""

    title: str
    caption: str
    sounds: Sequence[Any]  # each a `Sound`


@dataclass(frozen=True)
class Case:
    """One recording in a report: what is true of it, what the model predicts, how well, and how it sounds.

    Parameters
    ----------
    title : str
        Such as "worst track: song".
    truth, estimate, score : str
        In a few words; an empty one is left out.
    caption : str
        What one sees in the figure and hears in the sounds.
    figure : matplotlib.figure.Figure, optional
        Truth and estimate over time.
    sounds : sequence of Sound
        Such as the recording and sonifications of truth and estimate, over the same stretch of time.
    """

    title: str
    truth: str = ""
    estimate: str = ""
    score: str = ""
    caption: str = ""
    figure: Any = None
    sounds: Sequence[Any] = ()


Shown = Picture | Sounding | Case

MOST_SCORES = 4  # figures in a line


def score_words(figures: Mapping[str, Any]) -> str:
    """The first figures of a track in a line.

    Examples
    --------
    >>> score_words({"si_sdr_db": 5.25, "scores": [0.1, 0.2], "snr_db": 7.0})
    'si_sdr_db 5.250, snr_db 7.000'
    """
    numbers = [name for name, value in figures.items() if _is_number(value)]
    return ", ".join(f"{name} {figures[name]:.3f}" for name in numbers[:MOST_SCORES])


MOST_WRONG = 2  # of the worst tracks


def best_and_worst(figure: Mapping[str, float]) -> list[tuple[str, str]]:
    """Which tracks a report shows, each with a word for it: the best, and the worst ones from the worst on.

    Examples
    --------
    >>> best_and_worst({"a": 0.9, "b": 0.2, "c": 0.5, "d": 0.8})
    [('best', 'a'), ('worst', 'b'), ('second worst', 'c')]
    >>> best_and_worst({"a": 0.9})
    [('best', 'a')]
    """
    ranked = sorted(figure, key=lambda key: -figure[key])
    worst = ranked[:0:-1][:MOST_WRONG]
    words = ["best", "worst", "second worst"]
    return list(zip(words, [*ranked[:1], *worst], strict=False))
