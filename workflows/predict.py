"""Prediction: what a trained model finds in recordings, whatever form they come in."""

from __future__ import annotations

import dataclasses
import glob
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..data.stores.audio import AUDIO_ENDINGS, stream_audio, stream_channels
from ..data.stores.downmix import (
    Levels,
    fitted,
    mixed_down,
    warn_of_cancelled_channels,
)
from ..errors import DataError, TaskError
from ..features.streaming import stream_feature
from ..runs.settings import RunSettings
from ..tasks.base import Task
from ..tasks.predictions import Prediction
from ..zoo.corpora import UNKNOWN, origin_of
from .experiment import Experiment
from .memory import give_back
from .precision import Precision, at_precision
from .progress import Progress

BLOCK_SAMPLES = 1 << 20
Blocks = Iterator[tuple[NDArray[np.float32], int]]


def predict(
    experiment: Experiment,
    settings: RunSettings,
    read: Callable[[], Blocks],
    label: str,
    progress: Progress,
    precision: Precision = "float32",
) -> Any:
    """The task's prediction for one recording, whose blocks `read()` gives from the start each time it is called.

    Its features lie on the disk meanwhile: those of an hour would not fit in memory. The model runs in `precision`.
    """
    length = Length(read)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.safetensors"
        with progress.sharing(f"{label}: features") as on_share:
            feature = stream_feature(length.blocks, file, experiment.feature, on_share)
        give_back()
        with progress.sharing(f"{label}: {experiment.task.title}") as on_share:
            task = experiment.task
            model = experiment.model
            with at_precision(model, precision):
                found = task.predict(model, feature, settings.tuned, on_share)
    # The picture that the answer may be drawn in needs memory of its own.
    give_back()
    # A task of another package may predict in a form of its own.
    if isinstance(found, Prediction):
        return dataclasses.replace(
            found,
            recorded_s=length.seconds,
            trained_on=corpus_in_words(settings.corpus),
        )
    return found


def refuse_separation(task: Task, folder: str) -> None:
    """Raise TaskError E806 where a recording is to be predicted by a model that takes it apart."""
    if task.separates:
        raise TaskError(
            "the model takes recordings apart, and writes a sound per target",
            code="E806",
            help=f"mirbricks separate {folder} song.wav --out DIR",
        )


def corpus_in_words(name: str) -> str:
    """Such as "ESC-10, environmental sounds of ten classes"; of an unknown corpus its name."""
    origin = origin_of(name)
    return f"'{name}'" if origin is UNKNOWN else origin.title


class Length:
    """How long a recording is, known once its blocks have been read: headers of compressed files may be wrong."""

    def __init__(self, read: Callable[[], Blocks]) -> None:
        self._read = read
        self.seconds = 0.0

    def blocks(self) -> Blocks:
        """The blocks, counted from the start each time."""
        self.seconds = 0.0
        for block, rate_hz in self._read():
            self.seconds += block.shape[-1] / rate_hz
            yield block, rate_hz


def blocks_of_file(path: str | Path, n_channels: int = 1) -> Callable[[], Blocks]:
    """The blocks of an audio file: (N,) with its channels averaged, or (C, N) of several `n_channels`.

    A mono file is repeated in every channel. Raises, while they are read, DataError E430 to E432, and E435 for a file
    of another number of channels.
    """

    def blocks() -> Blocks:
        for channels, sr_hz in stream_channels(path):
            yield fitted(channels, n_channels, f"'{path}'"), sr_hz

    if n_channels == 1:
        return lambda: stream_audio(path)
    return blocks


def blocks_of_array(wave: Any, sr_hz: Any, n_channels: int = 1) -> Callable[[], Blocks]:
    """The blocks of samples in memory, whose channels are averaged, or kept, as those of a file are.

    Parameters
    ----------
    wave : array or tensor
        (N,), or (C, N) with a row per channel; floating-point numbers, as a rule within -1 … 1.
    sr_hz : int
        Its sample rate in Hz, a whole number.
    n_channels : int
        The channels that are read: 1 is their mean, as blocks (N,); blocks of more are (C, N).

    Raises
    ------
    DataError
        E435 for another number of channels, E436 for another shape, for integers, for samples that are not finite, and
        without a sample rate.
    """
    samples = _samples(wave)
    rate_hz = rate_of(sr_hz)
    if n_channels == 1:
        warn_of_cancelled_channels(
            "these samples", Levels.of(samples, mixed_down(samples))
        )
    else:
        samples = fitted(samples, n_channels, "the recording")

    def blocks() -> Blocks:
        for start in range(0, samples.shape[1], BLOCK_SAMPLES):
            channels = samples[:, start : start + BLOCK_SAMPLES]
            if n_channels == 1:
                yield mixed_down(channels), rate_hz
            else:
                yield channels, rate_hz

    return blocks


def channels_of_array(wave: Any, sr_hz: Any) -> Callable[[], Blocks]:
    """The blocks (C, n) of samples in memory, with all of their channels; raises E436 as `blocks_of_array`."""
    samples = _samples(wave)
    rate_hz = rate_of(sr_hz)

    def blocks() -> Blocks:
        for start in range(0, samples.shape[1], BLOCK_SAMPLES):
            yield samples[:, start : start + BLOCK_SAMPLES], rate_hz

    return blocks


def rate_of(sr_hz: Any) -> int:
    """The sample rate in Hz; it may come as 44100.0, as some readers give it."""
    if sr_hz is None:
        help = "add sr_hz=44100, or what it is"
        raise refused("samples without a sample rate", help)
    number = isinstance(sr_hz, int | float | np.number) and not isinstance(sr_hz, bool)
    if not number or not float(sr_hz).is_integer() or sr_hz < 1:
        shown = f"'{sr_hz}'" if isinstance(sr_hz, str) else sr_hz
        raise refused(f"a sample rate of {shown}", "sr_hz is a whole number of Hz")
    return int(sr_hz)


def _samples(wave: Any) -> NDArray[np.float32]:
    """(C, N) float32."""
    if isinstance(wave, Tensor):
        # bfloat16 has no counterpart in numpy
        wide = wave.float() if wave.is_floating_point() else wave
        values = wide.detach().cpu().numpy()
    elif isinstance(wave, np.ndarray):
        values = wave
    else:
        help = "give a file, an array or a tensor, or a list of these"
        raise refused(_kind(wave), help)
    if values.dtype.kind in "iu":
        help = (
            "divide integers by their largest possible value: samples are within -1 … 1"
        )
        raise refused(f"samples of type {values.dtype}", help)
    if values.dtype.kind != "f":
        help = "samples are floating-point numbers within -1 … 1"
        raise refused(f"samples of type {values.dtype}", help)
    if values.ndim not in (1, 2):
        help = "give (N,), or (C, N) of C channels"
        raise refused(f"an array of shape {values.shape}", help)
    if not values.size:
        help = "leave empty recordings out"
        raise refused(f"an array of shape {values.shape}", help)
    samples = np.atleast_2d(values).astype(np.float32, copy=False)
    # More channels than samples is an array that lies on its side; averaged, it would be a click.
    if samples.shape[0] > samples.shape[1]:
        help = "give (C, N), a row per channel: transpose the array"
        channels = f"{samples.shape[0]} channels of {samples.shape[1]} samples"
        raise refused(channels, help)
    if not np.isfinite(samples).all():
        raise refused("samples that are NaN or infinite", "repair the recording first")
    return samples


def _kind(value: object) -> str:
    if value is None:
        return "None"
    return f"of type {type(value).__name__}"


def refused(what: str, help: str) -> DataError:
    """DataError E436: what cannot be a recording, and what could be."""
    return DataError(f"a recording cannot be {what}", code="E436", help=help)


def audio_files(folder: str | Path) -> list[Path]:
    """The audio files of a folder and of those below it, sorted. Raises DataError E430 where there are none."""
    if not Path(folder).exists():
        raise DataError(
            f"there is no folder '{folder}'",
            code="E430",
            help="give a folder with wav, flac, ogg or mp3 files",
        )
    found = [
        path
        for path in sorted(Path(folder).rglob("*"))
        if path.suffix.lower() in AUDIO_ENDINGS and path.is_file()
    ]
    if not found:
        raise DataError(
            f"there is no audio file in '{folder}'",
            code="E430",
            help="wav, flac, ogg and mp3 are read",
        )
    return found


def files_of(paths: Sequence[str | Path]) -> list[Path]:
    """The files themselves, and in the place of a folder or of a pattern the audio files that it stands for.

    Raises DataError E430 for a folder or a pattern without audio files.
    """
    found: list[Path] = []
    for path in paths:
        if Path(path).is_dir():
            found += audio_files(path)
        elif glob.has_magic(str(path)) and not Path(path).exists():
            found += _matching(str(path))
        else:
            found.append(Path(path))
    return found


def _matching(pattern: str) -> list[Path]:
    """The audio files that a pattern stands for, where no shell has read it; ** goes into folders."""
    found = [
        Path(name)
        for name in sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        if Path(name).suffix.lower() in AUDIO_ENDINGS and Path(name).is_file()
    ]
    if not found:
        raise DataError(
            f"no audio file matches '{pattern}'",
            code="E430",
            help="wav, flac, ogg and mp3 are read",
        )
    return found
