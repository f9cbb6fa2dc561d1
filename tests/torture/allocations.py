"""The n-th large allocation of predict is refused, once or from then on: one message, no traceback, nothing half."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import trial
from .steps import Steps
from .trial import Ended
from .verbs import emptied
from .workshop import Workshop

LARGE = 1 << 14  # bytes; smaller ones are mostly Python's own, by the thousand


# Libraries in C that draw the picture, and what they do without memory. The answer is written before the picture is
# begun, so that such a crash costs the picture alone: it is counted by its name, and is no fault of ours.
FOREIGN = {
    "matplotlib": "its images (Agg) and fonts (FreeType), in C++, use memory that they did not get",
    "numpy": "its Fourier transform (pocketfft, in C++) reports it to Python without holding Python's lock",
    "glibc": "its loader ends the process where a thread gets no memory of its own",
}


@dataclass
class Allocations:
    """What became of predict: how many allocations there are, how many were refused, what was not as it must be.

    went_on   ended well without the memory: some library asked again, or could do without
    undrawn   ended with the answer, and a warning that its picture could not be drawn
    told      ended with one message that names memory
    other     ended with one message about something else
    crashed   the answer whole, and the process ended by a library of FOREIGN: how often, by library and place
    """

    model: str
    allocations: int = 0
    trials: int = 0
    went_on: int = 0
    undrawn: int = 0
    told: int = 0
    other: int = 0
    crashed: Counter[str] = field(default_factory=Counter)
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
            where = f"allocation {at}{' and all after it' if lasting else ''}"
            _judge(found, ended, _contents(out), wanted, where)
    return found


def _judge(
    found: Allocations,
    ended: Ended,
    there: dict[str, bytes],
    wanted: dict[str, bytes],
    where: str,
) -> None:
    """Count one trial, by how it ended and what it left."""
    found.trials += 1
    half = [name for name in there if there[name] != wanted.get(name)]
    missing = {name for name in wanted if name not in there}
    # All that is not the picture.
    answered = not any(not name.endswith(".png") for name in missing)
    undrawn = ended.code == 0 and bool(missing)
    crash = _foreign_crash(ended)
    if half:
        found.faults.append(f"{where}: {half} is half there")
    if crash and answered:
        found.crashed[crash] += 1
    elif not ended.clean:
        found.faults.append(f"{where}: exit code {ended.code}: {ended.error}")
    elif undrawn and not (answered and "no picture of" in ended.error):
        found.faults.append(f"{where}: ended well without {sorted(missing)}")
    found.undrawn += undrawn
    found.went_on += ended.code == 0 and not undrawn
    tells = ended.code == 1 and "memory" in ended.error
    found.told += tells
    found.other += ended.code == 1 and not tells


def _foreign_crash(ended: Ended) -> str:
    """The library of FOREIGN in which the process crashed, with the place; "" where it did not, or elsewhere."""
    package, place = ended.crash
    if package in FOREIGN:
        return f"{package} ({place})"
    return ""


def _predict(shop: Workshop, model: str, out: Path, *, at: int, lasting: bool) -> Ended:
    name = str(shop.inputs / "run") if model == "tiny" else model
    words = ["predict", name, str(shop.inputs / "long.wav"), "--out", str(out)]

    def before(steps: Steps) -> None:
        steps.refuse_memory(LARGE, at, lasting=lasting)

    return trial.run([*words, "--replace"], shop.folder / "process", before)


def _contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
