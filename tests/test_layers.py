"""The layers of the package: a module imports only what stands to the left of it. Read from the source, not run."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mirbricks

ROOT = Path(mirbricks.__file__).parent
LAYERS = [
    {
        "version",
        "lazy",
        "printable",
        "plain_console",
        "spelling",
        "where",
        "midi_numbers",
    },
    {"errors"},
    {"shapes", "settings", "fields", "catalogue", "out_of_memory"},
    {"features", "data", "augment", "losses", "metrics", "plots", "zoo"},
    {"outputs"},
    {"registry"},
    {"blocks", "testing"},
    {"compiler"},
    {"tasks"},
    {"runs", "report"},
    {"training"},
    {"workflows"},
    {"commands", "studio"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FORBIDDEN = {
    ("data", "features"),
    ("data", "losses"),
    ("data", "metrics"),
    ("shapes", "features"),
    ("shapes", "data"),
}
FORBIDDEN |= {
    ("losses", "data"),
    ("losses", "features"),
    ("metrics", "data"),
    ("metrics", "features"),
}
# Plain functions of torch, which any room of their layer may use.
SHARED = ("features.mel_scale.", "features.fourier.")


def modules() -> list[Path]:
    """The package's own files: those at the root and in the folders of the layers."""
    folders = [ROOT / name for name in RANK if (ROOT / name).is_dir()]
    return [
        *ROOT.glob("*.py"),
        *(path for folder in folders for path in folder.rglob("*.py")),
    ]


def imported(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Each module of the package that a file imports, as a dotted name below the package, and the statement."""
    here = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = [
                *here[: len(here) - node.level + 1],
                *(node.module.split(".") if node.module else []),
            ]
            yield from ((".".join([*base, alias.name]), node) for alias in node.names)
            continue
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        assert not any(name.split(".")[0] == "mirbricks" for name in names), (
            f"{path}: imports inside are relative"
        )


def layer(dotted: str) -> str:
    return dotted.split(".")[0]


def breaches(path: Path) -> list[str]:
    """Imports of a file that go to the right, or sideways where that is not allowed."""
    own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
    wrong = []
    for name, node in imported(path):
        other = layer(name)
        sideways = (own, other) in FORBIDDEN and not name.startswith(SHARED)
        if other in RANK and (RANK[other] > RANK[own] or sideways):
            wrong.append(
                f"{path.relative_to(ROOT)}:{node.lineno}: {own} imports {other}"
            )
    return wrong


def test_every_module_has_its_layer() -> None:
    names = {
        path.relative_to(ROOT).parts[0].removesuffix(".py") for path in modules()
    } - {"__init__", "setup"}
    assert names == set(RANK)


def test_imports_go_to_the_left() -> None:
    assert not [
        line
        for path in modules()
        if path != ROOT / "__init__.py"
        for line in breaches(path)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "from ..features.hcqt import HCQT",
        "from .. import cli",
        "from ..runs import Run",
    ],
)
def test_an_import_to_the_right_would_be_seen(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "corpus.py"
    path.write_text(f"def f():\n    {line}\n")
    assert len(breaches(path)) == 1


def graph_of_imports() -> dict[str, set[str]]:
    """For every module of the package the modules that it imports, wherever in the file the import stands."""
    dotted = {}
    for path in modules():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        dotted[".".join(parts)] = path
    edges = {}
    for name, path in dotted.items():
        # What is imported may be a module, or a name in one: the longest part that is a module counts.
        homes = set()
        for imported_name, _ in imported(path):
            home = imported_name
            while home not in dotted:
                home = home.rpartition(".")[0]
            homes.add(home)
        edges[name] = homes - {name}
    return edges


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """One circle for each group of modules that lead to one another, as the names on the way round."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        if name in way or name in done:
            return
        for other in sorted(edges[name]):
            walk(other, [*way, name])
        done.add(name)

    for name in sorted(edges):
        walk(name, [])
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not [" -> ".join(circle) for circle in circles(graph_of_imports())]


def test_a_circle_would_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "data" / "__init__.py").write_text("")
    (tmp_path / "data" / "a.py").write_text("from .b import f\n")
    (tmp_path / "data" / "b.py").write_text("def f():\n    from . import c\n")
    text = "if TYPE_CHECKING:\n    from ..data.a import g\n"
    (tmp_path / "data" / "c.py").write_text(text)
    assert circles(graph_of_imports()) == [["data.a", "data.b", "data.c", "data.a"]]


def test_the_compiler_knows_blocks_only_through_the_registry() -> None:
    for path in (*(ROOT / "compiler").rglob("*.py"), ROOT / "registry.py"):
        assert not [name for name, _ in imported(path) if layer(name) == "blocks"], path


def loaded_by(code: str) -> set[str]:
    """Modules that are loaded once `code` has run in a fresh Python."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(result.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_no_torch() -> None:
    modules = loaded_by("import mirbricks")
    assert "mirbricks" in modules
    assert not {
        name for name in modules if name.split(".")[0] in ("torch", "numpy", "pydantic")
    }


def test_help_loads_no_torch() -> None:
    modules = loaded_by(
        "from mirbricks.cli import main\ntry:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass"
    )
    assert "mirbricks.cli" in modules
    assert "torch" not in modules


def test_the_registry_loads_no_block_before_it_is_asked() -> None:
    modules = loaded_by("import mirbricks.registry, mirbricks.compiler.compile")
    assert not {name for name in modules if name.startswith("mirbricks.blocks")}
