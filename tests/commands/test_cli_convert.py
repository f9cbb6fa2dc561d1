"""The commands eject and export."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.compiler.ejecting.check import model_of
from mirbricks.runs.folder import RunFolder

Capture = pytest.CaptureFixture[str]
GRAPH = "input: B C=2 T\nlayers:\n  - Conv1d: {name: head, out_channels: 3, kernel_size: 3, padding: same}\n"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    return path


@pytest.fixture
def run(graph: Path, tmp_path: Path) -> Path:
    """A run folder with weights."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "graph.yaml").write_text(GRAPH)
    torch.manual_seed(3)
    RunFolder(folder).save_weights(mb.compile_graph(graph), {})
    return folder


def test_eject_writes_the_file_and_the_weights_of_a_run(
    graph: Path, run: Path, tmp_path: Path, capsys: Capture
) -> None:
    out, weights = tmp_path / "model.py", tmp_path / "model.safetensors"
    words = [
        "eject",
        str(graph),
        "--out",
        str(out),
        "--run",
        str(run),
        "--weights",
        str(weights),
    ]
    assert main(words) == 0
    assert capsys.readouterr().out == (
        f"{out}: class Model, 21 parameters; its outputs are those of the graph to the bit\n"
        f"{weights}: weights of {run}\n"
    )
    model = model_of(out.read_text())
    model.load_state_dict(safetensors.torch.load_file(weights))
    torch.manual_seed(3)
    wanted, x = mb.compile_graph(graph), torch.randn(2, 2, 7)
    assert torch.equal(model(x), wanted(x))


def test_eject_overwrites_nothing(graph: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "model.py"
    out.write_text("mine")
    assert main(["eject", str(graph), "--out", str(out)]) == 1
    assert "[E191]" in capsys.readouterr().err
    fresh = tmp_path / "new.py"
    assert main(["eject", str(graph), "--out", str(fresh), "--weights", str(out)]) == 1
    assert not fresh.exists()
    assert out.read_text() == "mine"


def test_a_run_of_another_graph_is_refused(
    graph: Path, run: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = [
        "eject",
        str(graph),
        "--out",
        str(tmp_path / "m.py"),
        "--run",
        str(run),
        "--set",
        "layers.head.out_channels=4",
    ]
    assert main(words) == 1
    assert "[E607]" in capsys.readouterr().err


def test_export_says_what_it_takes_and_how_near_it_is(
    graph: Path, run: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "model.pt2"
    assert (
        main(
            [
                "export",
                str(graph),
                "--to",
                "torch-export",
                "--run",
                str(run),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{out}: 0.0 MB, torch-export; takes any B, any T")
    assert lines[1:] == [
        "  at B=1, T=1: largest difference to the graph 0",
        "  at B=3, T=65: largest difference to the graph 0",
    ]
    module, x = torch.export.load(out).module(), torch.randn(4, 2, 11)
    torch.manual_seed(3)
    assert torch.equal(module(x), mb.compile_graph(graph)(x))
    assert main(["export", str(graph), "--to", "torch-export", "--out", str(out)]) == 1
    assert "[E191]" in capsys.readouterr().err


def test_export_needs_a_target(graph: Path, tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["export", str(graph), "--out", str(tmp_path / "m")])
    assert caught.value.code == 2
    assert "--to" in capsys.readouterr().err


def test_a_run_given_as_the_graph_gives_its_weights_too(
    run: Path, tmp_path: Path, capsys: Capture
) -> None:
    (run / "resolved.yaml").write_text(GRAPH)
    out, weights = tmp_path / "model.py", tmp_path / "model.safetensors"
    words = ["eject", str(run), "--out", str(out), "--weights", str(weights)]
    assert main(words) == 0
    assert capsys.readouterr().out.endswith(f"{weights}: weights of {run}\n")
    found = safetensors.torch.load_file(weights)
    wanted = safetensors.torch.load_file(run / "weights.safetensors")
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    (run / "weights.safetensors").unlink()
    assert main(["eject", str(run), "--out", str(tmp_path / "other.py")]) == 1
    assert "[E605]" in capsys.readouterr().err


def test_a_model_of_the_zoo_is_exported_with_its_weights(tmp_path: Path) -> None:
    out = tmp_path / "model.pt2"
    assert (
        main(["export", "zoo:mpe_bach10", "--to", "torch-export", "--out", str(out)])
        == 0
    )
    program = torch.export.load(str(out))
    wanted = safetensors.torch.load_file(
        Path(mb.__file__).parent / "zoo" / "mpe_bach10" / "weights.safetensors"
    )
    for name, tensor in program.state_dict.items():
        assert torch.equal(tensor, wanted[name].to(tensor.dtype)), name
