"""The codec's own vectors of its codes, for the layers of a graph that begin from them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ...blocks.sequence.code_vectors import CodeVectors
from ...compiler.module import GraphModule
from ...errors import TaskError
from ..codec.interface import Codec

LEAST_DEVIATION = 1e-6  # of a codebook whose vectors are all alike


@runtime_checkable
class HasVectors(Protocol):
    """A codec that says what each of its codes adds to the latents."""

    def code_vectors(self) -> Tensor: ...


def fill_vectors(model: GraphModule, codec: Codec, n_codebooks: int) -> None:
    """Give the layers with `vector_dim` the vectors of the first codebooks. Raises TaskError E575."""
    wanting = {}
    for name, layer in model.named_modules():
        if isinstance(layer, CodeVectors):
            wanting[name] = layer
    if not wanting:
        return

    places = {op.name: op.where for op in model.ops if op.kind == "run"}
    nodes = {name: name.partition(".")[0] for name in wanting}
    if not isinstance(codec, HasVectors):
        first = next(iter(nodes.values()))
        raise TaskError(
            f"the graph wants the vectors of the codec's codes, and codec '{codec.name}' does not give them",
            code="E575",
            where=places.get(first),
            help="leave `vector_dim` out, or take a codec that is a graph",
        )
    vectors = standardized(codec.code_vectors()[:n_codebooks])
    for name, layer in wanting.items():
        wanted = layer.vectors.shape[-1]
        if wanted != vectors.shape[-1]:
            raise TaskError(
                f"'{nodes[name]}' has vector_dim {wanted}, and the codec has {vectors.shape[-1] - 1} latent channels",
                code="E575",
                where=places.get(nodes[name]),
                help=f"write vector_dim: {vectors.shape[-1]}: a feature for each channel, and one for the length",
            )
        layer.fill(vectors)


def standardized(vectors: Tensor) -> Tensor:
    """Vectors (Q, K, D) of a deviation of 1 in each codebook, and their squared lengths as one feature more.

    A map of both can prefer codes near any vector: -|v - m|² is 2 m·v - |v|² and what all codes have in common.
    Channels that a codebook does not move, such as those of other groups, stay 0.
    """
    moved = vectors.std(1, keepdim=True) > LEAST_DEVIATION
    spread = vectors.square().sum((1, 2), keepdim=True)
    spread = (
        spread / (vectors.shape[1] * moved.sum(-1, keepdim=True).clamp_min(1))
    ).sqrt()
    scaled = vectors / spread.clamp_min(LEAST_DEVIATION)

    lengths = scaled.square().sum(-1, keepdim=True)
    lengths = lengths - lengths.mean(1, keepdim=True)
    lengths = lengths / lengths.std(1, keepdim=True).clamp_min(LEAST_DEVIATION)
    return torch.cat((scaled, lengths), dim=-1)
