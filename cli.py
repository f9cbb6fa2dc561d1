"""The command `mirbricks`: what it takes. What the commands do is in commands/.

Exit codes: 0 fine, 1 the user's input is wrong (one message, no traceback), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from .commands.table import COMMANDS, GROUPS
from .errors import MirbricksError
from .printable import let_streams_replace
from .version import __version__

Parser = argparse.ArgumentParser


PLUGIN = "a module that registers blocks, tasks or importers"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    let_streams_replace()
    if argv is None:
        words = sys.argv[1:]
    else:
        words = list(argv)
    arguments = _parser().parse_args(words)
    arguments.command = shlex.join(["mirbricks", *words])
    module, _, function = arguments.run.partition(":")
    pythons = warnings.formatwarning
    warnings.formatwarning = _warning
    try:
        if getattr(arguments, "plugin", None):
            _load_plugins(arguments.plugin)
        return int(
            getattr(
                importlib.import_module(f".commands.{module}", __package__), function
            )(arguments)
        )
    except MirbricksError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    finally:
        warnings.formatwarning = pythons


_PYTHONS_WARNING = warnings.formatwarning


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
        return f"warning: {'; '.join(lines)}\n"
    return _PYTHONS_WARNING(message, category, filename, lineno, line)


def _load_plugins(modules: Sequence[str]) -> None:
    from .registry import load_plugin

    sys.path.insert(0, str(Path.cwd()))  # a plugin may lie beside the graph it is for
    for module in modules:
        load_plugin(module)


def _parser() -> Parser:
    parser = Parser(
        prog="mirbricks",
        description="Deep-learning bricks for Music Information Retrieval.",
    )
    parser.add_argument(
        "--version", action="version", version=f"mirbricks {__version__}"
    )
    places = {
        "": parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    }
    for name, text in GROUPS.items():
        group = places[""].add_parser(name, help=text, description=f"{text}.")
        places[name] = group.add_subparsers(
            title="commands", metavar="COMMAND", required=True
        )
    for name, (run, text, example, add) in COMMANDS.items():
        form = argparse.RawDescriptionHelpFormatter
        epilog = f"example:\n  mirbricks {name} {example}"
        group_name, _, word = name.rpartition(" ")
        one = places[group_name].add_parser(
            word, help=text, description=f"{text}.", epilog=epilog, formatter_class=form
        )
        one.set_defaults(run=run)
        one.add_argument("--plugin", action="append", metavar="MODULE", help=PLUGIN)
        add(one)
    return parser
