"""The site: its pages are staged with links that lead somewhere, and it builds without a warning or another host."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import BaseModel

import mirbricks as mb
from mirbricks import registry
from mirbricks.cli import main as mirbricks
from mirbricks.commands.command_line import command_parser
from mirbricks.commands.graphs.explain_sections import sections
from mirbricks.commands.table import COMMANDS

ROOT = Path(mb.__file__).parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

from docsite import results_chart, staging  # noqa: E402 - after its folder is on the path

PAGES = staging.written_pages()
OUTSIDE = re.compile(
    r"<(?:script|link|img|iframe|audio|source)\b[^>]*\b(?:src|href)=\"(https?:)?//"
)


@pytest.mark.parametrize(
    ("written", "origin", "place", "shown"),
    [
        ("[a](graphs.md)", "docs/index.md", "index.md", "[a](graphs.md)"),
        ("[a](../graphs.md#x)", "docs/start/a.md", "start/a.md", "[a](../graphs.md#x)"),
        (
            "[a](../graphs/mpe_small.yaml)",
            "docs/graphs.md",
            "graphs.md",
            "[a](graphs/mpe_small.md)",
        ),
        ("[a](blocks/ReLU.svg)", "docs/a.md", "a.md", "[a](blocks/ReLU.md)"),
        (
            "[a](docs/graphs.md)",
            "CONTRIBUTING.md",
            "project/contribute.md",
            "[a](../graphs.md)",
        ),
        ("[a](blocks/index.md)", "docs/index.md", "index.md", "[a](blocks/index.md)"),
        ("[a](https://x.org)", "docs/a.md", "a.md", "[a](https://x.org)"),
        ("```\n[a](b.md)\n```", "docs/a.md", "a.md", "```\n[a](b.md)\n```"),
    ],
)
def test_links_lead_to_where_pages_are_on_the_site(
    written: str, origin: str, place: str, shown: str
) -> None:
    assert staging.linked(written, origin, place) == shown


def test_a_link_to_a_file_of_the_repository_is_its_name_where_there_is_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staging, "REPOSITORY", "")
    text = "[results.yaml](results.yaml)"
    assert (
        staging.linked(text, "docs/a.md", "a.md")
        == "results.yaml (`docs/results.yaml`)"
    )
    monkeypatch.setattr(staging, "REPOSITORY", "https://example.org/m")
    assert staging.linked(text, "docs/a.md", "a.md") == (
        "[results.yaml](https://example.org/m/blob/main/docs/results.yaml)"
    )


def test_the_results_are_bars_beside_what_they_are_held_against() -> None:
    row = "| chords, songs (5, long), majmin | `net` | majmin<br>root | 2 | {} | | {} |"
    same = row.replace("chords, songs (5, long), majmin", "the same, one model")
    lines = [
        row.format("0.79 ± 0.01<br>0.8", "templates, smoothed .7; human 1.5 (A 2015)"),
        same.format("0.8", "chance .1"),
        row.format("—", "chance .1"),
        row.format("0.8", "the graph below"),
    ]
    page = "\n".join(["Text", results_chart.BEGIN, *lines, results_chart.END])
    first, second = results_chart.groups(page)
    assert (first.title, first.text) == ("chords, songs (5, long)", "majmin, majmin")
    assert first.bars == [
        ("net", 0.79, "0.79 ± 0.01"),
        ("templates, smoothed", 0.7, "0.7"),
        ("human", 1.5, "1.5"),
    ]
    assert (second.title, second.text) == (first.title, "majmin, one model")
    shown = results_chart.with_chart(page)
    assert shown.endswith(page.partition("Text")[2].lstrip())
    assert shown.count('style="width:100.0%"') == 1


def test_a_page_that_the_front_page_does_not_name_is_in_the_navigation() -> None:
    front = staging.with_others("graphs\nOTHER PAGES\n", ["graphs.md", "studio.md"])
    assert front == "graphs\nstudio\n"


@pytest.mark.parametrize("place", [place for place in PAGES if place.endswith(".md")])
def test_every_link_of_a_written_page_leads_to_a_file(place: str) -> None:
    path = PAGES[place]
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.M | re.S)
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)\s#]+)", text)
    made = re.compile(r"(blocks|graphs|models|errors|api|lookup|gallery)/[\w.]+\.md$")
    missing = [
        one
        for one in links
        if not (path.parent / one).resolve().exists() and not made.search(one)
    ]
    assert not missing


WRITTEN = {place: path for place, path in PAGES.items() if path.suffix == ".md"}
WRITTEN["README.md"] = ROOT / "README.md"


# Wider lines are cut or wrapped on the site and on a page of a repository.
@pytest.mark.parametrize("place", WRITTEN)
def test_code_is_no_wider_than_80_columns(place: str) -> None:
    text = WRITTEN[place].read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```[^\n`]*\n(.*?)^ *```", text, re.M | re.S)
    wide = [line for one in blocks for line in one.splitlines() if len(line) > 80]
    assert not wide


# Words that a reader stumbles over, and what stands for them in our pages.
STUMBLES = re.compile(
    r".*(?:\banew\b|\b(?:is|are|was|were) told\b(?! apart)|\btold (?:by|what|to|of|which)\b"
    r"|\btells? (?:it|of|whether|how|what|in|every|more|where|which)\b"
    r"|\bsaid by\b|\bnone: |\bstands? twice\b|\bnot suffice\b"
    r"|(?<!there )\bis no (?:number|integer|word|list|mapping|graph|block|run|name|text)\b"
    r"|(?<!there )\bare no (?:numbers|words|names|blocks)\b).*"
)


def plain_texts() -> Iterator[tuple[str, str]]:
    """What a user reads: pages, cards of models, comments of graphs, helps of commands, descriptions of fields."""
    for place, path in WRITTEN.items():
        # The changelog quotes what messages were before.
        if place != "project/changelog.md":
            yield place, path.read_text(encoding="utf-8")
    for pattern in ("zoo/*/card.md", "graphs/**/*.yaml"):
        for path in ROOT.glob(pattern):
            # A sentence goes on behind the mark of the next line.
            yield path.name, path.read_text(encoding="utf-8").replace("\n# ", " ")
    for name in COMMANDS:
        parser = command_parser()
        for word in name.split():
            parser = parser.commands[word]
        yield name, " ".join(parser.format_help().split())
    for name, (_, text, config) in sections().items():
        yield name, text
        yield from described(name, config)
    for name, spec in registry.blocks().items():
        yield name, spec.description
        yield from described(name, spec.cls.Config)


def described(name: str, config: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for field, info in config.model_fields.items():
        yield f"{name}.{field}", info.description or ""


def test_what_users_read_is_in_plain_english() -> None:
    found = {name: STUMBLES.findall(text) for name, text in plain_texts()}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "text",
    ["made anew", "it is told what to do", "which tells how well", "default: none: x"],
)
def test_words_that_a_reader_stumbles_over_are_found(text: str) -> None:
    assert STUMBLES.findall(text)


def test_pictures_of_screens_are_small_and_shown_with_words_for_who_cannot_see() -> (
    None
):
    shown = "\n".join(path.read_text() for path in WRITTEN.values())
    pictures = sorted((DOCS / "screenshots").iterdir())
    assert len(pictures) >= 5
    for path in pictures:
        assert path.stat().st_size < 150_000
        assert re.search(rf"!\[[^\]]{{20,}}\]\([./]*screenshots/{path.name}\)", shown)


TASK_PAGE = ["Hear it", "The graph", "Data", "Train"]
TASK_PAGE += ["Figures, and how they are judged"]


@pytest.mark.parametrize("place", [one for one in WRITTEN if one[:6] == "tasks/"])
def test_the_page_of_a_task_has_the_shape_of_the_others(place: str) -> None:
    text = re.sub(r"^```.*?^```", "", WRITTEN[place].read_text(), flags=re.M | re.S)
    headings = re.findall(r"^## (.*)$", text, flags=re.M)
    assert headings[: len(TASK_PAGE)] == TASK_PAGE
    assert headings[-1] == "Papers"


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_without_another_host(
    tmp_path: Path,
) -> None:
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "docsite", "--out", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=DOCS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not done.stderr.strip()
    pages = {
        path.relative_to(tmp_path / "site").as_posix(): path.read_text()
        for path in (tmp_path / "site").rglob("*.html")
    }
    # Templates of the theme lie among its own files, and are no pages.
    pages = {name: text for name, text in pages.items() if name[:8] != "_static/"}
    assert not [name for name, text in pages.items() if OUTSIDE.search(text)]
    own = {name for name, spec in registry.blocks().items() if spec.own}
    assert {f"blocks/{name}.html" for name in own} <= set(pages)
    assert {f"graphs/{name}.html" for name in mb.list_graphs()} <= set(pages)
    assert {f"errors/{code}.html" for code in mb_codes()} <= set(pages)
    for name, text in pages.items():
        for address in re.findall(
            r"(?:href|src)=\"(?!https?:|data:|#)([^\"#?]+)", text
        ):
            target = (tmp_path / "site" / name).parent / address
            assert target.exists(), f"{name} leads to {address}"


def mb_codes() -> list[str]:
    from mirbricks.errors import codes

    return list(codes())


@pytest.mark.parametrize("name", ["first_sound", "first_model"])
def test_the_first_pages_run(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "start" / f"{name}.md").read_text()
    names: dict[str, object] = {}
    printed = ""
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        if language == "python":
            exec(code, names)
            printed = capsys.readouterr().out
        elif language == "text":
            assert printed == code
        elif language == "yaml":
            Path("first.yaml").write_text(code)
        elif "check" in code:
            command, _, shown = code.partition("\n")
            assert mirbricks(command.split()[2:]) == 0
            assert capsys.readouterr().out == shown


def test_a_notebook_has_a_card_and_a_file_to_download() -> None:
    gallery = pytest.importorskip("docsite.gallery")  # needs myst-nb
    text = "---\nkernelspec: {name: python3}\n---\n\n# Hear\n\nA *sound*. More.\n"
    text += "\n```{code-cell} ipython3\n1 + 1\n```\n"
    assert gallery.title(text) == "Hear"
    assert gallery.sentence(text) == "A sound."
    kinds = [cell["cell_type"] for cell in json.loads(gallery.as_ipynb(text))["cells"]]
    assert kinds == ["markdown", "code"]
    assert gallery.as_ipynb(text) == gallery.as_ipynb(text)
    assert "notebooks/hear.ipynb" in gallery.with_download(text, "hear")


def test_what_a_model_makes_is_played_on_its_page() -> None:
    zoo_sounds = pytest.importorskip("docsite.zoo_sounds")
    clip = zoo_sounds.Clip(np.zeros((1, 8000), np.float32), 8000)
    found = zoo_sounds.Shown({"a <low> tone": clip, "back": clip}, "<svg></svg>", "x")
    *files, (name, text) = zoo_sounds.section("toy", found)
    assert [place for place, _ in files] == ["static/zoo/toy_0.mp3", "static/zoo/toy_1.mp3"]  # fmt: skip
    for place, content in files:
        samples, sr_hz = soundfile.read(io.BytesIO(content))
        assert (sr_hz, len(samples)) == (8000, 8000)
        assert f'src="../_{place}"' in text
    assert name == ""
    assert "a &lt;low&gt; tone" in text
    assert text.count("```") == 2
    assert "<svg></svg>" in text


def test_the_card_of_a_model_names_its_data_and_its_figure() -> None:
    zoo_pages = pytest.importorskip("docsite.zoo_pages")
    card = "# toy\n\nTagging: the graph `a`.\n\nFive folds: .9, docs/results.md\n"
    shown = {"name": "accuracy", "value": 0.9251}
    facts = {"task": "tagging", "corpus": "esc10", "shown": shown}
    assert zoo_pages.sentence(card, facts) == "Tagging, learned from esc10: accuracy 0.925."  # fmt: skip
    shown["value"] = 6000.0
    assert zoo_pages.sentence(card, facts).endswith(": accuracy 6,000.")
    facts["shown"] = None
    assert zoo_pages.sentence(card, facts) == "Tagging, learned from esc10."
    assert ".9 ([the results](../results.md))" in zoo_pages.page(card)


@pytest.mark.parametrize("name", ["AutoPool", "LSTMLast", "StatisticsPooling"])
def test_what_gives_one_frame_has_a_picture_of_what_counts(name: str) -> None:
    from docsite.concepts import concept

    drawn = concept(registry.get(name))
    assert drawn is not None
    assert drawn.caption.startswith("How much each frame")
    words = re.findall(r'<text x="([\d.]+)"[^>]*>([^<]+)<', drawn.svg)
    for x, word in words:
        assert 3 * len(word) <= float(x) <= 420 - 3 * len(word)
