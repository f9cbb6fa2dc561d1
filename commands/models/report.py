"""The command report."""

from __future__ import annotations

from argparse import Namespace

from ...errors import RunError
from ...workflows.compare_runs import compare, write_comparison
from ...workflows.report import report as write_reports


def report(arguments: Namespace) -> int:
    """Write the report of every run in a folder again; of several folders the page that compares them."""
    if len(arguments.folders) > 1:
        compared = compare(arguments.folders)
        print(write_comparison(compared, arguments.out, arguments.command))
        return 0
    if arguments.data is None:
        raise RunError(
            "a report draws what the model predicts for the recordings of a corpus",
            code="E616",
            help="add --data DIR, or give several runs to compare them",
        )
    paths = write_reports(
        arguments.folders[0],
        arguments.data,
        cache=arguments.cache,
        jobs=arguments.jobs,
    )
    for path in paths:
        print(path)
    return 0
