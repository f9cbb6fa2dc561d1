"""How long a sound of codes may be: what the graph's positions and the memory allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...compiler.module import GraphModule
from ..codec.interface import Codec
from ..lengths import (
    Length,
    cache_bytes_per_place,
    layer_bytes_per_frame,
    refuse_beyond_memory,
    refuse_too_long,
)
from .config import TokenGenerationConfig
from .patterns import Pattern

BYTES_PER_CODE = 8
COPIES = 4  # of all codes: as they are drawn, as columns, side by side, as the codec reads them


@dataclass(frozen=True)
class TokenLengths:
    """The lengths that the settings ask for; `codes` is the graph's input that is generated.

    `one` of a method is a row of each condition, as in `one_of_each`.
    """

    codec: Codec
    pattern: Pattern
    config: TokenGenerationConfig
    codes: str

    def refuse_unread(self, model: GraphModule, one: Mapping[str, Tensor]) -> None:
        """Raise TaskError E573 or E565 for more frames than the graph reads, or than memory holds."""

        def inputs(frames: int) -> dict[str, Tensor]:
            shape = (1, self.pattern.n_codebooks, frames)
            codes = torch.zeros(shape, dtype=torch.int64, device="meta")
            return {self.codes: self.pattern.tokens(codes), **one}

        learned = self._length("patch_frames", self.config.patch_frames)
        refuse_too_long(model, inputs, learned)
        frames = self.config.generate_frames
        if frames:
            refuse_too_long(model, inputs, self._length("generate_frames", frames))
            self.refuse_beyond_memory(model, one, count=1)

    def refuse_beyond_memory(
        self, model: GraphModule, one: Mapping[str, Tensor], count: int
    ) -> None:
        """Raise TaskError E565 where `count` sounds of the length asked for do not fit."""
        # Sounds of the length that was learned were read in larger batches, with gradients.
        frames = self.config.generate_frames
        if not frames:
            return
        device = next(model.parameters()).device
        codec = self.codec.to(device)

        def decode(frames: int) -> Tensor:
            shape = (1, self.pattern.n_codebooks, frames)
            return codec.decode(torch.zeros(shape, dtype=torch.int64, device=device))

        def bytes_per_frame() -> float:
            kept = COPIES * self.pattern.n_codebooks * BYTES_PER_CODE
            places = self.pattern.n_places(2) - self.pattern.n_places(1)
            moved = {name: value.to(device) for name, value in one.items()}
            cached = cache_bytes_per_place(model, self.codes, moved)
            cached *= places * self.config.passes
            return kept + cached + layer_bytes_per_frame(decode)

        where = model.graph.source.value(("task", "generate_frames"))
        length = self._length("generate_frames", frames)
        refuse_beyond_memory(length, bytes_per_frame, count, device, where)

    def _length(self, setting: str, frames: int) -> Length:
        seconds = frames * self.codec.hop_length / self.codec.sr_hz
        places = self.pattern.n_places(frames)
        comment = f", {places} places in the pattern '{self.pattern.name}'"
        return Length(f"task.{setting}", frames, frames, seconds, comment)
