"""The command migrate: a graph file in the tutorial's dialect, in the native form."""

from __future__ import annotations

import sys
from argparse import Namespace

from ...compiler.migrating.migrate import migrate as migrated
from ...workflows.new_file import refuse_existing, write_new
from .input_shape import input_shape


def migrate(arguments: Namespace) -> int:
    """Print the native form, or write it to --out; what the user should know goes to standard error."""
    if arguments.out:
        refuse_existing(arguments.out)
    result = migrated(arguments.file, input_shape(arguments.input))
    if arguments.out:
        write_new(arguments.out, result.text)
    else:
        print(result.text, end="")
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0
