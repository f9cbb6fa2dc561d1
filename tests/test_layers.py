"""Imports run one way: errors → shapes, data, features, losses, metrics → registry → blocks, testing → compiler → …"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mirbricks as mb

ROOT = Path(mb.__file__).parent
LAYERS = {
    "errors": 0,
    "shapes": 1,
    "losses": 1,
    "data": 1,
    "metrics": 1,
    "features": 2,  # the cache reads items, so features stand on data
    "registry": 3,
    "blocks": 4,
    "testing": 4,
    "compiler": 5,
    "tasks": 6,
    **dict.fromkeys(("batches", "devices", "interrupt", "optimization", "progress", "runs"), 6.5),
    "training": 7,
    "report": 8,
    "experiment": 9,
    "commands": 10,
    "cli": 11,
}
FILES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if path.relative_to(ROOT).parts[0].removesuffix(".py") in LAYERS and "__pycache__" not in path.parts
]


def imported(path: Path) -> set[str]:
    """The parts of the package that a file imports anywhere in it, by relative imports."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = list(parts[: len(parts) - node.level])
            target = base + (node.module.split(".") if node.module else [alias.name for alias in node.names])
            if target:
                found.add(target[0])
        elif isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "mirbricks" for alias in node.names), (
                f"{path}: import relatively"
            )
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    others = imported(path) - {part, "__version__", "__file__"}
    assert others <= LAYERS.keys()
    if path != ROOT / "blocks" / "__init__.py":  # it answers `mirbricks.blocks()`, see there
        assert {other for other in others if LAYERS[other] > LAYERS[part]} == set()


def test_every_part_has_its_layer() -> None:
    parts = {path.name.removesuffix(".py") for path in ROOT.glob("*.py")} - {"__init__"}
    parts |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert parts == set(LAYERS)


def test_the_compiler_knows_blocks_through_the_registry_only() -> None:
    assert not any("blocks" in imported(path) for path in FILES if path.parent.name == "compiler")


def test_importing_the_package_costs_no_torch() -> None:
    code = "import sys, mirbricks; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "import sys, mirbricks.cli; mirbricks.cli._parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
