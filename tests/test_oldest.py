"""What `make test-min` installs and runs: the declared packages, tests that are there, a Python that answers."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mirbricks

ROOT = Path(mirbricks.__file__).parent
OWN = ("blocks", "features", "augment", "tasks", "training", "losses", "workflows")


@pytest.fixture(scope="module")
def oldest() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "oldest", ROOT / "tests" / "oldest.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_declared_packages_are_installed_with_what_the_tests_need(
    oldest: ModuleType,
) -> None:
    names = [oldest.package_of(one) for one in oldest.requirements()]
    assert {"torch", "numpy", "pydantic", "ruamel.yaml", "mir_eval"} <= set(names)
    assert set(oldest.OF_TESTS) <= set(names)
    assert all(">=" in one for one in oldest.requirements())


def test_the_chosen_tests_are_there(oldest: ModuleType) -> None:
    assert all((ROOT / name).exists() for name in oldest.TESTS)


def test_a_python_is_found_by_its_version_and_one_that_is_not_here_is_none(
    oldest: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setattr(oldest.shutil, "which", lambda _: sys.executable)
    assert oldest.interpreter(own) == sys.executable
    # A program of this name may run another version, as those of pyenv do.
    assert oldest.interpreter("3.99") is None
    monkeypatch.setattr(oldest.shutil, "which", lambda _: None)
    assert oldest.interpreter(own) is None
    program = tmp_path / "versions" / f"{own}.1" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    assert oldest.interpreter(own) == str(program)


def test_where_no_python_is_here_nothing_has_passed(
    oldest: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(oldest, "interpreter", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["oldest.py", "3.10"])
    assert oldest.main() == 1
    assert "Python 3.10 is not here: not tested" in capsys.readouterr().err


def test_settings_have_no_bare_classvar() -> None:
    """The oldest pydantic cannot read one on Python 3.10."""
    found = []
    for room in OWN:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and "Config" in node.name:
                    found += _bare(path, node)
    assert not found


def _bare(path: Path, config: ast.ClassDef) -> list[str]:
    return [
        f"{path.name}:{node.lineno}"
        for node in config.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.annotation, ast.Name)
        and node.annotation.id == "ClassVar"
    ]
