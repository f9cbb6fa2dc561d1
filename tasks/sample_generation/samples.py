"""Samples as classes and back, and how a graph of samples is run, at once and one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...blocks.generative.linear_quantization import linear_decode, linear_encode
from ...blocks.generative.mulaw import mu_law_decode, mu_law_encode
from ...compiler.module import GraphModule
from ...compiler.stepping import stepper_of
from ...errors import TaskError, Where
from ...shapes import show
from ..autoregressive.config import SamplingConfig
from ..autoregressive.sampling import beside_dropped, next_codes
from ..base import OnShare, unseen
from ..modes import evaluating

TRIED_SAMPLES = (
    48  # of a trial run: several frames of the slowest tier of a small SampleRNN
)
PLACE = 33  # where a sample is changed in a trial run
MOVED = 1e-6
SHARES = 100  # how often progress is told


@dataclass(frozen=True)
class Quantization:
    """Samples in -1 ... 1 as classes; the graph reads the middle of each class, in training as in generation."""

    kind: str
    n_classes: int

    def classes(self, waves: Tensor) -> Tensor:
        """(B, 1, N) -> (B, N), int64."""
        if self.kind == "linear":
            return linear_encode(waves, self.n_classes)[:, 0]
        return mu_law_encode(waves, self.n_classes)[:, 0]

    def samples(self, classes: Tensor) -> Tensor:
        """(B, N) -> (B, 1, N), float32."""
        if self.kind == "linear":
            found = linear_decode(classes, self.n_classes)
        else:
            found = mu_law_decode(classes, self.n_classes)
        return found.float()[:, None]


def shifted(waves: Tensor) -> Tensor:
    """(B, 1, N) a sample later, behind one of silence: what a graph reads that predicts the next sample."""
    return functional.pad(waves, (1, -1))


def sees_present(
    model: GraphModule,
    wave: str,
    conditions: Mapping[str, Tensor],
    where: Where | None = None,
) -> bool:
    """Whether the output at a sample depends on that sample: so it is of the next one, as WaveNet's, not SampleRNN's.

    conditions  one row of each, (1, ...)

    Raises TaskError E570 where the output before a sample depends on it, or where it depends on none.
    """
    generator = torch.Generator().manual_seed(0)
    waves = torch.rand(1, 1, TRIED_SAMPLES, generator=generator) - 0.5
    other = waves.clone()
    other[..., PLACE] = 0.9 * -waves[..., PLACE].sign()
    with evaluating(model):
        outputs = [model(**{wave: x, **conditions}) for x in (waves, other)]
    moved = (outputs[0] - outputs[1]).abs().amax(dim=1)[0] > MOVED
    if bool(moved[:PLACE].any()):
        raise TaskError(
            "the graph sees samples that come after the one that it predicts",
            code="E570",
            where=where,
            facts=[("changed", f"its output before sample {PLACE}, with the sample")],
            help="use layers that look back only: WaveNet, GatedConv1d, SampleRNNTier, Conv1d with causal padding",
        )
    return bool(moved[PLACE])


def refuse_other_logits(
    model: GraphModule, wave: str, n_classes: int, where: Where | None
) -> None:
    """Raise TaskError E571 where the graph does not read (B, 1, T), or gives no logits (B, K, T)."""
    shape = model.input_shapes[wave]
    if len(shape) != 3 or shape[1] != 1 or not isinstance(shape[2], str):
        raise TaskError(
            "the graph does not read a waveform of any length",
            code="E571",
            where=where,
            facts=[("expected", show(("B", 1, "T"))), ("got", show(shape))],
            help=f"write `{wave}: B C=1 T`",
        )
    given = model.output_shape
    if model.outputs or given != ("B", n_classes, shape[2]):
        raise TaskError(
            f"the graph does not give the logits of {n_classes} classes for each sample",
            code="E571",
            where=where,
            facts=[
                ("expected", show(("B", n_classes, shape[2]))),
                ("got", show(given)),
            ],
            help=f"end in `Conv1d: {{out_channels: {n_classes}, kernel_size: 1}}`, or set "
            "task.quantization_channels",
        )


@dataclass(frozen=True)
class WaveSoFar:
    """How samples come place by place, (B, 1, 1) each; `is_ahead` as of `sees_present`."""

    is_ahead: bool
    places_axis: int = 2

    def tried(self, generator: torch.Generator) -> Tensor:
        """A little noise."""
        return torch.rand(1, 1, TRIED_SAMPLES, generator=generator) - 0.5

    def columns(self, x: Tensor) -> list[Tensor]:
        """Every sample; a graph that is not ahead predicts the first from nothing, and never sees the last."""
        each = [x[..., place : place + 1] for place in range(x.shape[-1])]
        if self.is_ahead:
            return each
        return [x[..., :0], *each[:-1]]

    def completed(self, columns: Sequence[Tensor]) -> Tensor:
        """The samples so far; whatever stands at the one that is predicted, the graph does not see it."""
        came = torch.cat(list(columns), dim=-1)
        if self.is_ahead:
            return came
        return functional.pad(came, (0, 1))


def generated(
    model: GraphModule,
    wave: str,
    conditions: Mapping[str, Tensor],
    dropped: Mapping[str, Tensor],
    *,
    quantization: Quantization,
    config: SamplingConfig,
    is_ahead: bool,
    count: int,
    n_samples: int,
    seed: int,
    on_share: OnShare = unseen,
) -> Tensor:
    """New waveforms (count, 1, n_samples), float32; parameters as those of token generation.

    is_ahead  whether the output at a sample is of the next one
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    others = beside_dropped(conditions, dropped, config, device)
    rows = count * config.passes
    classes = torch.zeros(count, n_samples, dtype=torch.int64)
    # Silence stands before the first sample where the graph is ahead; else nothing has come yet.
    x = torch.zeros(rows, 1, int(is_ahead), device=device)
    told = max(1, n_samples // SHARES)
    with evaluating(model):
        step = stepper_of(
            model,
            wave,
            others,
            WaveSoFar(is_ahead),
            batch_size=rows,
            max_places=n_samples + 1,
        )
        for place in range(n_samples):
            logits = step(x)[..., -1]
            classes[:, place] = next_codes(logits, count, config, generator)
            one = quantization.samples(classes[:, place : place + 1])
            # Both halves of a guided batch go on with the same samples.
            x = one.repeat(config.passes, 1, 1).to(device)
            if (place + 1) % told == 0:
                on_share((place + 1) / n_samples)
    return quantization.samples(classes)
