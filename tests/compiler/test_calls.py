"""Calls of a compiled graph: inputs by position and by name, and what a user reads when a layer cannot run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.module import GraphModule
from mirbricks.errors import GraphError, RunError
from mirbricks.registry import Block, register

TWO = {
    "input": {"x": "B C=2 T", "late": "B C=2 T"},
    "layers": [
        {"Conv1d": {"name": "first", "out_channels": 2, "kernel_size": 3}},
        {"Conv1d": {"name": "second", "out_channels": 2, "kernel_size": 1}},
        {"CatWith": {"key": "late", "fit": "crop"}},
    ],
}


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model() -> GraphModule:
    return mb.compile_graph(TWO).eval()


def test_inputs_by_name_are_those_by_position(model: GraphModule) -> None:
    x, late = noise(1, 2, 9), noise(3, 2, 9)[1:2]
    wanted = model(x, late)
    assert torch.equal(model(late=late, x=x), wanted)
    assert not torch.equal(model(late=x, x=late), wanted)


def test_names_go_through_the_tracers_of_torch(model: GraphModule) -> None:
    named = {"x": noise(2, 2, 9), "late": noise(2, 2, 9)}
    wanted = model(**named)
    exported = torch.export.export(model, (), named, strict=False).module()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(exported(**named), wanted)
    assert torch.equal(compiled(**named), wanted)


X = noise(1, 2, 9)


@pytest.mark.parametrize(
    ("call", "got", "hint"),
    [
        (lambda model: model(), "got no tensor", "model(x, late)"),
        (lambda model: model(X), "got 1 by position", "model(x=..., late=...)"),
        (lambda model: model(X, X, X), "got 3 by position", "model(x, late)"),
        (lambda model: model(x=X), "got by name x", "model(x, late)"),
        (lambda model: model(X, late=X), "1 by position and by name late", "model(x,"),
        (lambda model: model(x=X, lat=X), "got by name x, lat", "'late'"),
    ],
)
def test_other_inputs_are_refused_by_their_names(
    call: Callable[[GraphModule], object],
    got: str,
    hint: str,
    model: GraphModule,
) -> None:
    with pytest.raises(GraphError) as caught:
        call(model)
    assert caught.value.code == "E211"
    assert caught.value.message.startswith("the graph takes x, late, got")
    assert got in caught.value.message
    assert hint in (caught.value.help or "")
    assert caught.value.where == model.graph.where_input()


def test_a_layer_that_cannot_run_is_named_with_the_shapes_that_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(
        "input: B C=2 T\n"
        "layers:\n"
        "  - MaxPool1d: {kernel_size: 2}\n"
        "  - Conv1d: {name: wide, out_channels: 1, kernel_size: 9}\n"
    )
    with pytest.raises(GraphError) as caught:
        mb.compile_graph("g.yaml")(noise(3, 2, 12))
    torch_words = caught.value.facts[-1][1]
    assert str(caught.value) == (
        "g.yaml:4:5: Conv1d 'wide' cannot run on this tensor\n"
        "    4 |   - Conv1d: {name: wide, out_channels: 1, kernel_size: 9}\n"
        "      |     ^^^^^^\n"
        "  here   (3, 2, 6)\n"
        f"  torch  {torch_words}\n"
        "  help: `mirbricks check` reports the sizes at which the graph runs     [E204]"
    )
    assert "Kernel size" in torch_words
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_of_several_inputs_all_shapes_are_shown(model: GraphModule) -> None:
    with pytest.raises(GraphError) as caught:
        model(noise(2, 2, 9), noise(3, 2, 9))
    assert caught.value.message == "CatWith 'late' cannot run on this tensor"
    assert caught.value.facts[:2] == (("here", "(2, 2, 7)"), ("with", "(3, 2, 9)"))


class Raises(Block):
    """Raises what a test asks for, on real data only."""

    error: BaseException | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.error and not x.is_meta:
            raise self.error
        return x


class Left(Exception):
    """By which a hook of a user leaves the forward."""


@pytest.mark.parametrize(
    "error",
    [
        Left(),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1"),
        KeyboardInterrupt(),
        GraphError("of its own", code="E210"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_about_tensors_comes_through_as_it_is(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())
    examples = [((1, 2, 3), {})]
    register("Raises", shape="B C T -> B C T", source="none", examples=examples)(Raises)
    model = mb.compile_graph({"input": "B C=2 T", "layers": ["Raises"]})
    monkeypatch.setattr(Raises, "error", error)
    with pytest.raises(type(error)) as caught:
        model(noise(1, 2, 3))
    assert caught.value is error


def test_torch_export_sees_its_own_errors(model: GraphModule) -> None:
    short = noise(1, 2, 2)
    with pytest.raises(RuntimeError, match="Kernel size"):
        torch.export.export(model, (short, short), strict=False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "graph.yaml").write_text("input: B C=2 T\nlayers: [ReLU]\n")
    (folder / "resolved.yaml").write_text("input: B C=2 T\nlayers: [Tanh]\n")
    return folder


def test_trained_weights_are_never_replaced_by_random_ones(run: Path) -> None:
    for name in ("zoo:mpe_bach10", str(run), run):
        with pytest.raises(GraphError) as caught:
            mb.compile_graph(name)
        assert caught.value.code == "E118"
        assert f'mirbricks.load("{name}")' in (caught.value.help or "")
        assert f'compile_graph("{name}", weights="random")' in (caught.value.help or "")


@pytest.mark.parametrize("name", ["graph.yaml", "resolved.yaml"])
def test_the_graph_file_beside_weights_is_that_of_a_trained_model(
    run: Path, name: str
) -> None:
    # Without weights it is a graph as any other.
    mb.compile_graph(run / name)
    (run / "weights.safetensors").write_bytes(b"")
    for path in (run / name, str(run / name)):
        with pytest.raises(GraphError) as caught:
            mb.compile_graph(path)
        assert caught.value.code == "E118"
        assert f"'{path}' is the graph of a trained model" in str(caught.value)
        assert f'mirbricks.load("{run}")' in (caught.value.help or "")
        mb.compile_graph(path, weights="random")
        with pytest.raises(RunError) as refused:
            mb.load(path)
        assert refused.value.code == "E600"
        assert refused.value.help == (
            f"it is the graph of a trained model: give its folder, '{run}'"
        )
    # A graph of another name beside them is the user's own.
    (run / "mine.yaml").write_text("input: B C=2 T\nlayers: [ReLU]\n")
    mb.compile_graph(run / "mine.yaml")


def test_random_weights_are_given_where_they_are_asked_for(run: Path) -> None:
    # The graph of a run is the one that was trained, overrides included.
    model = mb.compile_graph(run, weights="random")
    assert [node.block for node in model.nodes] == ["Tanh"]
    packed = mb.compile_graph("zoo:mpe_bach10", weights="random")
    assert packed.graph.source.file.endswith("mpe_bach10/graph.yaml")
    assert mb.compile_graph(TWO, weights="random").outputs == ()


def test_weights_are_random_or_not_named() -> None:
    with pytest.raises(GraphError, match="expected 'random' or nothing, got 'trained'"):
        mb.compile_graph(TWO, weights="trained")  # type: ignore[arg-type]  # what is tested


def test_a_misspelt_name_of_the_zoo_is_reported_as_that() -> None:
    with pytest.raises(RunError) as caught:
        mb.compile_graph("zoo:mpe_bach")
    assert caught.value.code == "E610"


SIZED = {
    "input": {"x": "B C=2 F=5 T", "t": "B"},
    "layers": [{"Conv2d": {"out_channels": 1, "kernel_size": 3, "padding": "same"}}],
}


@pytest.mark.parametrize(
    ("shape", "got"),
    [
        ((1, 3, 5, 7), "(1, 3, 5, 7)"),
        # No layer would mind: a convolution takes any F.
        ((1, 2, 6, 7), "(1, 2, 6, 7)"),
        ((1, 2, 4, 7), "(1, 2, 4, 7)"),
        ((1, 2), "(1, 2)"),
        ((2, 5, 7), "(2, 5, 7)"),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_size_that_the_graph_fixes_is_checked_at_every_call(
    tmp_path: Path, shape: tuple[int, ...], got: str, by_name: bool
) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(
        "input: {x: B C=2 F=5 T, t: B}\n"
        "layers:\n  - Conv2d: {out_channels: 1, kernel_size: 3, padding: same}\n"
    )
    model = mb.compile_graph(path).eval()
    fitting, t = noise(4, 2, 5, 9), noise(4)
    model(fitting, t)
    wrong = noise(*shape)

    def call() -> None:
        if by_name:
            model(t=t, x=wrong)
        else:
            model(wrong, t)

    with pytest.raises(GraphError) as caught:
        call()

    error = caught.value
    assert error.message == "the input 'x' has another size than the graph fixes"
    assert list(error.facts) == [("expected", "(B, 2, 5, T)"), ("got", got)]
    assert error.code == "E207"
    assert error.where is not None
    assert error.where.line == 1
    # Free axes stay free, and a refused call leaves nothing behind.
    assert model(noise(2, 2, 5, 3), t).shape == (2, 1, 5, 3)


def test_fixed_sizes_do_not_stop_the_tracers_of_torch() -> None:
    model = mb.compile_graph(SIZED).eval()
    x, t = noise(2, 2, 5, 7), noise(2)
    wanted = model(x, t)
    exported = torch.export.export(model, (x, t), strict=False).module()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(exported(x, t), wanted)
    assert torch.equal(compiled(x, t), wanted)
