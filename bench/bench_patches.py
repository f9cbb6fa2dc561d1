"""Random patches out of an HDF5 file, by the layout of its arrays, in the same process, layouts taken in turns.

    python bench/bench_patches.py                                a Markdown table
    python bench/bench_patches.py --write docs/performance.md    the same, put between the markers in the file

Each read ends in the same float32 buffer of one patch, frames outermost, and is checked against the others. The file
lies in the system's cache: what is measured is the layout, not the disk.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from page import parser_of, publish

from mirbricks.data.batching.loading import PatchLoader
from mirbricks.data.batching.mapped import MappedStore
from mirbricks.data.batching.samplers import ByPatch

Float32 = NDArray[np.float32]
Read = Callable[[str, int, Float32], None]

N_FILES, N_FRAMES, BATCH = 12, 1292, 32  # 30 s at a hop of 512 samples, 22050 Hz
CASES = [("HCQT, 6 × 360 bins", (6, 360), 64), ("log-mel, 128 bands", (128,), 64)]
PLAIN = "mapped by hand, np.memmap at get_offset()"


def write_layouts(folder: Path, shape: tuple[int, ...]) -> None:
    """The same features in every layout: time last and first, float64, 32 and 16, in one piece and compressed."""
    random = np.random.default_rng(0)
    files = {
        name: h5py.File(folder / f"{name}.hdf5", "w")
        for name in ("last64", "gzip", "first32", "first16")
    }
    for number in range(N_FILES):
        features = random.random((N_FRAMES, *shape), np.float32).astype(np.float16)
        time_last = np.moveaxis(features, 0, -1).astype(np.float64)
        files["last64"][str(number)] = np.ascontiguousarray(time_last)
        files["gzip"].create_dataset(str(number), data=time_last, compression="gzip")
        files["first32"][str(number)] = features.astype(np.float32)
        files["first16"][str(number)] = features
    for file in files.values():
        file.close()


def readers(folder: Path) -> dict[str, Read]:
    """What reads a patch (key, start) into a buffer, by the name of its layout."""
    kept = {
        name: h5py.File(folder / f"{name}.hdf5", locking=False)
        for name in ("last64", "gzip", "first32")
    }
    stores = {
        name: MappedStore(folder / f"{name}.hdf5") for name in ("first32", "first16")
    }
    maps = {
        key: np.memmap(
            folder / "first32.hdf5", np.float32, "r", data.id.get_offset(), data.shape
        )
        for key, data in kept["first32"].items()
    }

    def opened(key: str, start: int, out: Float32) -> None:
        with h5py.File(folder / "last64.hdf5", locking=False) as file:
            out[...] = np.moveaxis(file[key][..., start : start + len(out)], -1, 0)

    def time_last(name: str) -> Read:
        def read(key: str, start: int, out: Float32) -> None:
            out[...] = np.moveaxis(
                kept[name][key][..., start : start + len(out)], -1, 0
            )

        return read

    def direct(key: str, start: int, out: Float32) -> None:
        out[...] = kept["first32"][key][start : start + len(out)]

    def by_hand(key: str, start: int, out: Float32) -> None:
        out[...] = maps[key][start : start + len(out)]

    return {
        "the tutorial's: time last, float64, file opened for each": opened,
        "the same, handle kept": time_last("last64"),
        "the same, chunked by h5py and gzip, handle kept": time_last("gzip"),
        "time first, float32, in one piece, h5py, handle kept": direct,
        PLAIN: by_hand,
        "**mirbricks `MappedStore`**, float32": stores["first32"].fill,
        "**mirbricks `MappedStore`**, float16": stores["first16"].fill,
    }


def medians_ms(
    reads: dict[str, Read], shape: tuple[int, ...], patch: int, n_runs: int
) -> dict[str, float]:
    """Milliseconds a patch. A layout reads as many in a row as a batch has, then the next layout reads the same."""
    random = np.random.default_rng(1)
    out = np.empty((patch, *shape), np.float32)
    times: dict[str, list[float]] = {name: [] for name in reads}
    for run in range(n_runs + 1):
        keys = random.integers(N_FILES, size=BATCH).astype(str).tolist()
        starts = random.integers(N_FRAMES - patch, size=BATCH).tolist()
        seen = None
        for name, read in reads.items():
            start_s = time.perf_counter()
            for key, start in zip(keys, starts, strict=True):
                read(key, start, out)
            if run:
                times[name].append((time.perf_counter() - start_s) / BATCH)
            assert seen is None or (out == seen).all(), name
            seen = out.copy()
    return {name: 1e3 * statistics.median(taken) for name, taken in times.items()}


def batch_ms(folder: Path, patch: int, n_runs: int) -> float:
    """Median time of a whole batch: chosen, read, masked, as tensors."""
    keys = [str(number) for number in range(N_FILES)]
    loader = PatchLoader(
        MappedStore(folder / "first32.hdf5"),
        keys,
        ByPatch([N_FRAMES] * N_FILES, patch, 32, BATCH),
    )
    times = []
    for step in range(3 * n_runs + 3):
        start_s = time.perf_counter()
        loader[step]
        times.append(time.perf_counter() - start_s)
    return 1e3 * statistics.median(times[3:])


def rows(n_runs: int) -> list[str]:
    table = [
        "| feature, patch | layout | a patch | time over the memory map by hand |",
        "|---|---|---|---|",
    ]
    batches = []
    for name, shape, patch in CASES:
        with tempfile.TemporaryDirectory() as path:
            folder = Path(path)
            write_layouts(folder, shape)
            found = medians_ms(readers(folder), shape, patch, n_runs)
            batches.append(f"{batch_ms(folder, patch, n_runs):.2f} ms ({name})")
        table += [
            f"| {name}, {patch} frames | {layout} | {ms:.3f} ms | {ms / found[PLAIN]:.2f} × |"
            for layout, ms in found.items()
        ]
    return [*table, "", f"A batch of {BATCH} by `PatchLoader`: {', '.join(batches)}."]


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.set_num_threads(1)
    table = rows(arguments.runs)
    note = f"Random patches, {BATCH} in a row, layouts in turns, median of {arguments.runs}; ours looks for NaN too."
    table += [
        "",
        f"{note} h5py {h5py.__version__}, numpy {np.__version__}, {os.cpu_count()} cores.",
    ]
    publish("\n".join(table), arguments.write, "patches")


if __name__ == "__main__":
    main()
