"""The command demo: from nothing to a report."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

from .. import __file__ as package
from ..data.synth import synthesise_polyphony
from ..runs import RunFolder
from .screen import console, counting
from .train import train

CLIPS = 12
SHORT = ("train.steps=400", "train.validate_every=100")  # four minutes on two cores, features included


def demo(arguments: Namespace) -> int:
    """Synthesise a corpus unless one is given, train mpe_small on it, evaluate, write the report."""
    out = Path(arguments.out)
    run = RunFolder(out)
    if run.is_run():  # the demo is repeatable: its own earlier run gives way, nothing else does
        with run.locked():
            shutil.rmtree(out)
    data = arguments.data or _synthesised(out.parent / f"{out.name}-data")
    graph = arguments.graph or Path(package).parent / "graphs" / "mpe_small.yaml"
    overrides = [*SHORT, *arguments.set]
    given = {**vars(arguments), "data": str(data), "graph": str(graph), "set": overrides, "fold": None, "resume": False}
    return train(Namespace(**given))


def _synthesised(folder: Path) -> Path:
    """The demo's corpus, made once."""
    if not (folder / "polyphony.pyjama").exists():
        console().print(f"synthesising {CLIPS} clips of four-voice polyphony into {folder}")
        with counting("clips", CLIPS) as on_done:
            synthesise_polyphony(folder, CLIPS, on_done=lambda key: on_done(key, None))
    return folder
