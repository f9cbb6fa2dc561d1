"""A page per graph that comes with mirbricks, and the index of all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.compiler.inference.summary import Row, summarise
from mirbricks.compiler.module import GraphModule, count_parameters
from mirbricks.shapes import show

from .block_pages import picture
from .markdown import anchor_card, cards, code, fence, plain, table
from .staging import ROOT

ALSO = ("docsite/block_pages.py",)
# The task of a graph file, and the heading under which it stands.
HEADINGS = {
    "multi_pitch": "Multi-pitch",
    "f0": "Pitch",
    "tagging": "Tagging",
    "chords": "Chords",
    "covers": "Covers",
    "self_supervised": "Without labels",
    "separation": "Separation",
    "codec": "Codecs",
    "token_generation": "Generation: codes",
    "sample_generation": "Generation: samples",
    "latent_generation": "Generation: latents",
    "adversarial_generation": "Generation: adversarial",
    "": "Graphs without a task",
}
SENTENCE = re.compile(r"(?<! al)\. (?=[A-Z])")


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index, and a page and a drawing of every graph."""
    groups: dict[str, list[str]] = {task: [] for task in HEADINGS}
    for name in mb.list_graphs():
        text = (ROOT / "graphs" / f"{name}.yaml").read_text(encoding="utf-8")
        model = mb.compile_graph(ROOT / "graphs" / f"{name}.yaml")
        yield f"static/graphs/{name}.svg", draw(model) + "\n"
        yield f"graphs/{name}.md", page(name, text, model)
        task = _task(text)
        facts = f"{count_parameters(model):,} parameters. {first_sentence(text)}."
        card = anchor_card(f"{name}.html", name, facts, f"../_static/graphs/{name}.svg")
        groups.setdefault(task, []).append(card)
    yield "graphs/index.md", index(groups)


def index(groups: dict[str, list[str]]) -> str:
    """Every graph by its task."""
    lines = [
        "# Graphs",
        "",
        "The models that come with mirbricks as graph files. Their names stand wherever a "
        "graph file may: `mirbricks train mpe_small --data corpora/bach10`.",
        "",
    ]
    for task, links in groups.items():
        if links:
            lines += [f"## {HEADINGS.get(task, task)}", "", cards(links, "graphs"), ""]
    return "\n".join(lines)


def page(name: str, text: str, model: GraphModule) -> str:
    """The page of one graph."""
    reads = ", ".join(show(shape) for shape in model.input_shapes.values())
    gives = ", ".join(show(shape) for shape in model.output_shapes.values())
    lines = [
        "---",
        "orphan: true",
        "---",
        "",
        f"# {name}",
        "",
        "[Graphs](index.md)",
        "",
    ]
    lines += [plain(opening(text)), ""]
    facts = [f"- reads {code(reads)}", f"- gives {code(gives)}"]
    facts.append(f"- {count_parameters(model):,} parameters")
    task = _task(text)
    if task:
        facts.append(f"- task {code(task)}")
    lines += [*facts, ""]
    lines += ["## Drawing", "", picture(f"graphs/{name}", f"The graph {name}.")]
    lines += ["## Layers", "", layers(model)]
    commands = [f"mirbricks summary {name}", f"mirbricks draw {name} --out {name}.svg"]
    if task:
        commands.append(f"mirbricks train {name} --data CORPUS --out runs/{name}")
    shown = "\n".join(f"$ {command}" for command in commands)
    lines += ["## Use it", "", fence("console", shown)]
    lines += ["## The file", "", fence("yaml", text)]
    return "\n".join(lines)


def layers(model: GraphModule) -> str:
    """What each layer gives and costs."""
    cost = summarise(model)
    rows = [_cells(row) for row in cost.rows]
    at = ", ".join(f"{axis}={size}" for axis, size in cost.macs_at.items())
    total = f"\n{cost.parameters:,} parameters, {cost.macs:,} multiply-adds"
    head = ("layer", "block", "gives", ">parameters", ">MACs", ">sees")
    return table(head, rows) + total + (f" at {at}.\n" if at else ".\n")


def _cells(row: Row) -> tuple[str, ...]:
    frames = row.receptive_field_frames
    seen = "all" if frames is None else f"{frames:,}"
    # A block of a plug-in, or a sub-graph, has no page.
    block = f"[{row.block}](../blocks/{row.block}.md)"
    if not (ROOT / "docs" / "blocks" / f"{row.block}.svg").is_file():
        block = row.block
    shape = code(show(row.shape_out))
    return code(row.name), block, shape, f"{row.parameters:,}", f"{row.macs:,}", seen


def opening(text: str) -> str:
    """The opening comment of a graph file, as running text."""
    comment = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return " ".join(comment)


def first_sentence(text: str) -> str:
    """The first sentence of the opening comment."""
    return SENTENCE.split(opening(text), maxsplit=1)[0].rstrip(".")


def _task(text: str) -> str:
    found = re.search(r"^task:(?:\s*\{|\s+)\s*type:\s*(\w+)", text, flags=re.M)
    return found[1] if found else ""
