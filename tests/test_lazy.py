"""Faces: names of a package that are loaded on first use, and lists for type checkers that agree with them."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mirbricks
from mirbricks.lazy import face

ROOT = Path(mirbricks.__file__).parent


def calls_face(path: Path) -> bool:
    """Whether a package's __init__.py has `__getattr__, __dir__, __all__ = face(...)`."""
    return "= face(" in path.read_text(encoding="utf-8")


FACES = sorted(path for path in ROOT.glob("*/__init__.py") if calls_face(path))


def package_of(path: Path) -> str:
    return ".".join(["mirbricks", *path.parent.relative_to(ROOT).parts])


def names_for_type_checkers(path: Path) -> set[str]:
    """The names imported below `if TYPE_CHECKING:`, each written `X as X` so that checkers take it as public."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            continue
        for statement in node.body:
            assert isinstance(statement, ast.ImportFrom), ast.unparse(statement)
            for alias in statement.names:
                assert alias.asname == alias.name, f"{path}: {alias.name}"
                found.add(alias.name)
    return found


def names_defined_in(path: Path) -> set[str]:
    """What the __init__.py defines itself, beside the lazy names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }


@pytest.mark.parametrize("path", FACES, ids=package_of)
def test_a_type_checker_sees_the_names_that_python_gives(path: Path) -> None:
    module = importlib.import_module(package_of(path))
    lazy = set(module.__all__) - names_defined_in(path)
    assert names_for_type_checkers(path) == lazy


@pytest.mark.parametrize("path", FACES, ids=package_of)
def test_every_name_of_a_face_is_there_and_none_hides_a_module(path: Path) -> None:
    module = importlib.import_module(package_of(path))
    assert dir(module) == sorted(module.__all__)
    modules = {one.stem for one in path.parent.iterdir()}
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name not in modules, f"{name} is also a module of {path.parent.name}"


def test_a_name_that_is_also_its_module_is_refused() -> None:
    with pytest.raises(ValueError, match="'scan' is a module and a name of"):
        face("some.data", {"scan": "scan"})


def test_an_unknown_name_is_an_attribute_error_that_names_the_package() -> None:
    load, _, _ = face("some.data", {"Corpus": "corpus"})
    with pytest.raises(AttributeError, match="has no attribute 'X'"):
        load("X")


def test_a_name_is_looked_up_once(tmp_path: Path) -> None:
    package = tmp_path / "faced"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from mirbricks.lazy import face\n"
        "__getattr__, __dir__, __all__ = face(__name__, {'one': 'deep.inner'})\n"
    )
    (package / "deep").mkdir()
    (package / "deep" / "__init__.py").write_text("")
    (package / "deep" / "inner.py").write_text("one = object()\n")
    code = (
        "import sys, faced\n"
        "assert 'faced.deep' not in sys.modules\n"
        "assert dir(faced) == ['one']\n"
        "assert faced.one is faced.one and 'one' in vars(faced)\n"
        "from faced import *\n"
        "assert one is faced.one\n"
        "try:\n"
        "    faced.two\n"
        "except AttributeError as error:\n"
        "    print(error)\n"
    )
    search = [str(tmp_path), str(ROOT.parent)]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {search!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "module 'faced' has no attribute 'two'\n"


def test_importing_a_face_loads_no_large_library() -> None:
    names = ", ".join(package_of(path) for path in FACES)
    large = ("torch", "numpy", "h5py", "pydantic", "scipy", "mir_eval", "sklearn")
    code = f"import sys, {names}\nprint([m for m in {large} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
