"""Every exception of mirbricks, and the codes that name them.

MirbricksError            the user's input cannot be used; carries a code, a place and a next step
├── GraphError            E1xx the form of a graph file, E2xx its sizes and skips
├── RegistryError         E3xx a block that breaks the rules of registration, a name nobody registered
├── DataError             E4xx audio, annotations, features, cache
├── TaskError             E5xx a graph or a corpus that does not fit the task
├── RunError              E6xx run folders, training, checkpoints
└── ErrorList             several of the above, found in one pass

``str(error)`` is the whole message as a user reads it: the place, the line of source with the column marked, the
facts that disagree, the next step and the code. ``mirbricks explain CODE`` prints the entry of `CODES`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CODES: dict[str, str] = {}


@dataclass(frozen=True)
class Where:
    """A place in a text file: `line` and `column` count from 1, `length` characters are marked."""

    file: str
    line: int
    column: int
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> list[str]:
        """The line of source, and below it a row of carets under the marked characters."""
        if not self.text:
            return []
        number = f"{self.line:>5}"
        marks = max(1, min(self.length, len(self.text) - self.column + 1))
        return [f"{number} | {self.text}", f"{' ' * len(number)} | {' ' * (self.column - 1)}{'^' * marks}"]


class MirbricksError(Exception):
    """The user's input cannot be used.

    message  one sentence: what was expected, what came, the user's own words in quotes
    code     a key of `CODES`
    where    the place in the user's file, or None
    facts    (label, text) rows, such as ("here", "(B, 256, 90, 16)")
    help     the next step
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: Where | None = None,
        facts: Iterable[tuple[str, str]] = (),
        help: str | None = None,
    ) -> None:
        if code not in CODES:
            raise KeyError(f"{code} is not in mirbricks.errors.CODES")
        super().__init__(message)
        self.message, self.code, self.where, self.facts, self.help = message, code, where, tuple(facts), help

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.where:
            lines += self.where.excerpt()
        width = max((len(label) for label, _ in self.facts), default=0)
        lines += [f"  {label:<{width}}  {text}" for label, text in self.facts]
        lines.append(f"  help: {self.help}     [{self.code}]" if self.help else f"  [{self.code}]")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Exceptions cross process borders (joblib): rebuild from the keywords too."""
        return _rebuild, (type(self), self.message, self.code, self.where, self.facts, self.help)


def _rebuild(
    cls: type[MirbricksError],
    message: str,
    code: str,
    where: Where | None,
    facts: tuple[tuple[str, str], ...],
    help: str | None,
) -> MirbricksError:
    return cls(message, code=code, where=where, facts=facts, help=help)


class GraphError(MirbricksError):
    """A graph that cannot be compiled."""


class RegistryError(MirbricksError):
    """A block that cannot be registered, or a name that nobody registered."""


class DataError(MirbricksError):
    """Audio, annotations or features that cannot be used."""


class TaskError(MirbricksError):
    """A graph or a corpus that does not fit the task."""


class RunError(MirbricksError):
    """A run folder that cannot be read or written, a training that cannot go on."""


class ErrorList(MirbricksError):
    """Several errors of one pass; `errors` holds them in the order of their places."""

    def __init__(self, errors: Sequence[MirbricksError]) -> None:
        first = errors[0]
        super().__init__(first.message, code=first.code, where=first.where, facts=first.facts, help=first.help)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        count = f"{len(self.errors)} errors" if len(self.errors) > 1 else "1 error"
        return "\n\n".join([*map(str, self.errors), count])

    def __reduce__(self) -> tuple[object, ...]:
        return ErrorList, (self.errors,)


def raise_all(errors: Sequence[MirbricksError]) -> None:
    """Raise nothing, the one error, or an `ErrorList` of all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ErrorList(errors)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """'did you mean 'Conv2d'?' for a near miss among `known`, else None."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=2, cutoff=0.6)
    if not close:
        return None
    return "did you mean " + " or ".join(f"'{by_lower[name]}'" for name in close) + "?"


CODES |= {
    # E1xx: the form of a graph file
    # E2xx: sizes and skips
    # E3xx: registry
    "E301": "Two blocks ask for one name. A registered name is also the name in YAML, so it can mean one class only.",
    "E302": "Only subclasses of mirbricks.Block can be registered: the compiler builds a block from its Config.",
    "E303": "A block needs a docstring, a source and at least one example: they are its documentation and its test.",
    "E304": "The shape contract cannot be read. It has the form 'B C T -> B {out_channels} T'.",
    "E305": "A graph or a call names a block that nobody registered. Plugins must be installed or given by --plugin.",
    "E306": "A plugin module raised an error while it was imported, so its blocks are not available.",
    # E4xx: data and features
    # E5xx: tasks
    # E6xx: runs
}
