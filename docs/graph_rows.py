"""Write the table of docs/graphs.md, a row for each graph that comes with mirbricks: `make pictures`, or this file.

A row has the first sentence of the file's opening comment, the shapes that it reads and gives, and its parameters.
"""

from __future__ import annotations

import re
from pathlib import Path

import mirbricks as mb
from mirbricks.compiler.module import GraphModule, count_parameters
from mirbricks.data.stores.atomic import written_whole

ROOT = Path(mb.__file__).parent
PAGE = ROOT / "docs" / "graphs.md"
BEGIN, END = "<!-- graphs -->\n", "<!-- /graphs -->"
HEAD = [
    "| graph | what it is | reads → gives | parameters |",
    "| --- | --- | --- | ---: |",
]
# A sentence ends before a capital letter, but not after "et al.".
SENTENCE = re.compile(r"(?<! al)\. (?=[A-Z])")


def sentence(name: str) -> str:
    """The first sentence of a graph file's opening comment."""
    text = (ROOT / "graphs" / f"{name}.yaml").read_text(encoding="utf-8")
    comment = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    first = SENTENCE.split(" ".join(comment), maxsplit=1)[0].rstrip(".")
    return first.replace("|", "\\|")


def shapes(model: GraphModule) -> str:
    """What a graph reads and gives, each shape once."""
    reads = [shape_text(shape) for shape in model.input_shapes.values()]
    gives = [shape_text(shape) for shape in model.output_shapes.values()]
    unlike = list(dict.fromkeys(gives))
    counts = [f"{gives.count(one)} × {one}" for one in unlike]
    if len(gives) == 1:
        counts = unlike
    return f"{', '.join(reads)} → {', '.join(counts)}"


def shape_text(shape: tuple[int | str, ...]) -> str:
    """A shape as it stands in the table."""
    return f"({', '.join(map(str, shape))})"


def row(name: str) -> str:
    """The row of a graph."""
    model = mb.compile_graph(ROOT / "graphs" / f"{name}.yaml")
    link = f"[{name}](../graphs/{name}.yaml)"
    cells = [link, sentence(name), shapes(model), f"{count_parameters(model):,}"]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The Markdown between the markers."""
    rows = [row(name) for name in mb.list_graphs()]
    return "\n".join([*HEAD, *rows]) + "\n"


def parts(page: str) -> tuple[str, str, str]:
    """A page before, between and behind the markers, which belong to the outer parts."""
    before, _, rest = page.partition(BEGIN)
    between, _, after = rest.partition(END)
    return before + BEGIN, between, END + after


def main() -> None:
    """Write the table over the one that is there."""
    before, _, after = parts(PAGE.read_text(encoding="utf-8"))
    with written_whole(PAGE) as part:
        part.write_text(before + table() + after, encoding="utf-8")
    print(f"{PAGE}: {len(mb.list_graphs())} graphs")


if __name__ == "__main__":
    main()
