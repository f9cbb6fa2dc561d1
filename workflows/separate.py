"""Separation: the sources of a recording, as long, at the rate and in the channels that it has itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.stores.atomic import in_the_way
from ..data.stores.audio import stream_channels
from ..data.stores.together import write_together
from ..data.stores.wav_writer import written_wav
from ..errors import DataError, TaskError
from ..printable import listed
from ..spelling import did_you_mean
from ..tasks.base import OnShare, unseen
from ..tasks.modes import evaluating
from ..tasks.separation import Separated, Separation
from ..tasks.separation.estimating import estimates_of
from ..tasks.separation.prediction import file_names
from ..tasks.sounds import Sound
from .experiment import Experiment

INDEX = "index.html"
LISTED = 20  # targets that a message names
SHOWN_S = 30.0  # of a recording on its page

Channels = Iterator[tuple[NDArray[np.float32], int]]  # (C, n) at a rate in Hz
Read = Callable[[], Channels]


@dataclass(frozen=True)
class Options:
    """What is asked of a separation; what is None is as the model's settings say.

    targets      the sources to give; default: all that the model knows
    sum_to_mix   whether the estimates of all targets are made to sum to the mix
    wiener       whether the estimates of all targets become Wiener filters of the mix
    one_pass_mb  memory for models whose answer depends on the whole recording, in MB
    """

    targets: Sequence[str] | None = None
    sum_to_mix: bool | None = None
    wiener: bool | None = None
    one_pass_mb: int | None = None


@dataclass(frozen=True)
class _Recording:
    """A recording that can be read from its start as often as one likes."""

    read: Read
    n_samples: int
    n_channels: int
    sr_hz: int


class Separating:
    """A model, ready to take recordings apart.

    Parameters
    ----------
    experiment : Experiment
        Of a run, as `load_run` gives it.
    options : Options
        What is asked.

    Raises
    ------
    TaskError
        E806 for a model of another task, E807 for a target that it does not know, E808 where one target alone is to be
        made to sum to the mix.
    """

    def __init__(self, experiment: Experiment, options: Options) -> None:
        task = experiment.task
        if not isinstance(task, Separation):
            raise TaskError(
                f"the model was trained for {task.title}, and takes no recording apart",
                code="E806",
                help="name a model of the task separation: `mirbricks zoo` lists those that come with mirbricks",
            )
        self._model = experiment.model
        self._task = task
        self.targets = _asked(options.targets, task.config.targets)
        changes = {
            name: value
            for name in ("sum_to_mix", "wiener", "one_pass_mb")
            if (value := getattr(options, name)) is not None
        }
        self._config = task.config.model_copy(update=changes)
        together = [name for name in ("sum_to_mix", "wiener") if changes.get(name)]
        if together and len(task.config.targets) == 1:
            raise TaskError(
                f"'{together[0]}' needs estimates of all that is in the mix, and the model separates "
                f"'{task.config.targets[0]}' only",
                code="E808",
                help="leave it out, or take a model of several targets",
            )

    def sounds(self, read: Read, title: str, on_share: OnShare = unseen) -> Separated:
        """The targets of a recording in memory.

        Raises DataError E430 to E432 for what cannot be read, E435 for channels that the model does not take; TaskError
        E510 for estimates that are not finite.
        """
        recording = _measured(read)
        with evaluating(self._model):
            pieces = list(self._pieces(recording, title, on_share))
        whole = torch.cat(pieces, dim=-1)
        found = {}
        for target, wave in zip(self.targets, whole, strict=True):
            found[target] = Sound.of(wave, recording.sr_hz, title=target)
        return Separated(found, title=title)

    def write(
        self,
        path: str | Path,
        out: Path,
        *,
        command: str = "",
        replace: bool,
        recordings: Sequence[Path] = (),
        on_share: OnShare = unseen,
    ) -> list[Path]:
        """Write a file's targets into a folder, TARGET.wav each, and a page to look at and to listen to.

        Memory does not grow with the length of the file. `command` is what the page says to do again; `recordings` are
        others that are separated too, and are never written over.

        Raises as `sounds`, and DataError E191 where such a file is there already or is a recording itself, E408 where
        one cannot be written: then none is.
        """
        names = file_names(self.targets)
        files = [out / f"{name}.wav" for name in names]
        page = out / INDEX
        _refuse_in_the_way([*files, page], [Path(path), *recordings], replace=replace)
        recording = _measured(channels_of_file(path))
        with ExitStack() as stack:
            writers = [
                stack.enter_context(
                    written_wav(file, recording.sr_hz, recording.n_channels)
                )
                for file in files
            ]
            stack.enter_context(evaluating(self._model))
            for piece in self._pieces(recording, str(path), on_share):
                for writer, wave in zip(writers, piece, strict=True):
                    writer.write(wave.numpy())
            # All take their names now: another process may have been quicker.
            if not replace:
                _refuse_taken([*files, page])
        self._write_page(page, path, files, command)
        return [*files, page]

    def _write_page(
        self, page: Path, path: str | Path, files: Sequence[Path], command: str
    ) -> None:
        from ..report.separated import (  # matplotlib takes a second to import
            separated_page,
        )

        mix = _beginning(channels_of_file(path), Path(path).stem)
        sources = {}
        for target, file in zip(self.targets, files, strict=True):
            sources[file.name] = _beginning(channels_of_file(file), target)
        title = f"{Path(path).name}, taken apart"
        html = separated_page(
            title, self._task.title, command, mix=mix, sources=sources
        )
        # What must not be replaced has been refused before anything was computed.
        write_together({page: html.encode()}, replace=True)

    def _pieces(
        self, recording: _Recording, name: str, on_share: OnShare
    ) -> Iterator[Tensor]:
        """Estimates (K, C, n), one after another."""
        _refuse_channels(recording.n_channels, self._task.n_channels, name)
        done = 0
        for piece in estimates_of(
            self._task.separator(self._model),
            (torch.from_numpy(np.ascontiguousarray(b)) for b, _ in recording.read()),
            n_samples=recording.n_samples,
            from_hz=recording.sr_hz,
            model_hz=self._task.feature.sr_hz,
            n_channels=self._task.n_channels,
            config=self._config,
            asked=self.targets,
        ):
            yield piece.float()
            done += piece.shape[-1]
            on_share(done / recording.n_samples)


def channels_of_file(path: str | Path) -> Read:
    """The blocks (C, n) of an audio file; they raise DataError E430 to E432."""
    return lambda: stream_channels(path)


def _asked(targets: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    """The targets to give, each once. Raises TaskError E807."""
    if targets is None:
        return tuple(known)
    for target in targets:
        if target not in known:
            raise TaskError(
                f"the model does not separate '{target}'",
                code="E807",
                facts=[("targets", listed(list(known), LISTED, quote=""))],
                help=did_you_mean(target, known) or "choose among its targets",
            )
    return tuple(dict.fromkeys(targets)) or tuple(known)


def _beginning(read: Read, title: str) -> Sound:
    """The first seconds of a recording, for pictures."""
    blocks: list[NDArray[np.float32]] = []
    n_samples = sr_hz = 0
    for block, rate_hz in read():
        blocks.append(block)
        n_samples += block.shape[-1]
        sr_hz = rate_hz
        if n_samples >= SHOWN_S * rate_hz:
            break
    samples = np.concatenate(blocks, axis=1)[:, : round(SHOWN_S * sr_hz)]
    return Sound(samples, sr_hz, title=title)


def _measured(read: Read) -> _Recording:
    """A recording with its length, which headers of compressed files do not always know."""
    n_samples = n_channels = sr_hz = 0
    for block, rate_hz in read():
        n_samples += block.shape[-1]
        n_channels = len(block)
        sr_hz = rate_hz
    return _Recording(read, n_samples, n_channels, sr_hz)


def _refuse_channels(found: int, wanted: int, name: str) -> None:
    """Raise DataError E435 where a model of several channels is given another number of them, other than one."""
    if wanted not in (1, found) and found != 1:
        raise DataError(
            f"'{name}' has {found} channels, and the model reads {wanted}",
            code="E435",
            help=f"write it with {wanted} channels, or with one",
        )


def _refuse_in_the_way(
    files: Sequence[Path], recordings: Sequence[Path], *, replace: bool
) -> None:
    """Raise before anything is computed: E191 for a recording itself, or a file that must stay, E408 for a folder."""
    there = [file for file in files if file.exists()]
    for file in there:
        for recording in recordings:
            if recording.exists() and file.samefile(recording):
                raise DataError(
                    f"'{file}' is a recording that is to be separated itself",
                    code="E191",
                    help="choose another folder: the parts of a recording never replace it",
                )
    if not replace:
        _refuse_taken(files)
    for file in there:
        if file.is_dir():
            help = "rename it, or choose another folder"
            raise in_the_way(file, file, "a folder", help)


def _refuse_taken(files: Sequence[Path]) -> None:
    """Raise DataError E191 for the first file that is there already."""
    for file in files:
        if file.exists() or file.is_symlink():
            raise DataError(
                f"'{file}' already exists",
                code="E191",
                help="choose another folder; --replace, or replace=True, writes over it",
            )
