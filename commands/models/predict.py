"""The command predict."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ...errors import MirbricksError
from ...runs.folder import RunFolder
from ...training.devices import as_device
from ...workflows.loading import load_run
from ...workflows.parts import move
from ...workflows.predict import (
    blocks_of_file,
    files_of,
    result_names,
    write_prediction,
)
from ...workflows.predict import predict as predict_recording
from ...workflows.progress import Progress


def predict(arguments: Namespace) -> int:
    """Write what the task finds and its picture per file; files that cannot be read are named and left out."""
    experiment, settings = load_run(RunFolder.open(arguments.folder))
    move(experiment, as_device(arguments.device))
    out = Path(arguments.out)
    progress = Progress()
    failed = 0
    # All names at once: two files of one name need different ones.
    paths = files_of(arguments.audio)
    names = result_names(paths)
    for path, name in zip(paths, names, strict=True):
        try:
            read = blocks_of_file(path, experiment.feature.audio_channels)
            prediction = predict_recording(
                experiment, settings, read, str(path), progress
            )
            written = write_prediction(
                prediction, out, name, experiment, replace=arguments.replace
            )
            for file in written:
                print(file)
        except MirbricksError as error:
            progress.complain(error)
            failed += 1
    if failed:
        total = len(paths)
        print(f"{failed} of {total} files could not be predicted", file=sys.stderr)
    return 1 if failed else 0
