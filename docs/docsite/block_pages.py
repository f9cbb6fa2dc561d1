"""A page per block, and the index of all."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import mirbricks as mb
from mirbricks import registry
from mirbricks.cli import main
from mirbricks.compiler.inference.summary import summarise
from mirbricks.compiler.language.example import example_graph, example_yaml
from mirbricks.registry import Spec

from .concepts import Concept, concept
from .markdown import anchor_card, cards, fence, fields, plain
from .staging import DOCS, ROOT

ALSO = ("docsite/concepts.py", "docsite/drawings.py", "blocks/*.svg")
ABOUT_FAMILIES = {
    "convolution": "Filters that slide over time, or over frequency and time.",
    "frontends": "From samples to what a network reads: fixed, or learned.",
    "generative": "What codecs and models that make sounds are built of.",
    "pointwise": "Activations, normalisation, linear layers: frame by frame.",
    "pooling": "Many frames or bins to few, or to one.",
    "sequence": "Memory and attention over time.",
    "shape": "Axes moved, cut, split and joined.",
    "unet": "Down, across and up again.",
}
LINK = re.compile(
    r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})|doi:(?P<doi>10\.\S+[^\s,;.])|(?P<url>https?://[^\s;,]+)"
)


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index, a page and the pictures of every block of mirbricks itself."""
    blocks = {name: one for name, one in registry.blocks().items() if one.own}
    checked = checks(blocks)
    pictures = {}
    for name, spec in blocks.items():
        inside = DOCS / "blocks" / f"{name}.svg"
        if inside.is_file():
            yield f"static/blocks/{name}.svg", inside.read_bytes()
        drawn = concept(spec)
        if drawn:
            yield f"static/concepts/{name}.svg", drawn.svg
        pictures[name] = f"../_static/{'concepts' if drawn else 'blocks'}/{name}.svg"
        yield f"blocks/{name}.md", page(spec, checked[name], drawn)
    yield "blocks/index.md", index(blocks, pictures)


def index(blocks: Mapping[str, Spec], pictures: Mapping[str, str]) -> str:
    """Every block by family: a small picture, its name, its sentence."""
    lines = [
        "# Bricks",
        "",
        f"{len(blocks)} blocks by family. Each has a page: what it does, its contract, its "
        "fields, an example that ran, its source, and what is inside.",
        "",
    ]
    for family, specs in registry.by_family(blocks.values()).items():
        lines += [f"## {family.capitalize()}", "", ABOUT_FAMILIES.get(family, ""), ""]
        links = [
            anchor_card(f"{one.name}.html", one.name, one.summary, pictures[one.name])
            for one in specs
        ]
        lines += [cards(links, "bricks"), ""]
    return "\n".join(lines)


def page(spec: Spec, checked: str, drawn: Concept | None) -> str:
    """The page of one block."""
    about, source = described(spec)
    lines = ["---", "orphan: true", "---", "", f"# {spec.name}", ""]
    family = spec.family
    lines += [
        f"[Bricks](index.md) › [{family}](index.md#{family.replace(' ', '-')})",
        "",
    ]
    lines += [plain(spec.summary), "", *about]
    if drawn:
        lines += [picture(f"concepts/{spec.name}", drawn.caption)]
    lines += ["## Contract", "", fence("", spec.contract.text)]
    lines += ["Sizes in braces are fields; the batch size `B` is always free.", ""]
    lines += ["## Fields", "", fields(spec.cls.Config)]
    lines += ["## Example", "", *example(spec, checked)]
    lines += ["## Source", "", linked(source or spec.source), ""]
    if source:
        lines += [f"Reference: {linked(spec.source)}", ""]
    users = graphs_with().get(spec.name, [])
    if users:
        links = ", ".join(f"[{name}](../graphs/{name}.md)" for name in users)
        lines += ["## Graphs that use it", "", links, ""]
    if (DOCS / "blocks" / f"{spec.name}.svg").is_file():
        lines += ["## Inside", ""]
        caption = "The operations of the example, traced by torch.export in eval()."
        lines += [picture(f"blocks/{spec.name}", caption)]
    return "\n".join(lines)


def picture(name: str, caption: str) -> str:
    """A drawing with what it shows; a click opens it alone, as large as it is."""
    way = f"../_static/{name}.svg"
    image = f'<img src="{way}" alt="{caption}" loading="lazy">'
    return (
        f'<figure class="drawing"><a href="{way}" title="open it alone">{image}</a>'
        f"<figcaption>{caption}</figcaption></figure>\n"
    )


def described(spec: Spec) -> tuple[list[str], str]:
    """Of a docstring the paragraphs behind its first sentence, and the text of its `Source:`."""
    about: list[str] = []
    source = ""
    _, _, rest = spec.description.partition("\n")
    for paragraph in re.split(r"\n(?=\s*\n)|\n(?=Shape:|Source:)", rest):
        text = " ".join(paragraph.split())
        if text.startswith("Source:"):
            source = text.removeprefix("Source:").strip()
        elif text.startswith("Shape:"):
            about += [f"**Shape** {plain(text.removeprefix('Shape:').strip())}", ""]
        elif text:
            about += [plain(text), ""]
    return about, source


def example(spec: Spec, checked: str) -> list[str]:
    """A graph of the first example, what `check` printed on it, and what it costs."""
    name = f"{spec.name.lower()}.yaml"
    cost = summarise(mb.compile_graph(example_graph(spec)))
    return [
        fence("yaml", f"# {name}\n{example_yaml(spec)}"),
        fence("console", f"$ mirbricks check {name}\n{checked}"),
        f"{cost.parameters:,} parameters; {cost.macs:,} multiply-adds at batch 1.",
        "",
    ]


def checks(blocks: Mapping[str, Spec]) -> dict[str, str]:
    """What `mirbricks check` prints on the example of each block: the command really runs."""
    before = Path.cwd()
    printed = io.StringIO()
    names = {f"{name.lower()}.yaml": name for name in blocks}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for file, name in names.items():
                Path(file).write_text(example_yaml(blocks[name]), encoding="utf-8")
            with contextlib.redirect_stdout(printed):
                failed = main(["check", *names])
        finally:
            os.chdir(before)
    lines = printed.getvalue().splitlines()
    if failed or len(lines) != len(names):
        raise SystemExit(f"{len(names)} examples of blocks gave {len(lines)} answers")
    return {names[line.partition(":")[0]]: line for line in lines}


@lru_cache(maxsize=1)
def graphs_with() -> dict[str, list[str]]:
    """The published graphs that name each block."""
    found: dict[str, list[str]] = {}
    for name in mb.list_graphs():
        text = (ROOT / "graphs" / f"{name}.yaml").read_text(encoding="utf-8")
        for block in sorted(set(re.findall(r"- \{?(\w+)", text))):
            found.setdefault(block, []).append(name)
    return found


def linked(source: str) -> str:
    """A source with its arXiv ids, DOIs and addresses as links."""

    def link(found: re.Match[str]) -> str:
        if found["url"]:
            return f"<{found['url']}>"
        if found["arxiv"]:
            return f"[{found[0]}](https://arxiv.org/abs/{found['arxiv']})"
        return f"[{found[0]}](https://doi.org/{found['doi']})"

    places = list(LINK.finditer(source))
    texts = LINK.split(source)
    if not places:
        return plain(source)
    shown = [plain(texts[0])]
    # Behind each place the split has its three groups, then the text that follows.
    for i, found in enumerate(places):
        shown += [link(found), plain(texts[4 * (i + 1)])]
    return "".join(shown)
