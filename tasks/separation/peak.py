"""How much memory a run of a model takes at once: counted on tensors without numbers, so that nothing is computed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@torch.inference_mode()
def peak_bytes(run: Callable[[], object]) -> int:
    """The most that tensors hold at once which are made in a call; on the meta device as on any other.

    Examples
    --------
    >>> def run():
    ...     x = torch.zeros(1000, device="meta")
    ...     y = x + 1
    ...     del x
    ...     return y * 2
    >>> peak_bytes(run)
    8000
    """
    counting = _Counting()
    with counting:
        run()
    return counting.most


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch says no types of it
    """Follows every storage from the operation that makes it to where the last tensor lets go of it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.most: int = 0
        self._now = 0
        self._known: dict[int, Any] = {}  # by address: what is told when it goes

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in tree_leaves(made):
            if isinstance(one, Tensor):
                self._hold(one)
        return made

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        n_bytes = storage.nbytes()
        self._now += n_bytes
        self.most = max(self.most, self._now)

        def let_go(_: object) -> None:
            self._known.pop(key, None)
            self._now -= n_bytes

        self._known[key] = weakref.ref(storage, let_go)
