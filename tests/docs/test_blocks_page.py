"""docs/blocks.md and the pictures of the blocks: up to date, complete, and made of what is there."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

import mirbricks as mb
from mirbricks.compiler.drawing.inside import draw_block
from mirbricks.compiler.drawing.svg import without_night

ROOT = Path(mb.__file__).parent
SAMPLE = ("FiLM", "LSTMLast", "ReLU", "ResidualBlock", "SincNet", "UNet1d")
MOST_BYTES = 30_000


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_build", ROOT / "docs" / "build.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _loaded()
BLOCKS = build.own_blocks()
SAME_TORCH = f"Drawn and counted with torch {build.TORCH}." in build.PAGE.read_text(
    encoding="utf-8"
)


def stale(wanted: str, found: str) -> str | None:
    """What to do, with the first line that differs; None where nothing does. The version of torch may differ."""
    one, two = (
        [line for line in text.splitlines() if not line.startswith("Drawn ")]
        for text in (wanted, found)
    )
    if one == two:
        return None
    pairs = zip([*one, *[""] * len(two)], [*two, *[""] * len(one)], strict=False)
    now, then = next(pair for pair in pairs if pair[0] != pair[1])
    return f"run `make pictures`: the line\n  {then}\nshould now be\n  {now}"


def test_the_page_is_up_to_date() -> None:
    problem = stale(build.page(BLOCKS), build.PAGE.read_text(encoding="utf-8"))
    assert not problem, problem


def test_a_stale_page_is_seen_and_says_what_to_do() -> None:
    assert stale("a\nb\nDrawn with 1", "a\nb\nDrawn with 2") is None
    assert (
        stale("a\nb\nc", "a\nc")
        == "run `make pictures`: the line\n  c\nshould now be\n  b"
    )
    assert stale("a\nb", "a") == "run `make pictures`: the line\n  \nshould now be\n  b"


@pytest.mark.skipif(
    not SAME_TORCH,
    reason="the pictures were drawn with another torch, which may see other operations",
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in SAMPLE else pytest.mark.slow)
        for name in BLOCKS
    ],
)
def test_a_picture_is_up_to_date(name: str) -> None:
    path = build.PICTURES / f"{name}.svg"
    assert path.is_file(), f"run `make pictures`: {name} has no picture yet"
    assert path.read_text(encoding="utf-8") == draw_block(BLOCKS[name]) + "\n", (
        f"run `make pictures`: {name} has changed"
    )


def test_the_sample_is_of_blocks() -> None:
    assert set(SAMPLE) <= set(BLOCKS)


def test_there_is_a_picture_of_each_block_and_no_other() -> None:
    assert {path.stem for path in build.PICTURES.glob("*.svg")} == set(BLOCKS), (
        "run `make pictures`"
    )


@pytest.mark.parametrize(
    "path", sorted(build.PICTURES.glob("*.svg")), ids=lambda path: path.stem
)
def test_a_picture_is_small_and_needs_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert not re.search(r"href|url\(|<image|<script|@import", text)
    # Its one style turns it dark where the system is.
    assert "<style" not in without_night(text)
    assert text.count("http") == 1  # the name of the SVG format itself
    words = [
        "".join(one.itertext())
        for one in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert words[0] == path.stem
    assert "output" in words


@pytest.mark.parametrize("name", BLOCKS)
def test_a_test_fixes_the_numbers_of_each_block(name: str) -> None:
    assert build.tests_of(name), (
        f"no test in tests/blocks/ names {name} and compares its output with a reference"
    )


def test_a_block_without_a_test_would_be_seen() -> None:
    assert not build.named_in_tests().get("test_every_block.py")
    assert not [
        test.name
        for tests in build.named_in_tests().values()
        for test in tests
        if test.has("NoSuchBlock")
    ]


def test_tests_are_found_by_the_names_in_them_and_in_what_they_use() -> None:
    assert (
        build.tests_of("Conv2d")[0]
        == "convolution/test_convolution.py::test_conv2d_by_naive_loops"
    )
    assert (
        build.tests_of("TCN")[0] == "convolution/test_tcn.py::test_by_its_definition"
    )  # through a function of its file
    assert (
        build.tests_of("LSTMLast")[0]
        == "sequence/test_recurrent.py::test_by_its_equations"
    )  # from f"{name}Last"
    assert (
        build.tests_of("ELU")[0]
        == "pointwise/test_activation.py::test_equals_its_formula"
    )  # from a list of its file


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("arXiv:1609.03499", "[arXiv:1609.03499](https://arxiv.org/abs/1609.03499)"),
        (
            "doi:10.23915/distill.00003",
            "[doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)",
        ),
        (
            "https://a.org/x/nn.html#pooling-layers",
            "[a.org: pooling layers](https://a.org/x/nn.html#pooling-layers)",
        ),
        (
            "ITU-T G.711; arXiv:1609.03499",
            "ITU-T G.711; [arXiv:1609.03499](https://arxiv.org/abs/1609.03499)",
        ),
        ("Nair & Hinton, ICML 2010", "Nair & Hinton, ICML 2010"),
    ],
)
def test_sources_are_linked(source: str, shown: str) -> None:
    assert build.linked(source) == shown


def test_the_page_shows_every_block_once_in_the_table_and_once_as_a_picture() -> None:
    text = build.PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\]", text, flags=re.M) == re.findall(
        r"^!\[(\w+)\]", text, flags=re.M
    )
    assert sorted(re.findall(r"^!\[(\w+)\]", text, flags=re.M)) == sorted(BLOCKS)


def test_the_contents_lead_to_the_headings() -> None:
    text = build.PAGE.read_text(encoding="utf-8")
    headings = [
        line[3:].lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("## ")
    ]
    assert re.findall(r"\(#([^)]+)\)", text) == headings


def test_every_link_of_the_page_leads_to_a_file() -> None:
    links = re.findall(
        r"\]\((?!https?:|#)([^)]+)\)", build.PAGE.read_text(encoding="utf-8")
    )
    assert len(links) >= len(BLOCKS)
    assert not [link for link in links if not (build.PAGE.parent / link).is_file()]


def test_make_docs_writes_it_all_and_takes_away_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = {name: BLOCKS[name] for name in ("ReLU", "FiLM")}
    monkeypatch.setattr(build, "PAGE", tmp_path / "blocks.md")
    monkeypatch.setattr(build, "PICTURES", tmp_path / "blocks")
    monkeypatch.setattr(build, "own_blocks", lambda: blocks)
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "Gone.svg").write_text("<svg/>")
    build.main()
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "FiLM.svg",
        "ReLU.svg",
        "blocks.md",
    ]
    assert (tmp_path / "blocks.md").read_text(encoding="utf-8") == build.page(blocks)
    assert capsys.readouterr().out.endswith("blocks.md: 2 blocks\n")
