"""A compiled graph in two: what comes before its bottleneck, and what comes after."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...compiler.module import GraphModule
from ...compiler.operations import NodeInfo, Op
from ...errors import TaskError, did_you_mean

# Their codes have an axis of their own for the codebooks.
STACKED = ("ResidualVectorQuantizer", "GroupedResidualVectorQuantizer")
QUANTIZERS = ("VectorQuantizer", *STACKED, "FiniteScalarQuantizer")
BOTTLENECKS = (*QUANTIZERS, "VAEBottleneck", "PartialVAEBottleneck")
MANY_FRAMES = 2**12 * 3**2 * 5**2 * 7  # a multiple of every usual product of strides


@dataclass(frozen=True)
class Halves:
    """A graph whose bottleneck is a cut: nothing passes it but what the bottleneck gives.

    Attributes
    ----------
    model : GraphModule
        The whole graph.
    node : str
        The name of the bottleneck.
    before, after : tuple of Op
        The steps of forward on either side of it.
    """

    model: GraphModule
    node: str
    before: tuple[Op, ...]
    after: tuple[Op, ...]

    @property
    def bottleneck(self) -> nn.Module:
        """The block itself."""
        return self.model.get_submodule(self.node)

    @property
    def block(self) -> str:
        """The name under which the block is registered."""
        return next(node.block for node in self.model.nodes if node.name == self.node)

    def reach(self, x: Tensor) -> Tensor:
        """What the bottleneck is given, of the graph's input."""
        name = next(iter(self.model.input_shapes))
        return self.model.run_steps(self.before, x, {name: x})

    def leave(self, latents: Tensor) -> Tensor:
        """The graph's output, of what the bottleneck gives."""
        return self.model.run_steps(self.after, latents, {})


def halves_of(model: GraphModule, node: str | None = None) -> Halves:
    """The two halves of a graph around its bottleneck.

    Parameters
    ----------
    model : GraphModule
        A graph with one input and one output.
    node : str, optional
        The name of a layer; by default the graph's only quantizer or VAEBottleneck.

    Raises
    ------
    TaskError
        E580 for a graph without a bottleneck, with several, or without a layer of this name; E581 where something
        passes around the bottleneck.
    """
    found = _bottleneck(model, node)
    places = [
        place
        for place, op in enumerate(model.ops)
        if op.kind == "run" and op.name == found.name
    ]
    if len(places) > 1:
        raise TaskError(
            f"the bottleneck '{found.name}' runs {len(places)} times",
            code="E580",
            where=found.where,
            help="let the graph pass its bottleneck once",
        )
    place = places[0]
    before = model.ops[:place]
    after = model.ops[place + 1 :]
    _refuse_skips(model, found, before, after)
    return Halves(model, found.name, before, after)


def _bottleneck(model: GraphModule, node: str | None) -> NodeInfo:
    if node is not None:
        for one in model.nodes:
            if one.name == node:
                return one
        names = [one.name for one in model.nodes]
        raise TaskError(
            f"the graph has no layer '{node}', which `bottleneck:` names",
            code="E580",
            where=model.graph.where_input(),
            help=did_you_mean(node, names) or "`mirbricks summary` lists its layers",
        )

    found = [one for one in model.nodes if one.block in BOTTLENECKS and not one.reused]
    if not found:
        raise TaskError(
            "the graph has no bottleneck, so it makes no codes",
            code="E580",
            where=model.graph.where_input(),
            help=f"add a {', '.join(BOTTLENECKS[:-1])} or {BOTTLENECKS[-1]}, or name a layer with `bottleneck:`",
        )
    if len(found) > 1:
        facts = [("bottleneck", f"'{one.name}', a {one.block}") for one in found]
        raise TaskError(
            f"the graph has {len(found)} bottlenecks",
            code="E580",
            where=found[1].where,
            facts=facts,
            help="name the one whose codes are meant with `bottleneck:` of the task",
        )
    return found[0]


def _refuse_skips(
    model: GraphModule, node: NodeInfo, before: tuple[Op, ...], after: tuple[Op, ...]
) -> None:
    """Raise E581 where a step behind the bottleneck reads what was stored before it."""
    kept = {op.name: op.where for op in before if op.kind == "StoreAs"}
    for name in model.input_shapes:
        kept.setdefault(name, model.graph.where_input())
    for op in after:
        if op.kind == "StoreAs":
            # From here on the name means what was stored behind the bottleneck.
            kept.pop(op.name, None)
            continue
        names = op.extra if op.kind == "run" else (op.name, *op.extra)
        for name in names:
            if name in kept:
                raise _skip(node, op, name, kept[name])


def _skip(node: NodeInfo, op: Op, name: str, where: object) -> TaskError:
    facts = [("bottleneck", f"'{node.name}', line {node.where.line}")]
    line = getattr(where, "line", None)
    if line:
        facts.insert(0, ("stored", f"'{name}', line {line}"))
    return TaskError(
        f"'{name}' passes around the bottleneck, so codes alone cannot be decoded",
        code="E581",
        where=op.where,
        facts=facts,
        help="remove the skip, or store behind the bottleneck what is needed there",
    )


@torch.no_grad()
def frames_per_latent(halves: Halves) -> int:
    """How many frames of the graph's input make one frame at its bottleneck; samples, for waveforms.

    Raises TaskError E582 where they are not a whole number, or where the output is not as long as the input.
    """
    # On the meta device lengths cost nothing, and a copy leaves the model where it is.
    model = copy.deepcopy(halves.model).to("meta").eval()
    own = Halves(model, halves.node, halves.before, halves.after)
    short = _lengths(own, MANY_FRAMES)
    long = _lengths(own, 2 * MANY_FRAMES)
    gained = long[0] - short[0]
    where = model.graph.where_input()
    if gained < 1 or MANY_FRAMES % gained:
        raise TaskError(
            f"the bottleneck '{halves.node}' does not make a frame of a whole number of input frames",
            code="E582",
            where=where,
            facts=[("input", f"{MANY_FRAMES} frames"), ("bottleneck", f"{gained}")],
            help="use strides whose product divides the length of the input",
        )
    per_latent = MANY_FRAMES // gained
    for n_latents, n_out in (short, long):
        n_in = MANY_FRAMES if (n_latents, n_out) == short else 2 * MANY_FRAMES
        if n_latents != n_in // per_latent or n_out != n_in:
            facts = [
                ("input", f"{n_in} frames"),
                ("bottleneck", f"{n_latents} frames, {n_in // per_latent} expected"),
                ("output", f"{n_out} frames"),
            ]
            raise TaskError(
                "the graph does not give back as many frames as it reads",
                code="E582",
                where=where,
                facts=facts,
                help="pad every strided convolution so that a frame is exactly `stride` frames, as in codec_rvq",
            )
    return per_latent


def _lengths(halves: Halves, frames: int) -> tuple[int, int]:
    """Frames at the bottleneck, and of the output, for so many frames of input."""
    shape = next(iter(halves.model.input_shapes.values()))
    sizes = [1 if isinstance(size, str) else size for size in shape[:-1]]
    x = torch.empty((*sizes, frames), device="meta")
    latents = halves.bottleneck(halves.reach(x))
    return latents.shape[-1], halves.leave(latents).shape[-1]
