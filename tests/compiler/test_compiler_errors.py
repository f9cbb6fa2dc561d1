"""Every message of the compiler, word for word: golden/NAME.yaml is broken, golden/NAME.txt is what the user reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mirbricks import registry
from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.errors import GraphError, GraphWarning, MirbricksError, codes
from mirbricks.registry import Block, register

GOLDEN = Path(__file__).parent / "golden"
WARNINGS = Path(__file__).parent / "golden_warnings"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
RUNS = """\
input: B C=6 T
layers:
  - StoreAs: E1
  - MaxPool1d: {kernel_size: 2}
  - Upsample: {name: up, scale_factor: 2}
  - AddWith: E1
"""
IN_WORDS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: load_graph("none.yaml"),
        "'none.yaml' cannot be read: No such file or directory\n"
        "  help: give the path of a graph file, or the name of a shipped one     [E101]",
    ),
    (
        lambda: load_graph("no_text.yaml"),
        "no_text.yaml:1:1: not UTF-8 text: byte 8 cannot be decoded\n  help: save the file as UTF-8     [E101]",
    ),
    (
        lambda: load_graph("large.yaml"),
        "large.yaml:1:1: larger than 250,000 bytes: this is not a graph file\n  help: give a graph file     [E103]",
    ),
    (
        lambda: load_graph("deep.yaml"),
        "deep.yaml:1:68: nested deeper than 64: this is not a graph\n"
        f"    1 | …{'[' * 89}{']' * 71}…\n"
        f"      | {' ' * 54}{'^' * 72}\n"
        "  help: remove the aliases or nesting     [E103]",
    ),
    (
        lambda: load_graph("g.yaml", ["extends=other.yaml"]),
        "--set:1:1: 'extends' cannot be set\n"
        "    1 | extends=other.yaml\n"
        "      | ^^^^^^^\n"
        "  help: make a file that extends the other one     [E107]",
    ),
    (
        lambda: load_graph("g.yaml", ["layers.head=3"]),
        "--set:1:1: 'layers.head' names no field of a node\n"
        "    1 | layers.head=3\n"
        "      | ^^^^^^^^^^^\n"
        "  help: write layers.NODE.FIELD=VALUE, as in layers.head.out_channels=4     [E107]",
    ),
    (
        lambda: load_graph("g.yaml", ["train.lr"]),
        "--set:1:1: 'train.lr' is not an assignment\n"
        "    1 | train.lr\n"
        "      | ^^^^^^^^\n"
        "  help: write --set KEY.KEY=VALUE, as in --set train.lr=1e-3     [E107]",
    ),
    (
        lambda: load_graph("g.yaml", ["input.x=3"]),
        "--set:1:1: 'input.x' does not lead to a value of this graph\n"
        "    1 | input.x=3\n"
        "      | ^^^^^^^\n"
        "  help: name a section and its key, as in train.lr     [E107]",
    ),
    (
        lambda: compile_graph({"input": "B C=3 T=4", "layers": ["Clumsy"]}),
        "<dict>:3:3: Clumsy cannot run on this tensor\n"
        "    3 | - Clumsy\n"
        "      |   ^^^^^^\n"
        "  here   (B, 3, 4)   the input\n"
        "  torch  KeyError\n"
        "  help: change its config or the sizes     [E204]",
    ),
    (
        lambda: compile_graph(
            {"input": "B C=3 T=4", "layers": ["ReLU", {"Liar": {"name": "liar"}}]}
        ),
        "<dict>:4:3: Liar breaks its own contract\n"
        "    4 | - Liar:\n"
        "      |   ^^^^\n"
        "  here      (B, 3, 4)   after ReLU, line 3\n"
        "  promised  (B, 3, 4)\n"
        "  made      (B, 1, 4)\n"
        "  line 3    ReLU -> (B, 3, 4)\n"
        "  help: report it to the block's author     [E205]",
    ),
    (
        lambda: compile_graph({"input": "B C=3 T=4", "layers": ["Twins"]}),
        "<dict>:3:3: Twins did not make one tensor\n"
        "    3 | - Twins\n"
        "      |   ^^^^^\n"
        "  here  (B, 3, 4)   the input\n"
        "  made  tuple\n"
        "  help: a layer of a chain has one output     [E205]",
    ),
    (
        lambda: compile_graph("g.yaml", (1, 5, None)),
        "g.yaml:1:8: the input is B C=6 T, but the shape given is [1, 5, None]\n"
        "    1 | input: B C=6 T\n"
        "      |        ^^^^^^^\n"
        "  help: give the batch first, None for a free size     [E207]",
    ),
    (
        lambda: compile_graph("g.yaml", {"y": (1, 6, None)}),
        "g.yaml:1:8: the graph has no input 'y'\n"
        "    1 | input: B C=6 T\n"
        "      |        ^^^^^^^\n"
        "  help: it has: x     [E207]",
    ),
    (
        lambda: compile_graph(
            {"input": "B C=1000000000 F=1000000000 T=1000000000", "layers": ["ReLU"]}
        ),
        "<dict>:1:8: no tensor is as large as (2, 1000000000, 1000000000, 1000000000)\n"
        "    1 | input: B C=1000000000 F=1000000000 T=1000000000\n"
        "      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  help: give smaller sizes     [E207]",
    ),
    (
        lambda: compile_graph("zoo:mpe_bach10"),
        "'zoo:mpe_bach10' is a trained model, and compile_graph would give it random weights\n"
        '  help: mirbricks.load("zoo:mpe_bach10") gives the trained model; '
        'compile_graph("zoo:mpe_bach10", weights="random") the same graph, untrained     [E118]',
    ),
    (
        lambda: compile_graph("g.yaml")(torch.randn(2, 6, 8), y=torch.randn(2)),
        "g.yaml:1:8: the graph takes x, got 1 by position and by name y\n"
        "    1 | input: B C=6 T\n"
        "      |        ^^^^^^^\n"
        "  help: call it with one tensor each: model(x) or model(x=...)     [E211]",
    ),
    (
        lambda: compile_graph("g.yaml")(torch.randn(2, 6, 7)),
        "g.yaml:6:5: AddWith 'E1': the stored tensor and this one differ in T\n"
        "    6 |   - AddWith: E1\n"
        "      |     ^^^^^^^\n"
        "  here    (2, 6, 6)\n"
        "  stored  (2, 6, 7)\n"
        "  help: add `fit: crop`, or give other sizes     [E203]",
    ),
]


def message_of(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The message, without what torch says: its words change with its version."""
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(MirbricksError) as caught:
        compile_graph(f"{name}.yaml")
    return re.sub(r"(?m)^(  torch +)\S.*$", r"\1(in its own words)", str(caught.value))


@pytest.mark.parametrize("name", CASES)
def test_message_is_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert message_of(name, monkeypatch) + "\n" == (GOLDEN / f"{name}.txt").read_text()


def test_every_golden_text_has_its_graph() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == CASES


def test_every_code_of_the_compiler_has_a_golden_message() -> None:
    tests = GOLDEN.parents[1]
    texts = "".join(
        path.read_text()
        for suffix in ("py", "txt")
        for path in tests.rglob(f"*.{suffix}")
    )
    assert not {
        code
        for code in codes()
        if code[:2] in ("E1", "E2", "W1") and f"[{code}]" not in texts
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in WARNINGS.glob("*.yaml")))
def test_warning_is_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WARNINGS)
    with pytest.warns(GraphWarning) as caught:
        compile_graph(f"{name}.yaml")
    assert (
        "\n\n".join(str(warning.message) for warning in caught) + "\n"
        == Path(f"{name}.txt").read_text()
    )


class Liar(Block):
    """Breaks its contract."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1]


class Twins(Block):
    """Makes two tensors."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x.mean(-1)


class Clumsy(Block):
    """Fails without a word."""

    def forward(self, _: Tensor) -> Tensor:
        raise KeyError


@pytest.mark.parametrize(("call", "text"), IN_WORDS)
def test_message_without_a_golden_file(
    call: Callable[[], object],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    Path("no_text.yaml").write_bytes(b"layers: \xff\xfe")
    Path("large.yaml").write_text("x: 1\n" * 300_000)
    Path("deep.yaml").write_text("a: " + "[" * 100 + "]" * 100)
    Path("g.yaml").write_text(RUNS)
    for cls, shape in (
        (Liar, "B C T -> B C T"),
        (Twins, "B C T -> B C T, B C"),
        (Clumsy, "B C T -> B C T"),
    ):
        register(cls.__name__, shape=shape, source="none", examples=[((2, 3, 4), {})])(
            cls
        )
    with pytest.raises(MirbricksError) as caught:
        call()
    assert str(caught.value) == text


def test_all_mistakes_come_in_one_run(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(
        "input: B C=6 F T\nlayer: 1\nlayers:\n  - Relu\n  - Conv2d: {kernel_size: x}\n  - CatWith: E\n"
    )
    with pytest.raises(MirbricksError) as caught:
        load_graph(path)
    found = [(e.code, e.where.line) for e in caught.value.errors]  # type: ignore[attr-defined]
    assert found == [("E105", 2), ("E110", 4), ("E108", 5), ("E106", 5), ("E112", 6)]


BOMB = [
    "a0: &a0 [x, x]",
    *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)),
]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 3000, "E103"),
        ("\n".join(BOMB), "E103"),
        ("a: &a [*a]", "E103"),
        ("\0", "E102"),
    ],
)
def test_hostile_files_are_refused(text: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    assert caught.value.code == code


def test_a_folder_is_no_graph(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="cannot be read") as caught:
        load_graph(tmp_path)
    assert caught.value.code == "E101"


@pytest.mark.parametrize(
    "assignment", ["train.lr", "=3", "layers.0.x=1", "name.x=1", ".=2"]
)
def test_bad_overrides_are_refused(assignment: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("name: g\ninput: B C=6 F T\nlayers: [ReLU]\n")
    with pytest.raises(GraphError) as caught:
        load_graph(path, [assignment])
    assert caught.value.code == "E107"
    assert assignment in str(caught.value)


def test_a_bad_value_of_an_override_is_shown_in_the_override(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("input: B C=6 F T\nlayers: [ReLU]\n")
    with pytest.raises(MirbricksError) as caught:
        load_graph(path, ["layerz=3"])
    assert str(caught.value).startswith("--set:1:1: a graph has no key 'layerz'")


def test_no_name_of_a_node_hides_a_part_of_the_module() -> None:
    model = compile_graph({"input": "B C=6 T", "layers": ["ReLU"]})
    taken = {
        name
        for name in {*dir(model), *vars(model)}
        if not name.startswith("_") and name != "relu_1"
    }
    refused = set()
    for name in taken:
        try:
            compile_graph({"input": "B C=6 T", "layers": [{"ReLU": {"name": name}}]})
        except MirbricksError:
            refused.add(name)
    assert refused == taken
