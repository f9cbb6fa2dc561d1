"""Features ahead of a training: shards, backends, what a training then finds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.commands import values
from mirbricks.data.shards import Shard
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import MirbricksError
from mirbricks.features import extract as room
from mirbricks.workflows.extract import shard_of


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(
        folder, n_clips=5, seconds=1.0, seed=1
    )  # and four stems of each
    return folder


def extract(corpus: Path, cache: Path, **more: object) -> object:
    return mb.extract_features(
        "mpe_small", corpus, cache=cache, jobs=1, progress=False, **more
    )


@given(st.integers(0, 60), st.integers(1, 70))
def test_every_recording_is_in_one_shard(count: int, of: int) -> None:
    everything = list(range(count))
    shards = [Shard(number, of) for number in range(1, of + 1)]
    parts = [one.part(everything) for one in shards]
    assert sorted(one for part in parts for one in part) == everything
    # No shard has to wait for another that is much longer.
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_shards_together_are_the_whole(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    keys: list[str] = []
    for number in (1, 2, 3):
        done = extract(corpus, cache, shard=(number, 3))
        assert done.folder == cache
        keys += done.keys
    assert sorted(keys) == sorted(item.key for item in mb.Corpus.open(corpus))

    # Nothing is left to compute.
    monkeypatch.setattr(room, "write_wave", None)
    assert len(extract(corpus, cache).keys) == done.n_recordings == 25


@pytest.mark.slow
def test_a_training_finds_all_of_its_features(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(corpus, tmp_path / "cache")
    monkeypatch.setattr(room, "write_wave", None)
    run = mb.train(
        "mpe_small",
        corpus,
        tmp_path / "run",
        set={"train.steps": 1, "train.batch_size": 2, "task.patch_frames": 16},
        cache=tmp_path / "cache",
        jobs=1,
        progress=False,
    )
    assert run.stopped == "finished"


def test_the_command_reports_and_costs_only_what_is_broken(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "extract", "mpe_small", "--data", str(corpus)]
    words += ["--cache", str(tmp_path / "cache"), "--jobs", "1"]
    assert main([*words, "--shard", "2/2", "-q"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("features 'hcqt' of 12 recordings are in ")
    assert out[1] == "shard 2 of 2; the corpus has 25"
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["done"]), found["failed"], found["recordings"]) == (25, [], 25)


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "3", "a/4", "-1/4", "1/0", "1/4/2", "²/4"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"from 1/16 to 16/16, got"):
        values.shard(text)


@pytest.mark.parametrize(
    "pair", [(0, 4), (5, 4), (1.0, 4), (True, 4), (3,), "3/4", None]
)
def test_what_is_no_pair_is_refused(pair: object) -> None:
    with pytest.raises(MirbricksError, match=r"such as \(3, 16\) as 'shard'"):
        shard_of(pair)


def test_an_unknown_backend_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(MirbricksError) as caught:
        extract(corpus, tmp_path, backend="daks")
    assert caught.value.code == "E437"
    assert "loky, dask or ray" in str(caught.value)
    assert "'dask'" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_the_workers_of_a_cluster_compute_the_same(
    corpus: Path, tmp_path: Path, backend: str
) -> None:
    pytest.importorskip({"dask": "distributed"}.get(backend, backend))
    extract(corpus, tmp_path / "here")
    done = mb.extract_features(
        "mpe_small", corpus, cache=tmp_path / "there", jobs=2, backend=backend, progress=False
    )  # fmt: skip
    assert len(done.keys) == 25
    for path in (tmp_path / "here").glob("*.safetensors"):
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()
    shutil.rmtree(tmp_path / "there")
