"""The command predict."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.shards import Shard
from ...data.stores.together import write_together
from ...errors import DataError, MirbricksError
from ...out_of_memory import memory_reported
from ...outputs.text import as_json
from ...printable import printable, printable_json
from ...runs.folder import RunFolder
from ...tasks.predictions import Prediction
from ...training.devices import as_device
from ...workflows.hosted import here
from ...workflows.loading import load_run
from ...workflows.parts import move
from ...workflows.predict import blocks_of_file, files_of, refuse_separation
from ...workflows.predict import predict as predict_recording
from ...workflows.predicted import (
    Destination,
    recording_of,
    refuse_formats,
    result_names,
)
from ...workflows.run_on_corpus import (
    refuse_other_sets,
    refuse_settings_of_training,
)
from ..screen import plural, progress_for
from ..wrapping import wrapped
from .follow import follow

SESSION = "sv"


SHORTER = "close other programs, or cut the recording into shorter ones"


def predict(arguments: Namespace) -> int:
    """Write what the task finds and its picture per file; files that cannot be read are named and left out."""
    if arguments.stream:
        return follow(arguments)
    overrides = tuple(arguments.set)
    refuse_other_sets(overrides)
    experiment, settings = load_run(RunFolder.open(here(arguments.folder)), overrides)
    refuse_settings_of_training(experiment.task, overrides)
    refuse_separation(experiment.task, arguments.folder)
    session = Path(arguments.session) if arguments.session else None
    # All that can be wrong with words and names is looked at before the first recording is read.
    asked = [*arguments.to, SESSION] if session else arguments.to
    refuse_formats(asked, experiment.task)
    paths = files_of(arguments.audio)
    _refuse_several(session, paths)
    move(experiment, as_device(arguments.device))
    to = Destination(Path(arguments.out), arguments.to, arguments.replace)
    progress = progress_for(arguments)

    # All names at once: two files of one name need different ones, and the same in every shard.
    shard = Shard(*arguments.shard)
    names = shard.part(result_names(paths))
    paths = shard.part(paths)
    skipped = to.present(names) if arguments.skip_existing else set()
    failed = 0
    for path, name in zip(paths, names, strict=True):
        if name in skipped:
            continue
        try:
            started = time.perf_counter()
            read = blocks_of_file(path, experiment.feature.audio_channels)
            with memory_reported(f"with '{path}'", SHORTER):
                prediction = predict_recording(
                    experiment,
                    settings,
                    read,
                    str(path),
                    progress,
                    arguments.precision,
                )
                seconds = time.perf_counter() - started
                written = to.write(prediction, name, experiment, path)
            if session is not None:
                written += _write_session(prediction, name, path, session, to.replace)
            if arguments.json:
                print(_as_json(path, prediction, seconds, written))
            else:
                _on_screen(path, prediction, None if arguments.quiet else seconds)
                for file in written:
                    print(printable(file))
        except MirbricksError as error:
            progress.complain(error)
            failed += 1
    _tell_left_out(len(skipped), failed, len(paths))
    return 1 if failed else 0


def _refuse_several(session: Path | None, paths: Sequence[Path]) -> None:
    if session is not None and len(paths) != 1:
        raise DataError(
            f"a session holds one recording, and there are {len(paths)}",
            code="E721",
            help="leave --session out: `--to sv` writes a session for each",
        )


def _write_session(
    prediction: Prediction, name: str, path: Path, session: Path, replace: bool
) -> list[Path]:
    recording = recording_of(prediction, name, path)
    content = prediction.in_formats([SESSION], recording)[".sv"]
    write_together({session: content}, replace=replace)
    return [session]


def _on_screen(path: Path, prediction: Any, seconds: float | None) -> None:
    """The answer, and how long it took where that is asked for."""
    if not isinstance(prediction, Prediction):
        return
    print(wrapped(f"{printable(path)}: {printable(prediction.answer())}", 2))
    # A model of ten labels gives one of them to any sound.
    if prediction.knows():
        print(wrapped(f"  {printable(prediction.knows())}", 2))
    if seconds is not None:
        length_s = prediction.recorded_s
        rate = f"{length_s / seconds:.1f} x real time"
        print(f"  {length_s:.1f} s of sound in {seconds:.1f} s, {rate}")


def _as_json(
    path: Path, prediction: Any, seconds: float, written: Sequence[Path]
) -> str:
    """Everything as one object on one line."""
    found = {"file": str(path), "files": [str(file) for file in written]}
    about: dict[str, Any] = {"seconds": round(seconds, 3)}
    if isinstance(prediction, Prediction):
        about["duration_s"] = round(prediction.recorded_s, 4)
        about["answer"] = prediction.answer()
        about |= as_json(prediction.layers())
    return printable_json(found | about)


def _tell_left_out(skipped: int, failed: int, total: int) -> None:
    if skipped:
        print(
            f"{plural(skipped, 'recording')} left out: predicted already",
            file=sys.stderr,
        )
    if failed:
        print(f"{failed} of {total} files could not be predicted", file=sys.stderr)
