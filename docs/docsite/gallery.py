"""The index of the gallery, and each notebook as a file that Jupyter opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig

from .markdown import anchor_card, cards
from .staging import DOCS

ALSO = ("gallery/*.md",)


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index with a card per notebook, and the notebooks as .ipynb."""
    notebooks = notebook_paths()
    links = []
    for path in notebooks:
        text = path.read_text(encoding="utf-8")
        yield f"static/notebooks/{path.stem}.ipynb", as_ipynb(text)
        links.append(anchor_card(f"{path.stem}.html", title(text), sentence(text)))
    lines = [
        "# Gallery",
        "",
        "Notebooks that run in a minute or two on a laptop, without the internet.",
        "",
    ]
    lines += [cards(links, "gallery"), ""]
    names = [path.stem for path in notebooks]
    if names:
        lines += ["```{toctree}", ":hidden:", "", *names, "```", ""]
    yield "gallery/index.md", "\n".join(lines)


def notebook_paths() -> list[Path]:
    """The notebooks of the gallery."""
    found = sorted((DOCS / "gallery").glob("*.md"))
    return [path for path in found if path.stem != "index"]


def as_ipynb(text: str) -> str:
    """A notebook written as MyST Markdown, in Jupyter's own format; the same text gives the same file."""
    notebook = read_myst_markdown_notebook(text, MdParserConfig())
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"
    return nbformat.writes(notebook) + "\n"


def title(text: str) -> str:
    """The first heading."""
    found = re.search(r"^# (.+)$", text, flags=re.M)
    return found[1] if found else "Notebook"


def sentence(text: str) -> str:
    """The first sentence of the prose below the heading."""
    _, _, rest = text.partition(f"# {title(text)}")
    for paragraph in rest.split("\n\n"):
        if re.match(r"[A-Z`*]", paragraph):
            # A sentence may go on in the next line.
            words = " ".join(paragraph.split()).replace("*", "")
            return re.split(r"(?<=[.?!]) ", words)[0]
    return ""
