"""A codec's own vectors of its codes, from which layers that read or predict codes can begin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

VECTOR_DIM = (
    "features of the codec's own vector of each code, which the task fills in before the training: codes that "
    "mean nearly the same sound begin alike; 0: every code is learned for itself"
)


class CodeVectors(nn.Module):
    """Rows for the codes of Q codebooks, linear in vectors that the codec has for them.

    The vectors are not trained, but are kept in the `state_dict`; they are random until `fill` is called.

    Source: tables begun with vectors learned elsewhere: Collobert et al., "Natural Language Processing (Almost) from
    Scratch", JMLR 2011, section 4.5; here the vectors stay as they are and their map is learned.
    """

    vectors: Tensor

    def __init__(
        self,
        num_codebooks: int,
        num_codes: int,
        vector_dim: int,
        features: int,
        *,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer(
            "vectors", torch.randn(num_codebooks, num_codes, vector_dim)
        )
        self.maps = nn.Parameter(torch.empty(num_codebooks, vector_dim, features))
        # Of vectors whose features have a deviation of 1 the rows' features have `std`.
        nn.init.normal_(self.maps, std=std * vector_dim**-0.5)

    @torch.no_grad()
    def fill(self, vectors: Tensor) -> None:
        """Take the vectors (Q, K, vector_dim) of a codec; a code beyond K, which stands for none, has zeros."""
        self.vectors.zero_()
        self.vectors[:, : vectors.shape[1]] = vectors

    def forward(self) -> Tensor:
        """The rows (Q, K, features) of all codes."""
        return self.vectors @ self.maps
