"""Written files against the graphs they are of: alone in a process without mirbricks, to the bit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.compile import load_graph
from mirbricks.compiler.ejecting.calls import WIDTH, literal
from mirbricks.compiler.ejecting.check import check_ejected, model_of
from mirbricks.compiler.ejecting.eject import eject
from mirbricks.compiler.inference.trial import tensors, trial_inputs
from mirbricks.compiler.language.axes import default_axes
from mirbricks.compiler.module import GraphModule
from mirbricks.errors import GraphError

GRAPHS = sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
SHORTER = {"chord_conv_lstm": ["input=B C=1 F=72 T=24"]}
BLOCKS_BESIDE_TORCH = {
    "numpy": "CQT Chroma HCQT InverseCQT InvertibleCQT",
    "einops": "Rearrange",
}  # what they import besides it
ALONE = """
import sys
sys.modules["mirbricks"] = None  # an import of it raises
sys.modules["pydantic"] = None
import importlib.util, pathlib, warnings
import torch
warnings.simplefilter("ignore")
torch.set_num_threads(int(sys.argv[1]))  # sums are taken in another order by more of them
for path in map(pathlib.Path, sys.argv[2:]):
    given = torch.load(path.with_suffix(".pt"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    model = module.Model()
    model.load_state_dict(given["weights"])
    with torch.no_grad():
        torch.manual_seed(0)
        outputs = model.eval()(*given["inputs"])
    torch.manual_seed(0)
    trained = model.train()(*given["inputs"])
    sum(y.square().mean() for y in (trained.values() if isinstance(trained, dict) else [trained])).backward()
    grads = {name: p.grad for name, p in model.named_parameters()}
    torch.save({"outputs": outputs, "grads": grads}, path.with_suffix(".out"))
"""
SKIPS = {
    "input": {"x": "B C=2 F=5 T", "t": "B C=2 F=4 T"},
    "outputs": {"first": "enc.conv1", "last": "end", "E1": "E1"},
    "layers": [
        {
            "Conv2d": {
                "name": "enc.conv1",
                "out_channels": 2,
                "kernel_size": 3,
                "padding": "same",
            }
        },
        {"StoreAs": "E1"},
        {"StoreAs": "e1"},
        {"StartFrom": "t"},
        "ReLU",
        {"AddWith": {"key": "E1", "fit": "crop"}},
        {"MulWith": {"key": ["t", "E1"], "fit": "pad"}},
        {"CatWith": {"key": "e1", "fit": "pad"}},
        {
            "Conv2d": {
                "name": "enc.in",
                "out_channels": 4,
                "kernel_size": 1,
                "bias": False,
            }
        },
        {"Reuse": "enc.in"},
        {"branch": [["ReLU"], []], "join": "mul"},
        {"StoreAs": "end"},
    ],
}


def compiled(name: str) -> GraphModule:
    torch.manual_seed(1)
    path = next(path for path in GRAPHS if path.stem == name)
    return mb.compile_graph(load_graph(path, SHORTER.get(name, [])))


def sizes(model: GraphModule) -> dict[str, int]:
    """Two items, for batch norm, and as few frames as 64 where the graph allows it."""
    return {**model.free_sizes, "B": 2}


def write(model: GraphModule, folder: Path, name: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(eject(model), encoding="utf-8")
    torch.save(
        {"weights": model.state_dict(), "inputs": trial_inputs(model, sizes(model))},
        path.with_suffix(".pt"),
    )
    return path


def run_alone(paths: list[Path]) -> list[dict[str, Any]]:
    words = [
        sys.executable,
        "-c",
        ALONE,
        str(torch.get_num_threads()),
        *map(str, paths),
    ]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=paths[0].parent
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(path.with_suffix(".out")) for path in paths]


def assert_same(model: GraphModule, found: dict[str, Any]) -> None:
    """Outputs in eval mode and the gradients of one training step, to the bit."""
    inputs = trial_inputs(model, sizes(model))
    with torch.no_grad():
        torch.manual_seed(0)
        outputs = model.eval()(*inputs)
    if isinstance(outputs, dict):
        assert list(outputs) == list(found["outputs"])
    for wanted, y in zip(tensors(outputs), tensors(found["outputs"]), strict=True):
        assert torch.equal(wanted, y)
    torch.manual_seed(0)
    trained = tensors(model.train()(*inputs))
    sum((y.square().mean() for y in trained), torch.zeros(())).backward()
    wanted_grads = {name: p.grad for name, p in model.named_parameters()}
    assert wanted_grads.keys() == found["grads"].keys()
    for name, grad in wanted_grads.items():
        other = found["grads"][name]
        assert (grad is None and other is None) or torch.equal(grad, other), name


CQT = {
    "sr_hz": 4000,
    "fmin_hz": 110,
    "n_octaves": 2,
    "bins_per_octave": 12,
    "hop_length": 64,
}
FROM_CQT = {
    "input": {"x": "B C=1 T=900", "t": "B D=3"},
    "layers": [
        {"HCQT": {**CQT, "harmonics": [1, 2], "reference": 2}},
        {"LayerNormAxes": {"dims": [1, 2]}},
        {
            "Conv2d": {
                "name": "in",
                "out_channels": 4,
                "kernel_size": [3, 3],
                "padding": "same",
            }
        },
        {
            "ConditionedUNet2d": {
                "depth": 1,
                "widths": 4,
                "out_channels": 2,
                "with": ["t"],
            }
        },
    ],
}
STAGES: dict[str, dict[str, Any]] = {
    "ConvNeXtBlock": {
        "kernel_size": [3, 5],
        "layer_scale": 1,
    },  # a list for a pair, a whole number for a float
    "Conv2d": {"kernel_size": [3, 1], "padding": "same"},
    "UNet2d": {
        "depth": 1,
        "widths": [3, 5],
        "stage": "ConvBlock2d",
        "stage_config": {"kernel_size": [5, 3]},
    },
}


def staged(stage: str) -> dict[str, Any]:
    """A graph of a U-Net with stages of this block, and of the block by itself."""
    config = {"depth": 1, "widths": 4, "stage": stage, "stage_config": STAGES[stage]}
    layers = [{"UNet2d": config}, {stage: {"out_channels": 4, **STAGES[stage]}}]
    return {"input": "B C=2 F=8 T=12", "layers": layers}


SMALL = ["mpe_small", "cover_tutorial", "chord_conv_lstm", "tagging_lms_conv2d"]
MADE = {
    "skips": SKIPS,
    "from_cqt": FROM_CQT,
    **{stage: staged(stage) for stage in STAGES},
}


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[GraphModule, dict[str, Any]]]:
    """Small graphs and their files' results, all from one process."""
    folder = tmp_path_factory.mktemp("ejected")
    models = {name: compiled(name) for name in SMALL} | {
        name: mb.compile_graph(MADE[name]) for name in MADE
    }
    found = run_alone([write(model, folder, name) for name, model in models.items()])
    return {name: (model, found[i]) for i, (name, model) in enumerate(models.items())}


@pytest.mark.parametrize("name", [*SMALL, *MADE])
def test_equal_without_mirbricks(
    name: str, alone: dict[str, tuple[GraphModule, dict[str, Any]]]
) -> None:
    assert_same(*alone[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [path.stem for path in GRAPHS if path.stem not in SMALL]
)
def test_every_shipped_graph_is_equal_without_mirbricks(
    name: str, tmp_path: Path
) -> None:
    model = compiled(name)
    assert_same(model, run_alone([write(model, tmp_path, name)])[0])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of all graphs and blocks."""
    folder = tmp_path_factory.mktemp("written")
    graphs: dict[str, Any] = {path.stem: path for path in GRAPHS} | MADE
    graphs |= {
        f"{name}_": graph_of(name, spec.examples[-1])
        for name, spec in registry.blocks().items()
    }
    for name, graph in graphs.items():
        (folder / f"{name}.py").write_text(
            eject(mb.compile_graph(graph)), encoding="utf-8"
        )
    return folder


def test_files_are_tidy(written: Path) -> None:
    pytest.importorskip("ruff")
    command = [sys.executable, "-m", "ruff"]
    for words in (
        ["check", "--isolated", "--no-cache", "--select", "E4,E7,E9,F,I"],
        ["format", "--isolated", "--no-cache", "--check", "--line-length", str(WIDTH)],
    ):
        done = subprocess.run(
            [*command, *words, "."],
            cwd=written,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_files_import_torch_and_python_only(written: Path) -> None:
    also = {
        f"{name}_": package
        for package, names in BLOCKS_BESIDE_TORCH.items()
        for name in names.split()
    }
    # A graph needs what its blocks need.
    also |= {"from_cqt": "numpy"}
    for path in GRAPHS:
        if re.search(
            r"\bRearrange\b|extends: mpe_(maps|harmonic)", path.read_text("utf-8")
        ):
            also[path.stem] = "einops"
    for path in written.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        lines = [
            line for line in text.splitlines() if line.startswith(("import ", "from "))
        ]
        homes = {line.split()[1].split(".")[0] for line in lines}
        needed = {also[path.stem]} if path.stem in also else set()
        assert homes - {"torch", *sys.stdlib_module_names} == needed, path
        said = re.findall(r"Beside torch it needs (\S+)\.", text)
        assert said == [*needed, *["x-transformers"] * ("x_transformers" in text)], path


def test_a_config_inside_of_another_one_holds_what_its_block_reads() -> None:
    text = eject(mb.compile_graph(staged("ConvNeXtBlock")))
    assert 'stage_config={"kernel_size": (3, 5), "layer_scale": 1.0}' in text
    assert 'Spec("ConvNeXtBlock", ConvNeXtBlock, takes("B C F T")),' in text
    assert "GraphError" not in text


def test_a_written_block_refuses_in_its_own_words() -> None:
    model = mb.compile_graph(
        {"input": "B C=2 T", "layers": [{"UNet1d": {"depth": 2, "widths": 4}}]}
    )
    with pytest.raises(ValueError, match=r"^UNet1d of depth 2 takes T ≥ 4, got T = 3$"):
        model_of(eject(model))(torch.zeros(2, 2, 3))


def test_a_model_reads_as_if_written_by_hand() -> None:
    text = eject(mb.compile_graph(SKIPS))
    assert (
        text[text.index("class Model") :]
        == (Path(__file__).parent / "ejected" / "model.txt").read_text()
    )


def test_torch_layers_have_only_what_is_not_the_default() -> None:
    text = eject(compiled("mpe_bittner"))
    assert 'self.conv2d_1 = nn.Conv2d(6, 128, kernel_size=5, padding="same")\n' in text
    assert "self.relu_1 = nn.ReLU()\n" in text
    assert re.findall(r"^class (\w+)", text, re.M) == ["Model"]


def graph_of(name: str, example: Any) -> dict[str, Any]:
    """A graph of one block, with the sizes of one of its examples."""
    inputs = {
        f"in{i}": " ".join(
            a if a == "B" else f"{a}={n}"
            for a, n in zip(default_axes(len(shape)), shape, strict=True)
        )
        for i, shape in enumerate(example.shapes)
    }
    spec = registry.get(name)
    others = list(inputs)[1:]
    further: dict[str, Any] = {}
    if len(inputs) > spec.contract.required:
        # The last input is the tensor whose size a field asks for.
        [field] = spec.cls.Config.stored_fields()
        further[field] = others.pop()
    if others:
        further["with"] = others
    return {"input": inputs, "layers": [{name: {**example.config, **further}}]}


@pytest.mark.parametrize("name", sorted(registry.blocks()))
def test_every_block_is_written(name: str) -> None:
    for example in registry.blocks()[name].examples:
        model = mb.compile_graph(graph_of(name, example))
        check_ejected(eject(model), model)


def test_a_file_that_does_not_do_the_same_is_not_given_out() -> None:
    model = mb.compile_graph(
        {
            "input": "B C=3 T=8",
            "layers": [{"Conv1d": {"out_channels": 2, "kernel_size": 3}}],
        }
    )
    text = eject(model)
    check_ejected(text, model)
    with pytest.raises(GraphError) as caught:
        check_ejected(text.replace("return x", "return x + 1"), model)
    assert str(caught.value) == (
        "the file does not do what the graph does, so it is not written\n"
        "  problem  the outputs differ\n"
        "  help: please report it with the graph     [E702]"
    )
    with pytest.raises(GraphError, match="SyntaxError"):
        check_ejected("class", model)


def test_the_model_of_a_text_has_the_graphs_keys() -> None:
    model = mb.compile_graph(SKIPS)
    written: nn.Module = model_of(eject(model))
    assert list(written.state_dict()) == list(model.state_dict())


def test_literals() -> None:
    assert literal((1,)) == "(1,)"
    assert (
        literal({"a": [1.5, None, True, 'say "x"']})
        == '{"a": [1.5, None, True, "say \\"x\\""]}'
    )
    assert literal(float("inf")) == 'float("inf")'
    assert literal(Tensor) is None
    assert literal((Tensor,)) is None
