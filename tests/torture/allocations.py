"""The n-th large allocation of predict is refused, once or from then on: one message, no traceback, nothing half."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import trial
from .steps import Steps
from .verbs import emptied
from .workshop import Workshop

LARGE = 1 << 14  # bytes; smaller ones are mostly Python's own, by the thousand


@dataclass
class Allocations:
    """What became of predict: how many allocations there are, how many were refused, what was not as it must be.

    went_on  ended well without the memory: some library asked again, or could do without
    told     ended with one message that names memory
    other    ended with one message about something else
    """

    model: str
    allocations: int = 0
    trials: int = 0
    went_on: int = 0
    told: int = 0
    other: int = 0
    faults: list[str] = field(default_factory=list)


def refuse(shop: Workshop, model: str, most: int) -> Allocations:
    """Refuse up to `most` allocations, spread over all, each once and, in another process, with all that follow."""
    found = Allocations(model)
    out = emptied(shop.folder / "allocations") / "out"
    whole = _predict(shop, model, out, at=0, lasting=False)
    if whole.code:
        raise RuntimeError(whole.error)
    wanted = _contents(out)
    found.allocations = whole.allocated
    stride = max(1, -(-whole.allocated // most))
    for at in range(1, whole.allocated + 1, stride):
        for lasting in (False, True):
            emptied(out)
            ended = _predict(shop, model, out, at=at, lasting=lasting)
            found.trials += 1
            where = f"allocation {at}{' and all after it' if lasting else ''}"
            if not ended.clean:
                found.faults.append(f"{where}: exit code {ended.code}: {ended.error}")
            found.went_on += ended.code == 0
            tells = ended.code == 1 and "memory" in ended.error
            found.told += tells
            found.other += ended.code == 1 and not tells
            there = _contents(out)
            half = [name for name in there if there[name] != wanted.get(name)]
            if half or (ended.code == 0 and there != wanted):
                found.faults.append(f"{where}: {half or 'files are missing'}")
    return found


def _predict(
    shop: Workshop, model: str, out: Path, *, at: int, lasting: bool
) -> trial.Ended:
    name = str(shop.inputs / "run") if model == "tiny" else model
    words = ["predict", name, str(shop.inputs / "long.wav"), "--out", str(out)]

    def before(steps: Steps) -> None:
        steps.refuse_memory(LARGE, at, lasting=lasting)

    return trial.run([*words, "--replace"], shop.folder / "process", before)


def _contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
