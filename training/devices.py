"""Where a model runs: the device by its name, and several of them together under torchrun."""

from __future__ import annotations

import contextlib
import datetime
import functools
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from ..errors import RunError

# The other ranks wait while the leader validates.
VALIDATION_LIMIT = datetime.timedelta(hours=12)


def as_device(name: str | torch.device) -> torch.device:
    """The torch device of this name, once it has proved to work. Raises E624."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # the meta device has no values
    # Each backend that is missing raises an exception of its own: hpu cannot be imported.
    except Exception as error:
        # The help names devices that were seen to work, not all that torch has names for.
        works = ["cpu"]
        if torch.cuda.is_available():
            works.append("cuda")
        if torch.backends.mps.is_available():
            works.append("mps")
        raise RunError(
            f"the device '{name}' cannot be used",
            code="E624",
            facts=[("torch", str(error).strip().splitlines()[0])],
            help=f"these work here: {', '.join(works)}",
        ) from error
    return device


def seed_torch(device: torch.device, *numbers: int) -> None:
    """Seed torch's generators of the CPU and of `device` from several numbers, such as a seed and a step.

    `torch.manual_seed` would do, but it formats the stack for each backend that is not there: 1 ms per call.
    """
    # SeedSequence mixes the numbers well: neighbouring steps get unrelated streams, which seed + step would not give.
    seed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


@dataclass(frozen=True)
class World:
    """The processes that train together. Alone, every method returns what it was given."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leader(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """`model` with its gradients averaged over the processes."""
        if self.size == 1:
            return model
        devices = None
        if self.device.type == "cuda":
            devices = [self.device]
        return nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def mean(self, loss: Tensor, stop: bool) -> tuple[float, bool]:
        """The mean loss, and whether any process was asked to stop."""
        if self.size == 1:
            return float(loss.detach()), stop
        # Both in one message: every process must stop after the same step, or the others would wait for it.
        stops_here = torch.tensor(float(stop), device=self.device).double()
        both = torch.stack([loss.detach().double(), stops_here])
        dist.all_reduce(both)
        total, stops = both.tolist()
        return total / self.size, stops > 0

    def average_gradients(self, module: nn.Module | None) -> None:
        """Of weights that stand outside of the model that `wrap` was given."""
        if module is None or self.size == 1:
            return
        for weight in module.parameters():
            if weight.grad is not None:
                dist.all_reduce(weight.grad)
                weight.grad /= self.size

    def share(self, value: int) -> int:
        """The leader's `value`."""
        if self.size == 1:
            return value
        tensor = torch.tensor(value, device=self.device)
        dist.broadcast(tensor, src=0)
        return int(tensor)

    def gather(self, items: tuple[str, ...]) -> tuple[str, ...]:
        """The items of all processes, by rank."""
        if self.size == 1:
            return items
        each: list[tuple[str, ...]] = [()] * self.size
        dist.all_gather_object(each, items)
        return tuple(item for one in each for item in one)


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """The world that torchrun describes in the environment (gloo on CPU, nccl on CUDA), or a world of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    with lost_partners_reported():
        store, rank, size = _meeting_place()
        dist.init_process_group(
            backend, store=store, rank=rank, world_size=size, timeout=VALIDATION_LIMIT
        )
        try:
            yield World(device, rank, size)
        finally:
            dist.destroy_process_group()


@contextlib.contextmanager
def lost_partners_reported() -> Iterator[None]:
    """RunError E628 for what torch raises in a process whose partner was killed."""
    try:
        yield
    except RuntimeError as error:
        # gloo has no exception of its own, but names its files.
        text = str(error).strip() or type(error).__name__
        if not isinstance(error, dist.DistError) and "gloo" not in text.lower():
            raise
        raise RunError(
            "another process of this training has ended, or cannot be reached",
            code="E628",
            facts=[("torch", text.splitlines()[0])],
            help="it may have reported why; with --max-restarts torchrun starts all again, and they go on",
        ) from error


_groups = itertools.count()


@functools.cache
def _rendezvous() -> tuple[Store, int, int]:
    """The store of torchrun, which outlives every group of processes, the rank, and how many there are."""
    place: tuple[Store, int, int] = next(iter(rendezvous("env://")))
    return place


def _meeting_place() -> tuple[Store, int, int]:
    """Where the processes find each other for the next training of several, such as of folds.

    Under names of its own: of a group that has ended the addresses are still there, and nobody answers at them. A
    group also ends where torchrun starts the processes again.
    """
    store, rank, size = _rendezvous()
    starts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return PrefixStore(f"mirbricks/{starts}/{next(_groups)}", store), rank, size
