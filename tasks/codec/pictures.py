"""What a report shows of a codec: recordings and what comes back of them, and the use of the codebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import Case, Evaluation, Picture
from ..evaluation import score_words
from ..sounds import Sound
from .graph_codec import GraphCodec

Pair = tuple[
    str, Any, Any
]  # a recording's key, its samples (C, N), and those that came back


def pictures_of(codec: GraphCodec, evaluation: Evaluation) -> list[Picture]:
    """How much of each codebook is in use, of a codec that has any."""
    if not codec.is_discrete:
        return []
    return [_codebooks(codec, evaluation)]


def cases_of(pairs: Sequence[Pair], sr_hz: int, evaluation: Evaluation) -> list[Case]:
    """Spectrograms and players for each recording and what came back of it, with its figures."""
    found = []
    for key, wave, back in pairs:
        sounds = [
            Sound(np.float32(wave), sr_hz, title="recording"),
            Sound(np.float32(back), sr_hz, title="decoded"),
        ]
        caption = "The recording, then what the codec gives back of it."
        score = score_words(evaluation.tracks.get(key, {}))
        found.append(Case(key, score=score, caption=caption, sounds=sounds))
    return found


def _codebooks(codec: GraphCodec, evaluation: Evaluation) -> Picture:
    from ...plots.palette import BLUE, PURPLE, SOFT
    from ...plots.style import canvas

    figure, ax = canvas(None, 8.0, 3.2)
    numbers = np.arange(1, codec.n_codebooks + 1)
    use = [evaluation.figures[f"use_{number}"] for number in numbers]
    perplexity = [
        evaluation.figures[f"perplexity_{number}"] / codec.n_codes for number in numbers
    ]
    ax.bar(numbers - 0.2, use, width=0.4, color=BLUE, label="codes that occur")
    ax.bar(numbers + 0.2, perplexity, width=0.4, color=PURPLE, label="perplexity")
    ax.axhline(0.5, linewidth=0.8, linestyle="--", color=SOFT)
    ax.set_xlabel("codebook")
    ax.set_xticks(numbers)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_ylabel(f"share of {codec.n_codes} codes")
    ax.set_ylim(0, 1.05)
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    caption = (
        "How many codes of each codebook occur, and its perplexity, which is that share where all of them occur alike. "
        "A codebook far under one half wastes bits."
    )
    return Picture("Use of the codebooks", caption, figure)
