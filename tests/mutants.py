"""Small faults put into the package one at a time: which of them does no test notice?

    python tests/mutants.py --n 60 --seed 16 metrics compiler/inference data/stores

Works on a copy, never on the checkout. For each fault the nearest tests run: those that import the changed module, and
those of the same name. A fault that they let pass is printed with its line: an assertion is missing, or the changed
line says the same as before.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "registry.py",
    "shapes.py",
    "metrics",
    "compiler/inference",
    "compiler/language",
    "data/splitting",
    "data/stores",
    "data/importers",
    "data/pyjama",
    "tasks/covers",
)
NOT_COPIED = shutil.ignore_patterns(".*", "out", "__pycache__", "docs")
LIMIT_S = 180
MOST_TESTS = 6  # files per fault: the nearest notice most of what the others would

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_OTHER_NAME = {"min": "max", "max": "min", "any": "all", "all": "any"}
# What is worded or declared, not computed.
_PASSED_OVER = (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)
# The order says nothing, or whatever is swapped raises at once, which any test notices.
_NOT_SWAPPED = {
    "gcd",
    "lcm",
    "movedim",
    "transpose",
    "isclose",
    "isinstance",
    "getattr",
}
_WORDED = {"Field", "MirbricksError", "warn", "register", "from_axis", "TypeVar"}


@dataclass(frozen=True)
class Mutant:
    """A place in a source, by bytes of the line, and what stands there instead."""

    path: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def applied_to(self, source: str) -> str:
        """The source with the fault in it."""
        lines = source.splitlines(keepends=True)
        raw = lines[self.line - 1].encode()
        changed = raw[: self.start] + self.after.encode() + raw[self.end :]
        lines[self.line - 1] = changed.decode()
        return "".join(lines)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before}  ->  {self.after}"


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Every fault that can be put into a source, in the order of its lines."""
    found = []
    for node in _computed(ast.parse(source)):
        for other in _changes(node):
            # Faults within one line only: positions in several would need more care than they are worth.
            if node.lineno != node.end_lineno:
                continue
            before = ast.get_source_segment(source, node) or ""
            after = ast.unparse(other)
            # Precedence may have needed them.
            if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp):
                after = f"({after})"
            place = (node.lineno, node.col_offset, node.end_col_offset or 0)
            found.append(Mutant(path, *place, before, after))
    return found


def _computed(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that compute: neither annotations, decorators, messages nor docstrings."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, _PASSED_OVER):
                continue
            if isinstance(child, ast.Call) and _name(child.func) in _WORDED:
                continue
            if isinstance(child, ast.expr):
                yield child
            yield from _computed(child)


def _name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _changes(node: ast.expr) -> list[ast.expr]:
    """What may stand in the place of an expression: an operator turned, a number off by one, arguments swapped."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER:
        other = [_OTHER[type(node.ops[0])](), *node.ops[1:]]
        return [ast.Compare(node.left, other, node.comparators)]  # type: ignore[list-item]  # chosen by type
    if isinstance(node, ast.BinOp) and type(node.op) in _OTHER and not _is_text(node):
        return [ast.BinOp(node.left, _OTHER[type(node.op)](), node.right)]  # type: ignore[arg-type]  # the same
    if isinstance(node, ast.BoolOp):
        return [ast.BoolOp(_OTHER[type(node.op)](), node.values)]  # type: ignore[arg-type]  # the same
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [node.operand]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return [ast.Constant(node.value + 1)]
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        return [ast.Constant(not node.value)]
    if isinstance(node, ast.Call):
        return _calls(node)
    return []


def _calls(node: ast.Call) -> list[ast.expr]:
    changed: list[ast.expr] = []
    name = _name(node.func)
    if isinstance(node.func, ast.Name) and name in _OTHER_NAME:
        changed.append(ast.Call(ast.Name(_OTHER_NAME[name]), node.args, node.keywords))
    elif len(node.args) == 2 and name not in _NOT_SWAPPED:
        changed.append(ast.Call(node.func, node.args[::-1], node.keywords))
    return changed


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def nearest_tests(
    path: str, tests: dict[str, str], most: int = MOST_TESTS
) -> list[str]:
    """The tests of a module, nearest first: of its name, then those that import it, then those of its folder.

    Parameters
    ----------
    path : str
        Of the module within the package, such as "metrics/notes.py".
    tests : dict of str
        The text of every test file by its path.
    most : int
        How many are enough.
    """
    module = Path(path)
    dotted = "mirbricks." + ".".join(module.with_suffix("").parts)
    face = dotted.rpartition(".")[0]
    home = Path("tests") / module.parent
    imported = re.compile(
        rf"{re.escape(dotted)}\b|from {re.escape(face)} import .*\b{module.stem}\b"
    )

    def at_home(test: str) -> bool:
        # Below the folder of all tests are those of every room.
        if home == Path("tests"):
            return Path(test).parent == home
        return Path(test).is_relative_to(home)

    def distance(test: str) -> int:
        if module.stem.rstrip("s") in Path(test).stem and at_home(test):
            return 0
        if imported.search(tests[test]):
            return 1
        if f"from {face} import" in tests[test]:
            return 2
        if at_home(test):
            return 3
        if Path(test).parent == home.parent:
            return 4
        return 5

    # Those of commands and pages run whole trainings: the others come first.
    def cost(test: str) -> tuple[int, int, int, str]:
        is_slow = test.startswith(("tests/commands/", "tests/docs/"))
        return distance(test), int(is_slow), int(not at_home(test)), test

    return [test for test in sorted(tests, key=cost) if distance(test) < 5][:most]


def drawn(root: Path, rooms: Sequence[str], n: int, seed: int) -> list[Mutant]:
    """So many faults of some folders and files, the same for the same seed and sources."""
    found = []
    for room in rooms:
        place = root / room
        files = [place] if place.is_file() else sorted(place.rglob("*.py"))
        for file in files:
            if file.name not in ("__init__.py", "codes.py"):
                path = file.relative_to(root).as_posix()
                found += mutants_of(path, file.read_text(encoding="utf-8"))
    return random.Random(seed).sample(found, min(n, len(found)))


class Copy:
    """A copy of the package, in which faults come and go."""

    def __init__(self, folder: Path, most_tests: int) -> None:
        self.most_tests = most_tests
        self.root = folder / "mirbricks"
        shutil.copytree(ROOT, self.root, ignore=NOT_COPIED)
        self.tests = {
            file.relative_to(self.root).as_posix(): file.read_text(encoding="utf-8")
            for file in sorted((self.root / "tests").rglob("test_*.py"))
        }
        self.sound: dict[tuple[str, ...], bool] = {}

    def pass_tests(self, tests: Sequence[str], *, sound: bool = False) -> bool:
        """Whether these tests pass; a fault that makes them run for ever is noticed too.

        Bytecode of `sound` sources is written, and read again with every fault: compiling all of them takes as long as
        many a test.
        """
        environment = os.environ | {
            "PYTHONPATH": str(self.root.parent),
            "PYTHONDONTWRITEBYTECODE": "" if sound else "1",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, *tests],
                cwd=self.root,
                env=environment,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def verdict(self, mutant: Mutant) -> str:
        """ "killed", "lived", or "no test" where none is near, or the near ones fail by themselves."""
        tests = nearest_tests(mutant.path, self.tests, self.most_tests)
        if not tests:
            return "no test"
        if tuple(tests) not in self.sound:
            self.sound[tuple(tests)] = self.pass_tests(tests, sound=True)
        if not self.sound[tuple(tests)]:
            return "no test"
        file = self.root / mutant.path
        whole = file.read_text(encoding="utf-8")
        written_ns = file.stat().st_mtime_ns
        file.write_text(mutant.applied_to(whole), encoding="utf-8")
        try:
            return "lived" if self.pass_tests(tests) else "killed"
        finally:
            file.write_text(whole, encoding="utf-8")
            # Bytecode belongs to a time of writing.
            os.utime(file, ns=(written_ns, written_ns))


def main() -> int:
    """Print every fault with what became of it; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]  # has one
    parser.add_argument("rooms", nargs="*", default=ROOMS, help="folders and files")
    parser.add_argument("--n", type=int, default=60, help="how many faults")
    parser.add_argument("--seed", type=int, default=16, help="of their choice")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="after which no more is tried"
    )
    parser.add_argument(
        "--tests", type=int, default=MOST_TESTS, help="files of tests for each fault"
    )
    words = parser.parse_args()
    counts = dict.fromkeys(("killed", "lived", "no test"), 0)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder), words.tests)
        for mutant in drawn(copy.root, words.rooms, words.n, words.seed):
            if time.monotonic() - began_s > 60 * words.minutes:
                break
            verdict = copy.verdict(mutant)
            counts[verdict] += 1
            print(f"{verdict:8}{mutant}", flush=True)
    tried = counts["killed"] + counts["lived"]
    print(f"{counts['killed']} of {tried} killed; {counts['no test']} without a test")
    return 0


if __name__ == "__main__":
    sys.exit(main())
