"""The command generate."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ...printable import printable_json
from ...runs.folder import RunFolder
from ...runs.json_numbers import finite
from ...training.devices import as_device
from ...workflows.generate import asked_of, best_of, in_turn, opened
from ...workflows.generate import generate as generate_sounds
from ...workflows.generated import SoundFolder
from ...workflows.hosted import here
from ...workflows.parts import move
from ..screen import plural, progress_for


def generate(arguments: Namespace) -> int:
    """Write sounds that a model makes, and the page of them; what is done is kept when it is interrupted."""
    asked = asked_of(arguments.set)
    conditions = in_turn(asked.conditions, arguments.n)
    run_folder = RunFolder.open(here(arguments.folder))
    overrides = (*asked.overrides, *best_of(arguments.best_of))
    experiment, settings = opened(run_folder, overrides)
    # All that can be wrong is looked at before the first sound is made: conditions, then names of files.
    sounds = generate_sounds(
        experiment,
        settings,
        arguments.n,
        conditions,
        arguments.seed,
        progress_for(arguments),
    )
    folder = SoundFolder(Path(arguments.out), arguments.n, replace=arguments.replace)
    move(experiment, as_device(arguments.device))
    names = list(experiment.task.conditions_of(settings.tuned))

    title = f"Sounds of {run_folder.path.resolve().name}"
    made: list[dict[str, Any]] = []
    interrupted = False
    try:
        for sound in sounds:
            path = folder.add(sound, names)
            made.append({"file": str(path), "conditions": dict(sound.details)})
            if not arguments.json:
                print(path)
    except KeyboardInterrupt:
        interrupted = True
    count = plural(folder.n_written, "sound")
    subtitle = f"{experiment.task.title}, {count}, seed {arguments.seed}"
    page = None
    if folder.n_written:
        page = folder.finish(title, subtitle, arguments.command)
    if arguments.json:
        about = {"sounds": made, "page": page and str(page), "seed": arguments.seed}
        print(printable_json(finite(about)))
    elif page:
        print(page)
    if interrupted:
        raise KeyboardInterrupt
    return 0
