"""Which faults mutants.py puts into a source, and which tests it takes for near."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def mutants(script: Callable[[str], ModuleType]) -> ModuleType:
    """The script, which is no part of the package."""
    return script("mutants.py")


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("a < b", ["(a <= b)"]),
        ("a == b", ["(a != b)"]),
        ("x = a + b * c", ["(a - b * c)", "a + (b / c)"]),
        ("a and b", ["(a or b)"]),
        ("not a", ["(a)"]),
        ("x[3]", ["x[4]"]),
        ("f(a, b)", ["f(b, a)"]),
        ("max(é, 2)", ["min(é, 2)", "max(é, 3)"]),
        ("f(True)", ["f(False)"]),
        ("gcd(a, b)", []),
        ("isinstance(a, b)", []),
        ("raise ValueError(1 + 1)", []),
        ("x: f(1, 2)", []),
        ('"a" + b', []),
        ('f"{1 + 1}"', []),
        ("Field(3, ge=0)", []),
    ],
)
def test_faults(mutants: ModuleType, line: str, changed: list[str]) -> None:
    source = f"import a\n{line}\n"
    found = [mutant.applied_to(source) for mutant in mutants.mutants_of("x.py", source)]
    for text in found:
        ast.parse(text)
    start = "x = " if line.startswith("x = ") else ""
    assert found == [f"import a\n{start}{text}\n" for text in changed]


def test_every_fault_of_the_package_is_another_program(mutants: ModuleType) -> None:
    made = mutants.drawn(mutants.ROOT, ["metrics", "compiler/inference"], 40, 3)
    assert made == mutants.drawn(mutants.ROOT, ["metrics", "compiler/inference"], 40, 3)
    assert len(set(made)) == 40
    for mutant in made:
        source = (mutants.ROOT / mutant.path).read_text(encoding="utf-8")
        other = mutant.applied_to(source)
        assert ast.dump(ast.parse(other)) != ast.dump(ast.parse(source)), mutant


def test_the_nearest_tests(mutants: ModuleType) -> None:
    tests = {
        "tests/commands/test_a.py": "from mirbricks.metrics import notes",
        "tests/metrics/test_notes.py": "",
        "tests/metrics/test_other.py": "",
        "tests/tasks/test_b.py": "from mirbricks.metrics.notes import x",
        "tests/tasks/test_c.py": "from mirbricks.metrics import chords",
        "tests/tasks/test_d.py": "import mirbricks.metrics_of.notes",
    }
    assert mutants.nearest_tests("metrics/notes.py", tests) == [
        "tests/metrics/test_notes.py",
        "tests/tasks/test_b.py",
        "tests/commands/test_a.py",
        "tests/tasks/test_c.py",
        "tests/metrics/test_other.py",
    ]
    assert len(mutants.nearest_tests("metrics/notes.py", tests, 2)) == 2


def test_the_tests_of_a_module_at_the_root(mutants: ModuleType) -> None:
    tests = {
        "tests/blocks/test_a.py": "from mirbricks.registry import find",
        "tests/test_fields.py": "from mirbricks.registry import register",
        "tests/test_registry.py": "",
        "tests/test_shapes.py": "",
    }
    assert mutants.nearest_tests("registry.py", tests) == [
        "tests/test_registry.py",
        "tests/test_fields.py",
        "tests/blocks/test_a.py",
        "tests/test_shapes.py",
    ]
