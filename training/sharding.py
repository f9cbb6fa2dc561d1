"""A model in shares (FSDP): each of several processes holds a part of every weight, of its gradient and of its means.

A layer's weights are whole only while it computes, so that a model may be larger than the memory of one device.
What is written is whole: any number of processes goes on from it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..compiler.module import GraphModule
from ..errors import RunError, Where
from .devices import World

LEAST = 10_000  # weights of a layer that is worth messages of its own
NORM_EPS = 1e-6  # as in torch's clip_grad_norm_
CODE = "E627"


def refuse_turns(where: Where | None = None) -> RunError:
    """RunError E627: only what trains one graph can be trained in shares."""
    return RunError(
        "train.sharding: full is for tasks that train one graph, and this one trains several in turns",
        code=CODE,
        where=where,
        help="leave train.sharding out: every process then holds the whole graphs",
    )


def refuse_single_numbers(model: nn.Module, where: Where | None = None) -> None:
    """Raise RunError E627 where a weight is a single number: weights are cut along their first axis."""
    for name, weight in model.named_parameters():
        if weight.ndim == 0:
            raise RunError(
                f"train.sharding: full cannot cut the weight '{name}', which is a single number",
                code=CODE,
                where=where,
                help="give it one axis of size 1, or leave train.sharding out",
            )


def in_shares(model: nn.Module, world: World) -> nn.Module:
    """A copy of `model` on the device of `world` whose weights lie in shares over its processes."""
    # Here, and not at the top: few trainings need them, and they take a second.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    shared = copy.deepcopy(model)
    mesh = init_device_mesh(world.device.type, (world.size,))
    for unit in (*_units(shared), shared):
        unit.register_forward_hook(_not_a_view)
        made = fully_shard(unit, mesh=mesh)
        # gloo adds up, and has no means.
        made.set_force_sum_reduction_for_comms(world.device.type == "cpu")
    return shared


def _not_a_view(_module: nn.Module, _inputs: object, output: Any) -> Any:
    """Changed in place, a view would lose the hook by which FSDP gathers the weights again for the gradient."""
    if isinstance(output, Tensor) and output._is_view():
        return output.clone()
    return output


def _units(model: nn.Module) -> list[nn.Module]:
    """The parts of a model whose weights are gathered one after another, inner ones first.

    These are its nodes, and of a node what it names in `shards`: layers whose weights nothing but their own forward
    reads. Small ones are gathered together with the model's rest.
    """
    found: list[nn.Module] = []
    for graph in [one for one in model.modules() if isinstance(one, GraphModule)]:
        for name in dict.fromkeys(info.name for info in graph.nodes):
            node = graph.get_submodule(name)
            for part in node.modules():
                found += getattr(part, "shards", ())
            found.append(node)
    return [unit for unit in dict.fromkeys(found) if _is_large(unit)]


def _is_large(unit: nn.Module) -> bool:
    return sum(weight.numel() for weight in unit.parameters()) >= LEAST


def is_share(tensor: object) -> bool:
    """Whether a tensor is one process's share of a larger one (torch's DTensor)."""
    return hasattr(tensor, "to_local")


def local(tensor: Tensor) -> Tensor:
    """The numbers that this process holds of a tensor; what is changed in place changes in the tensor too."""
    if not is_share(tensor):
        return tensor
    with torch.no_grad():
        own: Tensor = tensor.to_local()  # type: ignore[attr-defined]  # a DTensor
    return own


def whole(value: Any) -> Any:
    """A state, such as that of a model or an optimizer, with whole tensors on the CPU in place of shares.

    Every process must call it with its own, and gets the same.
    """
    if isinstance(value, Tensor) and is_share(value):
        return value.full_tensor().cpu()  # type: ignore[attr-defined]  # a DTensor
    if isinstance(value, Mapping):
        return {name: whole(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(one) for one in value)
    return value


def gather(shared: nn.Module, into: nn.Module) -> None:
    """Copy weights and buffers of a model in shares into a whole one. Every process must call it."""
    places = into.state_dict()
    for name, value in shared.state_dict().items():
        places[name].copy_(whole(value))


def load(module: nn.Module, state: Mapping[str, Any]) -> None:
    """`module.load_state_dict` of whole tensors, whether the module is whole or in shares."""
    places = module.state_dict()
    if any(map(is_share, places.values())):
        state = {name: _share_of(one, places.get(name)) for name, one in state.items()}
    module.load_state_dict(state)


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """`optimizer.load_state_dict` of whole tensors, whether its weights are whole or in shares."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if not any(map(is_share, weights)):
        optimizer.load_state_dict(dict(state))
        return
    means = {}
    for number, values in state["state"].items():
        weight = weights[number] if number in range(len(weights)) else None
        means[number] = {name: _share_of(one, weight) for name, one in values.items()}
    optimizer.load_state_dict({**state, "state": means})


def _share_of(value: Any, like: Tensor | None) -> Any:
    """The share of a whole tensor that this process holds, cut as `like` is; other values as they are."""
    if not isinstance(value, Tensor) or not is_share(like):
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    # An optimizer also counts steps, in a number per weight.
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    # Every process has read the same file: there is nothing to send.
    given = value.to(like.device)
    return distribute_tensor(
        given, like.device_mesh, like.placements, src_data_rank=None
    )


def clip(weights: Iterable[nn.Parameter], limit: float) -> float:
    """Clip the gradients of weights in shares to a norm, that of all shares; returns the norm before it."""
    gradients = [local(weight.grad) for weight in weights if weight.grad is not None]
    squares = torch.zeros((), dtype=torch.float64)
    if gradients:
        squares = squares.to(gradients[0].device)
    for one in gradients:
        squares += one.double().square().sum()
    # The squares of all shares together are those of the whole gradient.
    dist.all_reduce(squares)
    norm = squares.sqrt()
    factor = (limit / (norm + NORM_EPS)).clamp(max=1.0)
    for one in gradients:
        one.mul_(factor.to(one.dtype))
    return float(norm)


def same_buffers(model: nn.Module) -> None:
    """Give every process the first one's buffers, such as a norm's running means, as DDP does before each step."""
    for buffer in model.buffers():
        dist.broadcast(buffer, src=0)
