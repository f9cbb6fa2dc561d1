"""What a logger is, and how a training talks to several of them."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ...catalogue import Catalogue
from ...errors import MirbricksError, RunError


class Logger(abc.ABC):
    """Base of every logger: made when a training begins, closed when it ends, however that comes.

    Parameters
    ----------
    run : Path
        The folder of the run.
    step : int
        The steps that were done before: 0, or where a training is resumed the number of its last state.
    """

    name: ClassVar[str]

    def __init__(self, run: Path, step: int) -> None:
        self.run = run
        self.step = step

    @abc.abstractmethod
    def record(self, record: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl.

        Parameters
        ----------
        record : mapping
            `step`, and numbers by name: `loss`, `lr`, `grad_norm`, and mappings of numbers, `losses`, `side_losses`,
            `turns`; of a validation `valid`.
        """

    def close(self) -> None:  # noqa: B027  # most have nothing to close
        """The training has ended, or was interrupted."""


LOGGERS: Catalogue[type[Logger]] = Catalogue(
    "logger",
    package=__package__ or "",
    group="mirbricks.loggers",
    error=RunError,
    code="E618",
    base=Logger,
)
T = TypeVar("T", bound=type[Logger])


def register_logger(name: str) -> Callable[[T], T]:
    """Make a logger known as `train --logger NAME`.

    Parameters
    ----------
    name : str
        What users write.

    Raises
    ------
    RegistryError
        E301 for a name that another class has, E302 for a class that is not a Logger.
    """

    def add(cls: T) -> T:
        LOGGERS.register(name, cls)
        cls.name = name
        return cls

    return add


class Loggers:
    """Several loggers as one; one that fails is named once and left out: it must not cost the training.

    Parameters
    ----------
    classes : sequence of type
        What is made when the training begins.
    complain : callable
        Is given the error of a logger that failed.
    """

    def __init__(
        self,
        classes: Sequence[type[Logger]] = (),
        complain: Callable[[MirbricksError], None] | None = None,
    ) -> None:
        self.classes = list(classes)
        self.complain = complain
        self._open: list[Logger] = []

    def start(self, run: Path, step: int) -> None:
        """Make them. Raises what they raise: a package that is missing is known before the first step."""
        self._open = [one(run, step) for one in self.classes]

    def record(self, record: Mapping[str, Any]) -> None:
        """Tell all of them."""
        for logger in list(self._open):
            self._guarded(logger, lambda one: one.record(record))

    def close(self) -> None:
        """Close all of them."""
        for logger in list(self._open):
            self._guarded(logger, lambda one: one.close())
        self._open = []

    def _guarded(self, logger: Logger, call: Callable[[Logger], None]) -> None:
        try:
            call(logger)
        except Exception as error:  # whatever a package of somebody else raises
            self._open.remove(logger)
            name = getattr(type(logger), "name", type(logger).__name__)
            reason = " ".join(str(error).split())
            told = RunError(
                f"the logger '{name}' raised {type(error).__name__}: {reason}",
                code="E618",
                help="the training goes on without it; metrics.jsonl has everything",
            )
            if self.complain is not None:
                self.complain(told)


def flat(record: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """The numbers of a record by name, those within mappings as "valid/Accuracy"; the step is left out."""
    found: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}/")
        elif isinstance(value, int | float) and name != "step":
            found[f"{before}{name}"] = float(value)
    return found
