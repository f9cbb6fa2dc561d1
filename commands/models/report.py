"""The command report."""

from __future__ import annotations

from argparse import Namespace

from ...workflows.report import report as write_reports


def report(arguments: Namespace) -> int:
    """Write the report of every run in a folder again."""
    paths = write_reports(
        arguments.folder, arguments.data, cache=arguments.cache, jobs=arguments.jobs
    )
    for path in paths:
        print(path)
    return 0
