"""Every message of the compiler, word for word: golden/NAME.yaml is broken, golden/NAME.txt is what the user reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.errors import CODES, GraphError, MirbricksError

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def message_of(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(MirbricksError) as caught:
        compile_graph(f"{name}.yaml")
    return str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_message_is_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert message_of(name, monkeypatch) + "\n" == (GOLDEN / f"{name}.txt").read_text()


def test_every_golden_text_has_its_graph() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == CASES


def test_every_code_of_the_compiler_has_a_golden_message() -> None:
    texts = "".join(path.read_text() for path in GOLDEN.glob("*.txt"))
    elsewhere = {"E101", "E103", "E107", "E205", "E207"}  # no file of its own shows these: tested below and beside
    missing = {code for code in CODES if code[:2] in ("E1", "E2")} - elsewhere - {c for c in CODES if c in texts}
    assert not missing


def test_all_mistakes_come_in_one_run(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("input: B C=6 F T\nlayer: 1\nlayers:\n  - Relu\n  - Conv2d: {kernel_size: x}\n  - CatWith: E\n")
    with pytest.raises(MirbricksError) as caught:
        load_graph(path)
    found = [(e.code, e.where.line) for e in caught.value.errors]  # type: ignore[attr-defined]
    assert found == [("E105", 2), ("E110", 4), ("E108", 5), ("E106", 5), ("E112", 6)]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda p: None, "E101"),
        (lambda p: p.write_bytes(b"layers: \xff\xfe"), "E101"),
        (lambda p: p.write_text("x: 1\n" * 300_000), "E103"),
        (lambda p: p.write_text("[" * 5000), "E102"),
        (lambda p: p.write_text("a: " + "[" * 100 + "]" * 100), "E103"),
        (lambda p: p.write_text("\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))])), "E103"),
        (lambda p: p.mkdir(), "E101"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(make, code: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "graph.yaml"
    make(path)
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    assert caught.value.code == code


@pytest.mark.parametrize("assignment", ["train.lr", "=3", "layers.0.x=1", "name.x=1", ".=2"])
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
