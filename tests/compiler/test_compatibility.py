"""Compiled graphs with what torch offers for modules: every shipped graph."""

from __future__ import annotations

import copy
import gc
import pickle
import tempfile
from pathlib import Path

import pytest
import torch
import torch._dynamo
import torch.distributed
import torch.multiprocessing
from torch import Tensor, nn
from torch.nn.utils import parametrize

import mirbricks as mb
from mirbricks.compiler.compile import load_graph
from mirbricks.compiler.exporting.export import export
from mirbricks.compiler.inference.trial import Output, run, same, tensors, trial_inputs
from mirbricks.compiler.language.nodes import Layer
from mirbricks.compiler.module import GraphModule

GRAPHS = {
    path.stem: path
    for path in sorted((Path(mb.__file__).parent / "graphs").glob("*.yaml"))
}
SHORTER = {"chord_conv_lstm": ["input=B C=1 F=72 T=24"]}
# Tiers and waveforms that hold B · n items: torch takes one item for a case of its own.
BATCHES = {"samplernn": "B ≥ 2", "notes_codec": "B ≥ 2"}
PHASES_FROM_PEAKS = {"notes_tokens", "notes_vae"}  # by SpectrogramInversion
SMALL = ["mpe_small", "cover_tutorial", "tagging_lms_conv2d"]


def covering() -> list[str]:
    """A few graphs that have between them every block of the shipped graphs."""
    blocks = {
        name: {
            node.spec.name for node in load_graph(path).nodes if isinstance(node, Layer)
        }
        for name, path in GRAPHS.items()
    }
    left = set().union(*blocks.values()).difference(*(blocks[name] for name in SMALL))
    chosen = []
    while left:
        best = max(blocks, key=lambda name: len(left & blocks[name]))
        chosen.append(best)
        left -= blocks[best]
    return chosen


COVERING = covering()
# The graphs that bring no further block are repetition: they are tried at night.
REST = sorted(set(GRAPHS) - {*SMALL, *COVERING})
every_graph = pytest.mark.parametrize(
    "name",
    [
        *SMALL,
        *(pytest.param(name, marks=pytest.mark.slow) for name in COVERING),
        *(pytest.param(name, marks=pytest.mark.nightly) for name in REST),
    ],
)


def compiled(name: str) -> GraphModule:
    torch.manual_seed(0)
    return mb.compile_graph(load_graph(GRAPHS[name], SHORTER.get(name, []))).eval()


def inputs_of(model: GraphModule) -> tuple[Tensor, ...]:
    return trial_inputs(model, {**model.free_sizes, "B": 2})


@every_graph
def test_torch_compile_has_no_graph_break(name: str) -> None:
    model = compiled(name)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(
        allow_rnn=True
    ):  # torch takes recurrent layers on demand only
        whole = torch.compile(
            model, fullgraph=True, backend="eager"
        )  # fullgraph: a break is an error
        found = run(whole, inputs_of(model))
    assert same(found, run(model, inputs_of(model)))


@every_graph
def test_torch_export_with_free_axes(name: str) -> None:
    model = compiled(name)
    exported = export(model, "torch-export")
    assert len(exported.sizes) == len(model.free_sizes)
    assert exported.sizes[0] == BATCHES.get(name, "any B")
    # Recurrent layers are exported as a loop over the frames, which adds in another order.
    recurrent = any(isinstance(one, nn.RNNBase) for one in model.modules())
    # The frames of an MDCT are one product of matrices, which torch may lay out in another way.
    most = 1e-6 if recurrent or name == "notes_codec" else 0
    assert max(difference for _, difference in exported.differences) <= most


@every_graph
def test_deepcopy_and_pickle(name: str) -> None:
    model = compiled(name)
    wanted = run(model, inputs_of(model))
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert same(run(again, inputs_of(model)), wanted)
        assert again.nodes == model.nodes
        assert again.graph.name == model.graph.name
        assert again.state_dict().keys() == model.state_dict().keys()
        assert not {id(p) for p in again.parameters()} & {
            id(p) for p in model.parameters()
        }


def as_type(output: Output) -> set[torch.dtype]:
    return {y.dtype for y in tensors(output) if y.is_floating_point()}


@every_graph
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_number_types(name: str, dtype: torch.dtype) -> None:
    model = compiled(name)
    # One item is enough to see types and values; half precision is slow on a CPU.
    inputs = trial_inputs(model, {**model.free_sizes, "B": 1})
    wanted = tensors(run(model, inputs))
    found = run(copy.deepcopy(model).to(dtype), tuple(x.to(dtype) for x in inputs))
    assert as_type(found) <= {dtype}
    for x, y in zip(tensors(found), wanted, strict=True):
        assert bool(x.isfinite().all())
        # Phases turn on which of two bins is the higher one, which the precision may decide.
        exact = dtype == torch.float64 and name not in PHASES_FROM_PEAKS
        if exact and x.is_floating_point():
            assert torch.allclose(x.float(), y, rtol=1e-3, atol=1e-4)


def test_forward_hooks_by_node_name() -> None:
    model, seen = compiled("mpe_small"), []
    handle = model.get_submodule("residualblock_2").register_forward_hook(
        lambda _, __, y: seen.append(y.shape)
    )
    run(model, inputs_of(model))
    handle.remove()
    run(model, inputs_of(model))
    assert seen == [(2, 32, 72, 64)]


class Halved(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


def test_parametrize_a_node() -> None:
    model = compiled("mpe_small")
    head = model.get_submodule("head")
    wanted, bias = run(model, inputs_of(model)), head.bias[0].detach()
    parametrize.register_parametrization(head, "weight", Halved())
    found = run(model, inputs_of(model))
    assert isinstance(found, Tensor)
    assert isinstance(wanted, Tensor)
    assert torch.allclose(found - bias, (wanted - bias) / 2, atol=1e-6)
    model(*inputs_of(model)).sum().backward()
    assert head.parametrizations.weight.original.grad is not None
    parametrize.remove_parametrizations(head, "weight")
    assert "head.weight" in model.state_dict()


GRAPH = {
    "input": "B C=2 T",
    "layers": [
        {"StoreAs": "a"},
        {
            "Conv1d": {
                "name": "enc.conv",
                "out_channels": 2,
                "kernel_size": 3,
                "padding": "same",
            }
        },
        {"CatWith": "a"},
        {"Conv1d": {"out_channels": 1, "kernel_size": 1}},
    ],
}


def _train_one_step(rank: int, count: int, folder: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=count
    )
    try:
        torch.manual_seed(rank)  # DDP gives all the weights of rank 0
        model = nn.parallel.DistributedDataParallel(mb.compile_graph(GRAPH))
        x = torch.arange(48.0).reshape(4, 2, 6)[rank::count].sin()
        model(x).square().mean().backward()
        grads = {name: p.grad for name, p in model.module.named_parameters()}
        torch.save(
            {"weights": model.module.state_dict(), "grads": grads},
            f"{folder}/{rank}.pt",
        )
        # The wrapper goes before the group: its end may wait for ever for a group that is gone.
        del model, grads
        gc.collect()
    finally:
        torch.distributed.destroy_process_group()


def test_ddp_of_one_process() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _train_one_step(0, 1, folder)
        assert torch.load(f"{folder}/0.pt")["grads"].keys() == {
            "enc.conv.weight", "enc.conv.bias", "conv1d_1.weight", "conv1d_1.bias",
        }  # fmt: skip


@pytest.mark.slow
def test_ddp_of_two_processes_averages_gradients(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(
        _train_one_step, (2, str(tmp_path)), nprocs=2, daemon=True
    )
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    model = mb.compile_graph(GRAPH)
    model.load_state_dict(ranks[0]["weights"])
    model(torch.arange(48.0).reshape(4, 2, 6).sin()).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert torch.equal(ranks[0]["grads"][name], ranks[1]["grads"][name])
        assert torch.allclose(ranks[0]["grads"][name], parameter.grad, atol=1e-6)
