"""The command completion: a script that lets a shell complete commands, options and files."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Iterator

from ..data.importers.optional import optional
from .command_line import command_parser

FILES = {  # what an argument names, by how the help writes it
    "FILE",
    "GRAPH",
    "AUDIO",
    "RUN",
    "DIR",
    "OUT",
    "CODES",
    "INDEX",
    "SOURCE",
}


def completion(arguments: Namespace) -> int:
    """Print the script; it holds all commands and options, so it is made again after an update."""
    shtab = optional("shtab")
    parser = command_parser()
    for action in _actions(parser):
        # Runs, graphs and recordings are files; of other words a shell cannot know.
        if _names_files(action):
            setattr(action, "complete", shtab.FILE)  # noqa: B010  # shtab reads it
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of all commands that it leads to."""
    for action in parser._actions:  # argparse has no public way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)


def _names_files(action: argparse.Action) -> bool:
    words = action.metavar
    if not isinstance(words, str):
        return False
    return words.partition(".")[0] in FILES
