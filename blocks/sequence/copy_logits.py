"""Logits of a codec's codes by a linear map, and by copying the codes that came last."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Count, Entries, Taps
from .code_vectors import VECTOR_DIM, CodeVectors
from .tokens import whole_numbers


class CopyLogitsConfig(BlockConfig):
    """Fields of CopyLogits."""

    in_features: int = from_axis("D", "features of a place")
    num_codebooks: int = from_axis("Q", "codebooks of the codes that are copied")
    num_codes: Entries = Field(
        description="codes of a codebook; greater numbers stand for no code"
    )
    taps: Taps = Field(4, description="how many of the last codes can be copied")
    vector_dim: Count = Field(0, description=VECTOR_DIM)

    @property
    def out_features(self) -> int:
        """Logits of a place."""
        return self.num_codebooks * self.num_codes


@dataclass
class CopyCache:
    """What a CopyLogits remembers when codes come one after another: the last of them, (B, Q, up to `taps`)."""

    last: list[Tensor] = field(default_factory=list)


@register(
    "CopyLogits",
    shape="B T D, B Q T -> B T {out_features}",
    source="arXiv:1612.04426",
    examples=[
        ([(2, 5, 6), (2, 3, 5)], {"num_codes": 4, "taps": 2}),
        ([(2, 5, 6), (2, 1, 5)], {"num_codes": 7, "taps": 8}),
        ([(2, 5, 6), (2, 3, 5)], {"num_codes": 4, "vector_dim": 2}),
    ],
)
class CopyLogits(Block):
    """A linear map to the logits of the codes of a place, where each of the last codes of a codebook is raised.

    Codes of a sound that lasts come again and again. A linear map has to learn for each of them that it may follow
    itself; here one gate for each codebook and tap, read from the place, says it for all codes.

    Shape:   (B, T, D), and the codes (B, Q, T) that a CodebookEmbedding with `pattern: sum` read -> (B, T, Q · K),
             codebook after codebook. A place is given the codes before it only.
    Source:  Grave, Joulin & Usunier, "Improving Neural Language Models with a Continuous Cache", ICLR 2017, section 3:
             recent tokens become likelier. Differs from it: what is added to a logit is learned, a linear map of the
             place, and the cache holds the last `taps` codes.
    """

    Config = CopyLogitsConfig

    def __init__(self, config: CopyLogitsConfig) -> None:
        super().__init__()
        self.num_codes = config.num_codes
        self.taps = config.taps
        self.linear = nn.Linear(config.in_features, config.out_features)
        self.gates = nn.Linear(config.in_features, config.num_codebooks * config.taps)
        nn.init.zeros_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)
        self.from_codec: CodeVectors | None = None
        if config.vector_dim:
            self.from_codec = CodeVectors(
                config.num_codebooks,
                config.num_codes,
                config.vector_dim,
                config.in_features,
                std=config.in_features**-0.5,
            )
            # What a code is beyond the codec's vector has to be learned.
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        numbers = whole_numbers(codes, self.num_codes + 1)
        before = self._silence(numbers, self.taps)
        # A place further to the left for each tap: the codes before the first are none.
        row = torch.cat((before, numbers[..., :-1]), dim=-1)
        return self._raised(x, row)

    def new_cache(self, max_places: int, batch_size: int) -> CopyCache:  # noqa: ARG002  # it keeps `taps` codes
        """A cache for `step`, before any code has come."""
        return CopyCache()

    def step(self, x: Tensor, cache: CopyCache, codes: Tensor) -> Tensor:
        """The logits of the places x (B, n, D) after the codes that came since, (B, Q, n) or one less at the start."""
        numbers = whole_numbers(codes, self.num_codes + 1)
        if not cache.last:
            cache.last.append(self._silence(numbers, self.taps))
        row = torch.cat((cache.last.pop(), numbers), dim=-1)
        # The codes of the first place that is wanted begin `taps` before it.
        row = row[..., row.shape[-1] - (x.shape[1] + self.taps - 1) :]
        cache.last.append(row[..., row.shape[-1] - self.taps :])
        return self._raised(x, row)

    def _silence(self, codes: Tensor, places: int) -> Tensor:
        """So many places without a code, like (B, Q, ...)."""
        shape = (*codes.shape[:2], places)
        return codes.new_full(shape, self.num_codes)

    def _linear(self, x: Tensor) -> Tensor:
        """The logits of x (B, n, D) before any code is raised, (B, n, Q · K)."""
        rows = self.linear.weight
        if self.from_codec is not None:
            rows = rows + self.from_codec().flatten(0, 1)
        return functional.linear(x, rows, self.linear.bias)

    def _raised(self, x: Tensor, row: Tensor) -> Tensor:
        """The logits of x (B, n, D), of which place k may copy row[..., k : k + taps] of (B, Q, n + taps - 1)."""
        batch, places = x.shape[:2]
        # (B, Q, n, taps) to (B, n, Q, taps), as the gates lie.
        copied = row.unfold(-1, self.taps, 1).transpose(1, 2)
        gates = self.gates(x).view(batch, places, -1, self.taps)

        # A row more takes in what is added for places without a code.
        logits = self._linear(x).view(batch, places, -1, self.num_codes)
        nothing = logits.new_zeros(*logits.shape[:-1], 1)
        wide = torch.cat((logits, nothing), dim=-1)
        raised = wide.scatter_add(-1, copied.clamp(max=self.num_codes), gates)
        return raised[..., :-1].flatten(-2)
