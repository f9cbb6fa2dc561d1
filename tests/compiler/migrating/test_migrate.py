"""The tutorial's dialect in the native form: the same modules to the bit, and not a comment lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mirbricks as mb
from mirbricks.compiler.language.layer_text import flow
from mirbricks.compiler.language.source import read_text
from mirbricks.compiler.migrating.comments import Commented
from mirbricks.compiler.migrating.migrate import NO_INPUT, migrate
from mirbricks.compiler.migrating.written import NOT_READ
from mirbricks.compiler.saved import resolved_yaml
from mirbricks.errors import GraphError

DIALECT = Path(__file__).parents[1] / "dialect"
SHAPES = {
    "bittner": (1, 6, 360, 8),
    "chord": (1, 1, 72, 20),
    "cover": (2, 1, 23, 200),
    "doras": (1, 6, 16, 8),
    "tagging": (2, 1, 128, 64),
    "variants_1d": (1, 1, 3200),
    "variants_2d": (2, 6, 12, 10),
}
COMMENTED = """\
# The title.

# about the features
feature: {type: hcqt, 'fmin': 32.7}   # in Hz
train:
    # how long
    epochs: 3
model: # the net
    name: "my net" # its name
    # all blocks
    block_l:   # B
    - sequential_l: # S
        # first
        - layer_l:

            # says 'norm': a # in it
            - [BatchNorm2d, {'num_features': -1}]   # norm # twice
            - - Conv2dRes  # a block
              # of its channels
              - out_channels: 4   # few
                kernel_size: [3,3]
                name: res
            - [StoreAs, 'a # b']
        - layer_l: [[Activation, ReLU], ['AbsLayer', empty]]  # two
          note: kept
        - layer_l:
            - [CatWith, 'a # b']
            - [DoubleChannel, empty]  # doubles
            - [Dropout, {p: 0}] # 'no' dropout
            # after the last
    version: 2 # of the net
# the end
"""
NATIVE = """\
# The title.

# about the features
# Kept from the tutorial's file; mirbricks does not read it:
# feature: {type: hcqt, 'fmin': 32.7}  # in Hz
# train:
#     # how long
#     epochs: 3

# the net
name: "my net"  # its name
# all blocks
input: B C=2 F=6 T
layers:  # B
  # S
  # first

  # says 'norm': a # in it
  - BatchNorm2d  # norm # twice
  # a block
  # of its channels
  # few
  - ResidualBlock: {name: res, out_channels: 4, bias: true, shortcut_norm: false, kernel_size: [3, 3]}
  - StoreAs: "a # b"
  - ReLU
  - Abs  # two
  # note: kept
  - CatWith: "a # b"
  # doubles
  - Dropout: {p: 0.0}  # 'no' dropout
  # after the last
  # version: 2  # of the net
# the end
"""


def written(text: str, folder: Path, name: str = "graph.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def assert_equal_models(old: Path, new: Path, shape: Any) -> None:
    one, two = mb.compile_graph(old, shape).eval(), mb.compile_graph(new, shape).eval()
    assert list(one.state_dict()) == list(two.state_dict())
    two.load_state_dict(one.state_dict())
    assert resolved_yaml(one, {}) == resolved_yaml(two, {})
    torch.manual_seed(0)
    x = torch.randn(shape)
    with torch.no_grad():
        assert torch.equal(one(x), two(x))


@pytest.mark.parametrize("name", SHAPES)
def test_every_sample_gives_the_same_model(name: str, tmp_path: Path) -> None:
    path, shape = DIALECT / f"{name}.yaml", SHAPES[name]
    result = migrate(path, shape)
    assert_equal_models(path, written(result.text, tmp_path), shape)
    assert all(
        comment.text in result.text for comment in Commented(path.read_text()).comments
    )


def test_every_sample_is_tested() -> None:
    assert {path.stem for path in DIALECT.glob("*.yaml")} == set(SHAPES)


def test_the_layout_and_every_kind_of_comment(tmp_path: Path) -> None:
    path = written(COMMENTED, tmp_path)
    result = migrate(path, (None, 2, 6, None))
    assert result.text == NATIVE
    assert result.notes == (
        "feature, train are kept as comments: mirbricks reads `feature`, `dataset`, `task` and `train` "
        "with keys of its own",
        "2 keys inside `model` that the graph does not need: kept as comments",
    )
    assert_equal_models(
        path, written(result.text, tmp_path, "native.yaml"), (2, 2, 6, 5)
    )


def test_sections_that_mirbricks_reads_in_another_way_do_no_harm(
    tmp_path: Path,
) -> None:
    graph = mb.load_graph(
        written(migrate(DIALECT / "bittner.yaml", SHAPES["bittner"]).text, tmp_path)
    )
    assert set(graph.source.data) == {"name", "input", "layers"}
    assert NOT_READ in migrate(DIALECT / "bittner.yaml").text


def test_an_unknown_input_is_asked_for(tmp_path: Path) -> None:
    result = migrate(DIALECT / "cover.yaml")
    assert NO_INPUT in result.text
    assert result.notes == (
        "the dialect does not say the shape of the input: fill in `input:`, or migrate with --input 1,6,360,64",
    )
    assert_equal_models(
        DIALECT / "cover.yaml", written(result.text, tmp_path), SHAPES["cover"]
    )


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ((1, 6, 360, 8), "input: B C=6 F=360 T=8"),
        ((None, 6, None, None), "input: B C=6 F T"),
        ({"x": (1, 6, None, 8)}, 'input: {x: "B C=6 F T=8"}'),
    ],
)
def test_the_batch_stays_free(shape: Any, line: str, tmp_path: Path) -> None:
    path = written(
        "model: {block_l: [{sequential_l: [{layer_l: [[ReLU, empty]]}]}]}\n", tmp_path
    )
    text = migrate(path, shape).text
    assert text == f"name: model\n{line}\nlayers:\n  - ReLU\n"
    assert (
        mb.compile_graph(written(text, tmp_path, "native.yaml")).input_shapes["x"][0]
        == "B"
    )


def test_aliases_of_yaml_are_written_out(tmp_path: Path) -> None:
    text = """\
model:
    block_l:
    - sequential_l:
        - layer_l: &two  # the pair
            - &norm [BatchNorm2d, {num_features: -1}] # one
            - [ReLU, empty]
        - layer_l: *two   # again
        - layer_l:
            - *norm  # last
"""
    lines = [
        "# the pair",
        "- BatchNorm2d  # one",
        "- ReLU",
        "- BatchNorm2d",
        "- ReLU  # again",
        "- BatchNorm2d  # last",
    ]
    path = written(text, tmp_path)
    result = migrate(path, (2, 3, 4, 5)).text
    assert [line.strip() for line in result.splitlines()[3:]] == lines
    assert_equal_models(path, written(result, tmp_path, "native.yaml"), (2, 3, 4, 5))


def test_line_ends_of_windows_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = written("\ufeff" + COMMENTED.replace("\n", "\r\n"), tmp_path)
    assert migrate(path, (None, 2, 6, None)).text == NATIVE


def refused(path: Path, shape: Any = None) -> str:
    with pytest.raises(GraphError) as caught:
        migrate(path, shape)
    return str(caught.value).replace(f"{path}", "graph.yaml")


def test_a_native_file_is_told(tmp_path: Path) -> None:
    assert refused(written("input: B C T\nlayers: [ReLU]\n", tmp_path)) == (
        "graph.yaml:2:1: the file is in the native form already\n"
        "    2 | layers: [ReLU]\n"
        "      | ^^^^^^\n"
        "  help: use it as it is     [E190]"
    )


def test_another_file_is_told(tmp_path: Path) -> None:
    message = (
        "graph.yaml:1:1: no graph in the tutorial's dialect\n"
        "  help: migrate rewrites files in the tutorial's dialect: `model:` with `block_l:` below it     [E190]"
    )
    assert refused(written("model: {name: x}\n", tmp_path)) == message
    assert refused(written("- 1\n", tmp_path)) == message


def test_what_would_become_an_expression_is_told(tmp_path: Path) -> None:
    start = "model: {block_l: [{sequential_l: [{layer_l: "
    text = f"{start}[[StoreAs, '${{x}}'], [AddWith, '${{x}}']]}}]}}]}}"
    assert refused(written(text, tmp_path)) == (
        "graph.yaml:1:47: `${` would begin an expression in the native form\n"
        f"    1 | {text}\n"
        f"      | {' ' * 46}^^^^^^^\n"
        "  help: rename what is called so, then migrate again     [E190]"
    )
    named = f"model: {{name: '${{x}}', {start[8:]}[[ReLU, empty]]}}]}}]}}"
    assert "1:15: `${` would" in refused(written(named, tmp_path))


def test_mistakes_of_the_dialect_are_told_at_their_place(tmp_path: Path) -> None:
    path = written(COMMENTED.replace("BatchNorm2d", "BatchNorm3"), tmp_path)
    assert refused(path).startswith(
        "graph.yaml:17:16: no block is known as 'BatchNorm3'"
    )
    path = written(COMMENTED, tmp_path)
    assert "[E201]" in refused(path, (1, 6, 360))


@pytest.mark.parametrize(
    "value",
    [
        "E64",
        "yes",
        "null",
        "1",
        "1e3",
        "a # b",
        "a: b",
        "- x",
        "",
        " x ",
        "é",
        "\u00a0\u3000",
        "😀",
        "'q\"",
        "~",
    ]  # words, then the rest
    + [
        True,
        None,
        0,
        -1,
        1.5,
        1e-5,
        1e22,
        float("inf"),
        float("-inf"),
        ["a", [1]],
        {"a b": {"c": []}},
        "${x}",
        "2020-01-01",
    ],
)
def test_values_are_read_as_they_were(value: Any) -> None:
    read = read_text(f"layers:\n  - Block: {flow(value)}  # words\n", "file").data
    assert read == {"layers": [{"Block": value}]}
    assert type(read["layers"][0]["Block"]) is type(value)


WORDS = st.text(
    st.characters(
        codec="utf-8",
        categories=("L", "N", "P", "S", "Zs"),
        exclude_characters="\ufeff",
    ),
    max_size=12,
)
LAYERS: list[tuple[str, Any]] = [
    ("BatchNorm2d", {"num_features": -1}),
    (
        "Conv2d",
        {
            "in_channels": -1,
            "out_channels": 3,
            "kernel_size": [3, 1],
            "stride": 1,
            "padding": "same",
        },
    ),
    (
        "Conv2dRes",
        {
            "in_channels": -1,
            "out_channels": 2,
            "kernel_size": [3, 3],
            "padding": "same",
        },
    ),
    ("Conv2dDS", {"out_channels": 2, "kernel_size": [1, 3], "padding": "same"}),
    ("Conv2dNext", {"in_channels": -1, "out_channels": 4}),
    ("Activation", "ReLU"),
    ("Activation", "Softmax"),
    ("AbsLayer", "empty"),
    ("ReLU", None),
    ("Dropout", {"p": 0}),
    ("Permute", {"shape": [0, 1, 3, 2]}),
    ("DoubleChannel", "empty"),
    ("StoreAs", "key"),
]


class Writer:
    """Writes a file of the dialect in random styles, with numbered comments where YAML takes them."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.comments: list[str] = []
        self.lines: list[str] = []

    def chance(self, *odds: bool) -> bool:
        return self.draw(st.sampled_from(odds or (True, False)))

    def comment(self) -> str:
        self.comments.append(f"#{len(self.comments)}; {self.draw(WORDS)}".rstrip())
        return self.comments[-1]

    def line(self, text: str) -> None:
        for _ in range(self.draw(st.sampled_from([0, 0, 0, 1, 2]))):
            self.lines.append(
                self.draw(st.sampled_from(["", "    ", " " * 12])) + self.comment()
            )
        if self.chance(True, False, False):
            self.lines.append(self.draw(st.sampled_from(["", "   "])))
        end = (
            f"{self.draw(st.sampled_from([' ', '   ']))}{self.comment()}"
            if self.chance(True, False, False)
            else ""
        )
        self.lines.append(text + end)

    def word(self, text: str) -> str:
        quote = self.draw(st.sampled_from(["", "'", '"']))
        return f"{quote}{text}{quote}"

    def layer(self, kind: str, params: Any, indent: str) -> None:
        if isinstance(params, dict) and self.chance():  # block style
            self.line(f"{indent}- - {self.word(kind)}")
            for i, (key, value) in enumerate(params.items()):
                self.line(f"{indent}  {'  ' if i else '- '}{self.word(key)}: {value}")
            return
        comma = self.draw(st.sampled_from([", ", ",  "]))
        given = (
            "null"
            if params is None
            else self.word(params)
            if isinstance(params, str)
            else ""
        )
        if isinstance(params, dict):
            given = (
                "{"
                + comma.join(
                    f"'{k}':{self.draw(st.sampled_from(['', ' ']))}{v}"
                    for k, v in params.items()
                )
                + "}"
            )
        if self.chance(True, False, False):  # over two lines
            self.line(f"{indent}- [{self.word(kind)},")
            self.line(f"{indent}   {given} ]")
        else:
            self.line(f"{indent}- [{self.word(kind)}{comma}{given}]")


@st.composite
def dialect_files(draw: Any) -> tuple[str, list[str]]:
    """A file and the comments in it."""
    writer = Writer(draw)
    if writer.chance():
        writer.line("dataset:")
        writer.line("    {'base': 'a # b', n: 3}")
    writer.line("model:")
    if writer.chance():
        writer.line(f"    name: {writer.word('net')}")
    writer.line("    block_l:")
    stored = False
    for _ in range(draw(st.integers(1, 2))):
        writer.line("    - sequential_l:")
        for _ in range(draw(st.integers(1, 2))):
            writer.line("        - layer_l:")
            for kind, params in draw(
                st.lists(st.sampled_from(LAYERS), min_size=1, max_size=4)
            ):
                if kind != "StoreAs" or not stored:
                    writer.layer(kind, params, " " * 12)
                stored = stored or kind == "StoreAs"
    if stored:
        writer.layer("CatWith", "key", " " * 12)
    writer.layer("ReLU", None, " " * 12)  # of DoubleChannel alone nothing is left
    if writer.chance():
        writer.line("train: {lr: 1}")
    return "\n".join([*writer.lines, ""]), writer.comments


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=dialect_files())
def test_random_files_keep_every_comment_and_their_model(
    made: tuple[str, list[str]], tmp_path: Path
) -> None:
    text, comments = made
    path, shape = written(text, tmp_path), (2, 2, 5, 5)
    result = migrate(path, shape)
    found = [comment.text for comment in Commented(result.text).comments]
    assert all(sum(comment in line for line in found) == 1 for comment in comments), (
        result.text
    )
    assert_equal_models(path, written(result.text, tmp_path, "native.yaml"), shape)
