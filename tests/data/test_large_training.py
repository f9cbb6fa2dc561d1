"""Features of 20 GB are trained on, each frame once, in less than 1.5 GB of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

N_FILES, N_FRAMES, N_BANDS = 40, 1_000_000, 128  # 512 MB each
MARK_EVERY = 50_000

TRAIN = """
import json, sys
from pathlib import Path
import torch
from mirbricks.data.batching.loading import PatchLoader
from mirbricks.data.batching.mapped import MappedStore
from mirbricks.data.batching.samplers import ByPatch
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit

class Means:
    figure = "constant"

    def __init__(self, path):
        store = MappedStore(path)
        keys = store.keys()
        sampler = ByPatch([store.n_frames(key) for key in keys], 4000, 4000, 16, seed=3)
        self.loader, self.seen_bytes, self.marks = PatchLoader(store, keys, sampler), 0, 0

    def batch(self, step):
        patches = self.loader[step]
        self.seen_bytes += int(patches.mask.sum()) * 4 * patches.x.shape[-1]
        self.marks += int((patches.x[..., 0] == 1).sum())
        return Batch((patches.x.mean(1),), patches.items.float()[:, None], tuple(map(str, patches.items.tolist())))

    def loss(self, outputs, batch):
        return (outputs - batch.targets).square().mean()

    def validate(self, model, on_track):
        return {"constant": 0.0}

learner = Means(sys.argv[1])
steps = len(learner.loader)
result = fit(torch.nn.Linear(128, 1), learner, TrainConfig(steps=steps, validate_every=steps, warmup_steps=1),
             RunFolder(Path(sys.argv[2])), show=False)
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(json.dumps({"steps": result.steps, "bytes": learner.seen_bytes, "marks": learner.marks, "peak_mb": peak / 1024}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_20_gb_are_trained_on_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large_feat.hdf5"
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    create.set_fill_time(
        h5py.h5d.FILL_TIME_NEVER
    )  # the space is there, and nothing is written: a sparse file
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((N_FRAMES, N_BANDS))
        for number in range(N_FILES):
            h5py.h5d.create(
                file.id, f"{number:02}".encode(), h5py.h5t.NATIVE_FLOAT, space, create
            )
            for first in range(0, N_FRAMES, MARK_EVERY):
                file[f"{number:02}"][first] = np.ones(N_BANDS, np.float32)
    assert path.stat().st_size > 20e9
    assert path.stat().st_blocks * 512 < 100e6
    command = [sys.executable, "-c", TRAIN, str(path), str(tmp_path / "run")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["steps"] == N_FILES * N_FRAMES // (4000 * 16)
    assert found["bytes"] == N_FILES * N_FRAMES * N_BANDS * 4
    assert found["marks"] == N_FILES * N_FRAMES // MARK_EVERY
    assert found["peak_mb"] < 1500
    print(f"peak {found['peak_mb']:.0f} MB")
