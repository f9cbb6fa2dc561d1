"""Graphs that a task cannot work with: each told at the graph's own line, before any data is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbricks.compiler.compile import compile_graph
from mirbricks.errors import MirbricksError
from mirbricks.tasks.finding import tasks
from mirbricks.tasks.requirements import (
    BOUNDED,
    PROBABILITIES,
    Needs,
    refuse_other_types,
)
from mirbricks.workflows.loading import load_experiment

POOLED = "  - Mean: {{dim: -1}}\n  - Flatten\n  - Linear: {{name: last, out_features: {n}}}\n"
FRAMES = "  - Conv1d: {{name: last, out_channels: {n}, kernel_size: 1}}\n"
BINS = "  - Conv2d: {{name: last, out_channels: {n}, kernel_size: 1}}\n"
CHROMA, LOGMEL = "{type: chroma}", "{type: logmel, n_mels: 32}"
HCQT = "{type: hcqt, harmonics: [1, 2], n_octaves: 4, bins_per_octave: 36}"
GOOD = {  # of each task: feature, input, the last layers, their number
    "chords": (CHROMA, "B D=12 T", FRAMES, 25),
    "covers": (CHROMA, "B D=12 T", POOLED, 8),
    "f0": (HCQT, "B C=2 F=144 T", BINS, 1),
    "multi_pitch": (HCQT, "B C=2 F=144 T", BINS, 1),
    "tagging": (LOGMEL, "B F=32 T", POOLED, 8),
}
LOGITS = [name for name in GOOD if tasks()[name].logits]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(
    task: str, *, reads: str = "", layers: str = "", more: str = "", n: int = 0
) -> str:
    """The message of a graph that fits the task but for what is given; "" where it fits."""
    its_feature, its_input, its_layers, its_n = GOOD[task]
    text = (
        f"name: g\ninput: {reads or its_input}\nlayers:\n{(layers or its_layers).format(n=n or its_n)}{more}"
        f"feature: {its_feature}\ntask: {{type: {task}, patch_frames: 64}}\n"
    )
    Path("g.yaml").write_text(text)
    try:
        load_experiment("g.yaml")
    except MirbricksError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("task", GOOD)
def test_what_fits(task: str) -> None:
    assert told(task) == ""


INPUT_HEAD = {
    "chords": "the graph does not read patches of the feature 'chroma'",
    "covers": "the graph does not read patches of the feature 'chroma'",
    "f0": "the graph does not read what the section 'feature:' gives: harmonics, bins and frames of the transform",
    "multi_pitch": "the graph does not read what the section 'feature:' gives: harmonics, bins and frames of the HCQT",
    "tagging": "the graph does not read patches of the feature 'logmel'",
}
EXPECTED_IN = {
    "chords": "(B, 12, T) or (B, 1, 12, T)",
    "covers": "(B, 12, T) or (B, 1, 12, T)",
    "f0": "(B, 2, 144, T)",
    "multi_pitch": "(B, 2, 144, T)",
    "tagging": "(B, 32, T) or (B, 1, 32, T)",
}


@pytest.mark.parametrize("task", GOOD)
@pytest.mark.parametrize(
    ("wrong", "got"),
    [("B C=3 F=7 T", "(B, 3, 7, T)"), ("B C=2 F=7 A=2 T", "(B, 2, 7, 2, T)")],
)
def test_sizes_and_axes_of_the_input(task: str, wrong: str, got: str) -> None:
    lines = told(task, reads=wrong, layers="  - ReLU\n").splitlines()
    assert lines[:5] == [
        f"g.yaml:2:8: {INPUT_HEAD[task]}",
        f"    2 | input: {wrong}",
        f"      |        {'^' * len(wrong)}",
        f"  expected  {EXPECTED_IN[task]}",
        f"  got       {got}",
    ]
    assert lines[5].startswith("  help: ")
    assert lines[5].endswith("[E501]")


OUTPUT = {
    "chords": (
        "the graph does not give a score for each of 25 classes at each frame",
        "(B, 25, T)",
        7,
        "(B, 7, T)",
    ),
    "f0": (
        "the graph does not give one score for each bin and frame",
        "(B, 1, 144, T)",
        3,
        "(B, 3, 144, T)",
    ),
    "multi_pitch": (
        "the graph does not give one logit for each bin and frame",
        "(B, 1, 144, T)",
        3,
        "(B, 3, 144, T)",
    ),
}


@pytest.mark.parametrize("task", OUTPUT)
def test_the_number_of_scores(task: str) -> None:
    head, expected, n, got = OUTPUT[task]
    message = told(task, n=n)
    assert message.startswith("g.yaml:2:8: " + head)
    assert f"\n  expected  {expected}\n  got       {got}\n" in message
    assert message.endswith("[E502]")


@pytest.mark.parametrize("task", GOOD)
def test_an_input_as_the_help_writes_it_fits(task: str) -> None:
    message = told(task, reads="B C=3 F=7 T", layers="  - ReLU\n")
    line = message.partition("write `input: ")[2].partition("`")[0]
    assert told(task, reads=line) == ""


@pytest.mark.parametrize("task", GOOD)
def test_a_fixed_number_of_frames_that_the_task_does_not_cut(task: str) -> None:
    fixed = GOOD[task][1].replace(" T", " T=48")
    message = told(task, reads=fixed)
    assert (
        "the graph reads patches of 48 frames only, the task cuts patches of 64"
        in message
    )
    assert message.endswith(
        "help: leave T free in `input:`, or set task.patch_frames to 48     [E501]"
    )
    assert told(task, reads=fixed.replace("48", "64")) == ""


@pytest.mark.parametrize("task", GOOD)
def test_the_axes_of_the_output(task: str) -> None:
    pooled = GOOD[task][2] is POOLED
    wrong = "  - UnSqueeze: {dim: 1}\n" if pooled else "  - Mean: {dim: -1}\n"
    message = told(task, more=wrong)
    assert message.startswith("g.yaml:2:8: the graph does not give ")
    assert message.endswith("[E502]")
    assert "\n  expected  (B, " in message


@pytest.mark.parametrize("task", LOGITS)
@pytest.mark.parametrize("last", PROBABILITIES[:1])
def test_probabilities_where_logits_are_read(task: str, last: str) -> None:
    line = 3 + GOOD[task][2].count("\n") + 1
    assert told(task, more=f"  - {last}\n") == (
        f"g.yaml:{line}:5: the graph ends in {last}, but {task} reads logits: it makes probabilities of them itself\n"
        f"{line:5} |   - {last}\n      |     {'^' * len(last)}\n  help: remove this layer     [E502]"
    )


@pytest.mark.parametrize("task", LOGITS)
def test_logits_that_cannot_be_any_number(task: str) -> None:
    line = 3 + GOOD[task][2].count("\n") + 1
    assert told(task, more="  - ReLU\n") == (
        f"g.yaml:{line}:5: the graph ends in ReLU, but {task} reads logits, which may be any number\n"
        f"{line:5} |   - ReLU\n      |     ^^^^\n  gives  none below 0\n  help: remove this layer     [E502]"
    )


@pytest.mark.parametrize("last", BOUNDED)
def test_every_bounded_layer(last: str) -> None:
    assert f"the graph ends in {last}, but tagging reads logits" in told(
        "tagging", more=f"  - {last}\n"
    )


def test_whole_numbers_where_real_ones_are_read() -> None:
    Path("g.yaml").write_text(
        "name: g\ninput: B C=1 T\nlayers:\n  - Conv1d: {out_channels: 1, kernel_size: 1}\n  - MuLawEncode\n"
    )
    with pytest.raises(MirbricksError) as caught:
        refuse_other_types(
            compile_graph("g.yaml"), "tagging", {"task.patch_frames": (None, 1, 64)}
        )
    assert str(caught.value) == (
        "g.yaml:5:5: the graph gives int64 numbers, but tagging reads real ones\n"
        "    5 |   - MuLawEncode\n      |     ^^^^^^^^^^^\n"
        "  help: end in a layer that gives real numbers, such as Linear or Conv1d     [E502]"
    )


NEEDS = Needs(
    (("B", 12, "T"), ("B", 1, 12, "T")),
    ("B", 24, "T"),
    "chroma",
    "keys",
    "end in keys",
    {"task.a": 8, "task.b": 99},
)


@pytest.mark.parametrize("shape", [("B", 12, "T"), ("B", 1, 12, 8), ("B", "D", "T")])
def test_shapes_that_are_needed(shape: tuple[int | str, ...]) -> None:
    NEEDS.refuse_misfit(shape, ("B", 24, shape[-1]))
    # A size beside the one that is needed is refused, in the input and in the output.
    for out in (("B", 23, shape[-1]), ("B", 24, 7), ("B", 24), ("B", 24, "T", 1)):
        with pytest.raises(MirbricksError, match="the graph does not give keys"):
            NEEDS.refuse_misfit(shape, out)
    with pytest.raises(MirbricksError, match="the graph does not read chroma"):
        NEEDS.refuse_misfit(("B", 13, *shape[2:]), ("B", 24, shape[-1]))


def test_a_name_of_the_output_that_is_not_an_axis_of_the_input_is_any_size() -> None:
    needs = Needs(
        (("B", 12, "T"),), ("B", "K"), "chroma", "a score per label", "end in Linear"
    )
    needs.refuse_misfit(("B", 12, 77), ("B", 5))
    with pytest.raises(MirbricksError) as caught:
        needs.refuse_misfit(("B", 12, "T"), ("B", "T"))
    assert str(caught.value) == (
        "the graph does not give a score per label\n  expected  (B, K)\n  got       (B, T)\n"
        "  help: end in Linear     [E502]"
    )


def test_shapes_that_are_given() -> None:
    assert NEEDS.given_shapes(("B", 1, 12, "T")) == {
        "task.a": (None, 1, 12, 8),
        "task.b": (None, 1, 12, 99),
    }
    assert NEEDS.given_shapes(("B", 12, 8)) == {"task.a": (None, 12, 8)}


@pytest.mark.parametrize(
    ("shape", "out", "message"),
    [
        (
            ("B", 12, 9),
            ("B", 24, 9),
            "the graph reads patches of 9 frames only, the task cuts patches of 8\n"
            "  expected  (B, 12, 8)\n  got       (B, 12, 9)\n"
            "  help: leave T free in `input:`, or set task.a to 9     [E501]",
        ),
        (
            ("B", 11, "T"),
            ("B", 24, "T"),
            "the graph does not read chroma\n  expected  (B, 12, T) or (B, 1, 12, T)\n  got       (B, 11, T)\n"
            "  help: write `input: B D=12 T`, or change 'feature:'     [E501]",
        ),
        (
            ("B", "T"),
            ("B", 24),
            "the graph does not read chroma\n  expected  (B, 12, T) or (B, 1, 12, T)\n  got       (B, T)\n"
            "  help: write `input: B D=12 T`, or change 'feature:'     [E501]",
        ),
        (
            ("B", 12, "T"),
            ("B", 24, "T/2"),
            "the graph does not give keys\n  expected  (B, 24, T)\n  got       (B, 24, T/2)\n"
            "  help: end in keys     [E502]",
        ),
    ],
)
def test_misfits_of_declared_needs(
    shape: tuple[int | str, ...], out: tuple[int | str, ...], message: str
) -> None:
    with pytest.raises(MirbricksError) as caught:
        NEEDS.refuse_misfit(shape, out)
    assert str(caught.value) == message
