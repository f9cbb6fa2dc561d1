"""The command separate."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from ...errors import MirbricksError
from ...printable import printable
from ...runs.folder import RunFolder
from ...training.devices import as_device
from ...workflows.hosted import here
from ...workflows.loading import load_run
from ...workflows.parts import move
from ...workflows.predict import files_of
from ...workflows.predicted import result_names
from ...workflows.separate import Options, Separating
from ..screen import progress_for


def separate(arguments: Namespace) -> int:
    """Write a wav file per target, of several recordings a folder each; what cannot be read is named and left out."""
    experiment, _ = load_run(RunFolder.open(here(arguments.folder)))
    # An option that is not given leaves the model's own setting.
    options = Options(
        arguments.targets,
        arguments.sum_to_mix,
        arguments.wiener,
        arguments.one_pass_mb,
    )
    separating = Separating(experiment, options)
    move(experiment, as_device(arguments.device))

    paths = files_of(arguments.audio)
    names = result_names(paths)
    progress = progress_for(arguments)
    # A pattern in quotes, which no shell has read, may stand for several.
    alone = len(paths) == 1 and not Path(arguments.audio[0]).is_dir()
    failed = 0
    for path, name in zip(paths, names, strict=True):
        out = Path(arguments.out)
        if not alone:
            out = out / name
        try:
            with progress.sharing(str(path)) as on_share:
                written = separating.write(
                    path,
                    out,
                    command=arguments.command,
                    replace=arguments.replace,
                    recordings=paths,
                    on_share=on_share,
                )
            files = [str(file) for file in written]
            if arguments.json:
                print(json.dumps({"file": str(path), "files": files}))
            else:
                print(*map(printable, files), sep="\n")
        except MirbricksError as error:
            progress.complain(error)
            failed += 1
    # Of one recording the error has said it all.
    if failed and len(paths) > 1:
        total = len(paths)
        print(f"{failed} of {total} files could not be separated", file=sys.stderr)
    return 1 if failed else 0
