"""How well a codec gives back recordings: distances of sounds, and the use of its codebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...metrics.codebooks import CodebookUse, bit_rate_bps
from ...metrics.reconstruction import log_mel_distance_db, si_sdr_db, stft_distance
from ..base import Figures
from .graph_codec import GraphCodec

NO_ERROR = 1e-12  # of the energy: -120 dB


def codebooks_judged(codec: GraphCodec, few: int | None) -> Iterator[tuple[str, int]]:
    """How many codebooks are judged, each with what its figures' names end in."""
    yield "", codec.n_codebooks
    if few is not None and few < codec.n_codebooks:
        yield f"_{few}_codebooks", few


def sound_figures(output: Tensor, wave: Tensor, sr_hz: int, ending: str) -> Figures:
    """Distances of a decoded sound (1, N) from the recording; a silent one has no SI-SDR."""
    found: Figures = {}
    ratio = si_sdr_db(output, wave)
    if ratio is not None:
        found[f"si_sdr_db{ending}"] = ratio
    found[f"log_mel_distance_db{ending}"] = log_mel_distance_db(output, wave, sr_hz)
    found[f"mr_stft_distance{ending}"] = stft_distance(output, wave)
    return found


def stage_figures(codec: GraphCodec, codes: Tensor, wave: Tensor) -> Figures:
    """The error after each stage of a residual quantizer, in dB of the recording's energy: of codes (1, Q, T).

    It is the squared error of the sound that the first n codes give, for each n. Beside it stands whether some stage
    does not lower it (1, else 0), where silence is what comes before the first; and whether some stage does not lower
    the squared error of the latents. A silent recording has none of this.
    """
    energy = wave.double().square().sum()
    if not energy:
        return {}
    errors = [energy]
    for n in range(1, codes.shape[1] + 1):
        decoded = codec.decode(codes[:, :n])[0, :, : wave.shape[-1]].cpu()
        errors.append((decoded.double() - wave).square().sum())
    left = codec.latent_errors(wave[None], codes)
    ratios = torch.stack(errors) / energy
    return {
        "stage_errors_db": (10 * ratios[1:].clamp_min(NO_ERROR).log10()).tolist(),
        "stage_raises_error": float((ratios.diff() >= 0).any()),
        "stage_raises_latent_error": float((left.diff() >= 0).any()),
    }


def codebook_figures(tracks: Sequence[Figures]) -> dict[str, float]:
    """Use and perplexity of the codebooks over tracks that hold their codes: means, the least, and of each codebook."""
    sizes = tracks[0]["codebook_sizes"]
    counts = CodebookUse(sizes)
    for figures in tracks:
        counts.add(np.array(figures["codes"], dtype=np.int64))
    shares = counts.perplexity() / np.array(sizes)
    found = {
        "codebook_use": float(counts.use().mean()),
        "perplexity_share": float(shares.mean()),
        "least_perplexity_share": float(shares.min()),
    }
    for place, (use, perplexity) in enumerate(
        zip(counts.use(), counts.perplexity(), strict=True), start=1
    ):
        found[f"use_{place}"] = float(use)
        found[f"perplexity_{place}"] = float(perplexity)
    return found


def rates(codec: GraphCodec, few: int | None) -> dict[str, float]:
    """Bits per second, by name."""
    frame_hz = codec.sr_hz / codec.hop_length
    found = {}
    for ending, number in codebooks_judged(codec, few):
        found[f"bit_rate_bps{ending}"] = bit_rate_bps(
            frame_hz, [codec.n_codes] * number
        )
    return found


def means(tracks: Mapping[str, Figures]) -> dict[str, float]:
    """The mean of every number over the tracks that have it."""
    values: dict[str, list[float]] = {}
    for figures in tracks.values():
        for name, value in figures.items():
            if isinstance(value, int | float):
                values.setdefault(name, []).append(float(value))
    return {name: sum(own) / len(own) for name, own in values.items()}


def plain(codec: GraphCodec, codes: Tensor) -> Figures:
    """Codes (1, Q, T) as JSON knows them, with the sizes of the codebooks: what counting them needs."""
    sizes = [codec.n_codes] * codec.n_codebooks
    return {"codes": codes[0].tolist(), "codebook_sizes": sizes}
