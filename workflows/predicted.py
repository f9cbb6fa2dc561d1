"""What was predicted, as files: their names, their formats, and which of them are there already."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.stores.audio import stream_audio
from ..data.stores.channels import read_channels
from ..data.stores.together import write_together
from ..out_of_memory import of_memory
from ..outputs import FORMATS, Recording
from ..outputs.formats import refuse_unfit, refuse_unknown
from ..tasks.base import Task
from ..tasks.predictions import PICTURE_DPI, PNG, Prediction
from .experiment import Experiment

LONGEST_PICTURED_S = (
    1200.0  # of a recording whose spectrogram stands above its prediction
)
ENDINGS = {name: format.ending for name, format in FORMATS.items()} | {PNG: ".png"}


def refuse_formats(to: Sequence[str], task: Task) -> None:
    """Raise DataError E720 or E721 for formats that do not fit what a task predicts, before anything is read."""
    refuse_unknown(to, [PNG])
    # A task of another package may not have said what its predictions consist of.
    if task.layer_kinds is not None:
        refuse_unfit(to, task.layer_kinds)


def result_names(paths: Sequence[str | Path]) -> list[str]:
    """A name for the results of each file, the same in every run that has the same files.

    It is the file's stem; with its ending where two files share the stem, and with as many of the folders above it as
    tell files of one name apart.
    """
    stems = Counter(Path(path).stem for path in paths)
    names = []
    for path in paths:
        # song.wav and song.mp3 must not write over each other.
        shared = stems[Path(path).stem] > 1
        names.append(Path(path).name if shared else Path(path).stem)

    depth = 0
    deepest = max((len(Path(path).parts) for path in paths), default=0)
    while depth < deepest and len(set(names)) < len(names):
        depth += 1
        same = Counter(names)
        for index, path in enumerate(paths):
            above = [part for part in Path(path).parts[:-1] if part not in "/\\."]
            if same[names[index]] > 1 and depth <= len(above):
                names[index] = f"{above[-depth]}-{names[index]}"
    return list(_numbered(names))


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """What is still the same, such as a file that was given twice, is told apart by its place."""
    same = Counter(names)
    for number, name in enumerate(names, 1):
        yield f"{number}-{name}" if same[name] > 1 else name


@dataclass(frozen=True)
class Destination:
    """Where predictions go, and in which formats.

    Parameters
    ----------
    out : Path
        The folder.
    to : sequence of str
        Names of formats; none: the task's own files and a picture.
    replace : bool
        Whether files that hold something else are replaced.
    """

    out: Path
    to: Sequence[str] = ()
    replace: bool = False

    def write(
        self, prediction: Any, name: str, experiment: Experiment, source: Path
    ) -> list[Path]:
        """Write the files of one recording, the picture last; returns their paths.

        Raises DataError E191 where one of them already exists, unless `replace`; nothing is written then. A picture
        that cannot be drawn is left out with a warning.
        """
        if self.to:
            found = prediction.titled(name).in_formats(
                self.to, recording_of(prediction, name, source)
            )
            return self._write(found, name)
        answer = dict(prediction.files())
        picture = self.out / f"{name}.png"
        # A picture that is there already may be another: all is known before anything is written over it.
        if picture.exists() and not self.replace:
            drawn = _drawn(prediction, name, experiment, source)
            return self._write(answer | drawn, name)
        # The answer comes first: what drawing fails by costs no more than the picture, a crash in a font's library too.
        written = self._write(answer, name)
        return written + self._write(_drawn(prediction, name, experiment, source), name)

    def _write(self, found: Mapping[str, bytes], name: str) -> list[Path]:
        """Write the contents by their endings, all or none: half a result looks like a whole one."""
        files = {self.out / f"{name}{end}": content for end, content in found.items()}
        write_together(files, replace=self.replace)
        return list(files)

    def present(self, names: Collection[str]) -> set[str]:
        """Those of the names whose results are there in every format that is wanted."""
        if not self.out.is_dir():
            return set()
        found: dict[str, set[str]] = {name: set() for name in names}
        for path in self.out.iterdir():
            # "song.live" may be a recording beside "song": the longest name owns a file.
            owners = [name for name in names if path.name.startswith(f"{name}.")]
            if owners:
                found[max(owners, key=len)].add(path.name)
        return {name for name in names if self._complete(found[name])}

    def _complete(self, files: Collection[str]) -> bool:
        if not self.to:
            return bool(files)
        return all(
            any(file.endswith(ENDINGS[name]) for file in files) for name in self.to
        )


def _drawn(
    prediction: Any, name: str, experiment: Experiment, source: Path
) -> dict[str, bytes]:
    """The picture by its ending; nothing, and a warning, where it cannot be drawn: what was predicted is kept."""
    try:
        figure = _picture(prediction, name, experiment, source)
        if figure is None:
            return {}
        from ..plots.style import png_bytes  # matplotlib takes a second

        return {".png": png_bytes(figure, PICTURE_DPI)}
    except Exception as error:
        # Without memory, fonts and images fail with words of their own, and plug-ins draw as they like.
        reason = f"{type(error).__name__}: {error}".rstrip(": \n")
        if of_memory(error):
            reason = "out of memory"
        text = f"no picture of '{name}', which could not be drawn: {reason}"
    warnings.warn(text, UserWarning, stacklevel=2)
    return {}


def _picture(prediction: Any, name: str, experiment: Experiment, source: Path) -> Any:
    """The task's picture; with the sound above it where the prediction has a place for it."""
    length_s = getattr(prediction, "recorded_s", 0.0)
    with_sound = isinstance(prediction, Prediction) and prediction.with_sound
    if with_sound and 0.0 < length_s <= LONGEST_PICTURED_S:
        samples, sr_hz = read_channels(source)
        return prediction.titled(name).plot_with(samples, sr_hz)
    return experiment.task.picture(prediction, name)


def recording_of(prediction: Prediction, name: str, source: Path) -> Recording:
    """What is known of the file that a prediction was made for."""
    first = next(iter(stream_audio(source, 1)))
    return Recording(
        name, prediction.recorded_s, source, first[1], lambda: _samples(source)
    )


def _samples(source: Path) -> NDArray[np.float32]:
    return read_channels(source)[0]
