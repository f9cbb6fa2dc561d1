"""A corpus larger than the memory a process may use is read from the first item to the last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama

N_ITEMS, N_SAMPLES = 40, 4_000_000  # 16 MB each, 640 MB
ALLOWED_MB = 150

READ_ALL = """
import resource, sys
from mirbricks.data.corpus import Corpus
from mirbricks.data.stores.hdf5 import AudioStore

def peak_mb():
    try:  # of this program alone: getrusage's peak starts at what the process that started it had reached
        status = open("/proc/self/status").read()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

corpus = Corpus.open(sys.argv[1])
start, kept, total, loud = peak_mb(), [], 0, 0
for item in corpus.items:
    audio = item.read()[0] if sys.argv[2] != "store" else item.store.read(item.key)
    total, loud = total + audio.nbytes, loud + int((audio != 0.25).sum())
    if sys.argv[2] == "hoard":
        kept.append(audio)
print(total, loud, peak_mb() - start)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """640 MB of audio in a small file: chunks that were never written read as the fill value."""
    folder = tmp_path_factory.mktemp("large")
    keys = [f"{i:02d}.wav" for i in range(N_ITEMS)]
    with h5py.File(folder / "large_audio.hdf5", "w") as file:
        for key in keys:
            data = file.create_dataset(
                key, (N_SAMPLES,), np.float32, chunks=(65536,), fillvalue=0.25
            )
            data[1_000_000:1_000_100] = np.ones(100, np.float32)
            data.attrs["sr_hz"] = 22050
    Pyjama(
        {"filepath": Definition("global", "text")},
        [Entry({"filepath": (Atom(key),)}) for key in keys],
    ).save(folder / "large.pyjama")
    assert (folder / "large_audio.hdf5").stat().st_size < 40e6
    return folder


def growth_mb(folder: Path, how: str) -> float:
    """By how much the peak memory of a fresh process grows while it reads the whole corpus."""
    command = [sys.executable, "-c", READ_ALL, str(folder), how]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    total, loud, grown = run.stdout.split()
    assert int(total) == N_ITEMS * N_SAMPLES * 4 > 4 * ALLOWED_MB * 2**20
    assert int(loud) == N_ITEMS * 100
    return float(grown)


@pytest.mark.parametrize("how", ["store", "items"])
def test_memory_stays_flat(large: Path, how: str) -> None:
    assert growth_mb(large, how) < ALLOWED_MB


def test_the_measure_sees_a_corpus_kept_in_memory(large: Path) -> None:
    assert growth_mb(large, "hoard") > 2 * ALLOWED_MB
