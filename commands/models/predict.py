"""The command predict: what a run hears in audio files."""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from ...data.stores.atomic import written_whole
from ...data.stores.audio import stream_audio
from ...errors import MirbricksError
from ...features.streaming import stream_feature
from ...runs.folder import RunFolder
from ...runs.settings import RunSettings
from ...training.devices import as_device
from ...workflows.experiment import Experiment
from ..screen import complain, sharing
from .evaluate import load_run


def predict(arguments: Namespace) -> int:
    """Write what the task finds and its picture per file; files that cannot be read are named and left out."""
    experiment, settings = load_run(RunFolder.open(arguments.folder))
    experiment.model.to(as_device(arguments.device))
    out = Path(arguments.out)
    failed = 0
    for path, name in zip(arguments.audio, _names(arguments.audio), strict=True):
        try:
            prediction = _predict(experiment, settings, path)
            for file in write_prediction(prediction, out, name, experiment):
                print(file)
        except MirbricksError as error:
            complain(error)
            failed += 1
    if failed:
        print(
            f"{failed} of {len(arguments.audio)} files could not be predicted",
            file=sys.stderr,
        )
    if failed:
        return 1
    return 0


def _names(paths: list[str]) -> list[str]:
    """A name for each file's results: its stem, with the extension where two files share the stem."""
    stems = [Path(path).stem for path in paths]
    names = [
        stem if stems.count(stem) == 1 else Path(path).name
        for stem, path in zip(stems, paths, strict=True)
    ]
    return [
        name if names.count(name) == 1 else f"{i + 1}-{name}"
        for i, name in enumerate(names)
    ]


def _predict(experiment: Experiment, settings: RunSettings, path: str) -> Any:
    """Block by block, by way of features on disk: an hour of them would not fit in memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.safetensors"
        with sharing(f"{path}: features") as on_share:
            feature = stream_feature(
                lambda: stream_audio(path), file, experiment.feature, on_share
            )
        with sharing(f"{path}: {experiment.task.title}") as on_share:
            return experiment.task.predict(
                experiment.model, feature, settings.tuned, on_share
            )


def write_prediction(
    prediction: Any, out: Path, name: str, experiment: Experiment
) -> list[Path]:
    """The files of one recording and the picture; returns their paths."""
    contents = dict(prediction.files())
    figure = experiment.task.picture(prediction, name)
    if figure is not None:
        from ...plots.style import png_bytes  # matplotlib takes a second to import

        contents[".png"] = png_bytes(figure, 120)
    for ending, content in contents.items():
        with written_whole(out / f"{name}{ending}") as temporary:
            temporary.write_bytes(content)
    return [out / f"{name}{ending}" for ending in contents]
