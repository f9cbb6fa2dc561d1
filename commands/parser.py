"""How the command line reads words: argparse, with an answer for words that it does not know."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..printable import printable
from ..spelling import did_you_mean

LONGEST_WORD = 80  # characters of a user's word that a message repeats
WIDEST = 100  # characters of a line of help on a wide terminal
UNSET = "write a value; a variable of the shell may not be set"
_OPTION = re.compile(r"--?[A-Za-z]")  # what looks like one; -1 is a number


class Parser(argparse.ArgumentParser):
    """A parser that names the nearest command or option for one that it does not know; exits with 2 for wrong usage.

    Attributes
    ----------
    commands : mapping of str to Parser
        The commands that it leads to; empty for the parser of a single command.
    elsewhere : sequence of str
        Full names of all commands, such as "data import", for one that is looked for in the wrong group.
    settings : sequence of str
        Keys of a graph's section `train:`, which people try as options: `--lr` is meant as `--set train.lr`.
    only_with, not_with : mapping of str to sequence of str
        By the name of an option those that are given together with it only, and those that are not.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands: Mapping[str, Parser] = {}
        self.elsewhere: Sequence[str] = ()
        self.settings: Sequence[str] = ()
        self.only_with: Mapping[str, Sequence[str]] = {}
        self.not_with: Mapping[str, Sequence[str]] = {}

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it, after a look at the words: argparse reports a misspelt option as a missing one."""
        # argparse calls this for sub-commands too, each time with the words that are left.
        if args is not None:
            words = list(args)
            self._refuse_unknown(words)
            if not self.commands:
                self._refuse_empty(words)
        found = super().parse_known_args(args, namespace)
        if not self.commands:
            self._refuse_together(found[0])
        return found

    def error(self, message: str) -> NoReturn:
        """Print usage and message, and exit with 2."""
        words = map(_shortened, message.split(" "))
        super().error(printable(" ".join(words)))

    def _refuse(self, message: str, help: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {printable(message)}\n  help: {help}\n")

    def _refuse_unknown(self, words: Sequence[str]) -> None:
        """Refuse the first option, or the command, that this parser does not have."""
        options = list(self._option_string_actions)
        before = ""
        for word in words:
            value_of_plugin = bool(self.commands) and before == "--plugin"
            before = word
            if word == "--":
                return
            if value_of_plugin:
                continue
            if _OPTION.match(word):
                name = word.partition("=")[0]
                # Options may be cut short, as long as it is clear which is meant.
                if not any(option.startswith(name) for option in options):
                    self._refuse_option(name, options)
            elif self.commands:
                if word not in self.commands:
                    self._refuse_command(word)
                return  # what follows belongs to the command

    def _refuse_empty(self, words: Sequence[str]) -> None:
        """Refuse a word that is empty: as a path it would be the current folder, which nobody asked for."""
        before = ""
        for word in words:
            if word == "--":
                return
            if _OPTION.match(word) and word.endswith("="):
                self._refuse(f"the value of {_shortened(word[:-1])} is empty", UNSET)
            if not word:
                is_value = _OPTION.match(before) and "=" not in before
                named = f"the value of {before}" if is_value else "an argument"
                self._refuse(f"{named} is empty", UNSET)
            before = word

    def _refuse_together(self, namespace: argparse.Namespace) -> None:
        """Refuse options that are not to be given together, or not one without the other."""

        def given(option: str) -> bool:
            name = option.lstrip("-").replace("-", "_")
            return bool(getattr(namespace, name) != self.get_default(name))

        for option, others in self.not_with.items():
            for other in others:
                if given(option) and given(other):
                    self.error(f"argument {other}: not allowed with argument {option}")
        for option, others in self.only_with.items():
            for other in others:
                if given(other) and not given(option):
                    self.error(f"argument {other}: only with argument {option}")

    def _refuse_command(self, word: str) -> NoReturn:
        group = self.prog.split()[1:]
        # A word may be right and its group wrong: people write `mirbricks import` and `mirbricks
        # data train`.
        here = {name: " ".join([*group, name]) for name in self.commands}
        everywhere = {name.split()[-1]: name for name in self.elsewhere}
        # `mirbricks import` is in the group `data`, and `mirbricks data train` in none.
        hint: str | None
        if word in everywhere:
            hint = f"did you mean `mirbricks {everywhere[word]}`?"
        else:
            hint = _near(word, here) or _near(word, everywhere)
        listing = f"`{self.prog} --help` lists the commands"
        self._refuse(
            f"there is no command '{_shortened(word)}'",
            f"{hint} {listing}" if hint else listing,
        )

    def _refuse_option(self, name: str, options: Sequence[str]) -> NoReturn:
        word = name.lstrip("-")
        # Settings go first: the nearest option to `--lr` would be one that has nothing to do with
        # it.
        hint = self._as_setting(word.replace("-", "_"))
        if hint is None:
            near = did_you_mean(word, [option.lstrip("-") for option in options])
            hint = near and re.sub(r"'([\w-]+)'", r"'--\1'", near)
        if hint is None:
            hint = f"`{self.prog} --help` lists the options"
        self._refuse(f"there is no option '{_shortened(name)}'", hint)

    def _as_setting(self, word: str) -> str | None:
        """The hint for an option that is a setting of the training here, or another library's word for one."""
        if word in self.settings:
            return f"write --set train.{word}=..."
        near = did_you_mean(word, self.settings)
        return near and re.sub(r"'(\w+)'", r"'--set train.\1=...'", near)


def _near(word: str, commands: Mapping[str, str]) -> str | None:
    """The hint for a command; `commands` has the full name of each."""
    near = did_you_mean(word, commands) or did_you_mean(word, commands.values())
    if near is None:
        return None
    return re.sub(
        r"'([\w -]+)'", lambda m: f"`mirbricks {commands.get(m[1], m[1])}`", near
    )


def _shortened(word: str) -> str:
    if len(word) <= LONGEST_WORD:
        return word
    return f"{word[:LONGEST_WORD]}…"


def help_width() -> int:
    """Characters of a line of help: those of the terminal, or of COLUMNS, but for two, as argparse has it."""
    return min(WIDEST, shutil.get_terminal_size().columns) - 2


def paragraph(text: str) -> str:
    """A text on lines that fit."""
    return textwrap.fill(text, help_width(), break_on_hyphens=False)


def example(command: str) -> str:
    """An example of a command, continued before an option where a line would be too long."""
    width = help_width() - len("  ") - len(" \\")
    lines = ["  mirbricks"]
    for part in re.split(r" (?=--)", command):
        if len(f"{lines[-1]} {part}") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"      {part}")
    return "example:\n" + " \\\n".join(lines)
