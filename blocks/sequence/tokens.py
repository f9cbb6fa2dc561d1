"""Tokens: numbers as vectors, codes of a codec as a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Count, Entries, Width
from .code_vectors import VECTOR_DIM, CodeVectors


def whole_numbers(x: Tensor, count: int) -> Tensor:
    """Numbers of tokens as int64; floating-point ones are rounded and kept within 0 … count - 1, as probes need."""
    if x.is_floating_point():
        # The contract is probed with random floating-point numbers, which must be tokens too.
        return x.round().clamp(0, count - 1).long()
    return x.long()


class TokenEmbeddingConfig(BlockConfig):
    """Fields of TokenEmbedding, torch's names."""

    num_embeddings: Entries = Field(description="how many tokens there are")
    embedding_dim: Width = Field(description="features of a token's vector")


@register(
    "TokenEmbedding",
    shape="B ... -> B ... {embedding_dim}",
    source="Bengio et al., JMLR 2003",
    examples=[((2, 5), {"num_embeddings": 3, "embedding_dim": 4})],
)
class TokenEmbedding(Block):
    """A learned vector for each token: its number picks a row.

    Shape:   (B, ...), integers 0 … num_embeddings - 1 -> (B, ..., embedding_dim); other integers raise IndexError.
             Floating-point numbers are rounded, and kept within these bounds.
    Source:  Bengio et al., "A Neural Probabilistic Language Model", JMLR 2003; torch.nn.Embedding
    """

    Config = TokenEmbeddingConfig

    def __init__(self, config: TokenEmbeddingConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.empty(config.num_embeddings, config.embedding_dim)
        )
        nn.init.normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return functional.embedding(whole_numbers(x, len(self.weight)), self.weight)


@dataclass
class CodebookCache:
    """What a CodebookEmbedding remembers when codes come one after another: how many came."""

    batch_size: int
    begun: bool = False
    codes: int = 0


@register(
    "CodebookEmbedding",
    shape="B Q T -> B T' {embedding_dim}",
    source="arXiv:2306.05284",
    examples=[
        ((2, 3, 4), {"num_embeddings": 5, "embedding_dim": 6}),
        (
            (2, 3, 4),
            {"num_embeddings": 5, "embedding_dim": 6, "pattern": "sum", "start": False},
        ),
        (
            (2, 3, 4),
            {
                "num_embeddings": 5,
                "embedding_dim": 6,
                "levels": False,
                "start": "zeros",
            },
        ),
        (
            (2, 3, 4),
            {
                "num_embeddings": 5,
                "embedding_dim": 6,
                "pattern": "sum",
                "shared": False,
                "vector_dim": 2,
            },
        ),
    ],
)
class CodebookEmbedding(Block):
    """Codes of Q codebooks as the input of an autoregressive model, one place later, to predict each code.

    Shape:   (B, Q, T), integers 0 … num_embeddings - 1 -> (B, Q · T, embedding_dim) for `flatten`, in the order of
             `in_order`: all codebooks of a frame, coarse to fine, then the next frame; (B, T, embedding_dim) for `sum`.
             The first place holds the start vector, which is not a code; the last code of all is not an input.
    Source:  Copet et al., "Simple and Controllable Music Generation" (MusicGen), NeurIPS 2023, section 2.2: patterns
             "flattening" and "parallel". Every codebook has a table of its own (`shared: false`), or all share one and
             a vector of the codebook's level is added. To generate code by code: `new_cache`, then `step`.
    """

    class Config(BlockConfig):
        num_codebooks: int = from_axis("Q")
        num_embeddings: Entries = Field(description="codes of a codebook")
        embedding_dim: Width = Field(description="features of a code's vector")
        shared: bool = Field(
            True,
            description="whether codebooks share one table and have a vector of their level each",
        )
        pattern: Literal["flatten", "sum"] = Field(
            "flatten", description="one place for each code, or for each frame"
        )
        levels: bool = Field(
            True,
            description="whether a shared table is told apart by a vector of each codebook",
        )
        start: bool | Literal["zeros"] = Field(
            True,
            description="whether a start vector comes first and the last place is left out: a learned one, or zeros",
        )
        vector_dim: Count = Field(0, description=VECTOR_DIM)

        @model_validator(mode="after")
        def _vectors_are_of_a_codebook(self) -> CodebookEmbedding.Config:
            if self.vector_dim and self.shared:
                raise ValueError(
                    "codebooks that share a table have no vectors of their own: 'vector_dim' needs 'shared: false'"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        self.count = c.num_embeddings
        self.num_codebooks = c.num_codebooks
        self.pattern = c.pattern
        self.levels: nn.Parameter | None = None
        self.start: nn.Parameter | None = None
        self.starts_with_zeros = c.start == "zeros"
        if c.shared:
            n_tables = 1
        else:
            n_tables = c.num_codebooks
        tables = torch.empty(n_tables, c.num_embeddings, c.embedding_dim)
        self.tables = nn.Parameter(tables)

        # With one table for all, a vector of its own says which codebook a code is from.
        if c.shared and c.levels:
            self.levels = nn.Parameter(torch.empty(c.num_codebooks, c.embedding_dim))
        if c.start is True:
            self.start = nn.Parameter(torch.empty(c.embedding_dim))
        for weight in self.parameters():
            nn.init.normal_(weight)

        self.from_codec: CodeVectors | None = None
        if c.vector_dim:
            self.from_codec = CodeVectors(
                c.num_codebooks, c.num_embeddings, c.vector_dim, c.embedding_dim
            )
            # What a code is beyond the codec's vector has to be learned.
            nn.init.zeros_(self.tables)

    def forward(self, codes: Tensor) -> Tensor:
        vectors = self.embed(codes)
        if not self.has_start:
            return vectors
        # Shifted by one behind the start, each token is predicted from those before it.
        return torch.cat((self.start_of(codes.shape[0]), vectors[:, :-1]), dim=1)

    @property
    def has_start(self) -> bool:
        """Whether a start vector, learned or zeros, comes first."""
        return self.start is not None or self.starts_with_zeros

    def rows(self) -> Tensor:
        """The tables (1 or Q, num_embeddings, D), with what the codec's vectors add to them."""
        if self.from_codec is None:
            return self.tables
        rows: Tensor = self.tables + self.from_codec()
        return rows

    def embed(self, codes: Tensor) -> Tensor:
        """The vectors of codes (B, Q, T) without the start: (B, Q · T, D), or (B, T, D) for `sum`."""
        tables = self.rows().expand(codes.shape[1], -1, -1)
        rows = whole_numbers(codes, self.count).unbind(1)
        pairs = zip(rows, tables, strict=True)
        vectors = torch.stack([functional.embedding(*pair) for pair in pairs], dim=2)
        if self.levels is not None:
            vectors = vectors + self.levels

        # Flattened, a frame's codes are Q tokens, one after another; summed, they are one.
        if self.pattern == "flatten":
            return vectors.flatten(1, 2)
        return vectors.sum(2)

    def embed_one(self, code: Tensor, level: int) -> Tensor:
        """The vector of one code of the codebook `level`, (B,) -> (B, 1, D): what `step` takes after it was drawn."""
        tables = self.rows()
        vector = functional.embedding(
            code[:, None], tables[level if len(tables) > 1 else 0]
        )
        if self.levels is None:
            return vector
        return vector + self.levels[level]

    def start_of(self, batch_size: int) -> Tensor:
        """The start vector, (batch_size, 1, D); raises ValueError if there is none."""
        if self.start is not None:
            return self.start.expand(batch_size, 1, -1)
        if not self.starts_with_zeros:
            raise ValueError(
                "this CodebookEmbedding has no start vector: give it 'start: true'"
            )
        return self.tables.new_zeros(batch_size, 1, self.tables.shape[-1])

    def new_cache(self, max_places: int, batch_size: int) -> CodebookCache:  # noqa: ARG002  # it keeps no places
        """A cache for `step`, before any code has come."""
        return CodebookCache(batch_size)

    def step(self, codes: Tensor, cache: CodebookCache) -> Tensor:
        """The vectors of codes that came since: (B, 1, n) for `flatten`, (B, Q, n) for `sum` -> (B, n, D).

        The start vector stands before the first codes of all, which may be none, n = 0.
        """
        if self.pattern == "sum":
            vectors = self.embed(codes)
        else:
            vectors = self._in_turn(codes[:, 0], cache.codes)
        first = self.has_start and not cache.begun
        cache.begun = True
        cache.codes += codes.shape[2]
        if first:
            return torch.cat((self.start_of(cache.batch_size), vectors), dim=1)
        return vectors

    def _in_turn(self, codes: Tensor, before: int) -> Tensor:
        """The vectors of codes (B, n) that come after `before` others, each of the codebook whose turn it is."""
        places = torch.arange(before, before + codes.shape[1], device=codes.device)
        turns = places % self.num_codebooks
        rows = whole_numbers(codes, self.count)
        tables = self.rows()
        if len(tables) > 1:
            vectors = tables[turns, rows]
        else:
            vectors = functional.embedding(rows, tables[0])
        if self.levels is None:
            return vectors
        return vectors + self.levels[turns]

    @staticmethod
    def in_order(codes: Tensor) -> Tensor:
        """Codes (B, Q, T) in the order of `flatten`, (B, T · Q): what the output is held against."""
        return codes.transpose(1, 2).flatten(1)
