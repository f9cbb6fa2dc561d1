"""The whole command line: every group and command with what it takes, and --plugin before and after them."""

from __future__ import annotations

import argparse

from ..version import __version__
from .parser import Parser, example, paragraph
from .table import COMMANDS, GROUPS


def command_parser() -> Parser:
    """The whole command line: its groups, its commands and what each takes."""
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
