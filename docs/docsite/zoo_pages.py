"""The trained models: a card each, and a page with what it hears or makes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import mirbricks as mb
from mirbricks.commands.models.zoo import about, figure_text
from mirbricks.runs.folder import RunFolder

from . import zoo_sounds
from .markdown import anchor_card, cards
from .staging import ROOT

ALSO = ("docsite/zoo_sounds.py",)
# The picture of a task, made with the front page.
PICTURES = {
    "codec": "generation",
    "token_generation": "generation",
    "latent_generation": "generation",
}


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index, and each model's own card as a page."""
    links = []
    for address in mb.list_models():
        name = address.removeprefix("zoo:")
        text = (ROOT / "zoo" / name / "card.md").read_text(encoding="utf-8")
        # A hub's header, where a card has one, is not for readers.
        text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
        found = zoo_sounds.shown(address)
        if found is not None:
            # The players come before the first heading below the title.
            for place, content in zoo_sounds.section(name, found):
                if place:
                    yield place, content
                else:
                    text = text.replace("\n## ", f"{content}\n## ", 1)
        yield f"models/{name}.md", page(text)
        facts = about(RunFolder.open(address))
        picture = PICTURES.get(facts["task"], facts["task"])
        way = f"../_static/tasks/{picture}.png"
        links.append(anchor_card(f"{name}.html", name, sentence(text, facts), way))
    lines = ["# Trained models", ""]
    lines += ["`zoo:NAME` stands wherever a run folder or a graph file may.", ""]
    lines += ["[How they are used, evaluated and made](../zoo.md).", ""]
    yield "models/index.md", "\n".join([*lines, cards(links, "tasks")])


def page(text: str) -> str:
    """A card as a page, with the way back, and with a link where it names the results."""
    results = "[the results](../results.md)"
    shown = text.replace(", docs/results.md", f" ({results})")
    shown = shown.replace("docs/results.md", results)
    head = "---\norphan: true\n---\n\n"
    return head + shown.replace("\n", "\n\n[Trained models](index.md)\n", 1)


def sentence(card: str, facts: dict[str, object]) -> str:
    """What it is, its data, and the figure that people look at first."""
    lines = [line for line in card.splitlines()[1:] if line.strip()]
    kind = lines[0].partition(":")[0]
    shown = facts["shown"]
    if not isinstance(shown, dict) or shown.get("value") is None:
        return f"{kind}, learned from {facts['corpus']}."
    figure = f"{shown['name']} {figure_text(shown['value'])}"
    return f"{kind}, learned from {facts['corpus']}: {figure}."
