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
# The order in which they are read, each with the picture of its card; a new one comes behind these.
PICTURES = {
    "hear_a_model": "tasks/multi_pitch.png",
    "a_graph": "graphs/mpe_doras_unet.svg",
    "train_multi_pitch": "front/voices.png",
    "front_ends_that_learn": "concepts/SincNet.svg",
    "chords": "tasks/chords.png",
    "covers": "tasks/covers.png",
    "without_labels": "tasks/self_supervised.png",
    "separate": "tasks/separation.png",
    "generate": "tasks/generation.png",
    "a_brick_of_your_own": "concepts/GELU.svg",
    "a_task_of_your_own": "tasks/tagging.png",
    "compare_runs_honestly": "concepts/LSTM.svg",
}


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index with a card per notebook, and the notebooks as .ipynb."""
    notebooks = notebook_paths()
    links = []
    for path in notebooks:
        text = path.read_text(encoding="utf-8")
        yield f"static/notebooks/{path.stem}.ipynb", as_ipynb(text)
        picture = f"../_static/{PICTURES.get(path.stem, 'tasks/tagging.png')}"
        card = anchor_card(f"{path.stem}.html", title(text), sentence(text), picture)
        links.append(card)
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
    """The notebooks of the gallery: in the order of those that are known, others by name behind them."""
    known = list(PICTURES)

    def place(path: Path) -> tuple[int, str]:
        is_known = path.stem in PICTURES
        return (known.index(path.stem) if is_known else len(known), path.stem)

    found = (DOCS / "gallery").glob("*.md")
    return sorted((path for path in found if path.stem != "index"), key=place)


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
    """The first sentence of the first paragraph below the heading."""
    _, _, rest = text.partition(f"# {title(text)}\n")
    for paragraph in rest.split("\n\n"):
        words = " ".join(paragraph.split())
        if re.match(r"[A-Z`*]", words):
            return re.split(r"(?<=\.) (?=[A-Z])", words.replace("*", ""))[0]
    return ""


def with_download(text: str, name: str) -> str:
    """A notebook's page with a link below its heading to the same as .ipynb."""
    heading = f"# {title(text)}\n"
    link = (
        "\n```{raw} html\n"
        f'<p><a href="../_static/notebooks/{name}.ipynb" download>Download this '
        "notebook</a> for Jupyter or Colab.</p>\n```\n"
    )
    return text.replace(heading, heading + link, 1)
