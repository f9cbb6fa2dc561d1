"""Estimates of whole recordings: the model in chunks that overlap, and what is done to its estimates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ...errors import TaskError
from ..base import OnShare, unseen
from ..modes import evaluating
from ..reading import Recorded
from .config import SeparationConfig
from .inference import separated_stream
from .kinds import Separator
from .plan import Seams, chunked_words, plan_of
from .postprocess import sum_to_mix, wiener

READ_SAMPLES = 1 << 18  # of a recording at once
MARGIN = 16


def estimated(
    separator: Separator,
    feature: Recorded,
    config: SeparationConfig,
    sr_hz: int,
    on_share: OnShare = unseen,
) -> Tensor:
    """Estimates (K, C, N) of every target in a recording at the model's rate, on the CPU."""
    n_samples = feature.n_frames

    def pieces() -> Iterator[Tensor]:
        for start in range(0, n_samples, READ_SAMPLES):
            stop = min(start + READ_SAMPLES, n_samples)
            yield feature.read(start, stop).float()

    estimates = estimates_of(
        separator,
        pieces(),
        n_samples=n_samples,
        from_hz=sr_hz,
        model_hz=sr_hz,
        n_channels=feature.shape[0],
        config=config,
    )
    found = []
    done = 0
    with evaluating(separator.model):
        for piece in estimates:
            found.append(piece)
            done += piece.shape[-1]
            on_share(done / n_samples)
        return torch.cat(found, dim=-1)


def estimates_of(
    separator: Separator,
    pieces: Iterable[Tensor],
    *,
    n_samples: int,
    from_hz: int,
    model_hz: int,
    n_channels: int,
    config: SeparationConfig,
    asked: Sequence[str] | None = None,
) -> Iterator[Tensor]:
    """Estimates of a recording that comes in pieces at any rate; they have its rate, its channels and its length.

    Where chunks do not give what one pass over the recording would, and that needs more memory than
    `config.one_pass_mb`, a warning at the end says how far chunks differ where they meet.

    To be asked for under `evaluating(separator.model)`: a generator that entered it itself, and is left before its end,
    would leave torch in inference mode.

    Parameters
    ----------
    separator : Separator
        The model.
    pieces : iterable of Tensor, (C, n)
        The recording; pieces may be of any length.
    n_samples : int
        How long it is, all pieces together.
    from_hz, model_hz : int
        Its rate and the model's, in Hz.
    n_channels : int
        Channels of the model.
    config : SeparationConfig
        Sizes of the chunks, and whether estimates are made to sum to the mix or made into Wiener filters.
    asked : sequence of str, optional
        The targets to give; default: all of them.

    Returns
    -------
    iterator of Tensor, (K, C, m)

    Raises
    ------
    TaskError
        E510 for estimates that are not finite.
    """
    targets = separator.targets
    wanted = list(targets if asked is None else asked)
    together = config.sum_to_mix or config.wiener
    # Both need every target: what the others have of the mix is not free for those that are asked for.
    made = list(targets) if together else wanted
    places = [made.index(target) for target in wanted]

    def finish(estimates: Tensor, mix: Tensor) -> Tensor:
        if config.sum_to_mix:
            estimates = sum_to_mix(estimates, mix)
        if not estimates.isfinite().all():
            raise TaskError(
                "the model gave samples that are not finite numbers",
                code="E510",
                help="train it again, with a lower train.lr or train.clip_norm",
            )
        return estimates[places]

    # Resampling may give a few samples more than the rates say.
    at_rate = math.ceil(n_samples * model_hz / from_hz) + MARGIN
    plan = plan_of(separator, config, n_channels, at_rate)
    seams = Seams()
    estimates = separated_stream(
        _in_channels(separator, n_channels, made, config.wiener),
        pieces,
        from_hz=from_hz,
        model_hz=model_hz,
        chunk=plan.chunk,
        overlap=plan.overlap,
        finish=finish,
        on_seam=None if plan.exact else seams.note,
    )
    if plan.exact:
        return estimates
    return _warning_at_end(
        estimates, lambda: chunked_words(plan, config, model_hz, seams)
    )


def _warning_at_end(
    estimates: Iterator[Tensor], words: Callable[[], str]
) -> Iterator[Tensor]:
    yield from estimates
    warnings.warn(words(), UserWarning, stacklevel=2)


def _in_channels(
    separator: Separator, n_channels: int, made: Sequence[str], filtered: bool
) -> Callable[[Tensor], Tensor]:
    """The model for mixes of as many channels as a recording has: (C, n) -> (K, C, n).

    A mono model separates each channel by itself, so that everything stays at its place in the stereo picture; a mono
    recording is in every channel of another model, whose estimates are averaged.
    """

    def of_channels(mix: Tensor) -> Tensor:
        if n_channels == 1:
            rows = [separator(row[None], made) for row in mix]
            estimates = torch.cat(rows, dim=1)
        elif len(mix) == 1:
            repeated = mix.expand(n_channels, -1)
            estimates = separator(repeated, made).mean(dim=1, keepdim=True)
        else:
            estimates = separator(mix, made)
        if filtered:
            estimates = wiener(estimates, mix.to(estimates.device))
        return estimates

    return of_channels
