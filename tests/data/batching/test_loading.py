"""Batches for torch: the right frames, masked padding, the same with any number of workers, resumed at any step."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mirbricks.data.batching.loading import PatchBatch, PatchLoader, Steps
from mirbricks.data.batching.mapped import MappedStore
from mirbricks.data.batching.samplers import ByFile, ByLength, ByPatch, Sampler
from mirbricks.data.stores.hdf5 import write_features
from mirbricks.errors import DataError

LENGTHS = {"a": 40, "b": 9, "c": 100, "d": 33, "e": 64}
KEYS = list(LENGTHS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> MappedStore:
    """Frame t of file i holds 1000 i + t + 1, and its negative."""
    path = tmp_path_factory.mktemp("loading") / "x_feat.hdf5"
    frames = {
        key: 1000.0 * i + np.arange(1, n + 1)
        for i, (key, n) in enumerate(LENGTHS.items())
    }
    write_features(
        path, ((key, np.stack([one, -one], axis=1), {}) for key, one in frames.items())
    )
    return MappedStore(path)


def target(item: int, start: int, n_frames: int) -> Tensor:
    return torch.arange(start, start + n_frames) + 1000 * item


def loader(store: MappedStore, sampler: Sampler) -> PatchLoader:
    return PatchLoader(store, KEYS, sampler, target)


SAMPLERS: dict[str, Sampler] = {
    "patch": ByPatch(list(LENGTHS.values()), 32, 16, 4),
    "file": ByFile(list(LENGTHS.values()), 48, 3),
    "length": ByLength(list(LENGTHS.values()), 2, max_frames=64),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_frames_that_were_picked_and_padding_after_them(
    name: str, store: MappedStore
) -> None:
    sampler = SAMPLERS[name]
    loading = loader(store, sampler)
    assert len(loading) == sampler.steps_per_epoch
    for step in range(12):
        items, starts, frames = sampler.picks(step)
        batch = loading[step]
        assert batch.x.shape == (len(items), int(frames.max()), 2)
        assert batch.x.dtype == torch.float32
        assert batch.items.tolist() == items.tolist()
        assert batch.starts.tolist() == starts.tolist()
        assert batch.targets is not None
        for row, (item, start, n) in enumerate(
            zip(items.tolist(), starts.tolist(), frames.tolist(), strict=True)
        ):
            inside = min(n, LENGTHS[KEYS[item]] - start)
            assert batch.mask[row].tolist() == [True] * inside + [False] * (
                batch.x.shape[1] - inside
            )
            wanted = 1000.0 * item + torch.arange(start + 1, start + inside + 1)
            assert torch.equal(
                batch.x[row, :inside], torch.stack([wanted, -wanted], dim=1)
            )
            assert not batch.x[row, inside:].any()
            assert torch.equal(batch.targets[row, :inside].float(), wanted - 1)


def test_no_targets(store: MappedStore) -> None:
    assert PatchLoader(store, KEYS, SAMPLERS["file"])[0].targets is None


def same(one: list[PatchBatch], other: list[PatchBatch]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(torch.equal(x, y) for a, b in pairs for x, y in zip(a, b, strict=True))  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("n_workers", [0, 1, 3])
def test_the_same_with_any_number_of_workers(
    n_workers: int, store: MappedStore
) -> None:
    loading = loader(store, SAMPLERS["patch"])
    wanted = [loading[step] for step in range(11)]
    found = list(Steps(loading, last=11, n_workers=n_workers))
    assert all(isinstance(batch, PatchBatch) for batch in found)
    assert same(found, wanted)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_stopped_and_resumed(n_workers: int, store: MappedStore) -> None:
    loading = loader(store, SAMPLERS["length"])
    wanted = [loading[step] for step in range(14)]
    first, found = Steps(loading, last=14, n_workers=n_workers), []
    for batch in first:
        found.append(batch)
        if len(found) == 5:
            break
    state = first.state_dict()
    assert state == {"seed": 0, "step": 5}
    second = Steps(loader(store, SAMPLERS["length"]), last=14, n_workers=n_workers)
    second.load_state_dict(state)
    assert same(found + list(second), wanted)
    assert second.state_dict() == {"seed": 0, "step": 14}
    assert not list(second)


def test_processes_share_the_batches(store: MappedStore) -> None:
    loading = loader(store, SAMPLERS["patch"])
    wanted = [loading[step] for step in range(12)]
    parts = [list(Steps(loading, last=4, rank=rank, world=3)) for rank in range(3)]
    assert same([parts[step % 3][step // 3] for step in range(12)], wanted)
    late = Steps(loading, last=4, rank=1, world=3)
    late.load_state_dict({"seed": 0, "step": 2})
    assert same(list(late), [wanted[7], wanted[10]])


def test_it_goes_to_workers_small(store: MappedStore) -> None:
    loading = loader(store, SAMPLERS["patch"])
    _ = loading[0]
    text = pickle.dumps(loading)
    assert len(text) < 5_000
    assert same([pickle.loads(text)[3]], [loading[3]])


def test_refusals(store: MappedStore, tmp_path: Path) -> None:
    steps = Steps(loader(store, SAMPLERS["patch"]), last=3)
    with pytest.raises(DataError) as caught:
        steps.load_state_dict({"seed": 7, "step": 1})
    assert str(caught.value) == (
        "the batches go on with seed 0, but were begun with 7\n"
        "  help: make the sampler with seed=7, or begin anew     [E492]"
    )
    write_features(
        tmp_path / "y.hdf5", [("a", np.ones((5, 2)), {}), ("b", np.ones((5, 3)), {})]
    )
    with pytest.raises(DataError) as caught:
        PatchLoader(MappedStore(tmp_path / "y.hdf5"), ["a", "b"], SAMPLERS["patch"])
    assert str(caught.value) == (
        "the frames of 'a' and 'b' have different shapes\n  a  (2,)\n  b  (3,)\n"
        "  help: compute the features of all files with the same settings     [E491]"
    )
