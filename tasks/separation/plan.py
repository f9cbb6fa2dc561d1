"""In which pieces a recording is separated: chunks that give what one pass would, or one pass where memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import MirbricksError
from ...registry import Block
from .chunks import chunks_of, overlap_for, reach_of
from .config import SeparationConfig
from .inference import whole_steps
from .kinds import Separator
from .peak import peak_bytes

MEGABYTE = 1e6
# What a layer of a plug-in may raise that computes with the numbers of its input, where there are none.
WITHOUT_NUMBERS = (MirbricksError, RuntimeError, NotImplementedError, TypeError)
# What layers need beside their tensors, as convolutions do: the graphs that ship took 1.3 to 1.9 times what they hold.
WITH_SCRATCH = 2.0
# Samples of the shorter of two runs that memory is measured on, without numbers.
SHORT = 1 << 14


@dataclass(frozen=True)
class Plan:
    """How a recording is separated.

    Parameters
    ----------
    chunk, overlap : int
        Samples that are separated at once, and how many of them the next chunk has too.
    exact : bool
        Whether the chunks give what one pass over the whole recording does.
    needed_mb : float
        About how much memory one pass needs, in MB; 0 where chunks are exact, or where it is not known.
    """

    chunk: int
    overlap: int
    exact: bool
    needed_mb: float = 0.0


def plan_of(
    separator: Separator, config: SeparationConfig, n_channels: int, n_samples: int
) -> Plan:
    """Choose the chunks for a recording.

    Where the graph sees no further than an overlap, chunks give what one pass does, and memory does not grow with the
    recording. Where it sees further, chunks grow as far as `one_pass_mb` allows. A graph whose answer depends on the
    whole recording, as after a norm over time, separates it in one pass where that fits; otherwise in chunks, whose
    answers then differ.

    Parameters
    ----------
    separator : Separator
        The model.
    config : SeparationConfig
        Sizes of the chunks, and how much memory one pass may take.
    n_channels, n_samples : int
        Of the recording, as the model reads it.

    Returns
    -------
    Plan
    """
    only = separator.only_samples
    if only is not None:
        # There is no pass over more than the graph reads that chunks could differ from.
        return Plan(only, round(config.overlap * only), True)
    overlap = round(config.overlap * config.chunk_frames)
    chunk, overlap = chunks_of(separator.model, config.chunk_frames, overlap)
    if n_samples <= chunk:
        return Plan(chunk, overlap, True)
    reach, step = reach_of(separator.model)
    try:
        # What is stretched by a factor that depends on the length is seen to its end.
        if reach is not None and not stretches_alike(separator, n_channels, step):
            reach = None
        if reach is not None and overlap_for(reach) <= overlap and not chunk % step:
            return Plan(chunk, overlap, True)
        each = bytes_per_sample(separator, n_channels, step)
    except WITHOUT_NUMBERS:
        return Plan(chunk, overlap, False)
    longer = _longer(reach, step, n_samples, config.one_pass_mb * MEGABYTE / each)
    if longer is not None:
        return longer
    return Plan(chunk, overlap, False, each * n_samples / MEGABYTE)


def _longer(
    reach: int | None, step: int, n_samples: int, most_samples: float
) -> Plan | None:
    """Chunks that are as long as the graph needs them, or one for all; None where memory does not allow it."""
    if reach is not None:
        needed = overlap_for(reach)
        chunk, overlap = whole_steps(2 * needed, needed, step)
        if chunk <= min(most_samples, n_samples):
            return Plan(chunk, overlap, True)
    if n_samples <= most_samples:
        return Plan(n_samples, 0, True)
    return None


def bytes_per_sample(separator: Separator, n_channels: int, step: int) -> float:
    """About how much memory a sample more takes, in bytes: of a copy without numbers."""
    meta = separator.on_meta()

    def taken(n_samples: int) -> int:
        mix = torch.zeros(n_channels, n_samples, device="meta")
        return peak_bytes(lambda: meta(mix, separator.targets[:1]))

    # A step of a deep graph is thousands of samples, and fewer than one say nothing of what more of them take.
    short = max(SHORT, 2 * step)
    more = taken(2 * short) - taken(short)
    return max(WITH_SCRATCH * more / short, 1.0)


def stretches_alike(separator: Separator, n_channels: int, step: int) -> bool:
    """Whether layers that bring frames to the size of others do so by the same factor at every length."""
    if not any(_to_a_size(module) for module in separator.model.modules()):
        return True
    # Multiples of a step, one sample more, one less, and what lies between: sizes are rounded differently on the way.
    lengths = [
        4 * step,
        6 * step + 1,
        9 * step - 1,
        11 * step + step // 2,
        16 * step + step // 3,
    ]
    meta = separator.on_meta()
    seen: list[list[_Sizes]] = []
    handles = []
    for module in meta.model.modules():
        if _to_a_size(module):
            handles.append(module.register_forward_hook(_noting(seen)))
    with torch.inference_mode():
        for n_samples in lengths:
            seen.append([])
            mix = torch.zeros(n_channels, n_samples, device="meta")
            meta(mix, separator.targets[:1])
    for handle in handles:
        handle.remove()
    return all(_alike(runs) for runs in zip(*seen, strict=True))


_Sizes = tuple[Sequence[int], Sequence[int], bool]


def _to_a_size(module: nn.Module) -> bool:
    """Whether a layer interpolates to the size of another tensor."""
    is_block = isinstance(module, Block) and isinstance(module, nn.Upsample)
    return is_block and module.scale_factor is None


def _noting(seen: list[list[_Sizes]]) -> Any:
    def note(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        corners = bool(module.align_corners)
        seen[-1].append((inputs[0].shape[2:], output.shape[2:], corners))

    return note


def _alike(runs: Sequence[_Sizes]) -> bool:
    """Whether the factor of each axis whose size changes from run to run is the same in all of them."""
    came = [sizes for sizes, _, _ in runs]
    for axis in range(len(came[0])):
        if len({sizes[axis] for sizes in came}) == 1:
            continue
        factors = set()
        for before, after, corners in runs:
            # With the corners kept, the first and the last frame stay where they are.
            kept = int(corners)
            if before[axis] > kept:
                factors.add(Fraction(after[axis] - kept, before[axis] - kept))
        if len(factors) > 1:
            return False
    return True


class Seams:
    """How far neighbouring chunks differ where they meet: measured on what both of them separated anyway."""

    def __init__(self) -> None:
        self._difference = 0.0
        self._level = 0.0

    def note(self, before: Tensor, after: Tensor) -> None:
        """Two answers (S, C, n) for the same samples."""
        self._difference += float((before - after).double().square().sum())
        self._level += float(after.double().square().sum())

    @property
    def difference_db(self) -> float | None:
        """Their difference relative to their level, in dB; None where nothing sounded, or they do not differ."""
        if not self._difference or not self._level:
            return None
        return float(10 * torch.tensor(self._difference / self._level).log10())


def chunked_words(
    plan: Plan, config: SeparationConfig, model_hz: int, seams: Seams
) -> str:
    """What is to be said of a recording whose chunks do not give what one pass would."""
    seconds = plan.chunk / model_hz
    found = seams.difference_db
    if found is None:
        differ = "where chunks meet they agree"
    else:
        differ = f"where chunks meet they differ by {found:.0f} dB"
    if plan.needed_mb:
        needs = f"One pass needs about {plan.needed_mb:,.0f} MB, and one_pass_mb is {config.one_pass_mb:,}"
    else:
        needs = "How much memory one pass needs is not known"
    return (
        f"the model's answer depends on the whole recording, which was separated in chunks of {seconds:.1f} s: "
        f"{differ}. {needs}"
    )
