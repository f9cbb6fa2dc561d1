"""What every prediction has in common: an answer that can be read, files, and a picture."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ..data.stores.audio import AUDIO_ENDINGS
from ..data.stores.player import Audio, player
from ..data.stores.together import write_together
from ..errors import DataError, TaskError
from ..outputs import FORMATS, Layer, Recording, rendered
from ..outputs.formats import refuse_unknown
from ..outputs.layers import Waveform
from ..outputs.sonify import SOUNDING, ends_s, sonified
from .tables import columns_of, layer_of, layer_rows, pandas

Self = TypeVar("Self", bound="Prediction")


PICTURE_DPI = 120
NOTEBOOK_SR_HZ = 16000  # of what is played in a notebook: its file grows with it
PNG = "png"  # the format that is a picture: it is drawn, not rendered from layers


@dataclass(frozen=True, repr=False)
class Prediction(abc.ABC):
    """What a model predicts for one recording; each task has a class of its own.

    Parameters
    ----------
    title : str
        The recording's name, for pictures and file names; by keyword only.
    recorded_s : float
        The recording's length in seconds, 0 where nobody has said it; by keyword only.
    trained_on : str
        What the model learned from, in words; "" where it is not known. By keyword only.

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

    # Whether the picture of a file has the spectrogram of the recording above it, see `plot_with`.
    with_sound: ClassVar[bool] = False

    title: str = dataclasses.field(default="", kw_only=True)
    recorded_s: float = dataclasses.field(default=0.0, kw_only=True)
    trained_on: str = dataclasses.field(default="", kw_only=True)

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

    def knows(self) -> str:
        """What the model can answer at all, in words, such as "one of 10 labels"; default: "", for any answer."""
        return ""

    def layers(self) -> Sequence[Layer]:
        """What was found, in a form that the formats of `mirbricks.outputs` write: here nothing.

        Returns
        -------
        sequence of Layer
            Notes, curves, labelled segments, tags; each with how sure the model is.
        """
        return ()

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

    def sonify(self, sr_hz: int = 22050) -> Audio:
        """What was found as sound: notes and chords as tones, pitches as curves.

        Parameters
        ----------
        sr_hz : int
            The sample rate of the sound, in Hz.

        Returns
        -------
        Audio
            With `samples` (N,) and `sr_hz`; a notebook shows a player.

        Raises
        ------
        TaskError
            E513 for a prediction of which nothing sounds, such as tags and embeddings.

        Examples
        --------
        >>> import mirbricks as mb
        >>> model = mb.load("zoo:mpe_bach10")
        >>> model.predict("clips/01.wav").sonify()                                    # doctest: +SKIP
        <Audio '01, as predicted': 4.00 s at 22050 Hz>
        """
        layers = self.layers()
        if any(isinstance(layer, Waveform) for layer in layers):
            raise TaskError(
                f"what a {type(self).__name__} holds are sounds already",
                code="E513",
                help="save(to=['wav']) writes them, and a notebook has a player for each",
            )
        if not any(isinstance(layer, SOUNDING) for layer in layers):
            raise TaskError(
                f"nothing sounds in a {type(self).__name__}",
                code="E513",
                help="`print` and `plot()` show it",
            )
        samples = sonified(layers, self._span_s(layers), sr_hz)
        title = f"{self.title}, as predicted" if self.title else "as predicted"
        return Audio(samples, sr_hz, title)

    def to_frame(self, layer: str = "") -> Any:
        """What was found as a pandas DataFrame.

        Parameters
        ----------
        layer : str
            "notes", "f0", "chords" or "tags", as the prediction has it; default: the first of `layers()`.

        Returns
        -------
        pandas.DataFrame
            A row per note, chord or tag; of `f0` a row per frequency and frame.

        Raises
        ------
        TaskError
            E511 for a layer that the prediction does not have, E512 without pandas.
        """
        found = layer_of(self.layers(), layer, type(self).__name__)
        package = pandas("`layers()`")
        return package.DataFrame(layer_rows(found), columns=columns_of(found))

    def _span_s(self, layers: Sequence[Layer]) -> float:
        """The length of the recording, or where what was found ends."""
        return max([self.recorded_s, *[ends_s(layer) for layer in layers]])

    def _repr_html_(self) -> str:
        """The answer, its picture, and a player where something sounds: what a notebook shows."""
        parts = [f"<p>{escape(repr(self)[1:-1])}</p>"]
        figure = self.plot()
        if figure is not None:
            from ..plots.notebook import image  # matplotlib takes a second to import

            parts.append(image(figure, f"picture of {self.title or 'a prediction'}"))
        parts += [player(*sound) for sound in self._heard()]
        return "".join(parts)

    def _heard(self) -> Sequence[tuple[Any, int, str]]:
        """Samples, rate and label of each sound that a notebook plays."""
        if not any(isinstance(layer, SOUNDING) for layer in self.layers()):
            return []
        sound = self.sonify(NOTEBOOK_SR_HZ)
        return [(sound.samples, sound.sr_hz, sound.title)]

    def plot_with(self, samples: Any, sr_hz: int) -> Any:  # noqa: ARG002  # a task may draw the sound with it
        """Draw the prediction below the sound that it was made for: here without the sound.

        Parameters
        ----------
        samples : array, (N,) or (C, N)
            The recording.
        sr_hz : int
            Its sample rate, in Hz.

        Returns
        -------
        matplotlib.figure.Figure or None
        """
        return self.plot()

    def save(
        self,
        folder: str | Path,
        name: str = "",
        *,
        to: Sequence[str] = (),
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
        to : sequence of str
            The formats to write instead of the task's own files: "midi", "midi-bends", "jams", "svl", "csv", "lab",
            "json", "wav" or "png", whichever fit the prediction.
        picture : bool
            Whether NAME.png is written beside the task's own files, where there is a picture.
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
            E720 for an unknown format, E721 for one that does not fit, E468 for one whose package is not installed.
        """
        stem = name or _without_audio_ending(self.title) or "prediction"
        if Path(stem).name != stem:
            raise DataError(
                f"'{stem}' is not the name of a file",
                code="E191",
                help="give the folder first, then a name without folders",
            )
        if to:
            endings = self.in_formats(to)
        else:
            endings = dict(self.files())
            if picture:
                endings |= self._picture()
        contents = {Path(folder) / f"{stem}{end}": endings[end] for end in endings}
        write_together(contents, replace=replace)
        return list(contents)

    def in_formats(
        self, to: Sequence[str], recording: Recording | None = None
    ) -> dict[str, bytes]:
        """The content of each file in some formats, by the ending of its name.

        Parameters
        ----------
        to : sequence of str
            Names of formats, see `save`.
        recording : Recording, optional
            What it was predicted for, where more is known of it than its title and its length.

        Returns
        -------
        dict of str to bytes

        Raises
        ------
        DataError
            E720, E721, E468, as `save`.
        """
        refuse_unknown(to, [PNG])
        of = recording or Recording(self.title, self.recorded_s)
        found = rendered(self.layers(), [name for name in to if name in FORMATS], of)
        if PNG in to:
            found |= self._picture()
        return found

    def _picture(self) -> dict[str, bytes]:
        figure = self.plot()
        if figure is None:
            return {}
        from ..plots.style import png_bytes  # matplotlib takes a second to import

        return {".png": png_bytes(figure, PICTURE_DPI)}

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
