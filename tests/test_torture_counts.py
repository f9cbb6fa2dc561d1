"""How the torture judges what it sees: crashes, what grows, and runs of the fuzzers that add up."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))

from torture import fuzz, fuzzed, soak  # noqa: E402 - after its folder is on the path
from torture.allocations import Allocations, _judge  # noqa: E402 - the same
from torture.strangers import Kind  # noqa: E402 - the same
from torture.trial import Ended  # noqa: E402 - the same

from mirbricks.errors import DataError  # noqa: E402 - the same

CRASH = """\
Native calls:
/tmp/mirbricks-steps-5e2.so(+0x2a41)[0x7fda1]
/lib/x86_64-linux-gnu/libc.so.6(+0x3c050)[0x7fda2]
{library}(+0x1b23c)[0x7fda3]
/usr/bin/python3.11(_PyEval_EvalFrameDefault+0x5a)[0x7fda4]
Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "/venv/lib/site-packages/matplotlib/image.py", line 222 in _resample
  File "/lib/site-packages/mirbricks/plots/figure.py", line 33 in png_bytes
"""
PACKAGES = "/venv/lib/python3.11/site-packages"
WANTED = {"x.csv": b"answer", "x.png": b"picture"}


def crash_in(library: str) -> str:
    return CRASH.format(library=library)


def judged(code: int, error: str, there: dict[str, bytes]) -> Allocations:
    found = Allocations("tiny")
    ended = Ended(code, "", error, 1.0, 1.0)
    _judge(found, ended, there, WANTED, "allocation 1")
    return found


def test_a_crash_in_a_foreign_library_is_counted_by_its_place() -> None:
    for library in (
        "matplotlib/_image.so",
        "numpy/fft/_pocketfft.so",
        "numpy.libs/a.so",
    ):
        found = judged(-11, crash_in(f"{PACKAGES}/{library}"), {"x.csv": b"answer"})
        package = library.partition("/")[0].removesuffix(".libs")
        assert found.crashed == {f"{package} (image.py:222, _resample)": 1}
        assert found.faults == []


@pytest.mark.parametrize(
    ("library", "there"),
    [
        (f"{PACKAGES}/h5py/h5d.so", {"x.csv": b"answer"}),
        ("/usr/bin/python3.11", {"x.csv": b"answer"}),
        # A crash that takes the answer with it, or leaves half of it, is ours to prevent.
        (f"{PACKAGES}/matplotlib/_image.so", {}),
        (f"{PACKAGES}/matplotlib/_image.so", {"x.csv": b"ans"}),
    ],
)
def test_every_other_crash_is_a_fault(library: str, there: dict[str, bytes]) -> None:
    assert judged(-11, crash_in(library), there).faults


def test_what_called_python_is_told_from_what_python_called() -> None:
    within = "/x/libpython3.11.so.1.0(PyErr_SetNone+0x1)[0x1]\n"
    running = "/x/libpython3.11.so.1.0(_PyEval_EvalFrameDefault+0x1)[0x1]\n"
    numpy = f"{PACKAGES}/numpy/fft/_pocketfft.so"
    answer = {"x.csv": b"answer"}
    assert judged(-11, crash_in(within + numpy), answer).crashed
    assert judged(-11, crash_in(within + running + numpy), answer).faults


def test_the_loader_ends_a_process_by_itself() -> None:
    text = "cannot allocate memory for thread-local data: ABORT\n"
    found = judged(127, text, {"x.csv": b"answer"})
    assert (found.crashed, found.faults) == ({"glibc (thread-local data)": 1}, [])
    assert judged(127, text, {}).faults
    assert judged(127, "", {"x.csv": b"answer"}).faults


def test_a_crash_that_nothing_is_known_of_is_a_fault() -> None:
    assert judged(-11, "", {"x.csv": b"answer"}).faults
    assert judged(-9, crash_in(f"{PACKAGES}/h5py/h5d.so"), WANTED).faults


def test_an_answer_without_its_picture_needs_a_warning() -> None:
    answer = {"x.csv": b"answer"}
    told = judged(0, "warning: no picture of 'x', which could not be drawn", answer)
    assert (told.undrawn, told.went_on, told.faults) == (1, 0, [])
    assert judged(0, "", answer).faults
    assert judged(0, "warning: no picture of 'x'", {"x.png": b"picture"}).faults
    whole = judged(0, "", WANTED)
    assert (whole.undrawn, whole.went_on, whole.faults) == (0, 1, [])


def readings(main_mb: list[float], handles: list[int]) -> list[soak.Reading]:
    pairs = enumerate(zip(main_mb, handles, strict=True))
    return [
        soak.Reading(float(at), at, megabytes, 100.0, 100.0, count, 9, 0)
        for at, (megabytes, count) in pairs
    ]


def test_what_grows_is_seen_and_what_moves_is_not() -> None:
    noise = np.random.default_rng(0).uniform(-3.0, 3.0, 40)
    flat = [500.0 + one for one in noise]
    leak = [one + 2.0 * at for at, one in enumerate(flat)]
    # What is loaded at first is no leak.
    first = [300.0] * 8 + flat[8:]
    assert soak.grown(readings(flat, [20] * 40)) == []
    assert soak.grown(readings(first, [20] * 40)) == []
    assert "main_mb" in soak.grown(readings(leak, [20] * 40))[0]
    handles = [20 + at // 10 for at in range(40)]
    assert "handles" in soak.grown(readings(flat, handles))[0]


def make_kind(name: str = "x") -> Kind:
    """An input is its number: 0 is accepted, 1 refused, 2 an exception, 3 the end of the process."""

    def damaged(rng: np.random.Generator, at: Path) -> None:
        (at / "x").write_text(str(rng.integers(4)))

    def read(at: Path) -> None:
        way = int((at / "x").read_text())
        if way == 1:
            raise DataError("refused", code="E400")
        if way == 2:
            raise KeyError("x")
        if way == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    return Kind(name, damaged, read)


@pytest.mark.skipif(sys.platform != "linux", reason="children are forked")
def test_a_crash_costs_one_input_and_runs_add_up(tmp_path: Path) -> None:
    kind = make_kind()
    found = fuzz.fuzz(kind, fuzz.Drawn(tmp_path, 5, 0, 40, np.inf))
    crashes = found.faults["the process died of SIGKILL"]
    others = sum(found.faults.values()) - crashes
    counts = (found.accepted, found.refused["E400"], crashes, others)
    assert sum(counts) == found.inputs == 40
    assert all(count > 3 for count in counts)
    # The same inputs in two runs, which go on from each other, give the same counts.
    runs = []
    for count in (15, 25):
        first = fuzzed.firsts(runs, 5).get("x", 0)
        part = fuzz.fuzz(kind, fuzz.Drawn(tmp_path, 5, first, count, np.inf))
        runs += fuzzed.as_runs([part], 5)
    store = tmp_path / "fuzzed.json"
    fuzzed.save(runs, store)
    added = fuzzed.summed(fuzzed.stored(store))["x"]
    assert (added.inputs, added.accepted) == (40, found.accepted)
    assert (added.refused, added.faults) == (found.refused, crashes + others)
    assert fuzzed.firsts(runs, 6) == {}


def test_codes_in_words() -> None:
    assert fuzzed.codes_in_words(Counter({"E1": 1200, "E2": 3})) == "E1 1,200, E2 3"
    many = Counter({f"E{number}": 20 - number for number in range(15)})
    assert fuzzed.codes_in_words(many).endswith("E11 9 and 3 more")
