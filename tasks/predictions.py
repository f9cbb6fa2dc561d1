"""What every prediction has in common: an answer that can be read, files, and a picture."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..data.stores.audio import AUDIO_ENDINGS
from ..data.stores.together import write_together
from ..errors import DataError

Self = TypeVar("Self", bound="Prediction")


PICTURE_DPI = 120


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
        self,
        folder: str | Path,
        name: str = "",
        *,
        picture: bool = True,
        replace: bool = False,
    ) -> list[Path]:
        """Write the files of the prediction into a folder; each appears whole or not at all.

        Parameters
        ----------
        folder : str or Path
            Made if it is missing.
        name : str
            What the names of the files begin with; by default the title, or "prediction".
        picture : bool
            Whether NAME.png is written too, where there is a picture.
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
        stem = name or _without_audio_ending(self.title) or "prediction"
        if Path(stem).name != stem:
            raise DataError(
                f"'{stem}' is not the name of a file",
                code="E191",
                help="give the folder first, then a name without folders",
            )
        contents = {}
        for ending, content in self.files().items():
            contents[Path(folder) / f"{stem}{ending}"] = content
        if picture:
            contents |= self._picture(Path(folder) / f"{stem}.png")
        write_together(contents, replace=replace)
        return list(contents)

    def _picture(self, path: Path) -> dict[Path, bytes]:
        figure = self.plot()
        if figure is None:
            return {}
        from ..plots.style import png_bytes  # matplotlib takes a second to import

        return {path: png_bytes(figure, PICTURE_DPI)}

    def titled(self: Self, title: str) -> Self:
        """The same prediction under a title."""
        return dataclasses.replace(self, title=title)

    def __repr__(self) -> str:
        of = f" of '{self.title}'" if self.title else ""
        return f"<{type(self).__name__}{of}: {self.answer()}>"


def _without_audio_ending(title: str) -> str:
    """The title of a file without its ending; the dot of "Op. 12 No. 3" is not one."""
    path = Path(title)
    if path.suffix.lower() in AUDIO_ENDINGS:
        return path.stem
    return title


def drawn(plot: Callable[..., Any], *arguments: Any, ax: Any) -> Any:
    """The picture of a plot function, in a figure of its own or on the given axes."""
    if ax is None:
        return plot(*arguments)
    return plot(*arguments, ax=ax)
