"""Shared fixtures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

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


def data_folder() -> Path:
    """Where the real corpora lie: MIRBRICKS_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("MIRBRICKS_DATA", ROOT.parent / "shared" / "data"))


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
