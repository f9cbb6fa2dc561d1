"""Every exception of mirbricks, and the codes that name them.

MirbricksError            the user's input cannot be used; carries a code, a place and a next step
├── GraphError            E1xx the form of a graph file, E2xx its sizes and skips
├── RegistryError         E3xx what breaks the rules of registration, a name nobody registered
├── BlockCheckError       E310 a block that lacks a property every block has; an AssertionError too
├── DataError             E4xx audio, annotations, features, cache; E7xx what predict writes, E9xx the studio
├── TaskError             E5xx a graph or a corpus that does not fit the task, E8xx those of source separation
├── RunError              E6xx run folders, training, checkpoints
├── GraphWarning          W1xx a graph that runs, and probably does not say what was meant; given by `warnings.warn`
└── ErrorList             several of the above, found in one pass

``str(error)`` is the whole message as a user reads it: the place, the line of source with the column marked, the
facts that disagree, the next step and the code. ``mirbricks explain CODE`` prints what a code means.

The codes that every room raises are below; those of one room stand in its `codes.py`, and a package adds its own with
`register_codes`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from .spelling import did_you_mean as did_you_mean
from .where import Edit as Edit
from .where import Where as Where
from .where import edits_for, on_one_line

# The codes of the rooms that have been imported so far; `codes` has all.
CODES: dict[str, str] = {}
_OWNERS: dict[str, str] = {}  # the module that registered each

LONGEST_MESSAGE = 1_000  # characters of one line of a message
MOST_SHOWN = 50  # errors of one pass

# Characters that would act on the terminal, or turn or hide the text around them, are shown as dots.
_CONTROLS = [*range(9), *range(11, 32), *range(127, 160)]
_DIRECTIONS = [0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
VISIBLE = dict.fromkeys([*_CONTROLS, *_DIRECTIONS], "·")
_QUOTED = re.compile(r"(?<![\w'])'[^'\n]*\n[^']*'(?!\w)")  # a name of several lines


class MirbricksError(Exception):
    """The user's input cannot be used.

    Parameters
    ----------
    message : str
        One sentence: what was expected, what came, the user's own words in quotes.
    code : str
        A registered code, such as "E203".
    where : Where, optional
        The place in the user's file.
    facts : iterable of (str, str)
        Rows of a label and a text, such as ("here", "(B, 256, 90, 16)").
    help : str, optional
        The next step.
    edits : iterable of Edit, optional
        Changes of the file that would mend it, the likeliest first. A did-you-mean as `help` makes its own.

    Raises
    ------
    KeyError
        For a code that nobody registered: the mistake of a programmer, not of the user.

    Examples
    --------
    >>> print(DataError("no audio at 'song.wav'", code="E400", help="check the path"))
    no audio at 'song.wav'
      help: check the path     [E400]
    """

    kind: ClassVar[str] = ""  # stands before the message

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: Where | None = None,
        facts: Iterable[tuple[str, str]] = (),
        help: str | None = None,
        edits: Iterable[Edit] = (),
    ) -> None:
        if code not in CODES and code not in codes():
            raise KeyError(f"nobody registered the code {code}: see register_codes")
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.facts = tuple(facts)
        self.help = help
        self.edits = tuple(edits) or edits_for(where, help)

    def __str__(self) -> str:
        message = f"{self.kind}{_cut(_names_on_one_line(self.message))}"
        lines = [message]
        if self.where:
            lines = [f"{self.where}: {message}", *self.where.excerpt()]
        width = max((len(label) for label, _ in self.facts), default=0)
        lines += [f"  {label:<{width}}  {_cut(text)}" for label, text in self.facts]
        if self.help:
            lines.append(f"  help: {_cut(self.help)}     [{self.code}]")
        else:
            lines.append(f"  [{self.code}]")
        return "\n".join(lines).translate(VISIBLE)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the user's own lines that led here, and the message; no calls of the package."""
        import sysconfig  # both for notebooks only
        import traceback

        # The frames of packages, IPython's own among them, are of no help with a mistake in the user's input.
        paths = sysconfig.get_paths()
        installed = (paths[name] for name in ("stdlib", "purelib", "platlib"))
        packages = (str(Path(__file__).parent), *installed)
        calls = []
        for call in traceback.extract_tb(self.__traceback__):
            if not call.filename.startswith(packages):
                calls.append(f"line {call.lineno}, in {call.name}: {call.line}")
        return [*calls, f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross process borders (joblib), also to a process that has not imported the room of the code yet."""
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(cls: type[MirbricksError], args: tuple[Any, ...]) -> MirbricksError:
    return cls.__new__(cls, *args)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[:LONGEST_MESSAGE]}…"


def _names_on_one_line(message: str) -> str:
    """A message whose quoted names hold no line break: a path with one would tear the message in two."""
    return _QUOTED.sub(lambda name: on_one_line(name[0]), message)


class GraphError(MirbricksError):
    """A graph that cannot be compiled."""


class GraphWarning(MirbricksError, UserWarning):
    """A graph that can be compiled, and probably does not say what its author means."""

    kind = "warning: "


class RegistryError(MirbricksError):
    """What cannot be registered, or a name that nobody registered."""


class DataError(MirbricksError):
    """Audio, annotations or features that cannot be used."""


class TaskError(MirbricksError):
    """A graph or a corpus that does not fit the task."""


class RunError(MirbricksError):
    """A run folder that cannot be read or written, a training that cannot go on."""


class ErrorList(MirbricksError):
    """Several errors of one pass.

    Attributes
    ----------
    errors : tuple of MirbricksError
        In the order of their places; code, place and message of the list are those of the first.
    """

    def __init__(self, errors: Sequence[MirbricksError]) -> None:
        first = errors[0]
        super().__init__(
            first.message,
            code=first.code,
            where=first.where,
            facts=first.facts,
            help=first.help,
            edits=first.edits,
        )
        self.errors = tuple(errors)

    def __str__(self) -> str:
        count = f"{len(self.errors)} errors"
        if len(self.errors) == 1:
            count = "1 error"
        if len(self.errors) > MOST_SHOWN:
            count += f", of which these are the first {MOST_SHOWN}"
        return "\n\n".join([*map(str, self.errors[:MOST_SHOWN]), count])


def raise_all(errors: Sequence[MirbricksError]) -> None:
    """Raise nothing, the one error, or an `ErrorList` of all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ErrorList(errors)


def register_codes(module: str, codes: Mapping[str, str]) -> None:
    """Make error codes known, so that errors can be raised with them and `mirbricks explain` explains them.

    Parameters
    ----------
    module : str
        `__name__` of the module that registers them. It may register them again.
    codes : mapping of str to str
        Of each code, capital letters and a number, a sentence that explains it.

    Raises
    ------
    RegistryError
        E309 for a code that another module has, one of another form, or one without an explanation.

    Examples
    --------
    >>> register_codes("mylab.keys", {"MYLAB1": "A key is a tonic and a mode, such as C minor."})
    >>> print(DataError("'H major' is not a key", code="MYLAB1"))
    'H major' is not a key
      [MYLAB1]
    """
    if not _is_own(module):
        # As with names: the newcomer is refused, also where it comes before the room that has the code.
        _import_codes(importlib.import_module(__package__))
    for code, text in codes.items():
        holder = _OWNERS.get(code, module)
        if holder != module:
            raise RegistryError(
                f"the error code '{code}' is taken",
                code="E309",
                facts=[("registered", holder), ("refused", module)],
                help="take letters of your own, such as MYLAB1",
            )
        if not re.fullmatch(r"[A-Z]+[0-9]+", code) or not text.strip():
            raise RegistryError(
                f"'{code}' of {module} is not an error code with an explanation",
                code="E309",
                help="write capital letters and a number, and a sentence: {'MYLAB1': 'A key is ...'}",
            )
        CODES[code] = text
        _OWNERS[code] = module


def codes() -> dict[str, str]:
    """Every code of mirbricks, and of the packages that have been imported, with its explanation; sorted."""
    _import_codes(importlib.import_module(__package__))
    return dict(sorted(CODES.items()))


def _import_codes(package: ModuleType) -> None:
    """Import the `codes.py` of every room."""
    prefix = f"{package.__name__}."
    for module in pkgutil.iter_modules(package.__path__, prefix):
        if module.ispkg:
            _import_codes(importlib.import_module(module.name))
        elif module.name.endswith(".codes"):
            importlib.import_module(module.name)


def _is_own(module: str) -> bool:
    return module.startswith(f"{__package__}.")


_EVERYBODYS = {
    "E195": "The machine has not enough memory for what was asked. What was written stays; nothing half is left.",
    "E301": "Two of one kind, such as two blocks, ask for one name. It means one class only: the last is refused.",
    "E302": "A registered class derives from the base of its kind, such as Block or Task: what uses it relies on that.",
    "E303": "A block needs a docstring, a source and at least one example: they are its documentation and its test.",
    "E304": "The shape contract cannot be read. It has the form 'B C T -> B {out_channels} T'.",
    "E305": "A graph or a call names a block that nobody registered. Plug-ins are installed, or named with --plugin.",
    "E306": "A plug-in module raised an error while it was imported, so what it registers is not available.",
    "E307": "A block has the name of its class, in CapWords, its file the same in snake_case; neither hides another.",
    "E309": "An error code belongs to one module. It is capital letters and a number, and comes with an explanation.",
    "E313": "Blocks, tasks, features and the like are found by name: text, without blanks at its beginning and end.",
    "E400": "The file with the audio or the features is not there. A corpus is NAME_audio.hdf5 beside NAME.pyjama.",
    "E401": "The file is not HDF5, or it is damaged: often a download or a copy that was cut short.",
    "E408": "The file cannot be written: the disk is full, the folder is read-only, or something else has its name.",
    "E409": "The file or folder is there, but cannot be read: its permissions do not allow it, or the disk fails.",
    "E410": "A corpus is a folder with one NAME.pyjama and beside it NAME_audio.hdf5, NAME_feat.hdf5 or both.",
    "E610": "The zoo holds the models that come with mirbricks; `mirbricks zoo` lists them, `zoo:NAME` stands for one.",
}
register_codes(__name__, _EVERYBODYS)
