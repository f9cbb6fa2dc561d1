"""The command `mirbricks`: what it takes. What the commands do is in commands/.

Exit codes: 0 fine, 1 the user's input is wrong (one message, no traceback), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .commands.command_line import command_parser
from .errors import MirbricksError
from .out_of_memory import of_memory, out_of_memory
from .printable import fitting_error, let_streams_replace, printable


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    let_streams_replace()
    if argv is None:
        words = sys.argv[1:]
    else:
        words = list(argv)
    arguments = command_parser().parse_args(words)
    if arguments.run is None:  # no command, only `mirbricks` or the name of a group
        print(arguments.help(), end="")
        return 0
    # Runs, packed models and indices keep the command that made them.
    arguments.command = shlex.join(["mirbricks", *words])
    pythons = warnings.formatwarning
    warnings.formatwarning = _warnings_once()
    sys.unraisablehook = _unless_of_memory
    try:
        _load_plugins(_plugins(arguments))
        # The command's module is imported now, not before: with it comes torch, which no help needs.
        module, _, function = arguments.run.partition(":")
        commands = importlib.import_module(f".commands.{module}", __package__)
        return int(getattr(commands, function)(arguments))
    except MirbricksError as error:
        print(fitting_error(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    except (MemoryError, RuntimeError, OSError) as error:
        if not of_memory(error):
            raise
        help = "close other programs, or give less at a time"
        print(out_of_memory(error, "in this command", help), file=sys.stderr)
        return 1
    finally:
        warnings.formatwarning = pythons
        sys.unraisablehook = sys.__unraisablehook__


def _unless_of_memory(raised: sys.UnraisableHookArgs) -> None:
    """Python's own report of an exception that nothing can catch, but none where a callback has no memory.

    The library that called it goes on to fail, and that is reported.
    """
    if not issubclass(raised.exc_type, MemoryError):
        sys.__unraisablehook__(raised)


_PYTHONS_WARNING = warnings.formatwarning


def _warnings_once() -> Callable[..., str]:
    """`_warning`, but silent where it has said the same before: a file is read twice, a graph is run twice."""
    written: set[str] = set()

    def once(*details: Any, **more: Any) -> str:
        text = _warning(*details, **more)
        if text in written:
            return ""
        written.add(text)
        return text

    return once


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning of mirbricks as a user reads it, such as that of a broken plugin; others as Python writes them."""
    if isinstance(message, MirbricksError):
        return f"{message}\n"
    if category is UserWarning and Path(filename).is_relative_to(Path(__file__).parent):
        lines = (" ".join(part.split()) for part in str(message).splitlines())
        return f"warning: {printable('; '.join(lines))}\n"
    return _PYTHONS_WARNING(message, category, filename, lineno, line)


def _plugins(arguments: argparse.Namespace) -> list[str]:
    """The modules of every --plugin, before the command and after it."""
    found: list[str] = []
    for name, modules in vars(arguments).items():
        if name.startswith("plugin"):
            found += modules
    return found


def _load_plugins(modules: Sequence[str]) -> None:
    if not modules:
        return
    from .catalogue import load_plugin  # not for every --help

    sys.path.insert(0, str(Path.cwd()))  # a plugin may lie beside the graph it is for
    for module in modules:
        load_plugin(module)


if __name__ == "__main__":
    sys.exit(main())
