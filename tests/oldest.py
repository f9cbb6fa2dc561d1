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
    "tests/tasks/test_multi_pitch.py",
    "tests/tasks/test_peaks.py",
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


def interpreter(python: str) -> str | None:
    """A program of this version: on the PATH, else among those of pyenv, whose own programs run one version only."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{python}")]
    found += map(str, sorted(pyenv.glob(f"{python}.*/bin/python")))
    for program in found:
        if program is None:
            continue
        words = [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.stdout.strip() == python:
            return program
    return None


def installed(program: str, folder: Path) -> Path:
    """The Python of an environment with the oldest packages. Raises SystemExit where they cannot be installed."""
    if uv("venv", "--quiet", "--clear", "--python", program, str(folder)):
        raise SystemExit(f"{program}: no environment can be made")
    wheels = [package_of(one) for one in requirements()]
    binary = [f"--only-binary={name}" for name in wheels if name not in FROM_SOURCE]
    inside = folder / "bin" / "python"
    # Of each line of the lists the lowest version; of what these need, the newest.
    words = ["--quiet", "--python", str(inside), "--resolution=lowest-direct", *binary]
    if uv("pip", "install", *words, *requirements()):
        raise SystemExit(f"{program}: the oldest packages cannot be installed")
    uv("pip", "list", "--python", str(inside))
    return inside


def tested(inside: Path, folder: Path, tests: list[str]) -> bool:
    """Whether the chosen tests pass in an environment, on the package of this checkout."""
    source = folder / "src"
    source.mkdir()
    (source / "mirbricks").symlink_to(ROOT)
    # An older package may warn of what a newer Python takes away: that is no fault of ours.
    words = ["-m", "pytest", "--numprocesses=2", "-W", "default", *tests]
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [str(inside), *words, "-p", "no:cacheprovider"]
    return not subprocess.run(
        command, cwd=ROOT, env=environment, check=False
    ).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pythons", nargs="*", default=PYTHONS, help="default: all")
    parser.add_argument("--keep", action="store_true", help="leave what was installed")
    parser.add_argument("--tests", nargs="+", default=list(TESTS), help="which run")
    arguments = parser.parse_args()
    failed = []
    passed = []
    for python in arguments.pythons:
        program = interpreter(python)
        if program is None:
            print(f"Python {python} is not here: not tested", file=sys.stderr)
            continue
        folder = FOLDER / python
        inside = installed(program, folder)
        if tested(inside, folder, arguments.tests):
            passed.append(python)
        else:
            failed.append(python)
        if not arguments.keep:
            shutil.rmtree(folder)
    print(f"with the oldest packages passed: {', '.join(passed) or 'no Python'}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    # Where no Python is here nothing was tested, and that is no success.
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
