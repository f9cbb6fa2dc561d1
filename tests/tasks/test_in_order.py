"""Recordings that are read in the order in which they lie in their files, one file after another."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.data.batching.sampling import PartsDeck
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import RunError
from mirbricks.features.cache import FeatureCache
from mirbricks.workflows.loading import load_experiment

COVERS = """\
name: tiny
input: B C=12 T
layers:
  - Mean: {dim: 2}
  - Linear: {name: embedding, out_features: 6}
feature: {type: given, n_features: 12, step_s: 0.5, even: false}
task: {type: covers, patch_frames: 30, loss: triplet, views: {transpose: chroma}}
train: {steps: 4, order: parts}
"""
GRAPH = """\
name: tiny
input: B C=1 T
layers:
  - MDCT: {num_bands: 32}
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - FiniteScalarQuantizer: {name: quantizer, levels: [5, 5, 5, 5, 5, 5, 5, 5]}
  - Conv1d: {out_channels: 32, kernel_size: 3, padding: same}
  - InverseMDCT: {num_bands: 32}
feature: {type: waveform, sr_hz: 8000}
task: {type: codec, patch_frames: 512, losses: {l1: 1}}
train: {steps: 6, validate_every: 3, batch_size: 2, order: parts, buffer: 4}
"""
parts = st.lists(st.sampled_from("abcd"), min_size=1, max_size=40).map(sorted)


@given(parts, st.integers(1, 9), st.integers(0, 3))
def test_each_recording_comes_once_a_round_and_parts_stay_together(
    of: list[str], buffer: int, seed: int
) -> None:
    deck = PartsDeck(of, buffer, seed)
    for number in range(2):
        places = np.arange(number * len(of), (number + 1) * len(of))
        order = deck.at(places)
        assert sorted(order.tolist()) == list(range(len(of)))
        # Whoever reads sees a place at most a buffer before, or after, where the file lies.
        blocks = [order[k : k + buffer] for k in range(0, len(of), buffer)]
        seen = [{of[file] for file in block} for block in blocks]
        runs = sum(len(own) for own in seen)
        shared = sum(bool(a & b) for a, b in itertools.pairwise(seen))
        assert runs - shared == len(set(of)), "no part is left and come back to"
    # A function of the position alone: what is resumed draws the same.
    again = PartsDeck(of, buffer, seed)
    late = np.arange(len(of), 2 * len(of))
    assert np.array_equal(again.at(late[::-1])[::-1], deck.at(late))


def part(folder: Path, name: str) -> list[Any]:
    """The recordings of a corpus of half a second of noise each."""
    folder.mkdir()
    rng = np.random.default_rng(len(name))
    keys = [f"{name}{number}.wav" for number in range(5)]
    noise = [rng.standard_normal(4000).astype(np.float32) / 9 for _ in keys]
    write_audio(
        folder / "noise_audio.hdf5",
        [(key, one, 8000) for key, one in zip(keys, noise, strict=True)],
    )
    entries = [Entry({"filepath": (Atom(key),)}) for key in keys]
    Pyjama({"filepath": Definition("global", "text")}, entries).save(
        folder / "noise.pyjama"
    )
    return list(Corpus.open(folder).items)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("parts")
    (folder / "graph.yaml").write_text(GRAPH)
    return folder, [*part(folder / "a", "a"), *part(folder / "b", "bb")]


def learner(place: tuple[Path, list[Any]]) -> Any:
    folder, items = place
    experiment = load_experiment(folder / "graph.yaml")
    cache = FeatureCache(folder / "cache", experiment.feature)
    assert cache.build(items, n_jobs=1) == []
    experiment.task.buffer = experiment.train.buffer
    return experiment.task.learner(items, items, cache, seed=0, batch_size=2)


def test_batches_go_through_one_file_after_another(
    place: tuple[Path, list[Any]],
) -> None:
    one = learner(place)
    drawn = [one.batch(step).items for step in range(10)]
    for batches in (drawn[:5], drawn[5:]):
        keys = [key for batch in batches for key in batch]
        assert sorted(keys) == sorted(item.key for item in place[1])
        # Five recordings of one file, two at a time: the first two batches are of one file.
        assert len({key[0] for key in keys[:4]}) == 1
        assert len({key[0] for key in keys[-2:]}) == 1
        assert keys != sorted(keys), "within the buffer they are shuffled"
    # A training that is resumed at step 7 goes on in the middle of a file.
    assert learner(place).batch(7).items == drawn[7]
    for x, y in zip(learner(place).batch(7).inputs, one.batch(7).inputs, strict=True):
        assert x.equal(y)


def test_a_task_that_chooses_its_recordings_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(COVERS)
    with pytest.raises(RunError) as caught:
        load_experiment(path)
    assert str(caught.value) == (
        f"{path}:8:19: train.order: parts is not for the task 'covers', which chooses its recordings itself\n"
        "    8 | train: {steps: 4, order: parts}\n"
        "      |                   ^^^^^\n"
        "  help: leave train.order out     [E629]"
    )
