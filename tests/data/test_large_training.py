"""Given features, or cached ones, of 8 GB are trained on, each frame once, in less than 1.5 GB of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mirbricks.data import Atom, Definition, Entry, Pyjama
from mirbricks.features.feature_file import ARRAY_FORMAT

N_FILES = {"given": 16, "cached": 16}  # of 512 MB each
N_FRAMES, N_BANDS = 1_000_000, 128
MARK_EVERY = 50_000

TRAIN = """
import json, sys
from pathlib import Path
import numpy as np
import torch
from mirbricks.data import Corpus
from mirbricks.data.batching.patches import patch_starts, take_patch
from mirbricks.features.feature_file import CachedFeature
from mirbricks.features.given import CorpusFeature
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.base import Batch
from mirbricks.training.loop import TrainConfig, fit

PATCH, ROWS = 4000, 16

def memory_mb(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0]) / 1024

class Means:
    # Every patch of every file once, in a random order.
    figure = "constant"

    def __init__(self, features):
        self.features = features
        places = [(i, s) for i, f in enumerate(features) for s in patch_starts(f.n_frames, PATCH, PATCH).tolist()]
        self.places = np.random.default_rng(3).permutation(places).reshape(-1, ROWS, 2)
        self.seen_bytes = self.marks = self.anonymous_mb = 0

    def batch(self, step):
        rows = []
        for number, start in self.places[step].tolist():
            feature = self.features[number]
            rows.append(take_patch(feature.read, start, PATCH, feature.n_frames))
        x = torch.stack(rows)
        self.seen_bytes += x.nbytes
        self.marks += int((x[:, 0] == 1).sum())
        self.anonymous_mb = max(self.anonymous_mb, memory_mb("RssAnon"))
        return Batch((x.mean(-1),), torch.from_numpy(self.places[step][:, :1]).float(), ("",) * ROWS)

    def loss(self, outputs, batch):
        return (outputs - batch.targets).square().mean()

    def validate(self, model, on_track):
        return {"constant": 0.0}

folder = Path(sys.argv[2])
if sys.argv[1] == "given":
    features = [CorpusFeature(item) for item in Corpus.open(folder).features]
else:
    features = [CachedFeature(path) for path in sorted(folder.glob("*.safetensors"))]
learner = Means(features)
steps = len(learner.places)
result = fit(torch.nn.Linear(128, 1), learner, TrainConfig(steps=steps, validate_every=steps, warmup_steps=1),
             RunFolder(folder / "run"), show=False)
found = {"steps": result.steps, "bytes": learner.seen_bytes, "marks": learner.marks}
print(json.dumps(found | {"peak_mb": memory_mb("VmHWM"), "anonymous_mb": learner.anonymous_mb}))
"""


def write_given(folder: Path) -> Path:
    """A corpus of features. The space of its arrays is there and nothing is written: a sparse file."""
    path = folder / "large_feat.hdf5"
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    keys = [f"{number:02}" for number in range(N_FILES["given"])]
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((N_FRAMES, N_BANDS))
        for key in keys:
            number = h5py.h5t.NATIVE_FLOAT
            h5py.h5d.create(file.id, key.encode(), number, space, create)
            for first in range(0, N_FRAMES, MARK_EVERY):
                file[key][first] = np.ones(N_BANDS, np.float32)
    Pyjama(
        {"filepath": Definition("global", "text", "filepath")},
        [Entry({"filepath": (Atom(key),)}) for key in keys],
    ).save(folder / "large.pyjama")
    return path


def write_cached(folder: Path) -> Path:
    """Files as the feature cache has them, sparse too; the first of them."""
    n_bytes = N_FRAMES * N_BANDS * 4
    tensors = {
        "values": ("F32", [N_FRAMES, N_BANDS], [0, n_bytes]),
        "peak": ("F32", [1], [n_bytes, n_bytes + 4]),
    }
    header = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        for name, (dtype, shape, offsets) in tensors.items()
    }
    text = json.dumps({"__metadata__": {"format": ARRAY_FORMAT}, **header}).encode()
    start = 8 + len(text)
    for number in range(N_FILES["cached"]):
        with (folder / f"{number:02}.safetensors").open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(start + n_bytes + 4)
            for first in range(0, N_FRAMES, MARK_EVERY):
                file.seek(start + first * N_BANDS * 4)
                file.write(np.ones(N_BANDS, np.float32).data)
    return folder / "00.safetensors"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("kind", ["given", "cached"])
def test_features_larger_than_memory_are_trained_on(tmp_path: Path, kind: str) -> None:
    first = {"given": write_given, "cached": write_cached}[kind](tmp_path)
    assert first.stat().st_size > (8e9 if kind == "given" else 0.5e9)
    assert first.stat().st_blocks * 512 < 100e6
    command = [sys.executable, "-c", TRAIN, kind, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    n_frames = N_FILES[kind] * N_FRAMES
    assert found["steps"] == n_frames // (4000 * 16)
    assert found["bytes"] == n_frames * N_BANDS * 4
    assert found["marks"] == n_frames // MARK_EVERY
    # Files that are mapped count as memory of the process, though the system takes it back when it is needed.
    peak_mb = found["anonymous_mb" if kind == "cached" else "peak_mb"]
    assert peak_mb < 1500
    print(f"peak {peak_mb:.0f} MB, with mapped files {found['peak_mb']:.0f} MB")
