from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mirbricks.data.stores.hdf5 import (
    AudioStore,
    FeatureStore,
    write_audio,
    write_features,
)
from mirbricks.errors import DataError

RAMP = np.linspace(-1, 1, 1000, dtype=np.float32)


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, so that messages hold no path of this machine."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def raw_file(
    name: str, key: str = "a.wav", data: Any = RAMP, **attributes: Any
) -> AudioStore:
    """What another program may have written."""
    with h5py.File(name, "w") as file:
        file.create_dataset(key, data=data).attrs.update(attributes)
    return AudioStore(name)


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def message(error: pytest.ExceptionInfo[DataError]) -> str:
    return str(error.value)


def test_what_is_written_is_read_back(here: Path) -> None:
    write_audio(
        "x_audio.hdf5",
        [("b.wav", RAMP, 22050), ("sub/a.wav", RAMP[::-1].astype(np.float64), 16000)],
    )
    store = AudioStore("x_audio.hdf5")
    assert store.keys() == ("b.wav", "sub/a.wav")
    assert (
        store.n_samples("b.wav"),
        store.sr_hz("b.wav"),
        store.sr_hz("sub/a.wav"),
    ) == (1000, 22050, 16000)
    np.testing.assert_array_equal(store.read("b.wav"), RAMP)
    np.testing.assert_array_equal(store.read("sub/a.wav", 10, 20), RAMP[::-1][10:20])
    assert store.read("b.wav").dtype == np.float32
    assert listed(here) == ["x_audio.hdf5"]


def test_audio_lies_contiguous_as_float32() -> None:
    write_audio("x_audio.hdf5", [("a", RAMP.astype(np.float64), 22050)])
    with h5py.File("x_audio.hdf5") as file:
        assert (file["a"].chunks, file["a"].dtype, file["a"].compression) == (
            None,
            np.float32,
            None,
        )


def test_the_same_items_give_the_same_bytes() -> None:
    for name in ("1.hdf5", "2.hdf5"):
        write_audio(name, [(str(i), RAMP, 22050) for i in range(40)])
    assert Path("1.hdf5").read_bytes() == Path("2.hdf5").read_bytes()
    assert Path("1.hdf5").stat().st_size < 40 * (
        RAMP.nbytes + 1000
    )  # what was reserved is given back


def test_features_keep_attributes_and_apply_their_scale() -> None:
    frames = np.arange(12.0).reshape(4, 3)
    write_features(
        "x_feat.hdf5", [("a", frames, {"hop_s": 0.1}), ("b", frames, {"scale": 0.5})]
    )
    store = FeatureStore("x_feat.hdf5")
    assert store.shape("a") == (4, 3)
    assert store.attributes("a") == {"hop_s": 0.1}
    np.testing.assert_array_equal(store.read("a", 1, 3), frames[1:3])
    np.testing.assert_array_equal(store.read("b"), frames * 0.5)


def test_attributes_are_read_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"hop_s": 0.1, "note": "a text of any length"}
    write_features("x_feat.hdf5", [("a", np.zeros((4, 3)), given)])
    read: list[str] = []
    whole = h5py.AttributeManager.__getitem__

    def counted(attributes: Any, name: str) -> Any:
        read.append(name)
        return whole(attributes, name)

    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", counted)
    attributes = FeatureStore("x_feat.hdf5").attributes("a")
    assert (sorted(attributes), len(attributes)) == (["hop_s", "note"], 2)
    assert "note" in attributes
    assert read == []
    assert attributes["hop_s"] == 0.1
    assert read == ["hop_s"]
    with pytest.raises(KeyError):
        attributes["hop_ms"]
    assert repr(attributes) == "<attributes of 'a': hop_s, note>"
    assert dict(attributes) == given


def test_integer_features_of_others_are_read() -> None:
    raw_file("x_feat.hdf5", data=np.arange(6, dtype=np.uint8).reshape(3, 2), scale=0.1)
    np.testing.assert_allclose(
        FeatureStore("x_feat.hdf5").read("a.wav"),
        np.arange(6).reshape(3, 2) * 0.1,
        rtol=1e-6,
    )


def read_in_child(store: AudioStore, queue: Any) -> None:
    queue.put(float(store.read("a.wav").sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_store_crosses_processes(method: str) -> None:
    store = raw_file("x_audio.hdf5", sr_hz=22050, data=RAMP + 2)
    expected = float(store.read("a.wav").sum())  # opened here before the child exists
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=read_in_child, args=(store, queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join()
    assert float(store.read("a.wav").sum()) == expected


def test_unpickled_stores_share_one_handle_and_see_a_replaced_file() -> None:
    store = raw_file("x_audio.hdf5", sr_hz=22050)
    one, two = (pickle.loads(pickle.dumps(store)) for _ in range(2))
    assert one is two
    assert one.n_samples("a.wav") == 1000
    write_audio("x_audio.hdf5", [("a.wav", RAMP[:10], 22050)])
    assert pickle.loads(pickle.dumps(store)).n_samples("a.wav") == 10


def test_a_read_only_folder_is_enough(here: Path) -> None:
    raw_file("x_audio.hdf5", sr_hz=22050)
    Path("x_audio.hdf5").chmod(0o444)
    here.chmod(0o555)
    try:
        assert len(AudioStore("x_audio.hdf5").read("a.wav")) == 1000
    finally:
        here.chmod(0o755)


def test_missing_file() -> None:
    with pytest.raises(DataError) as error:
        AudioStore("x_audio.hdf5").keys()
    assert message(error) == (
        "there is no file 'x_audio.hdf5'\n  help: check the path; the file is NAME_audio.hdf5     [E400]"
    )


@pytest.mark.parametrize("locked", ["x_audio.hdf5", "."])
def test_a_file_without_permission(locked: str, unprivileged: Any) -> None:
    raw_file("x_audio.hdf5", sr_hz=22050)
    Path(locked).chmod(0o600 if locked == "." else 0)
    with unprivileged(), pytest.raises(DataError) as error:
        AudioStore("x_audio.hdf5").keys()
    assert message(error) == (
        "cannot read 'x_audio.hdf5': Permission denied\n"
        "  help: give yourself the right to read it, and to enter the folders above it     [E409]"
    )


@pytest.mark.parametrize("damage", ["text", "empty", "truncated"])
def test_damaged_file(damage: str) -> None:
    raw_file("x_audio.hdf5", sr_hz=22050, data=np.tile(RAMP, 100))
    whole = Path("x_audio.hdf5").read_bytes()
    Path("x_audio.hdf5").write_bytes(
        {"text": b"not a file", "empty": b"", "truncated": whole[: len(whole) // 2]}[
            damage
        ]
    )
    with pytest.raises(DataError) as error:
        AudioStore("x_audio.hdf5").read("a.wav")
    assert error.value.code == "E401"
    assert message(error).startswith(
        "'x_audio.hdf5' is not an HDF5 file, or a damaged one\n  size  "
    )
    assert message(error).endswith("\n  help: download or build it again     [E401]")


def test_damage_inside_compressed_data() -> None:
    with h5py.File("x_audio.hdf5", "w") as file:
        file.create_dataset("a.wav", data=np.tile(RAMP, 100), compression="gzip").attrs[
            "sr_hz"
        ] = 22050
        place = file["a.wav"].id.get_chunk_info(1)
    with Path("x_audio.hdf5").open("r+b") as raw:
        raw.seek(place.byte_offset)
        raw.write(b"\0" * (place.size // 2))
    with pytest.raises(DataError, match="damaged"):
        AudioStore("x_audio.hdf5").read("a.wav")


def test_unknown_key() -> None:
    store = raw_file("x_audio.hdf5", sr_hz=22050)
    with pytest.raises(DataError) as error:
        store.read("a.wave")
    assert (
        message(error)
        == "'x_audio.hdf5' has no key 'a.wave'\n  help: did you mean 'a.wav'?     [E402]"
    )
    with pytest.raises(DataError) as error:
        store.read("something else")
    assert message(error).endswith(
        "help: it has 1 keys, the first is 'a.wav'     [E402]"
    )


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (np.zeros((1, 2, 5), np.float32), "  shape  (1, 2, 5)\n  type   float32\n"),
        (np.zeros(5, np.int16), "  shape  (5,)\n  type   int16\n"),
        (np.float32(3), "  shape  ()\n  type   float32\n"),
    ],
)
def test_wrong_form(data: Any, facts: str) -> None:
    with pytest.raises(DataError) as error:
        raw_file("x_audio.hdf5", data=data, sr_hz=22050).read("a.wav")
    assert (
        message(error)
        == f"'a.wav' of 'x_audio.hdf5' is not a float array, (N,) or (C, N) of C channels\n{facts}  [E403]"
    )


@pytest.mark.parametrize(
    "bad", [0, -22050, 44, "22050", 22050.5, np.nan, True, np.array([22050, 1]), 10**9]
)
def test_wrong_sampling_rate(bad: Any) -> None:
    with pytest.raises(DataError) as error:
        raw_file("x_audio.hdf5", sr_hz=bad).sr_hz("a.wav")
    assert error.value.code == "E404"
    assert "expected a whole number of Hz from 1000 to 1000000" in message(error)


def test_sampling_rate_messages() -> None:
    with pytest.raises(DataError) as error:
        raw_file("x_audio.hdf5").sr_hz("a.wav")
    assert message(error) == (
        "'a.wav' of 'x_audio.hdf5' has no attribute 'sr_hz'\n  help: write the sampling rate in Hz to it     [E404]"
    )
    with pytest.raises(DataError) as error:
        raw_file("x_audio.hdf5", sr_hz=-1).sr_hz("a.wav")
    assert message(error) == (
        "'a.wav' of 'x_audio.hdf5' has 'sr_hz' = -1, expected a whole number of Hz from 1000 to 1000000\n"
        "  help: write the sampling rate in Hz, such as 22050     [E404]"
    )


def test_a_whole_sampling_rate_may_be_a_float() -> None:
    assert raw_file("x_audio.hdf5", sr_hz=44100.0).sr_hz("a.wav") == 44100


def test_empty_audio() -> None:
    with pytest.raises(DataError) as error:
        raw_file("x_audio.hdf5", data=RAMP[:0], sr_hz=22050).n_samples("a.wav")
    assert message(error) == (
        "'a.wav' of 'x_audio.hdf5' is empty\n  shape  (0,)\n"
        "  help: remove the key from the corpus, or build it again from its source     [E405]"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_is_found_where_it_lies(value: float) -> None:
    audio = RAMP.copy()
    audio[[700, 701]] = value
    store = raw_file("x_audio.hdf5", data=audio, sr_hz=22050)
    assert len(store.read("a.wav", 0, 700)) == 700
    with pytest.raises(DataError) as error:
        store.read("a.wav", 600)
    assert message(error) == (
        "'a.wav' of 'x_audio.hdf5' has NaN or infinity\n  first  sample 700\n  count  2\n"
        "  help: repair it or remove it from the corpus     [E406]"
    )


def test_asking_outside_the_audio_is_a_mistake_of_the_caller() -> None:
    store = raw_file("x_audio.hdf5", sr_hz=22050)
    for start, stop in [(-1, 5), (0, 1001), (6, 5)]:
        with pytest.raises(ValueError, match="holds"):
            store.read("a.wav", start, stop)
