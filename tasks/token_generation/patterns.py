"""Codes of several codebooks as one sequence, and back.

The patterns of MusicGen (Copet et al., arXiv:2306.05284, section 2.2):

flatten   every code is a place: all codebooks of a frame, coarse to fine, then the next frame; Q · T places
delay     a place holds one code of each codebook, codebook q of the frame q places before: T + Q - 1 places
parallel  a place holds all codes of a frame, predicted at once: T places

At the two ends of `delay` codebooks have no code yet, or none any more: there stands the code n_codes, "empty", which
no codebook has. B batch, Q codebooks, T frames, S places, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

PatternName = Literal["flatten", "delay", "parallel"]


@dataclass(frozen=True)
class Pattern:
    """How codes stand in a sequence.

    Parameters
    ----------
    name : "flatten", "delay" or "parallel"
        See above.
    n_codebooks, n_codes : int
        Codebooks, and the codes of each.

    Examples
    --------
    >>> codes = torch.tensor([[[1, 2, 3], [4, 5, 6]]])      # two codebooks, three frames
    >>> delay = Pattern("delay", n_codebooks=2, n_codes=9)
    >>> delay.tokens(codes)
    tensor([[[1, 2, 3, 9],
             [9, 4, 5, 6]]])
    >>> bool((delay.codes(delay.tokens(codes)) == codes).all())
    True
    """

    name: PatternName
    n_codebooks: int
    n_codes: int

    @property
    def empty(self) -> int:
        """What stands where a codebook has no code."""
        return self.n_codes

    @property
    def n_embeddings(self) -> int:
        """Rows that the table of a graph needs for a codebook."""
        return self.n_codes + (self.delay > 0)

    @property
    def delay(self) -> int:
        """Places that the last codebook comes later than the first."""
        if self.name == "delay":
            return self.n_codebooks - 1
        return 0

    @property
    def codes_per_place(self) -> int:
        """How many codes a place holds, and how many are predicted at once."""
        if self.name == "flatten":
            return 1
        return self.n_codebooks

    def n_places(self, n_frames: int) -> int:
        """The length of the sequence of so many frames."""
        if self.name == "flatten":
            return self.n_codebooks * n_frames
        return n_frames + self.delay

    def n_logits(self) -> int:
        """Numbers that a graph gives for a place."""
        return self.codes_per_place * self.n_codes

    def tokens(self, codes: Tensor) -> Tensor:
        """What a graph reads of codes (B, Q, T): (B, Q, T), or (B, Q, T + Q - 1) for `delay`."""
        if not self.delay:
            return codes
        batch, _, frames = codes.shape
        shape = (batch, self.n_codebooks, self.n_places(frames))
        tokens = codes.new_full(shape, self.empty)
        for level in range(self.n_codebooks):
            tokens[:, level, level : level + frames] = codes[:, level]
        return tokens

    def codes(self, tokens: Tensor) -> Tensor:
        """The codes (B, Q, T) of `tokens`."""
        if not self.delay:
            return tokens
        frames = tokens.shape[-1] - self.delay
        rows = []
        for level in range(self.n_codebooks):
            rows.append(tokens[:, level, level : level + frames])
        return torch.stack(rows, dim=1)

    def logits(self, outputs: Tensor, n_frames: int) -> Tensor:
        """What a graph gives, (B, S, K) or (B, S, Q · K), as the logits of each code, (B, Q, T, K)."""
        if self.name == "flatten":
            by_frame = (len(outputs), n_frames, self.n_codebooks, self.n_codes)
            return outputs.reshape(by_frame).transpose(1, 2)
        by_level = (*outputs.shape[:2], self.n_codebooks, self.n_codes)
        levels = outputs.reshape(by_level)
        rows = []
        for level in range(self.n_codebooks):
            first = min(level, self.delay)
            rows.append(levels[:, first : first + n_frames, level])
        return torch.stack(rows, dim=1)

    def place_logits(self, outputs: Tensor) -> Tensor:
        """What a graph gives for one place, (B, 1, ...), as (B, codes of the place, K)."""
        return outputs[:, -1].view(-1, self.codes_per_place, self.n_codes)

    def column(self, drawn: Tensor, place: int, n_frames: int) -> Tensor:
        """Codes drawn for a place, (B, codes of the place), as the graph reads them next: (B, ..., 1).

        What lies outside of the recording becomes empty.
        """
        column = drawn.clone()
        for level in range(self.codes_per_place if self.delay else 0):
            if not 0 <= place - level < n_frames:
                column[:, level] = self.empty
        return column[..., None]

    def nothing(self, like: Tensor) -> Tensor:
        """The columns before the first, of which there are none: (B, codes of a place, 0)."""
        return like.new_zeros(len(like), self.codes_per_place, 0)

    def column_of(self, tokens: Tensor, place: int) -> Tensor:
        """The column of a place of `tokens`: (B, codes of a place, 1)."""
        if self.name == "flatten":
            level = place % self.n_codebooks
            frame = place // self.n_codebooks
            return tokens[:, level : level + 1, frame : frame + 1]
        return tokens[..., place : place + 1]

    def gathered(self, columns: list[Tensor]) -> Tensor:
        """The codes (B, Q, T) of the columns of all places."""
        sequence = torch.cat(columns, dim=-1)
        if self.name == "flatten":
            by_frame = sequence.reshape(len(sequence), -1, self.n_codebooks)
            return by_frame.transpose(1, 2)
        return self.codes(sequence)
