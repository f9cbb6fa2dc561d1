"""What is refused before a training: settings and embeddings that do not go with the latents and the conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...compiler.module import GraphModule
from ...errors import GraphError, TaskError, Where
from ..codec.interface import Codec
from ..conditions import Conditions
from ..lengths import (
    Length,
    layer_bytes_per_frame,
    on_meta,
    refuse_beyond_memory,
    refuse_too_long,
)
from ..modes import evaluating
from .config import LatentGenerationConfig
from .generating import SOUNDS_AT_ONCE
from .learner import on

BYTES_PER_VALUE = 4
COPIES = 6  # of all latents: noise, the sampler's steps, what is restored of them


def refuse_more_latents(
    config: LatentGenerationConfig, channels: int, where: Where | None
) -> None:
    """Raise TaskError E592 where `emphasis` or `pitch_latents` has more than the latents have channels."""
    if config.pitch_latents > channels:
        raise TaskError(
            f"task.pitch_latents is {config.pitch_latents}, and the codec's latents have {channels} channels",
            code="E592",
            where=where,
            help="count the latents that are the pitch: one in notes_vae",
        )
    count = len(config.emphasis)
    if count > channels:
        raise TaskError(
            f"task.emphasis has {count} values, and the codec's latents have {channels} channels",
            code="E592",
            where=where,
            help="give a value for each of the first channels that count more, and none for the others",
        )


def refuse_long_sounds(
    config: LatentGenerationConfig,
    codec: Codec,
    graph: GraphModule,
    conditions: Mapping[str, Tensor],
    count: int,
) -> None:
    """Raise TaskError E573 or E565 where `count` sounds are longer than the graph reads, or than memory holds.

    conditions  one row of each
    """
    # Sounds of the length that was learned were made in larger batches, with gradients.
    if not config.generate_frames:
        return
    channels = codec.latent_channels
    device = next(graph.parameters()).device
    seconds = config.frames * codec.hop_length / codec.sr_hz
    length = Length("task.generate_frames", config.frames, config.frames, seconds)

    def inputs(frames: int) -> dict[str, Tensor]:
        x = torch.zeros(1, channels, frames, device="meta")
        return {"x": x, "t": torch.zeros(1), **conditions}

    sizes = on_meta(graph)

    def compute(frames: int) -> None:
        sizes(**{name: value.to("meta") for name, value in inputs(frames).items()})

    def decode(frames: int) -> None:
        codec.decode_latent(torch.zeros(1, channels, frames, device=device))

    def bytes_per_frame() -> float:
        # Noise and steps of the sampler are kept while the graph runs; the codec runs after it.
        kept = COPIES * channels * BYTES_PER_VALUE
        runs = [layer_bytes_per_frame(run) for run in (compute, decode)]
        return kept + max(runs)

    refuse_too_long(graph, inputs, length)
    where = graph.graph.source.value(("task", "generate_frames"))
    at_once = min(count, SOUNDS_AT_ONCE)
    refuse_beyond_memory(length, bytes_per_frame, at_once, device, where)


def refuse_few_classes(
    graph: GraphModule, conditions: Conditions, channels: int, frames: int
) -> None:
    """Run the graph on the last class of each condition. Raises TaskError E591."""
    device = next(graph.parameters()).device
    first = {one.name: one.dropped(1).zero_() for one in conditions.each}
    for one in conditions.each:
        inputs: dict[str, Any] = {
            "x": torch.zeros(1, channels, frames),
            "t": torch.zeros(1),
            **first,
        }
        # The class of a dropped condition is the last one.
        inputs[one.name] = one.dropped(1)
        try:
            with evaluating(graph):
                graph(**on(device, inputs))
        except GraphError as error:
            # Anything but a row that the embedding does not have is the graph's own error.
            if not isinstance(error.__cause__, IndexError):
                raise
            needed = f"{one.n_classes}, the one for 'not known' with them"
            raise TaskError(
                f"the graph's embedding of '{one.name}' has too few rows",
                code="E591",
                where=graph.graph.where_input(),
                facts=[("classes", needed)],
                help=f"give the TokenEmbedding behind `{one.name}` num_embeddings: {one.n_classes} or more",
            ) from error
