"""The residual vector quantizer of neural codecs."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor
from torch.nn import functional

from ...errors import DataError
from ...registry import BlockConfig, from_axis, register
from ..bounds import Entries, Layers
from .bottleneck import Bottleneck
from .codebooks import (
    balanced_codes,
    best_codes,
    follow,
    from_frames,
    k_means,
    lacking_entropy,
    nearest_codes,
    new_codebooks,
    perplexity_of,
    random_frames,
    statistics_of,
    straight_through,
    sum_of,
    to_frames,
    usage_of,
)


@register(
    "ResidualVectorQuantizer",
    shape="B D ... -> B D ...",
    source="arXiv:2107.03312",
    examples=[
        ((2, 4, 9), {"n_codebooks": 3, "n_codes": 8}),
        ((2, 4, 9), {"n_codebooks": 4, "n_codes": 8, "quantizer_dropout": 1.0}),
        ((2, 3, 5, 4), {"n_codebooks": 1, "n_codes": 16, "dead_below": 0.0}),
        ((2, 4, 9), {"n_codebooks": 2, "n_codes": 8, "weights": [30.0, 2.0]}),
        ((2, 4, 9), {"n_codebooks": 2, "n_codes": 8, "entropy_weight": 0.1}),
        ((2, 4, 9), {"n_codebooks": 3, "n_codes": 8, "beam": 4}),
        ((2, 4, 9), {"n_codebooks": 2, "n_codes": 8, "balance": 0.5}),
    ],
)
class ResidualVectorQuantizer(Bottleneck):
    """A chain of vector quantizers, each of what those before it left; the gradient passes straight through.

    Shape:   (B, D, ...) -> (B, D, ...); codes (B, n_codebooks, ...), int64
    Source:  Zeghidour et al., "SoundStream: An End-to-End Neural Audio Codec", 2021, section III.C and algorithm 1;
             commitment loss: Défossez et al., "High Fidelity Neural Audio Compression" (EnCodec, arXiv:2210.13438),
             eq. 4: a sum over the stages, here of means over frames and features. Differs from both: codebooks also
             learn from the examples that quantizer dropout cuts short, as what a stage sees does not depend on it.
    Coding:  `encode`, and forward in eval mode, keep the `beam` best sums at each stage (an M-search: Juang
             & Gray, "Multiple stage vector quantization for speech coding", ICASSP 1982) and are never farther away
             than the nearest code of each stage; codes for few stages are then not the first ones of many.
    Reading: `encode`, `decode`, `perplexity`, `usage`; `losses`, in training: "commitment", already times its weight,
             and "entropy" with an entropy_weight: codes that occur alike (as in Yu et al., "Language Model Beats
             Diffusion", ICLR 2024, eq. 5, its second term). Distances are computed in float32 or finer.
    Learning: in training, codebooks follow running means in forward; under torch.distributed, alike in all processes.
             A code that is hardly chosen starts again at a residual of the batch. With `balance`, frames move the code
             whose distance times its share is least (frequency-sensitive competitive learning: Ahalt et al.,
             "Competitive Learning Algorithms for Vector Quantization", Neural Networks, 1990). `fit` places all codes
             by k-means.
    """

    class Config(BlockConfig):
        dim: int = from_axis("D", "features of a frame, size of axis D")
        n_codebooks: Layers = Field(8, description="stages")
        n_codes: Entries = Field(1024, ge=2, description="vectors in each codebook")
        decay: float = Field(
            0.99, ge=0, lt=1, description="of the running counts and means, for a batch"
        )
        commitment_weight: float = Field(
            0.25, ge=0, description="weight of the commitment loss"
        )
        dead_below: float = Field(
            0.1,
            ge=0,
            lt=1,
            description="share of the mean count that revives a code; 0: never",
        )
        weights: tuple[PositiveFloat, ...] = Field(
            (),
            description="how much the first features count in distances, such as a pitch that must not go astray; "
            "default: as all others, 1",
        )
        quantizer_dropout: float = Field(
            0.0,
            ge=0,
            le=1,
            description="share of the training examples that stop at a random stage; SoundStream: 1",
        )
        entropy_weight: float = Field(
            0.0,
            ge=0,
            description="weight of what a batch's soft choice of codes lacks in entropy, in nats; 0: not asked for",
        )
        balance: float = Field(
            0.0,
            ge=0,
            le=2,
            description="power of a code's share of the frames that its distance counts times, for the codes that "
            "learn from a frame: above 0, codes come to occur alike",
        )
        beam: PositiveInt = Field(
            1,
            le=64,
            description="sums of codes kept at each stage while encoding; 1: the nearest code of each stage. "
            "Not in training",
        )

        @model_validator(mode="after")
        def _as_many_weights(self) -> ResidualVectorQuantizer.Config:
            if 0 < self.dim < len(self.weights):
                raise ValueError(
                    f"'weights' has {len(self.weights)} values for {self.dim} features"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.decay = config.decay
        self.dead_below = config.dead_below
        self.commitment_weight = config.commitment_weight
        self.quantizer_dropout = config.quantizer_dropout
        self.entropy_weight = config.entropy_weight
        self.balance = config.balance
        self.beam = config.beam
        self.n_codebooks = config.n_codebooks
        self.n_codes = config.n_codes
        self.codebooks: Tensor
        self.register_buffer(
            "codebooks", new_codebooks(self.n_codebooks, self.n_codes, config.dim)
        )
        self.counts: Tensor
        self.register_buffer("counts", torch.zeros(self.n_codebooks, self.n_codes))
        # A constant of the graph, which no file of weights need hold.
        self.scale: Tensor | None
        scale: Tensor | None = None
        if config.weights:
            scale = torch.ones(config.dim)
            scale[: len(config.weights)] = torch.tensor(config.weights)
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        frames = self._frames(x)
        if self.training:
            # One sum is kept while learning: a search costs as much again for every sum more.
            codes = nearest_codes(frames, self.codebooks)
            quantised = self._learn(frames, codes, x.shape[0])
        else:
            codes = best_codes(frames, self.codebooks, self.beam)
            quantised = sum_of(self.codebooks, codes)
        return straight_through(x, from_frames(self._unweighted(quantised), x))

    def _frames(self, x: Tensor) -> Tensor:
        """(B, D, ...) -> (N, D), features as far apart as they count: distances between these are weighted ones."""
        frames = to_frames(x, self.codebooks)
        if self.scale is None:
            return frames
        return frames * self.scale

    def _unweighted(self, frames: Tensor) -> Tensor:
        if self.scale is None:
            return frames
        return frames / self.scale

    def _learn(self, frames: Tensor, codes: Tensor, n_items: int) -> Tensor:
        """Sum the stages that each example keeps, set the loss, move the codebooks."""
        # An example keeps or drops a stage whole, with all of its frames.
        frames_per_item = len(frames) // n_items
        kept = self._kept(n_items, frames).repeat_interleave(frames_per_item, dim=0)
        picks = random_frames(len(frames), self.n_codes, frames.device)
        # Codebooks are moved by running means and never by gradients.
        residual = frames.detach()
        total = torch.zeros_like(frames)
        commitment = frames.new_zeros(())
        statistics: list[Tensor] = []
        lacking: list[Tensor] = []
        passed = torch.zeros_like(frames)
        for i in range(self.n_codebooks):
            chosen = functional.embedding(codes[:, i], self.codebooks[i])
            # Codebooks learn from all examples: what a stage sees does not depend on which ones it is kept for.
            statistics.append(
                statistics_of(residual, self._moved(residual, codes, i), picks)
            )
            residual = residual - chosen
            if self.entropy_weight:
                # Through the frames, and not the codes: the encoder is to spread what it gives.
                lacking.append(lacking_entropy(frames - passed, self.codebooks[i]))
                passed = passed + chosen
            total = total + kept[:, i, None] * chosen
            # EnCodec's eq. 4: what each stage leaves over, where it is kept.
            left = (frames - total).square().mean(-1)
            commitment = commitment + (kept[:, i] * left).mean()
        self.losses = {"commitment": self.commitment_weight * commitment}
        if lacking:
            self.losses["entropy"] = self.entropy_weight * torch.stack(lacking).mean()
        together = torch.stack(statistics)
        follow(
            self.codebooks,
            self.counts,
            together,
            decay=self.decay,
            dead_below=self.dead_below,
        )
        return total

    def _moved(self, residual: Tensor, codes: Tensor, i: int) -> Tensor:
        """The codes (N,) of stage i that its frames move."""
        if not self.balance:
            return codes[:, i]
        return balanced_codes(residual, self.codebooks[i], self.counts[i], self.balance)

    def _kept(self, n_items: int, frames: Tensor) -> Tensor:
        """1 for the stages an example keeps, 0 for the rest: (B, Q); at least one is kept."""
        stages = torch.arange(self.n_codebooks, device=frames.device)
        # Section III.C: stages up to a random one, so that a prefix of the codes can be decoded by itself.
        last = torch.randint(self.n_codebooks, (n_items, 1), device=frames.device)
        whole = torch.rand(n_items, 1, device=frames.device) >= self.quantizer_dropout
        return ((stages <= last) | whole).to(frames.dtype)

    def encode(self, x: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Codes of (B, D, ...) by the first `n_codebooks` stages, all if None: (B, n_codebooks, ...), int64.

        Raises `DataError` if there are not so many.
        """
        if n_codebooks is None:
            n = self.n_codebooks
        else:
            n = n_codebooks
        self._refuse("encode asks for", n)
        codes = best_codes(self._frames(x), self.codebooks[:n], self.beam)

        # The stages become the axis behind the batch, where a graph expects channels.
        return codes.view(x.shape[0], *x.shape[2:], n).movedim(-1, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """The sum of the vectors of codes (B, n, ...), n ≤ n_codebooks: (B, D, ...).

        Raises `DataError` if codes are of more stages than there are.
        """
        self._refuse("decode got the codes of", codes.shape[1])
        rows = codes.movedim(1, -1).reshape(-1, codes.shape[1])
        total = sum_of(self.codebooks, rows)
        total = self._unweighted(total)
        return total.view(codes.shape[0], *codes.shape[2:], -1).movedim(-1, 1)

    def _refuse(self, asks: str, n_codebooks: int) -> None:
        if not 1 <= n_codebooks <= self.n_codebooks:
            message = f"{asks} {n_codebooks} codebooks, and the ResidualVectorQuantizer has {self.n_codebooks}"
            raise DataError(
                message, code="E460", help=f"ask for 1 to {self.n_codebooks}"
            )

    def perplexity(self, codes: Tensor) -> Tensor:
        """exp of the entropy of the codes (B, n, ...) of each stage: (n,), n_codes where all occur alike."""
        return torch.stack([perplexity_of(stage) for stage in codes.unbind(1)])

    def usage(self, codes: Tensor) -> Tensor:
        """Share of each codebook that occurs in codes (B, n, ...): (n,)."""
        return torch.stack([usage_of(stage, self.n_codes) for stage in codes.unbind(1)])

    @torch.no_grad()
    def fit(self, x: Tensor, n_iterations: int = 10) -> None:
        """Place the codes of every stage by k-means on (B, D, ...), such as the first batches that reach the block."""
        frames = self._frames(x)
        k_means(frames, self.codebooks, self.counts, n_iterations, self.dead_below)
