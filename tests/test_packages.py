"""What is installed: every room of the package, and the files in it that are not code."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import mirbricks

ROOT = Path(mirbricks.__file__).parent
ELSEWHERE = ("tests", "bench", "docs", "examples", "out", "build")
SCRIPT = """
import setuptools
setuptools.setup = lambda **given: print(*given["packages"])
exec(open("setup.py").read())
"""


def packages() -> set[str]:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    return set(done.stdout.split())


def test_every_room_is_installed() -> None:
    rooms = {"mirbricks"}
    for path in ROOT.rglob("__init__.py"):
        parts = path.parent.relative_to(ROOT).parts
        if parts and parts[0] not in ELSEWHERE and not parts[0].startswith("."):
            rooms.add(".".join(["mirbricks", *parts]))
    assert packages() == {*rooms, "mirbricks.graphs"}


def test_what_is_not_code_belongs_to_a_package_that_is_installed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    data = dict(config["options.package_data"])
    assert set(data) <= packages()
    for package, patterns in data.items():
        folder = ROOT.joinpath(*package.split(".")[1:])
        for pattern in patterns.replace("\n", ",").split(","):
            assert not pattern.strip() or any(folder.glob(pattern.strip())), pattern
