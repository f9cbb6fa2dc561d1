"""A damaged heap of HDF5, in which texts of any length lie, keeps the library busy for ever: it is never looked into.

The file was found by the fuzzers: `python -m torture fuzz --seed 21 --only HDF5 --first 10635 --count 1`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data import AudioStore, FeatureStore
from mirbricks.errors import DataError, MirbricksError

DAMAGED = Path(mb.__file__).parent / "tests" / "fixtures" / "damaged_heap.hdf5"
LIMIT_S = 30


@pytest.mark.skipif(sys.platform != "linux", reason="the reader is a fork")
def test_a_damaged_heap_is_not_looked_into() -> None:
    child = os.fork()
    if not child:
        # A loop in C hears no exception: the alarm ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LIMIT_S)
        try:
            store = AudioStore(DAMAGED)
            for key in store.keys():  # a store is not a mapping
                store.read(key)
        except MirbricksError:
            pass
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


TEXT = np.array(["a", "bc"], dtype=h5py.string_dtype())


@pytest.mark.parametrize("value", ["22050", TEXT, 1 + 2j, np.array([1, 2])])
def test_an_attribute_of_another_kind_is_refused(value: object, tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", data=np.ones((3, 4), np.float32))
        for name in ("sr_hz", "scale", "hop_s"):
            data.attrs[name] = value
    with pytest.raises(DataError, match="expected a whole number of Hz"):
        AudioStore(path).sr_hz("a")
    with pytest.raises(DataError, match="expected a number"):
        FeatureStore(path).read("a")
    with pytest.raises(DataError, match="do not say when"):
        FeatureStore(path).times_s("a")
