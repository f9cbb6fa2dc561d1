"""The command demo: from nothing to a report."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ... import __file__ as package
from ...data.corpus import Corpus
from ...data.stores.reading import unreadable
from ...data.synth.polyphony import synthesise_polyphony
from ...runs.folder import FILES, MARK, RunFolder
from ...workflows.loading import load_experiment
from ...workflows.progress import Progress
from ...workflows.report import REPORT
from ..screen import progress_for
from .train import train

CLIPS = 12
SHORT = (
    "train.steps=400",
    "train.validate_every=100",
)  # four minutes on two cores, features included


def demo(arguments: Namespace) -> int:
    """Synthesise a corpus unless one is given, train mpe_small on it, evaluate, write the report."""
    out = Path(arguments.out)
    progress = progress_for(arguments)
    data = arguments.data or _synthesised(out.parent / f"{out.name}-data", progress)
    graph = arguments.graph or Path(package).parent / "graphs" / "mpe_small.yaml"
    overrides = [*SHORT, *arguments.set]
    # Both inputs are proved before the earlier run is cleared away.
    load_experiment(graph, overrides)
    Corpus.open(data)
    _clear(RunFolder(out))
    given = {
        **vars(arguments),
        "data": str(data),
        "graph": str(graph),
        "set": overrides,
        "fold": None,
        "resume": False,
        "also": [],
        "logger": [],
        "sweep": [],
        "profile": False,
    }
    return train(Namespace(**given))


def _clear(run: RunFolder) -> None:
    """The demo can be repeated: its own earlier run gives way, file by file; nothing else does."""
    if run.read_settings().get("command", "").startswith("mirbricks demo"):
        with run.locked():
            for name in (*FILES, MARK, REPORT):
                (run.path / name).unlink(missing_ok=True)


def _synthesised(folder: Path, progress: Progress) -> Path:
    """The demo's corpus, made once."""
    try:
        made = (folder / "polyphony.pyjama").exists()
    except OSError as error:
        raise unreadable(folder, error) from error
    if not made:
        progress.line(
            f"synthesising {CLIPS} clips of four-voice polyphony into {folder}"
        )
        with progress.counting("clips", CLIPS) as on_done:
            synthesise_polyphony(folder, CLIPS, on_done=on_done)
    return folder
