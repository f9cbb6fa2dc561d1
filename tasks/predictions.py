"""What every prediction has in common: an answer that can be read, files, and a picture."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..data.stores.together import write_together

Self = TypeVar("Self", bound="Prediction")


@dataclass(frozen=True, repr=False)
class Prediction(abc.ABC):
    """What a model predicts for one recording; each task has a class of its own.

    Parameters
    ----------
    title : str
        The recording's name, for pictures and file names; by keyword only.

    Examples
    --------
    A task's own prediction has the fields of its answer, `answer` and `files`:

    >>> @dataclass(frozen=True, repr=False)
    ... class Key(Prediction):
    ...     name: str
    ...     def answer(self):
    ...         return self.name
    ...     def files(self):
    ...         return {".key.txt": self.name.encode()}
    >>> Key("F# minor", title="song")
    <Key of 'song': F# minor>
    """

    title: str = dataclasses.field(default="", kw_only=True)

    @abc.abstractmethod
    def files(self) -> Mapping[str, bytes]:
        """The files to write.

        Returns
        -------
        mapping of str to bytes
            The content of each file by the ending of its name, such as ".notes.csv".
        """

    def answer(self) -> str:
        """The answer in a few words; `repr` shows it."""
        return ", ".join(sorted(self.files()))

    def plot(self, ax: Any = None) -> Any:  # noqa: ARG002  # a prediction may have no picture
        """Draw the prediction.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure is made.

        Returns
        -------
        matplotlib.figure.Figure or None
            The figure; None for a prediction without a picture.
        """
        return None

    def save(
        self, folder: str | Path, name: str = "", *, replace: bool = False
    ) -> list[Path]:
        """Write the files of the prediction into a folder; each appears whole or not at all.

        Parameters
        ----------
        folder : str or Path
            Made if it is missing.
        name : str
            What the names of the files begin with; by default the title without its ending, or "prediction".
        replace : bool
            Whether files that hold something else are replaced.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        DataError
            E191 if a file of that name holds something else; nothing is written then. E408 if one cannot be written.
        """
        stem = name or Path(self.title).stem or "prediction"
        contents = {
            Path(folder) / f"{stem}{ending}": content
            for ending, content in self.files().items()
        }

        write_together(contents, replace=replace)
        return list(contents)

    def titled(self: Self, title: str) -> Self:
        """The same prediction under a title."""
        return dataclasses.replace(self, title=title)

    def __repr__(self) -> str:
        of = f" of '{self.title}'" if self.title else ""
        return f"<{type(self).__name__}{of}: {self.answer()}>"


def drawn(plot: Callable[..., Any], *arguments: Any, ax: Any) -> Any:
    """The picture of a plot function, in a figure of its own or on the given axes."""
    if ax is None:
        return plot(*arguments)
    return plot(*arguments, ax=ax)
