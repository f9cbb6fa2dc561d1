"""Sources of a recording of any length, in memory that does not grow with it.

The recording goes through in pieces: resampled to the model's rate, separated in chunks that overlap, put together,
resampled back, and handed on. Nothing but the piece that is worked on, and what its neighbours need of it, is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from ...features.resample import resample_stream

# The middle eighth of an overlap goes over from one chunk to the next. What lies to either
# side is context, which lets a chunk know what surrounds the samples that it counts for.
FADE_SHARE = 8

Separator = Callable[[Tensor], Tensor]
Finish = Callable[[Tensor, Tensor], Tensor]
OnSeam = Callable[[Tensor, Tensor], None]


def context_of(overlap: int) -> int:
    """Samples next to the end of a chunk that do not count where another chunk follows.

    Parameters
    ----------
    overlap : int
        Samples that a chunk shares with the next.

    Returns
    -------
    int
        A model whose outputs see no further than this to either side gives what it gives of the whole recording.

    Examples
    --------
    >>> context_of(1600)
    700
    """
    return (overlap - overlap // FADE_SHARE) // 2


def whole_steps(chunk: int, overlap: int, step: int) -> tuple[int, int]:
    """Round up a chunk and its overlap so that every chunk begins at a multiple of a step.

    Only there do the frames of a chunk lie as those of the whole recording do.

    Parameters
    ----------
    chunk, overlap : int
        Samples of a chunk, and those that it shares with the next.
    step : int
        Samples that the model's frames move on by, the hop of its transform times the strides of its layers.

    Returns
    -------
    chunk, overlap : int

    Examples
    --------
    >>> whole_steps(1000, 250, 64)
    (1024, 256)
    """
    _refuse_sizes(chunk, overlap)
    hop = -(-(chunk - overlap) // step) * step
    overlap = -(-overlap // step) * step
    return hop + overlap, overlap


def _refuse_sizes(chunk: int, overlap: int) -> None:
    if not 0 <= overlap < chunk:
        raise ValueError(
            f"expected an overlap of 0 to {chunk - 1} samples for chunks of {chunk}, got {overlap}"
        )


@torch.inference_mode()
def separated_pieces(
    model: Separator,
    pieces: Iterable[Tensor],
    *,
    chunk: int,
    overlap: int,
    on_seam: OnSeam | None = None,
) -> Iterator[Tensor]:
    """Separate what comes in pieces, chunk by chunk.

    Chunks cross-fade in the middle of their overlap, with weights that sum to 1. A recording that is no longer than a
    chunk is separated as a whole.

    Parameters
    ----------
    model : callable
        (C, n) at most `chunk` samples at its rate -> (S, C, n) sources.
    pieces : iterable of Tensor, (C, n)
        The recording at the model's rate; pieces may be of any length.
    chunk, overlap : int
        Samples that are separated at once, and how many of them the next chunk has too (`context_of`,
        `whole_steps`).
    on_seam : callable, optional
        Called with what a chunk says of the samples that it fades out over, and with what the next one says of them.

    Yields
    ------
    Tensor, (S, C, m)
        Pieces that together are as long as what came in.

    Raises
    ------
    ValueError
        For an overlap that does not fit the chunk, or sources of another length than the chunk.

    Examples
    --------
    >>> halves = lambda mix: torch.stack([mix / 2, mix / 2])
    >>> found = separated_pieces(halves, torch.ones(2, 1000).split(300, dim=1), chunk=400, overlap=80)
    >>> torch.cat(list(found), dim=2).shape
    torch.Size([2, 2, 1000])
    """
    _refuse_sizes(chunk, overlap)
    hop = chunk - overlap
    ramp = _ramp(overlap)
    tail: Tensor | None = None  # what the last chunk says of the samples it shares
    held: list[Tensor] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += piece.shape[-1]
        # A chunk that ends with the recording is the last: more must be there for any other.
        while n_held > chunk:
            wave = _joined(held)
            found = _faded(_sources(model, wave[..., :chunk]), tail, ramp, on_seam)
            yield found[..., :hop]
            tail = found[..., hop:]
            held = [wave[..., hop:]]
            n_held -= hop
    if n_held:
        yield _faded(_sources(model, _joined(held)), tail, ramp, on_seam)


def _ramp(overlap: int) -> Tensor:
    """(overlap,): how much a chunk counts in the samples that it shares with the one before it."""
    context = context_of(overlap)
    fade = overlap - 2 * context
    phase = (torch.arange(fade, dtype=torch.float64) + 0.5) / max(fade, 1)
    return torch.cat(
        [
            torch.zeros(context),
            torch.sin(torch.pi / 2 * phase).square().float(),
            torch.ones(context),
        ]
    )


def _joined(held: list[Tensor]) -> Tensor:
    return held[0] if len(held) == 1 else torch.cat(held, dim=-1)


def _sources(model: Separator, wave: Tensor) -> Tensor:
    sources = model(wave)
    if sources.shape[1:] != wave.shape:
        raise ValueError(
            f"expected sources (S, {wave.shape[0]}, {wave.shape[1]}), got {tuple(sources.shape)}"
        )
    return sources


def _faded(
    sources: Tensor, tail: Tensor | None, ramp: Tensor, on_seam: OnSeam | None
) -> Tensor:
    """The sources of a chunk, whose beginning comes in as what the chunk before says of it fades out."""
    if tail is None or not len(ramp):
        return sources
    weight = ramp.to(sources)
    sources = sources.clone()
    start = sources[..., : len(ramp)]
    if on_seam is not None:
        # Outside of the fade one of the two lacks what is around it, and does not count.
        fade = (ramp > 0) & (ramp < 1)
        on_seam(tail[..., fade], start[..., fade])
    # As two products, so that a weight of 0 or 1 gives either chunk's samples to the bit.
    start.copy_(tail * (1 - weight) + start * weight)
    return sources


@torch.inference_mode()
def separated_stream(
    model: Separator,
    pieces: Iterable[Tensor],
    *,
    from_hz: int,
    model_hz: int,
    chunk: int,
    overlap: int,
    finish: Finish | None = None,
    on_seam: OnSeam | None = None,
) -> Iterator[Tensor]:
    """Separate a recording that comes in pieces at any rate; the sources have its rate and its length.

    Parameters
    ----------
    model : callable
        (C, n) at `model_hz` -> (S, C, n) sources.
    pieces : iterable of Tensor, (C, n)
        The recording at `from_hz`; pieces may be of any length.
    from_hz, model_hz : int
        Its rate and the model's, in Hz.
    chunk, overlap : int
        In samples at the model's rate, as of `separated_pieces`.
    finish : callable, optional
        Applied to every piece at the recording's rate: sources (S, C, m) and the mix (C, m) -> sources (S', C, m).
        Samples must not depend on how far a piece reaches, as those of `postprocess.sum_to_mix` do not.
    on_seam : callable, optional
        As of `separated_pieces`.

    Yields
    ------
    Tensor, (S, C, m)
        Pieces that together are as long as what came in, on the CPU.

    Raises
    ------
    DataError
        E439 for a rate below 1,000 or above 1,000,000 Hz.
    ValueError
        As `separated_pieces`.
    """
    mix = _Mix(pieces)
    at_rate = resample_stream(mix, from_hz, model_hz)
    separated = separated_pieces(
        model, at_rate, chunk=chunk, overlap=overlap, on_seam=on_seam
    )
    on_cpu = (piece.cpu() for piece in separated)
    n_given = 0
    for piece in resample_stream(on_cpu, model_hz, from_hz):
        # Rates that do not divide each other leave a sample too many at the end.
        n_samples = min(piece.shape[-1], mix.n_samples - n_given)
        if not n_samples:
            continue
        piece = piece[..., :n_samples]
        own = mix.taken(n_samples)
        n_given += n_samples
        yield piece if finish is None else finish(piece, own)


class _Mix:
    """The pieces of a recording, each of which is kept until its sources are made."""

    def __init__(self, pieces: Iterable[Tensor]) -> None:
        self._pieces = pieces
        self._kept: list[Tensor] = []
        self.n_samples = 0  # that have come so far

    def __iter__(self) -> Iterator[Tensor]:
        for piece in self._pieces:
            self._kept.append(piece.cpu())
            self.n_samples += piece.shape[-1]
            yield piece

    def taken(self, n_samples: int) -> Tensor:
        """The next samples (C, n), which are kept no longer."""
        kept = _joined(self._kept)
        self._kept = [kept[..., n_samples:]]
        return kept[..., :n_samples]
