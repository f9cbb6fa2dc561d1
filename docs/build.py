"""Write docs/blocks.md and docs/blocks/*.svg from the registry: `make pictures`, or `python docs/build.py`.

The page has a row for each block of mirbricks itself, by family; a picture shows what is inside a block. Pictures of
blocks that are gone are deleted. A row names the test of tests/blocks that fixes the numbers of its block.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.drawing.inside import draw_block
from mirbricks.compiler.inference.summary import summarise
from mirbricks.compiler.language.example import example_graph
from mirbricks.data.stores.atomic import written_whole
from mirbricks.registry import Spec

ROOT = Path(mb.__file__).parent
PAGE, PICTURES, TESTS = (
    ROOT / "docs" / "blocks.md",
    ROOT / "docs" / "blocks",
    ROOT / "tests" / "blocks",
)
TORCH = ".".join(torch.__version__.split(".")[:2])
HEAD = f"""# Blocks

<!-- Written by `make pictures` from the registry: change the blocks, not this page. -->

Every block of mirbricks, by family. The name leads to a picture of what is inside its first example, traced by
torch.export in eval(); parameters and multiply-adds (MACs, at batch 1) are those of that example, which is small: it
is a test, not a model. `mirbricks explain NAME` shows the example and the fields. The last column is a test that fixes
the numbers a block gives; `tests/blocks/test_every_block.py` holds every block against its contract.

Drawn and counted with torch {TORCH}.
"""
COLUMNS = (
    "block",
    "what it does",
    "contract",
    "parameters",
    "MACs",
    "source",
    "test of its numbers",
)
NUMBERS = re.compile(
    r"assert_close|allclose|approx|torch\.equal|array_equal|librosa|_same\b"
)
REFERENCE = re.compile(
    r"_by_|reference|naive|loop|equals_|librosas?|scipy|as_torch|torchs_param|adjoint|is_what|_is_(the|an?|2d|two)_|takes_rows|goes_from"
)
LINK = re.compile(
    r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|doi:(?P<doi>10\.\S+[^\s,;.])|(?P<url>https?://[^\s;,]+)"
)


def own_blocks() -> dict[str, Spec]:
    """The blocks of mirbricks itself, without those of plugins."""
    return {name: spec for name, spec in registry.blocks().items() if spec.own}


def page(blocks: Mapping[str, Spec]) -> str:
    """The Markdown of docs/blocks.md."""
    families = registry.by_family(blocks.values())
    contents = [
        f"[{family}](#{family.lower().replace(' ', '-')})" for family in families
    ]
    lines = [HEAD, " · ".join(contents), ""]
    for family, specs in families.items():
        lines += [
            f"## {family}",
            "",
            row(COLUMNS),
            row("---:" if c in COLUMNS[3:5] else "---" for c in COLUMNS),
        ]
        lines += [row(cells(spec)) for spec in specs]
        pictures = [f"![{spec.name}](blocks/{spec.name}.svg)" for spec in specs]
        lines += [
            "",
            f"<details><summary>pictures: {family}</summary>",
            "",
            *pictures,
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)


def row(words: Sequence[str] | Iterator[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(words)} |"


def cells(spec: Spec) -> list[str]:
    """What the page says about a block."""
    cost = summarise(mb.compile_graph(example_graph(spec)))
    found = tests_of(spec.name)
    test = (
        f"[{found[0]}](../tests/blocks/{found[0].partition('::')[0]})"
        if found
        else "none"
    )
    return [
        f"[{spec.name}](blocks/{spec.name}.svg)",
        spec.summary.replace("|", "\\|"),
        f"`{spec.contract.text}`",
        f"{cost.parameters:,}",
        f"{cost.macs:,}",
        linked(spec.source),
        test,
    ]


def linked(source: str) -> str:
    """A source with its arXiv ids, DOIs and addresses as links."""

    def link(found: re.Match[str]) -> str:
        if found["url"]:
            host, _, path = found["url"].partition("://")[2].partition("/")
            last = re.split(r"[/#]", path.rstrip("/"))[-1].removesuffix(".html")
            return f"[{host}: {last.replace('-', ' ') or 'home'}]({found['url']})"
        if found["arxiv"]:
            return f"[{found[0]}](https://arxiv.org/abs/{found['arxiv']})"
        return f"[{found[0]}](https://doi.org/{found['doi']})"

    return LINK.sub(link, source)


def tests_of(name: str) -> list[str]:
    """The tests that compare what a block gives, as "file::function": those with a reference first."""
    found = [
        (file, test)
        for file, tests in named_in_tests().items()
        for test in tests
        if test.compares and test.has(name)
    ]
    module = registry.get(name).module

    def rank(one: tuple[str, Test]) -> tuple[bool, bool, bool]:
        file, test = one
        own = file.rpartition("/")[2] == f"test_{module}.py"
        return not own, not test.refers, name not in test.own

    return [f"{file}::{test.name}" for file, test in sorted(found, key=rank)]


class Test:
    """A test function: the names in it, and in what it uses of its file."""

    def __init__(self, node: ast.FunctionDef, around: Mapping[str, ast.stmt]) -> None:
        self.name = node.name
        self.own = names_of(node)
        used, waiting = {node.name: node}, [node]
        while waiting:
            words = names_of(waiting.pop())
            new = {
                word: around[word]
                for word in words
                if word in around and word not in used
            }
            used |= new
            waiting += new.values()
        self.names = {name for one in used.values() for name in names_of(one)}
        self.patterns = {
            pattern for one in used.values() for pattern in patterns_of(one)
        }
        text = "\n".join(ast.unparse(one) for one in used.values())
        self.compares = bool(NUMBERS.search(text))
        self.refers = bool(REFERENCE.search(node.name))

    def has(self, name: str) -> bool:
        """Whether it names this block."""
        return name in self.names or any(
            re.fullmatch(pattern, name) for pattern in self.patterns
        )


def names_of(node: ast.AST) -> set[str]:
    """Variables and arguments, and the words that stand alone in strings or begin a layer in YAML."""
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    names |= {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            names |= {one.value, *re.findall(r"- (\w+)", one.value)}
    return names


def patterns_of(node: ast.AST) -> Iterator[str]:
    """Strings such as f"{name}Last", as patterns: at least three letters and what stands in the braces."""
    for one in ast.walk(node):
        if isinstance(one, ast.JoinedStr):
            texts = [
                re.escape(part.value) if isinstance(part, ast.Constant) else r"\w+"
                for part in one.values
            ]
            if re.fullmatch(r"[A-Z]\w{2,}", "".join(texts).replace(r"\w+", "")):
                yield "".join(texts)


@lru_cache(maxsize=1)
def named_in_tests() -> dict[str, list[Test]]:
    """The test functions of each file in tests/blocks/ but the one that runs over every block."""
    found = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        around: dict[str, ast.stmt] = {
            one.name: one
            for one in body
            if isinstance(one, (ast.FunctionDef, ast.ClassDef))
        }
        for one in body:
            targets = (
                one.targets
                if isinstance(one, ast.Assign)
                else [one.target]
                if isinstance(one, ast.AnnAssign)
                else []
            )
            around |= {
                name.id: one
                for target in targets
                for name in ast.walk(target)
                if isinstance(name, ast.Name)
            }
        tests = [
            one
            for name, one in around.items()
            if name.startswith("test_") and isinstance(one, ast.FunctionDef)
        ]
        if path.name != "test_every_block.py":
            place = path.relative_to(TESTS).as_posix()
            found[place] = [Test(one, around) for one in tests]
    return found


def main() -> None:
    """Write the page and the pictures, each one whole."""
    blocks = own_blocks()
    for name, spec in blocks.items():
        write(PICTURES / f"{name}.svg", draw_block(spec) + "\n")
    for path in PICTURES.glob("*.svg"):
        if path.stem not in blocks:
            path.unlink()
    write(PAGE, page(blocks))
    print(f"{PAGE}: {len(blocks)} blocks")


def write(path: Path, text: str) -> None:
    """Write UTF-8, over an older version."""
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
