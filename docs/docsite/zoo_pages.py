"""The trained models: a card each, by task."""

from __future__ import annotations

import re
from collections.abc import Iterator

import mirbricks as mb

from .markdown import anchor_card, cards
from .staging import ROOT


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index, and each model's own card as a page."""
    links = []
    for address in mb.list_models():
        name = address.removeprefix("zoo:")
        text = (ROOT / "zoo" / name / "card.md").read_text(encoding="utf-8")
        # A hub's header, where a card has one, is not for readers.
        text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
        place = f"models/{name}.md"
        shown = text.replace("docs/results.md", "the results")
        head = "---\norphan: true\n---\n\n"
        yield place, head + shown.replace("\n", "\n\n[Trained models](index.md)\n", 1)
        links.append(anchor_card(f"{name}.html", name, sentence(text)))
    lines = ["# Trained models", ""]
    lines += ["`zoo:NAME` stands wherever a run folder or a graph file may.", ""]
    lines += ["[How they are used, evaluated and made](../zoo.md).", ""]
    yield "models/index.md", "\n".join([*lines, cards(links)])


def sentence(card: str) -> str:
    """The first line of a card below its title."""
    lines = [line for line in card.splitlines()[1:] if line.strip()]
    return lines[0]
