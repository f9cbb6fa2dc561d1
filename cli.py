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

from .commands.parser import Parser, example, paragraph
from .commands.table import COMMANDS, GROUPS
from .errors import MirbricksError
from .printable import let_streams_replace
from .version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    let_streams_replace()
    if argv is None:
        words = sys.argv[1:]
    else:
        words = list(argv)
    arguments = _parser().parse_args(words)
    if arguments.run is None:  # no command, only `mirbricks` or the name of a group
        print(arguments.help(), end="")
        return 0
    # Runs, packed models and indices keep the command that made them.
    arguments.command = shlex.join(["mirbricks", *words])
    pythons = warnings.formatwarning
    warnings.formatwarning = _warnings_once()
    try:
        _load_plugins(_plugins(arguments))
        # The command's module is imported now, not before: with it comes torch, which no help needs.
        module, _, function = arguments.run.partition(":")
        commands = importlib.import_module(f".commands.{module}", __package__)
        return int(getattr(commands, function)(arguments))
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
        return f"warning: {'; '.join(lines)}\n"
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


def _parser() -> Parser:
    parser = Parser(
        prog="mirbricks",
        description="Deep-learning bricks for Music Information Retrieval.",
    )
    parser.add_argument(
        "--version", action="version", version=f"mirbricks {__version__}"
    )
    # The groups come first in the help, and hold commands of their own.
    groups = {"": parser}
    actions = {"": _with_commands(parser)}
    for name, text in GROUPS.items():
        group = actions[""].add_parser(name, help=text, description=f"{text}.")
        groups[name] = group
        actions[name] = _with_commands(group)
    for name, command in COMMANDS.items():
        group_name, _, word = name.rpartition(" ")
        one = actions[group_name].add_parser(word, help=command.text)
        one.description = f"{command.text}."
        one.formatter_class = argparse.RawDescriptionHelpFormatter
        _takes_plugins(one, "plugin")
        command.add(one)
        one.set_defaults(run=command.run)
        # The example has lines of its own, so argparse must leave description and epilog as they are.
        one.description = paragraph(one.description)
        one.epilog = example(f"{name} {command.example}")
    # What each parser leads to, for the hint where a command is not there.
    for name, group in groups.items():
        group.commands = actions[name].choices
        group.elsewhere = list(COMMANDS)
    return parser


def _with_commands(parser: Parser) -> argparse._SubParsersAction[Parser]:
    """Let a parser lead to commands. Alone, it prints its help; --plugin may stand before the command, too."""
    _takes_plugins(parser, f"plugin_of_{parser.prog}")
    parser.set_defaults(run=None, help=parser.format_help)
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def _takes_plugins(parser: Parser, dest: str) -> None:
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        dest=dest,
        metavar="MODULE",
        help="a module that registers blocks, tasks or others of your own; repeatable",
    )


if __name__ == "__main__":
    sys.exit(main())
