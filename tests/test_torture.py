"""The torture in its short form: kills, failing disks, power cuts, missing memory, damaged files, mutated graphs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))

from torture import steps  # noqa: E402 - after its folder is on the path

if not steps.can_be_seen():
    pytest.skip("needs Linux and a C compiler", allow_module_level=True)


def tortured(*parts: str) -> str:
    """What the command prints; it must find no fault."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "torture", "--short", *parts]
    ended = subprocess.run(
        words, cwd=TESTS, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith("0 faults\n")
    return ended.stdout


def test_damaged_files_and_mutated_graphs() -> None:
    text = tortured("fuzz", "lines")
    # The check checks: inputs were both taken and refused.
    row = next(line for line in text.splitlines() if line.startswith("| all |"))
    accepted, refused = (int(cell) for cell in row.split("|")[3:5])
    assert accepted > 10
    assert refused > 50


def test_power_cuts() -> None:
    text = tortured("power")
    disks = [line.split("|")[3] for line in text.splitlines() if line.startswith("| i")]
    assert int(disks[0]) > 100


@pytest.mark.slow
def test_kills_failing_disks_and_missing_memory() -> None:
    text = tortured("kills", "faults", "memory")
    row = next(line for line in text.splitlines() if line.startswith("| all |"))
    killed = int(row.split("|")[2])
    assert killed >= 20
