"""What is proposed at a place of a graph file, and what is shown for the word there."""

from __future__ import annotations

import pytest

import mirbricks as mb
from mirbricks.studio.assist import hover, proposals

TEXT = """\
vars: {width: 8, depth: 2}
input: {x: B C=1 F=16 T, mask: B C=1 F=16 T}
layers:
  - StoreAs: skip
  - Conv2d: {name: head, out_channels: 4, kernel_size: 3, padding: same}
  - Conv2d:
      out_channels: ${width}
      kernel_size: 3
feature: {type: logmel}
train:
  steps: 3
"""


def at(line: str) -> tuple[str, int, int]:
    """The text with a line put in before `feature:`, and the place of | in it."""
    begin, end = TEXT.split("feature:")
    text = f"{begin}{line.replace('|', '')}\nfeature:{end}"
    return text, begin.count("\n") + 1, line.index("|") + 1


def labels(line: str) -> list[str]:
    return [one.label for one in proposals(*at(line))[1]]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("  - Co|", "Conv2d"),
        ("  - |", "CatWith"),
        ("  - Conv2d: {ker|", "kernel_size"),
        ("  - Conv2d: {kernel_size: [3, 3], pad|", "padding_mode"),
        ("  - Conv2d: {|}", "name"),
        ("      dil|", "dilation"),
        ("  - Conv2d: {padding_mode: |", "reflect"),
        ("  - Conv2d: {bias: |", "false"),
        ("  - AddWith: |", "skip"),
        ("  - AddWith: |", "mask"),
        ("  - CatWith: {key: s|, fit: crop}", "skip"),
        ("  - CatWith: {key: skip, fit: |", "crop"),
        ("  - Reuse: |", "head"),
        ("  - Conv2d: {out_channels: ${w|", "width"),
        ("tr|", "train"),
        ("task: {type: |", "multi_pitch"),
    ],
)
def test_a_word_is_proposed_where_it_may_stand(line: str, word: str) -> None:
    assert word in labels(line)


def test_fields_of_a_section_are_those_of_its_type() -> None:
    text = TEXT.replace("{type: logmel}", "{type: logmel, }")
    line = text[: text.index("feature:")].count("\n") + 1
    column = text.split("\n")[line - 1].index("}") + 1
    assert "n_mels" in [one.label for one in proposals(text, line, column)[1]]
    last = text.count("\n") + 1
    found = proposals(f"{text}  ", last, 3)[1]
    assert "batch_size" in [one.label for one in found]


@pytest.mark.parametrize("line", ["  - Conv2d: {out_channels: |", "# |", "  - ReLU |"])
def test_nothing_is_proposed_where_no_word_is_known(line: str) -> None:
    assert labels(line) == []


def test_a_proposal_takes_the_place_of_the_word_that_was_begun() -> None:
    text, line, column = at("  - Conv2|")
    start, found = proposals(text, line, column)
    assert start == 5
    conv = next(one for one in found if one.label == "Conv2d")
    assert conv.insert == "Conv2d: {out_channels: , kernel_size: }"
    assert next(one for one in found if one.label == "ReLU").insert == "ReLU"


@pytest.mark.parametrize("cut", range(0, len(TEXT), 7))
def test_any_place_has_an_answer(cut: int) -> None:
    text = TEXT[:cut]
    line = text.count("\n") + 1
    column = len(text) - text.rfind("\n")
    proposals(text, line, column)
    hover(text, line, column)


def test_a_block_is_explained_with_its_sizes_here() -> None:
    text = (
        "input: B C=1 F=16 T\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 3}\n"
    )
    words = hover(text, 3, 6, mb.diagnose(text).model)
    assert words is not None
    assert "(B, 1, 16, T) → (B, 4, 14, T-2)" in words
    assert "kernel" in str(hover(text, 3, 40))
    assert "in the order" in str(hover(text, 2, 2))
    assert hover(text, 3, 1) is None
