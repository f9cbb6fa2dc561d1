"""Bring the written pages and those made here into one folder, with links that lead somewhere inside the site."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
# Folders of docs/ that hold pages; those in docs/ itself are pages too.
FOLDERS = ("start", "tasks", "howto", "lookup", "gallery", "screenshots")
# Pages that lie elsewhere in the repository, and their place on the site.
ELSEWHERE = {
    "CONTRIBUTING.md": "project/contribute",
    "CHANGELOG.md": "project/changelog",
    "SECURITY.md": "project/security",
}
# Pages that are made in the build, and lie in no folder of the repository.
MADE = re.compile(r"(blocks|graphs|models|errors|api|lookup|gallery)/\w+\.md")
PICTURES = (".jpg", ".png", ".svg", ".webp")
LINK = re.compile(r"(!?)\[([^\]\n]*)\]\((?!https?:|#|mailto:)([^)\s]+)\)")
FENCE = re.compile(
    r"(^ {0,3}(`{3,}|~{3,}|:{3,}).*?^ {0,3}\2[`~:]*[ \t]*$)", re.M | re.S
)


def repository() -> str:
    """The address of the repository that setup.cfg gives, or nothing."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser.get("metadata", "url", fallback="").rstrip("/")


REPOSITORY = repository()


def stage(folder: Path, rooms: Sequence[str] | None = None) -> Path:
    """Write every page and picture below the folder; files that no page needs any more are deleted."""
    from .gallery import with_download
    from .pages import generated
    from .results_chart import with_chart

    wanted: dict[str, bytes] = {}
    written = written_pages()
    for place, path in written.items():
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            if place == "index.md":
                text = with_others(text, written)
            if place == "results.md":
                text = with_chart(text)
            if place.startswith("gallery/"):
                text = with_download(text, path.stem)
            origin = path.relative_to(ROOT).as_posix()
            wanted[place] = linked(text, origin, place).encode()
        else:
            wanted[place] = path.read_bytes()
    for place, content in generated(rooms):
        wanted[place] = content.encode() if isinstance(content, str) else content
    for place, content in wanted.items():
        put(folder / place, content)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    return folder


def written_pages() -> dict[str, Path]:
    """The files of the repository that go to the site, by their place there."""
    found = {path.name: path for path in sorted(DOCS.glob("*.md"))}
    for folder in FOLDERS:
        for path in sorted((DOCS / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path.relative_to(DOCS).as_posix()] = path
    for name, place in ELSEWHERE.items():
        found[f"{place}.md"] = ROOT / name
    for kind in PICTURES:
        found |= {path.name: path for path in sorted(DOCS.glob(f"*{kind}"))}
    # The site's index of blocks is made; the page in the checkout is for readers of the checkout.
    del found["blocks.md"]
    return found


def with_others(front: str, written: Iterable[str]) -> str:
    """The front page with the pages in its navigation that it does not name, so that a new page needs no edit of it."""
    pages = [place.removesuffix(".md") for place in written if place.endswith(".md")]
    named = set(front.splitlines())
    others = [one for one in pages if "/" not in one and one not in named]
    others = [one for one in others if one not in ("index", "blocks")]
    return front.replace("OTHER PAGES", "\n".join(others))


def put(path: Path, content: bytes) -> None:
    """Write a file whose content has changed, so that Sphinx reads again only what is new."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def linked(text: str, origin: str, place: str) -> str:
    """A page's text with its links as they must be at its place on the site; code is left alone."""

    def link(found: re.Match[str]) -> str:
        return _link(found, origin, place)

    parts = FENCE.split(text)
    # A split by two groups gives text, fence, its mark, text, ...: only the texts hold links.
    kept = []
    for i, part in enumerate(parts):
        if i % 3 == 0:
            kept.append(LINK.sub(link, part))
        elif i % 3 == 1:
            kept.append(part)
    return "".join(kept)


def _link(found: re.Match[str], origin: str, place: str) -> str:
    """One link: to a page of the site, to the repository where its address is known, or the words alone."""
    mark, words, target = found.groups()
    path, _, anchor = target.partition("#")
    whole = os.path.normpath(PurePosixPath(origin).parent / path)
    inside = _on_site(whole)
    if inside is not None:
        way = os.path.relpath(inside, PurePosixPath(place).parent or ".")
        return f"{mark}[{words}]({way}{'#' if anchor else ''}{anchor})"
    if REPOSITORY:
        return f"{mark}[{words}]({REPOSITORY}/blob/main/{whole})"
    # A file of the checkout without an address: its name is as good as a reader can have.
    return words if words == f"`{words.strip('`')}`" else f"{words} (`{whole}`)"


def _on_site(whole: str) -> str | None:
    """The place on the site of a path of the repository."""
    if whole in ELSEWHERE:
        return f"{ELSEWHERE[whole]}.md"
    if whole == "README.md":
        return "index.md"
    graph = re.fullmatch(r"graphs/(\w+)\.yaml", whole)
    if graph:
        return f"graphs/{graph[1]}.md"
    block = re.fullmatch(r"docs/blocks/(\w+)\.svg", whole)
    if block:
        return f"blocks/{block[1]}.md"
    if whole == "docs/blocks.md":
        return "blocks/index.md"
    inside = whole.removeprefix("docs/")
    if whole.startswith("docs/") and MADE.fullmatch(inside):
        return inside
    is_page = inside.endswith((".md", *PICTURES)) and not inside.startswith(
        "decisions/"
    )
    if whole.startswith("docs/") and is_page and (DOCS / inside).is_file():
        return inside
    return None
