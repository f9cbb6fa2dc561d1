"""Shared fixtures."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

# `pytest --hypothesis-profile=nightly tests/compiler/test_compiler_property.py` draws thousands of random graphs
settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=200, database=None
)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=5_000,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("ci")

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")  # of a studio


def data_folder() -> Path:
    """Where the real corpora lie: MIRBRICKS_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("MIRBRICKS_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """`script("covered.py")` is the module of a script of tests/, which no package holds."""

    def load(name: str) -> ModuleType:
        place = ROOT / "tests" / name
        spec = importlib.util.spec_from_file_location(f"{place.stem}_script", place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load


@contextlib.contextmanager
def _studio_in(folder: Path, graph: str) -> Iterator[str]:
    words = "import sys; from mirbricks.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", words, "studio", graph],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    assert process.stdout
    try:
        while not (found := ADDRESS.search(process.stdout.readline())):
            assert process.poll() is None
        yield found[0]
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="session")
def studio_in() -> Callable[[Path, str], contextlib.AbstractContextManager[str]]:
    """`with studio_in(folder, graph) as address:` is a studio of that folder, in a process of its own."""
    return _studio_in


@contextlib.contextmanager
def _unprivileged() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def unprivileged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Root may read everything: `with unprivileged():` is nobody, in a working folder that nobody may enter."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return _unprivileged


@pytest.fixture(scope="session")
def data_root() -> Path:
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real corpora at {folder}; set MIRBRICKS_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def bach10(data_root: Path) -> Path:
    if not (data_root / "bach10" / "bach10_audio.hdf5").exists():
        pytest.skip(f"no bach10 in {data_root}")
    return data_root / "bach10"
