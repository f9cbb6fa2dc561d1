"""Channels in the store: what goes in comes out, and mono readers see the mean."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mirbricks.data.corpus import Corpus
from mirbricks.data.mixes import stem_mixes
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.audio import stream_audio, stream_channels
from mirbricks.data.stores.channels import read_channels
from mirbricks.data.stores.downmix import fitted, mixed_down
from mirbricks.data.stores.hdf5 import AudioStore, write_audio
from mirbricks.errors import DataError

SR_HZ = 8000
TEXT = Definition("global", "text")


@st.composite
def recordings(draw: st.DrawFn) -> NDArray[np.float32]:
    """(N,), or (C, N) with C <= N."""
    n_samples = draw(st.integers(1, 40))
    n_channels = draw(st.integers(0, min(9, n_samples)))
    shape = (n_channels, n_samples) if n_channels else (n_samples,)
    values = st.floats(-(2.0**20), 2.0**20, width=32)
    found: NDArray[np.float32] = draw(arrays.arrays(np.float32, shape, elements=values))
    return found


def mean_of_a_file(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean that readers of files have always made: over rows of one moment each."""
    return np.ascontiguousarray(channels.T).mean(axis=1, dtype=np.float32)


def corpus_of(folder: Path, audio: dict[str, NDArray[Any]], **stem_of: str) -> Corpus:
    """A corpus of these recordings; the keyword arguments are their instruments."""
    write_audio(folder / "c_audio.hdf5", [(k, x, SR_HZ) for k, x in audio.items()])
    entries = []
    for key in audio:
        own = {"filepath": (Atom(key),)}
        name = key.removesuffix(".wav").rpartition("-")[2]
        if name in stem_of:
            own["instrument"] = (Atom(stem_of[name]),)
        entries.append(Entry(own))
    definitions = {"filepath": TEXT, "instrument": TEXT}
    Pyjama(definitions, entries).save(folder / "c.pyjama")
    return Corpus.open(folder)


@settings(max_examples=80)
@given(audio=recordings(), part=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_what_goes_in_comes_out_and_mono_readers_see_the_mean(
    audio: NDArray[np.float32], part: tuple[float, float]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x_audio.hdf5"
        write_audio(path, [("a.wav", audio, SR_HZ)])
        store = AudioStore(path)
        channels = np.atleast_2d(audio)
        assert (store.n_channels("a.wav"), store.n_samples("a.wav")) == channels.shape
        np.testing.assert_array_equal(store.read_channels("a.wav"), channels)
        mono = audio if audio.ndim == 1 else mean_of_a_file(channels)
        # A single channel is not averaged, but the mean of one number is that number.
        np.testing.assert_array_equal(store.read("a.wav"), mono.ravel())

        start, stop = sorted(int(share * channels.shape[1]) for share in part)
        np.testing.assert_array_equal(
            store.read_channels("a.wav", start, stop), channels[:, start:stop]
        )
        np.testing.assert_array_equal(
            store.read("a.wav", start, stop), mono.ravel()[start:stop]
        )
        store.close()


def test_mono_audio_lies_in_the_file_as_before(tmp_path: Path) -> None:
    mono = np.linspace(-1, 1, 50, dtype=np.float32)
    for name, audio in {"flat": mono, "row": mono[None]}.items():
        write_audio(tmp_path / name, [("a", audio, SR_HZ)])
    assert (tmp_path / "flat").read_bytes() == (tmp_path / "row").read_bytes()
    with h5py.File(tmp_path / "row") as file:
        assert file["a"].shape == (50,)


def test_channels_lie_one_after_another(tmp_path: Path) -> None:
    """Also of frames that lie moment by moment, as those of an import do."""
    frames = np.arange(30, dtype=np.float32).reshape(10, 3)
    for name, audio in {"view": frames.T, "copy": frames.T.copy()}.items():
        write_audio(tmp_path / name, [("a", audio, SR_HZ)])
        with h5py.File(tmp_path / name) as file:
            assert (file["a"].shape, file["a"].chunks) == ((3, 10), None)
            np.testing.assert_array_equal(file["a"], frames.T)


def test_a_single_row_of_another_program_is_mono(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x_audio.hdf5", "w") as file:
        file.create_dataset("a", data=np.ones((1, 9))).attrs["sr_hz"] = SR_HZ
    store = AudioStore(tmp_path / "x_audio.hdf5")
    assert (store.n_channels("a"), store.n_samples("a")) == (1, 9)
    np.testing.assert_array_equal(store.read("a", 2, 5), np.ones(3, np.float32))


def test_audio_that_lies_on_its_side_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with h5py.File("x_audio.hdf5", "w") as file:
        file.create_dataset("a", data=np.ones((9, 2))).attrs["sr_hz"] = SR_HZ
    message = (
        "'a' of 'x_audio.hdf5' has 9 channels of 2 samples\n"
        "  help: audio is (C, N), a row per channel: transpose the array     [E403]"
    )
    with pytest.raises(DataError) as caught:
        AudioStore("x_audio.hdf5").n_channels("a")
    assert str(caught.value) == message
    with pytest.raises(DataError) as caught:
        write_audio("y_audio.hdf5", [("a", np.ones((9, 2)), SR_HZ)])
    assert str(caught.value) == message.replace("x_audio", "y_audio")


@pytest.mark.parametrize("written", [True, False])
def test_nan_is_named_by_its_moment(tmp_path: Path, written: bool) -> None:
    audio = np.zeros((3, 20), np.float32)
    audio[2, 7] = np.nan
    audio[1, 9] = np.nan
    path = tmp_path / "x_audio.hdf5"
    if not written:
        with h5py.File(path, "w") as file:
            file.create_dataset("a", data=audio).attrs["sr_hz"] = SR_HZ

    def act() -> None:
        if written:
            write_audio(path, [("a", audio, SR_HZ)])
        else:
            AudioStore(path).read("a")

    with pytest.raises(DataError) as caught:
        act()
    assert caught.value.code == "E406"
    assert dict(caught.value.facts) == {"first": "sample 7", "count": "2"}


def test_a_mean_too_large_for_float32_is_refused_without_a_warning(
    tmp_path: Path,
) -> None:
    write_audio(tmp_path / "x", [("a", np.full((2, 4), 3e38, np.float32), SR_HZ)])
    store = AudioStore(tmp_path / "x")
    assert store.read_channels("a").max() > 2e38
    with pytest.raises(DataError) as caught:
        store.read("a")
    assert caught.value.code == "E406"


@given(
    audio=arrays.arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 50)),
        elements=st.floats(-1, 1, width=32),
    )
)  # fmt: skip
def test_mixing_down_is_the_mean_over_the_rows_of_a_file(
    audio: NDArray[np.float32],
) -> None:
    # Bytes, not numbers: -0 would be another file in a cache.
    assert mixed_down(audio).tobytes() == mean_of_a_file(audio).tobytes()
    np.testing.assert_array_equal(fitted(audio, 1, "it")[0], mean_of_a_file(audio))


def test_channels_are_fitted_to_a_reader() -> None:
    mono = np.arange(4, dtype=np.float32)[None]
    stereo = np.concatenate([mono, -mono])
    np.testing.assert_array_equal(fitted(mono, 3, "it"), np.repeat(mono, 3, axis=0))
    assert fitted(stereo, 2, "it") is stereo
    with pytest.raises(DataError) as caught:
        fitted(stereo, 3, "'a.wav'")
    assert str(caught.value) == (
        "'a.wav' has 2 channels, and 3 are read\n"
        "  help: recordings have 3 channels here, or one, which is repeated; "
        "a model with feature.channels=1 reads the mean of any number     [E435]"
    )


def test_the_channels_of_a_file(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).uniform(-1, 1, (5000, 3)).astype(np.float32)
    path = tmp_path / "x.wav"
    soundfile.write(path, frames, SR_HZ, subtype="FLOAT")
    blocks = [block for block, _ in stream_channels(path, 999)]
    assert [block.shape for block in blocks] == [(3, 999)] * 5 + [(3, 5)]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), frames.T)
    samples, sr_hz = read_channels(path)
    np.testing.assert_array_equal(samples, frames.T)
    assert sr_hz == SR_HZ
    mono = np.concatenate([block for block, _ in stream_audio(path, 999)])
    np.testing.assert_array_equal(mono, mean_of_a_file(frames.T))


def test_items_of_a_corpus_read_both_ways(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    stereo, mono = rng.uniform(-1, 1, (2, 2, 100)).astype(np.float32)
    corpus = corpus_of(tmp_path, {"stereo.wav": stereo, "mono.wav": mono[0]})
    two, one = pickle.loads(pickle.dumps(corpus.items))
    assert (two.n_channels, two.n_samples, one.n_channels) == (2, 100, 1)
    np.testing.assert_array_equal(two.read_channels(5, 50)[0], stereo[:, 5:50])
    np.testing.assert_array_equal(two.read(5, 50)[0], mean_of_a_file(stereo)[5:50])
    np.testing.assert_array_equal(one.read_channels()[0], mono[:1])
    assert one.read_channels()[1] == SR_HZ


def test_a_mix_keeps_the_channels_of_its_stems(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    wide = rng.uniform(-1, 1, (2, 80)).astype(np.float32)
    short = rng.uniform(-1, 1, 60).astype(np.float32)
    corpus = corpus_of(
        tmp_path, {"p.wav": wide, "p-a.wav": wide, "p-b.wav": short}, a="a", b="b"
    )
    *_, mix = stem_mixes(corpus.items, "instrument")
    assert (mix.n_channels, mix.n_samples) == (2, 80)
    expected = wide.copy()
    expected[:, :60] += short
    np.testing.assert_array_equal(mix.read_channels()[0], expected)
    np.testing.assert_array_equal(mix.read_channels(50, 70)[0], expected[:, 50:70])
    own = mean_of_a_file(wide)
    own[:60] += short
    np.testing.assert_array_equal(mix.read()[0], own)
