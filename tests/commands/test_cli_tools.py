"""The commands migrate, diff and draw: what they print and write, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.runs.folder import RunFolder
from mirbricks.workflows.loading import load_experiment

ROOT = Path(mb.__file__).parent
SMALL = str(ROOT / "graphs" / "mpe_small.yaml")
BITTNER = str(Path(__file__).parents[1] / "compiler" / "dialect" / "bittner.yaml")
Capture = pytest.CaptureFixture[str]
A = """\
input: B C=2 T
layers:
  - Conv1d: {name: head, out_channels: 3, kernel_size: 1}
  - ReLU
"""
B = """\
input: B C=2 T
layers:
  - Conv1d: {name: head, out_channels: 4, kernel_size: 1}
  - GELU
train: {steps: 3}
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(A)
    Path("b.yaml").write_text(B)


def test_migrate_prints_a_graph_that_check_accepts(
    tmp_path: Path, capsys: Capture
) -> None:
    assert main(["migrate", BITTNER, "--input", "1,6,360,*"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(
        "note: output_file, dataset, feature are kept as comments"
    )
    out = tmp_path / "native.yaml"
    assert main(["migrate", BITTNER, "--input", "1,6,360,*", "--out", str(out)]) == 0
    assert out.read_text() == printed.out
    assert main(["check", str(out)]) == 0
    assert (
        "fine: (B, 6, 360, T) -> (B, 1, 360, T), 406,253 parameters"
        in capsys.readouterr().out
    )


def test_migrate_ends_with_1_where_the_file_is_native(capsys: Capture) -> None:
    assert main(["migrate", SMALL]) == 1
    assert "the file is in the native form already" in capsys.readouterr().err


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["migrate", BITTNER, "--out"], "a.yaml"),
        (["draw", SMALL, "--out"], "a.svg"),
        (["draw", SMALL, "--out"], "a.PNG"),
        (["explain", "ReLU", "--picture"], "a.pdf"),
    ],
)
def test_nothing_is_overwritten(command: list[str], file: str, capsys: Capture) -> None:
    Path(file).write_text(A)
    assert main([*command, file]) == 1
    assert capsys.readouterr().err == (
        f"'{file}' already exists\n  help: choose another name, or delete it: nothing is overwritten     [E191]\n"
    )
    assert Path(file).read_text() == A


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("file", "got", "proposed"),
    [
        ("x.jpg", "'.jpg'", "x.svg"),
        ("pictures/x", "no ending", "pictures/x.svg"),
        ("x.svg.gz", "'.gz'", "x.svg.svg"),
    ],
)
@pytest.mark.parametrize(
    "command", [["draw", "missing.yaml", "--out"], ["explain", "ReLU", "--picture"]]
)
def test_other_pictures_are_refused_before_any_work(
    command: list[str], file: str, got: str, proposed: str, capsys: Capture
) -> None:
    assert main([*command, file]) == 1
    assert capsys.readouterr().err == (
        f"'{file}': expected a name that ends in .svg, .png or .pdf, got {got}\n"
        f"  help: give a name such as '{proposed}'     [E192]\n"
    )


@pytest.mark.usefixtures("two")
def test_diff_tells_every_difference(capsys: Capture) -> None:
    assert main(["diff", "a.yaml", "b.yaml"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert (
        output.out
        == """\
--- a.yaml
+++ b.yaml
~ Conv1d 'head'  line 3
    out_channels: 3 -> 4
    out: (B, 3, T) -> (B, 4, T)
- ReLU  line 4
+ GELU  line 4
+ train.steps: 3
parameters: 9 -> 12 (+3)
"""
    )


@pytest.mark.usefixtures("two")
def test_diff_counts_what_only_follows(capsys: Capture) -> None:
    Path("b.yaml").write_text(A.replace("C=2 T", "C=2 T=9"))
    assert main(["diff", "a.yaml", "b.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines == [
        "~ input: B C=2 T -> B C=2 T=9",
        "2 more nodes differ in the sizes only",
        "parameters: 9, the same in both",
    ]


@pytest.mark.usefixtures("two")
def test_the_exit_code_of_diff_is_asked_for(capsys: Capture) -> None:
    assert main(["diff", "a.yaml", "a.yaml", "--exit-code"]) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert main(["diff", "a.yaml", "b.yaml", "--exit-code"]) == 1
    assert main(["diff", "a.yaml", "missing.yaml"]) == 1
    assert "[E101]" in capsys.readouterr().err


@pytest.mark.usefixtures("two")
def test_diff_as_json(capsys: Capture) -> None:
    assert main(["diff", "a.yaml", "b.yaml", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {
        "same",
        "head",
        "nodes",
        "sections",
        "only_sizes",
        "parameters",
    }
    assert [(node["sign"], node["what"], node["line_a"], node["line_b"]) for node in result["nodes"]] == [
        ("~", "Conv1d 'head'", 3, 3), ("-", "ReLU", 4, None), ("+", "GELU", None, 4),
    ]  # fmt: skip
    assert result["parameters"] == [9, 12]
    assert result["sections"] == [["train.steps", None, "3"]]


@pytest.mark.usefixtures("two")
def test_diff_compares_forms_where_sizes_are_not_known(capsys: Capture) -> None:
    Path("b.yaml").write_text(B.replace("input: B C=2 T\n", ""))
    assert main(["diff", "a.yaml", "b.yaml"]) == 0
    output = capsys.readouterr()
    assert (
        output.err
        == "note: b.yaml:1:1: sizes are not compared: the shape of the input is not known\n"
    )
    assert "- input: B C=2 T" in output.out
    assert "parameters" not in output.out
    assert main(["diff", "a.yaml", "b.yaml", "--input", "1,2,8"]) == 0
    assert "parameters: 9 -> 12 (+3)" in capsys.readouterr().out


@pytest.mark.usefixtures("two")
def test_diff_reads_the_resolved_graph_of_a_run(capsys: Capture) -> None:
    run = Path("run")
    run.mkdir()
    Path(run / "graph.yaml").write_text("")
    assert main(["diff", str(run), SMALL]) == 1
    assert capsys.readouterr().err == (
        "the run 'run' has no resolved.yaml\n  help: give a graph file, or a run whose training has begun     [E605]\n"
    )
    (run / "resolved.yaml").write_text(load_experiment(SMALL).resolved())
    assert main(["diff", str(run), SMALL]) == 0
    assert capsys.readouterr().out == "no difference\n"
    assert main(["diff", ".", SMALL]) == 1
    assert "[E600]" in capsys.readouterr().err


def test_draw_writes_an_svg(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "small.svg"
    assert main(["draw", SMALL, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 8 layers\n"
    assert ElementTree.fromstring(out.read_text()).tag.endswith("svg")
    again = tmp_path / "again.svg"
    assert (
        main(["draw", SMALL, "--out", str(again), "--set", "input=B C=6 F=360 T=64"])
        == 0
    )
    assert "72 × 64" in again.read_text()
    for ending, begin in {".png": b"\x89PNG", ".pdf": b"%PDF"}.items():
        other = out.with_suffix(ending)
        assert main(["draw", SMALL, "--out", str(other)]) == 0
        assert other.read_bytes().startswith(begin)
    assert (
        main(
            [
                "draw",
                BITTNER,
                "--out",
                str(tmp_path / "bittner.svg"),
                "--input",
                "1,6,360,64",
            ]
        )
        == 0
    )


def test_draw_tells_a_mistake_and_writes_nothing(
    tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out.svg"
    assert main(["draw", BITTNER, "--out", str(out)]) == 1
    assert "the shape of the input is not known" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["summary", "--input", "1,6,360,64"],
        ["draw", "--out", "picture.svg"],
        ["diff", SMALL, "--exit-code"],
    ],
    ids=lambda command: command[0],
)
def test_a_run_or_a_model_of_the_zoo_stands_for_its_graph(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunFolder.create("run")
    run.write_text("resolved.yaml", load_experiment(SMALL).resolved())
    printed = {}
    for graph in (SMALL, "run", "zoo:mpe_bach10"):
        Path("picture.svg").unlink(missing_ok=True)
        name, *options = command
        main([name, graph, *options])
        output = capsys.readouterr()
        assert output.err == ""
        printed[graph] = output.out.replace(graph, "GRAPH")
    if command[0] == "summary":  # the written-out form has other lines
        printed = {graph: _without_lines(text) for graph, text in printed.items()}
    assert printed["run"] == printed[SMALL]
    if (
        command[0] != "diff"
    ):  # of the model its own sections are compared, as it was trained
        assert printed["zoo:mpe_bach10"] == printed[SMALL]
    else:
        assert "parameters: 65,313, the same in both" in printed["zoo:mpe_bach10"]


def _without_lines(text: str) -> list[list[str]]:
    return [line.split()[:2] + line.split()[3:] for line in text.splitlines()]


@pytest.mark.parametrize("command", ["check", "summary", "draw", "diff"])
def test_a_folder_that_is_not_a_run_and_an_unknown_model(
    command: str, tmp_path: Path, capsys: Capture
) -> None:
    other = {"draw": ["--out", str(tmp_path / "x.svg")], "diff": [SMALL]}
    more = other.get(command, [])
    assert main([command, str(tmp_path), *more]) == 1
    assert "[E600]" in capsys.readouterr().err
    # What the folder holds decides the next step; of a corpus it is not about runs alone.
    (tmp_path / "a.pyjama").write_text("{}")
    assert main([command, str(tmp_path), *more]) == 1
    assert f"`mirbricks data info {tmp_path}`" in capsys.readouterr().err
    (tmp_path / "fold0").mkdir()
    assert main([command, str(tmp_path), *more]) == 1
    error = capsys.readouterr().err
    assert "expected a graph file or the folder of a run" in error
    assert f"such as '{tmp_path / 'fold0'}'" in error
    assert main([command, "zoo:mpe_bach11", *more]) == 1
    assert "did you mean 'mpe_bach10'?" in capsys.readouterr().err
