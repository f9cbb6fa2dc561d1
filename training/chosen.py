"""Weights chosen by the names of their nodes: those that stay, and those that move slower or faster than the others."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ..compiler.module import GraphModule
from ..errors import RunError, Where, did_you_mean
from ..printable import listed
from .optimization import TrainConfig

MOST_LISTED = 6  # nodes that a message names


def nodes_of(model: nn.Module) -> list[str]:
    """The names of the nodes that have weights or running statistics, in the order of the graph."""
    if not isinstance(model, GraphModule):
        return []
    found = []
    for node in model.nodes:
        if node.name not in found and any(True for _ in tensors_of(model, node.name)):
            found.append(node.name)
    return found


def tensors_of(model: nn.Module, node: str) -> Mapping[str, Tensor]:
    """The state of a node: its weights and buffers by name; empty for a node without a module."""
    try:
        return dict(model.get_submodule(node).state_dict())
    except AttributeError:  # StoreAs and its kind are no modules
        return {}


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that a pattern stands for: the name itself, all within a sub-graph of that name, or a * pattern."""
    return [
        name
        for name in names
        if any(
            name == one or name.startswith(f"{one}.") or fnmatch.fnmatchcase(name, one)
            for one in patterns
        )
    ]


def refuse_unknown_nodes(
    model: nn.Module, config: TrainConfig, where: Where | None = None
) -> None:
    """Whether `freeze` and `lr_scales` name nodes of the graph, before any data is read.

    Raises RunError E626 for a name of nothing that has weights, E621 where everything would be frozen.
    """
    names = nodes_of(model)
    for key, patterns in (
        ("freeze", config.freeze),
        ("lr_scales", tuple(config.lr_scales)),
    ):
        for pattern in patterns:
            if not matching([pattern], names):
                nodes = listed(names, MOST_LISTED, quote="")
                raise RunError(
                    f"train.{key}: no node with weights is called '{pattern}'",
                    code="E626",
                    where=where,
                    facts=[("nodes", nodes or "none has a name")],
                    help=did_you_mean(pattern, names)
                    or "`mirbricks summary` lists the nodes; a * stands for any letters",
                )

    still = matching(config.freeze, names)
    if still and set(still) == set(names):
        raise RunError(
            "train.freeze leaves no weights to train",
            code="E621",
            where=where,
            help="leave the nodes out that are to learn",
        )


class Frozen:
    """The nodes that a training leaves as they are: their weights, and the statistics of their norms.

    Parameters
    ----------
    model : Module
        The graph.
    patterns : sequence of str
        Names of nodes, as `train.freeze` has them.
    """

    def __init__(self, model: nn.Module, patterns: Sequence[str]) -> None:
        chosen = matching(patterns, nodes_of(model))
        self.modules = [model.get_submodule(name) for name in chosen]
        for module in self.modules:
            module.requires_grad_(False)

    def rest(self) -> None:
        """Out of training mode: a batch norm would go on to move its statistics, a dropout to drop."""
        for module in self.modules:
            module.eval()


def scales_of(model: nn.Module, scales: Mapping[str, float]) -> dict[int, float]:
    """The factor of the learning rate of each weight that has one, by the weight's id; of several patterns the last."""
    found: dict[int, float] = {}
    names = nodes_of(model)
    for pattern, scale in scales.items():
        for name in matching([pattern], names):
            for weight in model.get_submodule(name).parameters():
                found[id(weight)] = scale
    return found
