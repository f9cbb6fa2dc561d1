"""What stands for a graph on the command line: a graph file, a run folder, or `zoo:NAME`."""

from __future__ import annotations

from pathlib import Path

from ...errors import RunError
from ...zoo import PREFIX, hint_for, located


def graph_file(given: str) -> str:
    """The graph file that `given` stands for: itself, or of a run or a packed model the graph that was trained.

    Raises RunError E600 for a folder that is not a run, E605 for a run without resolved.yaml, E610 for an unknown
    `zoo:NAME`.
    """
    if not is_trained(given):
        return given
    from ...runs.folder import RESOLVED, RunFolder

    located(given)  # a misspelt name of the zoo is reported as that
    if not given.startswith(PREFIX) and not RunFolder(given).is_run():
        raise RunError(
            f"expected a graph file or the folder of a run: '{given}' is neither",
            code="E600",
            help=hint_for(given)
            or "give a graph file, or the folder that `mirbricks train` has written",
        )
    run = RunFolder.open(given)
    try:
        return str(run.file(RESOLVED))
    except RunError as error:
        if error.code != "E605":
            raise
        message = f"the run '{given}' has no {RESOLVED}"
        hint = "give a graph file, or a run whose training has begun"
        raise RunError(message, code="E605", help=hint) from None


def is_trained(given: str) -> bool:
    """Whether `given` names a folder or a model of the zoo, and not a file."""
    return given.startswith(PREFIX) or Path(given).is_dir()
