"""HDF5 files with changed bytes: what can be read is read, the rest is one error with file and key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mirbricks.data import (
    Atom,
    AudioStore,
    Corpus,
    Definition,
    Entry,
    FeatureStore,
    Pyjama,
    check_corpus,
    write_audio,
    write_features,
)
from mirbricks.errors import DataError

KEYS = [f"k{number}" for number in range(8)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_corpora() -> None:
    """A corpus of audio in one piece, one of audio in compressed chunks and in a group, one of features."""
    rng = np.random.default_rng(0)
    waves = 0.1 * rng.standard_normal((len(KEYS), 300)).astype(np.float32)
    write_audio(
        "x_audio.hdf5", ((k, w, 22050) for k, w in zip(KEYS, waves, strict=True))
    )
    frames = waves.reshape(len(KEYS), 30, 10)
    about = {"hop_s": 0.1, "scale": 0.5}
    write_features(
        "y_feat.hdf5", ((k, f, about) for k, f in zip(KEYS, frames, strict=True))
    )
    with h5py.File("z_audio.hdf5", "w") as file:
        for key, wave in zip(KEYS, waves, strict=True):
            data = file.create_dataset(
                f"g/{key}", data=wave, chunks=(64,), compression="gzip"
            )
            data.attrs["sr_hz"] = 22050
    write_annotations("x", KEYS)
    write_annotations("y", KEYS)
    write_annotations("z", [f"g/{key}" for key in KEYS])


def write_annotations(name: str, keys: list[str]) -> None:
    definitions = {"filepath": Definition("global", "text", "filepath")}
    entries = [Entry({"filepath": (Atom(key),)}) for key in keys]
    Pyjama(definitions, entries).save(f"{name}.pyjama")


FUZZ = """
import random, shutil, sys
from pathlib import Path
from mirbricks.data import AudioStore, Corpus, FeatureStore, check_corpus, describe, make_split
from mirbricks.data.scan import scan
from mirbricks.errors import MirbricksError

def damaged(good, rng):
    bad = bytearray(good)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        most = len(bad) if rng.random() < 0.3 else min(len(bad), 4096)  # where the headers are
        bad[rng.randrange(most)] = rng.choice([0, 255, rng.randrange(256)])
    if rng.random() < 0.1:
        del bad[rng.randrange(len(bad)):]
    return bytes(bad)

def read_all(path):
    store = (FeatureStore if "feat" in path.name else AudioStore)(path)
    for key in store.keys():
        try:
            store.read(key)
            if isinstance(store, FeatureStore):
                store.times_s(key)
        except MirbricksError as error:
            assert path.name in str(error) and key in str(error), error

def use_all(path):
    findings = check_corpus(path.parent, 1)
    if findings.corpus is not None:
        describe(findings.corpus)
    corpus = Corpus.open(path.parent)
    describe(corpus, scan(corpus.recordings, 1))
    make_split(corpus, folds=3)

refused = used = 0
for name in ("x_audio.hdf5", "y_feat.hdf5", "z_audio.hdf5"):
    good = Path(name).read_bytes()
    folder = Path("fuzz", name)
    folder.mkdir(parents=True)
    shutil.copy(f"{name[0]}.pyjama", folder)
    for seed in range(int(sys.argv[1])):
        path = folder / name
        path.write_bytes(damaged(good, random.Random(f"{name} {seed}")))
        for use in (read_all, use_all) if seed % 6 == 0 else (read_all,):
            try:
                use(path)
                used += 1
            except MirbricksError as error:
                assert name in str(error), error
                refused += 1
print(refused > 30 and used > 30)
"""


def test_changed_bytes_are_an_error_or_do_no_harm() -> None:
    """180 damaged files. In a process of its own: the HDF5 library might crash, or never come back."""
    write_corpora()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", FUZZ, "60"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.stderr == ""
    assert run.stdout == "True\n"


def test_a_key_that_cannot_be_read_is_named_with_its_file() -> None:
    write_corpora()
    with h5py.File("z_audio.hdf5") as file:
        place = file["g/k3"].id.get_chunk_info(0)
    whole = bytearray(Path("z_audio.hdf5").read_bytes())
    whole[place.byte_offset : place.byte_offset + place.size] = b"\xff" * place.size
    Path("z_audio.hdf5").write_bytes(whole)
    store = AudioStore("z_audio.hdf5")
    assert len(store.read("g/k2")) == 300
    with pytest.raises(DataError) as error:
        store.read("g/k3")
    assert error.value.code == "E401"
    assert (
        error.value.message
        == "'g/k3' of 'z_audio.hdf5' cannot be read: the file is damaged"
    )
    Path("corpus").mkdir()
    for name in ("z_audio.hdf5", "z.pyjama"):
        Path(name).rename(Path("corpus", name))
    problems = check_corpus("corpus", 1).problems
    assert [problem.code for problem in problems] == ["E401"]
    assert "'g/k3'" in problems[0].message


@pytest.mark.parametrize("name", ["keys", "attributes", "values", "form"])
@pytest.mark.parametrize("kind", [RuntimeError, OSError, KeyError, ValueError])
def test_whatever_h5py_raises_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Exception]
) -> None:
    write_corpora()
    owner, attribute = {
        "keys": (h5py.Group, "visititems"),
        "attributes": (h5py.AttributeManager, "__contains__"),
        "values": (h5py.Dataset, "__getitem__"),
        "form": (h5py.Dataset, "shape"),
    }[name]

    def broken(*_: Any) -> Any:
        raise kind("bad heap free list")

    store = FeatureStore("y_feat.hdf5")
    replacement = property(broken) if name == "form" else broken
    monkeypatch.setattr(owner, attribute, replacement)
    use = store.keys if name == "keys" else lambda: store.read("k1")
    with pytest.raises(DataError, match=r"y_feat\.hdf5") as error:
        use()
    assert error.value.code == "E401"
    assert dict(error.value.facts)["hdf5"].strip("'") == "bad heap free list"


def test_a_size_that_the_file_does_not_hold() -> None:
    """A flipped byte makes a recording of 300 samples one of years, which reads as zeros."""
    write_corpora()
    with h5py.File("big_audio.hdf5", "w") as file:
        data = file.create_dataset("a", (10**15,), np.float32, chunks=(1000,))
        data[:1000] = 1.0
        data.attrs["sr_hz"] = 22050
    with pytest.raises(DataError) as error:
        AudioStore("big_audio.hdf5").n_samples("a")
    assert error.value.code == "E401"
    assert "it claims 4000000000000000 bytes" in str(error.value)


def test_silence_that_compresses_well_is_no_damage() -> None:
    with h5py.File("x_audio.hdf5", "w") as file:
        data = file.create_dataset(
            "a",
            data=np.zeros(10_000_000, np.float32),
            chunks=(1_000_000,),
            compression="gzip",
            compression_opts=9,
        )
        data.attrs["sr_hz"] = 22050
    assert AudioStore("x_audio.hdf5").n_samples("a") == 10_000_000


@pytest.mark.parametrize("scale", ["half", np.nan, 1e300, [1.0, 2.0]])
def test_a_scale_that_is_not_a_number(scale: Any) -> None:
    with h5py.File("x_feat.hdf5", "w") as file:
        file["a"] = np.ones((3, 2), np.float32)
        file["a"].attrs["scale"] = scale
    with pytest.raises(DataError) as error:
        FeatureStore("x_feat.hdf5").read("a")
    assert error.value.code == "E403"
    assert "the attribute 'scale' of 'a' of 'x_feat.hdf5'" in error.value.message


@pytest.mark.parametrize("name", ["x.pyjama", "x_audio.hdf5"])
def test_a_named_pipe_is_refused_and_not_waited_for(name: str) -> None:
    write_corpora()
    corpus = Path("corpus")
    corpus.mkdir()
    for one in ("x.pyjama", "x_audio.hdf5"):
        if one == name:
            os.mkfifo(corpus / one)
        else:
            Path(one).rename(corpus / one)
    for use in (Corpus.open, lambda folder: raised(check_corpus(folder).problems)):
        with pytest.raises(DataError) as error:
            use(corpus)
        assert error.value.code == "E409"
        assert (
            error.value.message
            == f"cannot read 'corpus/{name}': it is a named pipe, expected a regular file"
        )


def raised(problems: tuple[DataError, ...]) -> None:
    (problem,) = problems
    raise problem


def test_a_folder_in_the_place_of_a_file() -> None:
    Path("x_audio.hdf5").mkdir()
    with pytest.raises(DataError) as error:
        AudioStore("x_audio.hdf5").keys()
    assert error.value.message == "'x_audio.hdf5' is a folder, expected a file"
