"""The oldest declared dependencies, with each Python that is declared: installed, and a part of the tests run.

    python tests/oldest.py                    each Python that is here
    python tests/oldest.py 3.10 --keep        one of them, and its environment stays for the next time

uv resolves every line of setup.cfg to its lowest version that has a wheel for the Python. Environments lie in
.venv-min/; their packages take some GB each, as the lowest torch of the package index comes with CUDA, and are removed
afterwards unless they are to be kept. A Python that is not here is reported, and does not fail.
"""

from __future__ import annotations

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-min"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# Of the extra [test], what the tests below import.
OF_TESTS = (
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
    "jams",
    "mido",
    "jsonschema",
    "pandas",
    "librosa",
)
# Packages that come as source only; building the others would need compilers, and say nothing.
FROM_SOURCE = ("encodec", "jams")
# A graph is read, compiled, trained, evaluated, packed, predicted with; every block, metric and feature is run.
TESTS = (
    "tests/test_registry.py",
    "tests/test_shapes.py",
    "tests/test_lazy.py",
    "tests/blocks",
    "tests/compiler/test_compile.py",
    "tests/compiler/test_folding.py",
    "tests/compiler/inference",
    "tests/data/stores",
    "tests/features",
    "tests/metrics",
    "tests/outputs",
    "tests/plots",
    "tests/runs",
    "tests/tasks/multi_pitch",
    "tests/training",
)


def names_and_versions(section: str, name: str) -> list[str]:
    """The lines of a list in setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return [line for line in config[section][name].splitlines() if line.strip()]


def package_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found is not None
    return found[0]


def requirements() -> list[str]:
    """What is declared, and what the chosen tests need."""
    declared = names_and_versions("options", "install_requires")
    tests = names_and_versions("options.extras_require", "test")
    return declared + [one for one in tests if package_of(one) in OF_TESTS]


def uv(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "uv", *words], check=False).returncode


def installed(python: str) -> Path | None:
    """An environment of the oldest packages; None where this Python is not here."""
    folder = FOLDER / python
    if uv(
        "venv",
        "--quiet",
        "--clear",
        "--no-python-downloads",
        "--python",
        python,
        str(folder),
    ):
        return None
    wheels = [package_of(one) for one in requirements()]
    binary = [f"--only-binary={name}" for name in wheels if name not in FROM_SOURCE]
    inside = folder / "bin" / "python"
    # One line per requirement, by the lowest version of each that fits all the others.
    words = [
        "pip",
        "install",
        "--quiet",
        "--python",
        str(inside),
        "--resolution=lowest-direct",
        *binary,
    ]
    if uv(*words, *requirements()):
        raise SystemExit(
            f"Python {python}: the oldest dependencies cannot be installed"
        )
    uv("pip", "list", "--python", str(inside))
    return folder


def tested(folder: Path, tests: list[str]) -> bool:
    """Whether the chosen tests pass in an environment, on the package of this checkout."""
    source = folder / "src"
    source.mkdir(exist_ok=True)
    link = source / "mirbricks"
    if not link.is_symlink():
        link.symlink_to(ROOT)
    # An older package may warn of what a newer Python takes away: that is no fault of ours.
    words = [
        "-m",
        "pytest",
        "--numprocesses=auto",
        "-W",
        "default",
        "-p",
        "no:cacheprovider",
        *tests,
    ]
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [str(folder / "bin" / "python"), *words]
    return not subprocess.run(
        command, cwd=ROOT, env=environment, check=False
    ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "pythons", nargs="*", default=PYTHONS, help="default: all that are declared"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the environments there"
    )
    parser.add_argument(
        "--tests", nargs="+", default=list(TESTS), help="files and folders"
    )
    arguments = parser.parse_args()
    failed = []
    tried = []
    for python in arguments.pythons:
        folder = installed(python)
        if folder is None:
            print(f"Python {python} is not here: not tested", file=sys.stderr)
            continue
        tried.append(python)
        if not tested(folder, arguments.tests):
            failed.append(python)
        if not arguments.keep:
            shutil.rmtree(folder)
    # With no Python at all nothing was tested, and that is no success.
    if not tried:
        print("none of these Pythons is here", file=sys.stderr)
        return 1
    for python in failed:
        print(
            f"Python {python} with the oldest dependencies: tests failed",
            file=sys.stderr,
        )
    print(f"tested: {', '.join(tried)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
