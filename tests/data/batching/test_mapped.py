"""Frames read without HDF5: every layout gives the same numbers, and mapped memory is given back."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from mirbricks.data.batching.mapped import MappedStore
from mirbricks.data.stores.hdf5 import FeatureStore, write_audio, write_features
from mirbricks.errors import DataError

RNG = np.random.default_rng(0)
FRAMES = RNG.standard_normal((50, 7)).astype(np.float32)

LAYOUTS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float16": {"dtype": np.float16},
    "float64": {"dtype": np.float64},
    "big": {"dtype": ">f4"},
    "int16": {"dtype": np.int16},
    "gzip": {"compression": "gzip"},
    "chunked": {"chunks": (8, 7)},
    "fletcher": {"fletcher32": True},
}
MAPPED = {"float32", "float16", "float64", "int16", "later"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mapped") / "x_feat.hdf5"
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, how in LAYOUTS.items():
            file.create_dataset(
                name, data=FRAMES.astype(how.get("dtype", np.float32)), **how
            )
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(FRAMES.shape)
        made = h5py.h5d.create(
            file.id, b"compact", h5py.h5t.NATIVE_FLOAT, space, compact
        )
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, FRAMES)
        file.create_dataset("unwritten", (50, 7), np.float32, fillvalue=0.5)
        file.create_dataset("later", data=FRAMES)
        file["hcqt"] = RNG.standard_normal((20, 3, 4)).astype(np.float32)
        file["audio"] = RNG.standard_normal(100).astype(np.float32)
        file["int16"].attrs["scale"] = 0.25
        file["float16"].attrs["scale"] = 2.0
        file["nan"] = np.where(np.arange(350).reshape(50, 7) == 150, np.nan, FRAMES)
        file["loud"] = np.full((50, 7), 3e38, np.float32)
        file["text"] = "hello"
        file["words"] = ["a", "b"]
        file["empty"] = np.zeros((0, 7), np.float32)
    return path


def filled(store: MappedStore, key: str, start: int, stop: int) -> NDArray[np.float32]:
    out = np.full((stop - start, *store.frame_shape(key)), 99, np.float32)
    store.fill(key, start, out)
    return out


@pytest.mark.parametrize("key", [*LAYOUTS, "compact", "unwritten", "later"])
def test_every_layout_gives_what_hdf5_gives(key: str, path: Path) -> None:
    store, plain = MappedStore(path), FeatureStore(path)
    assert (store.n_frames(key), store.frame_shape(key)) == (50, (7,))
    for start, stop in ((0, 50), (0, 1), (49, 50), (13, 29), (20, 20)):
        np.testing.assert_array_equal(
            filled(store, key, start, stop), plain.read(key, start, stop)
        )
    assert (store.view(key) is not None) == (key in MAPPED)


def test_any_shape_of_a_frame(path: Path) -> None:
    store = MappedStore(path)
    with h5py.File(path, locking=False) as file:
        np.testing.assert_array_equal(filled(store, "hcqt", 5, 9), file["hcqt"][5:9])
        np.testing.assert_array_equal(
            filled(store, "audio", 5, 90), file["audio"][5:90]
        )
    assert store.frame_shape("hcqt") == (3, 4)
    assert store.frame_shape("audio") == ()


def test_a_view_is_the_file_itself(path: Path) -> None:
    store = MappedStore(path)
    view = store.view("float32")
    assert view is not None
    np.testing.assert_array_equal(view, FRAMES)
    assert not view.flags.writeable
    assert not view.flags.owndata
    again = store.view("float32")
    assert again is not None
    assert np.shares_memory(view, again)
    store.close()
    np.testing.assert_array_equal(view, FRAMES)
    np.testing.assert_array_equal(filled(store, "float32", 0, 50), FRAMES)


def test_what_our_writers_write_is_mapped(tmp_path: Path) -> None:
    write_features(
        tmp_path / "f.hdf5", [("a", FRAMES, {"hop_s": 0.1}), ("b", 2 * FRAMES, {})]
    )
    write_audio(tmp_path / "a.hdf5", [("a", FRAMES[:, 0], 22050)])
    for store, key in (
        (MappedStore(tmp_path / "f.hdf5"), "b"),
        (MappedStore(tmp_path / "a.hdf5"), "a"),
    ):
        assert store.view(key) is not None


@pytest.mark.parametrize(("start", "stop"), [(-1, 4), (48, 51), (50, 60)])
def test_frames_that_do_not_exist(start: int, stop: int, path: Path) -> None:
    with pytest.raises(ValueError, match=r"'float32' holds \[0, 50\), asked for"):
        MappedStore(path).fill(
            "float32", start, np.empty((stop - start, 7), np.float32)
        )


def test_refusals(path: Path) -> None:
    store = MappedStore(path)

    def said(key: str) -> str:
        with pytest.raises(DataError) as caught:
            store.fill(key, 10, np.empty((40, 7), np.float32))
        return str(caught.value).replace(str(path), "x_feat.hdf5")

    assert said("nan") == (
        "'nan' of 'x_feat.hdf5' has NaN or infinity\n  first  frame 21\n  count  1\n"
        "  help: repair it or remove it from the corpus     [E406]"
    )
    assert said("words") == (
        "'words' of 'x_feat.hdf5' is not an array of numbers with time as its first axis\n"
        "  shape  (2,)\n  type   object\n  [E403]"
    )
    assert "[E403]" in said("text")
    assert "[E405]" in said("empty")
    assert "did you mean 'float32'" in said("float3")
    np.testing.assert_array_equal(
        filled(store, "loud", 0, 50), np.full((50, 7), 3e38, np.float32)
    )


CUT = """
import os, sys, h5py
import mirbricks.data.batching.mapped as mapped
from mirbricks.errors import DataError

class Store(mapped.MappedStore):
    def _mapped(self, data):
        os.truncate(self.path, 8192)  # after HDF5 has opened it and found it whole
        return super()._mapped(data)

try:
    Store(sys.argv[1]).n_frames("a")
except DataError as error:
    print(error)
"""


def test_a_file_that_is_cut_short_is_told_and_does_not_kill_the_process(
    tmp_path: Path,
) -> None:
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["a"] = np.ones((100_000, 7), np.float32)
        end = file["a"].id.get_offset() + 2_800_000
    command = [sys.executable, "-c", CUT, "x.hdf5"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stdout == (
        "'x.hdf5' is not an HDF5 file, or a damaged one\n"
        "  size  8192 bytes\n"
        f"  hdf5  the file ends after 8192 bytes, its arrays after {end}\n"
        "  help: download or build it again     [E401]\n"
    )


def _sum_of(store: MappedStore) -> float:
    return float(filled(store, "float32", 3, 40).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_store_goes_to_other_processes(method: str, path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    store = MappedStore(path)
    _sum_of(store)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(_sum_of, (store,)) == float(FRAMES[3:40].sum())


def test_pickled_it_is_small_and_shared(path: Path) -> None:
    store = MappedStore(path)
    store.view("float32")
    text = pickle.dumps(store)
    assert len(text) < 500
    assert pickle.loads(text) is pickle.loads(text)


READ_ALL = """
import sys
from pathlib import Path
import numpy as np
import mirbricks.data.batching.mapped as mapped

def resident_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

mapped.RELEASE_BYTES = int(sys.argv[2])
store, start, out = mapped.MappedStore(sys.argv[1]), resident_mb(), np.empty((4096, 64), np.float32)
for first in range(0, store.n_frames("x"), 4096):
    store.fill("x", first, out)
print(resident_mb() - start)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("released", [True, False])
def test_mapped_memory_is_given_back(released: bool, tmp_path: Path) -> None:
    """512 MB that take no space on the disk; without giving back, the process would hold them all."""
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        space = h5py.h5s.create_simple((1 << 21, 64))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_FLOAT, space, create)
    store = MappedStore(tmp_path / "x.hdf5")
    assert store.view("x") is not None
    limit = 1 << 26 if released else 1 << 40
    command = [sys.executable, "-c", READ_ALL, str(tmp_path / "x.hdf5"), str(limit)]
    grown_mb = float(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
    assert grown_mb < 120 if released else grown_mb > 400
