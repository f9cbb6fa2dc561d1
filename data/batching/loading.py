"""Batches of patches out of a corpus's frames, for torch: made by any number of workers, resumed at any step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ...errors import DataError
from .mapped import MappedStore
from .masks import mask_of
from .sampling import Sampler


class PatchBatch(NamedTuple):
    """One batch, time first as on disk: `x.transpose(1, 2)` is (B, D, T) without a copy.

    x        (B, T, ...) float32; padding is 0
    mask     (B, T) bool: True where there is data
    items    (B,) int64: the number of each row's file
    starts   (B,) int64: its first frame
    targets  (B, ...), or None
    """

    x: Tensor
    mask: Tensor
    items: Tensor
    starts: Tensor
    targets: Tensor | None


class Target(Protocol):
    """What is to be learned of `n_frames` frames from `start` of file `item`, of one shape for all rows of a batch.

    The last frames may be padding.
    """

    def __call__(self, item: int, start: int, n_frames: int, /) -> Tensor: ...


class PatchLoader(Dataset[PatchBatch]):
    """The batch of each step, a pure function of it: `loader[step]`.

    It is a map-style torch dataset whose items are whole batches, and pickles small. `len` is an epoch.
    """

    def __init__(
        self,
        store: MappedStore,
        keys: Sequence[str],
        sampler: Sampler,
        target: Target | None = None,
    ) -> None:
        """`keys`: the files that the sampler's numbers mean, all with frames of one shape. Raises as the store, and
        DataError E491 for files with frames of different shapes."""
        self.store = store
        self.keys = tuple(keys)
        self.sampler = sampler
        self.target = target
        self.frame_shape = store.frame_shape(self.keys[0])
        for key in self.keys:
            if store.frame_shape(key) != self.frame_shape:
                raise DataError(
                    f"the frames of '{self.keys[0]}' and '{key}' have different shapes",
                    code="E491",
                    facts=[
                        (one, str(store.frame_shape(one)))
                        for one in (self.keys[0], key)
                    ],
                    help="compute the features of all files with the same settings",
                )

    def __len__(self) -> int:
        return self.sampler.steps_per_epoch

    def __getitem__(self, step: int) -> PatchBatch:
        items, starts, frames = self.sampler.picks(step)
        width = int(frames.max())
        x = torch.empty(len(items), width, *self.frame_shape)
        rows = x.numpy()
        inside = np.empty(len(items), np.int64)
        for row, (item, start, wanted) in enumerate(
            zip(items.tolist(), starts.tolist(), frames.tolist(), strict=True)
        ):
            key = self.keys[item]
            inside[row] = n = min(wanted, self.store.n_frames(key) - start)
            self.store.fill(key, start, rows[row, :n])
            rows[row, n:] = 0.0
        targets = None
        if self.target is not None:
            each = zip(items.tolist(), starts.tolist(), strict=True)
            targets = torch.stack(
                [self.target(item, start, width) for item, start in each]
            )
        mask = mask_of(torch.from_numpy(inside), width)
        return PatchBatch(
            x, mask, torch.from_numpy(items), torch.from_numpy(starts), targets
        )


class Steps:
    """The batches of a training from the next step on, made ahead by workers; its state is (seed, step).

    >>> steps = Steps(loader, last=10_000, n_workers=2)
    >>> steps.load_state_dict(saved)                       # where a training stopped: {"seed": 0, "step": 1234}
    >>> for batch in steps: ...

    rank, world  of the processes that share each step: this one takes the batches step · world + rank
    more         as torch's DataLoader takes it, such as pin_memory and prefetch_factor
    """

    def __init__(
        self,
        loader: PatchLoader,
        last: int,
        *,
        n_workers: int = 0,
        rank: int = 0,
        world: int = 1,
        **more: Any,
    ) -> None:
        self.loader = loader
        self.last = last
        self.n_workers = n_workers
        self.rank = rank
        self.world = world
        self.step = 0
        self._more = more

    def __iter__(self) -> Iterator[PatchBatch]:
        numbers = range(
            self.step * self.world + self.rank, self.last * self.world, self.world
        )
        batches = DataLoader(
            self.loader,
            batch_size=None,
            sampler=numbers,
            num_workers=self.n_workers,
            **self._more,
        )
        for batch in batches:
            self.step += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The seed, and the step that comes next: batches made ahead do not count."""
        return {"seed": self.loader.sampler.seed, "step": self.step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at a step. Raises DataError E492 for the state of another seed, whose batches are others."""
        if state["seed"] != self.loader.sampler.seed:
            raise DataError(
                f"the batches go on with seed {self.loader.sampler.seed}, but were begun with {state['seed']}",
                code="E492",
                help=f"make the sampler with seed={state['seed']}, or begin anew",
            )
        self.step = state["step"]
