"""Whether a sound of the length that is asked for fits into memory: found out before anything of it is made.

What a longer sound costs is measured on short ones: the largest layer of a run grows with its length, and so do the
caches of a graph that is stepped. What they grow by is taken for every frame more. That is an estimate, and meant for
lengths that are out of reach by far: those that would end with the process killed and nothing said.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from ..compiler.module import GraphModule
from ..compiler.stepping import Steps
from ..errors import GraphError, TaskError, Where

TRIED = (32, 64)  # frames, samples or places of the short runs
SHORT = (
    1024  # frames that fit wherever a model was trained: nothing is measured up to here
)
MOST_TRIED = 1_000_000  # no table of positions has more rows, and sizes of tensors do not overflow yet
HELD = 8  # of the largest layer, what a run holds at once: measured on the decoder of notes_flow
MEMINFO = Path("/proc/meminfo")  # of Linux
GIGABYTE = 1e9


@dataclass(frozen=True)
class Length:
    """How long the sounds are that a setting asks for.

    Parameters
    ----------
    setting : str
        Such as "task.generate_frames".
    value : float
        The value of the setting.
    frames : int
        The length in frames, or samples, of which a run has several.
    seconds : float
        The same in seconds.
    """

    setting: str
    value: float
    frames: int
    seconds: float
    comment: str = ""  # what the frames are for the graph, such as ", 21 places"


def on_meta(model: GraphModule) -> GraphModule:
    """A copy without numbers, which runs on any sizes in no time and gives the sizes of what comes out."""
    return copy.deepcopy(model).to("meta").eval()


def refuse_too_long(
    model: GraphModule, inputs: Callable[[int], Mapping[str, Tensor]], length: Length
) -> None:
    """Raise TaskError E573 where a graph cannot read this many frames, such as one with a table of positions.

    inputs  those of a graph for so many frames, on any device
    """
    tried = min(length.frames, MOST_TRIED)
    moved = {name: value.to("meta") for name, value in inputs(tried).items()}
    try:
        with torch.inference_mode():
            on_meta(model)(**moved)
    except GraphError as error:
        raise TaskError(
            f"the graph cannot read {length.frames} frames{length.comment}",
            code="E573",
            where=error.where,
            facts=[("layer", error.message), ("asked by", length.setting)],
            help=f"give the layer more positions, or choose a smaller {length.setting}",
        ) from error


def refuse_beyond_memory(
    length: Length,
    bytes_per_frame: Callable[[], float],
    count: int,
    device: torch.device,
    where: Where | None = None,
) -> None:
    """Raise TaskError E565 where `count` sounds of this length need more memory than is free.

    bytes_per_frame  of one sound; asked for where the length is worth a measurement
    """
    if length.frames <= SHORT:
        return
    free = free_bytes(device)
    if free is None:
        return
    each = bytes_per_frame() * count
    needed = each * length.frames
    if needed <= free:
        return
    most = _rounded_down(length.value * free / needed)
    raise TaskError(
        f"sounds of {length.seconds:,.0f} s do not fit into memory",
        code="E565",
        where=where,
        facts=[
            ("asked by", f"{length.setting}: {length.value:,}"),
            ("needed", f"about {needed / GIGABYTE:,.0f} GB for {count} at once"),
            ("free", f"{free / GIGABYTE:,.1f} GB"),
        ],
        help=f"choose a {length.setting} of {most:,} or less",
    )


def free_bytes(device: torch.device) -> int | None:
    """Memory that can be had on a device; None where the system does not say."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    # Other systems have no such file.
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


@torch.inference_mode()
def layer_bytes_per_frame(run: Callable[[int], object]) -> float:
    """What a frame more adds to the layers that a run holds at once; `run` computes so many frames."""
    largest = []
    for frames in TRIED:
        with _largest_layer() as found:
            run(frames)
        largest.append(max(found, default=0))
    return HELD * _slope(largest)


@torch.inference_mode()
def cache_bytes_per_place(
    model: GraphModule, moving: str, others: Mapping[str, Tensor]
) -> float:
    """What a place more adds to the caches of one sequence; 0 for a graph that cannot be stepped."""
    first = {name: value[:1] for name, value in others.items()}
    held = []
    for places in TRIED:
        try:
            steps = Steps(model, moving, first, batch_size=1, max_places=places)
        # Such a graph is computed as a whole.
        except (RuntimeError, ValueError, IndexError):
            return 0.0
        held.append(sum(map(_bytes_of, steps.caches)))
    return _slope(held)


def _slope(values: list[int]) -> float:
    return max(values[1] - values[0], 0) / (TRIED[1] - TRIED[0])


def _rounded_down(value: float) -> float:
    """Two leading digits of it: the measurement gives no more."""
    whole = int(value)
    if not whole:
        return round(value, 2)
    step: int = 10 ** max(len(str(whole)) - 2, 0)
    return whole // step * step


@contextmanager
def _largest_layer() -> Iterator[list[int]]:
    """The bytes that go into and come out of each layer that is run."""
    found: list[int] = []

    def note(_module: nn.Module, inputs: Any, output: Any) -> None:
        found.append(_bytes_of(inputs) + _bytes_of(output))

    handle = register_module_forward_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def _bytes_of(held: Any) -> int:
    """Of all tensors in lists, mappings and plain objects; weights are not counted."""
    if isinstance(held, Tensor):
        return held.numel() * held.element_size()
    if isinstance(held, nn.Module):
        return 0
    if isinstance(held, Mapping):
        return sum(map(_bytes_of, held.values()))
    if isinstance(held, list | tuple):
        return sum(map(_bytes_of, held))
    return sum(map(_bytes_of, getattr(held, "__dict__", {}).values()))
