from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from mirbricks.data.stores import mp3
from mirbricks.data.stores.audio import opened, stream_audio
from mirbricks.errors import DataError

SR_HZ = 22050
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(SR_HZ) / SR_HZ)).astype(np.float32)


def read_audio(
    path: str, block_samples: int = 1 << 20
) -> tuple[NDArray[np.float32], int]:
    """The blocks, put together."""
    blocks = list(stream_audio(path, block_samples))
    return np.concatenate([block for block, _ in blocks]), blocks[0][1]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("ending", "tolerance"),
    [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.05)],
)
def test_formats(ending: str, tolerance: float) -> None:
    soundfile.write(f"x.{ending}", TONE, SR_HZ)
    audio, sr_hz = read_audio(f"x.{ending}")
    assert (audio.dtype, audio.ndim, sr_hz) == (np.float32, 1, SR_HZ)
    n = min(len(audio), len(TONE))
    assert n > 0.95 * SR_HZ
    np.testing.assert_allclose(
        audio[2000 : n - 2000], TONE[2000 : n - 2000], atol=tolerance
    )


def test_channels_are_averaged() -> None:
    soundfile.write(
        "x.wav", np.stack([TONE, np.zeros_like(TONE), TONE], 1), SR_HZ, subtype="FLOAT"
    )
    np.testing.assert_allclose(read_audio("x.wav")[0], TONE * 2 / 3, atol=1e-7)


def test_blocks_are_the_whole() -> None:
    soundfile.write("x.wav", np.stack([TONE, -0.5 * TONE], 1), SR_HZ, subtype="FLOAT")
    blocks = list(stream_audio("x.wav", 1000))
    assert [len(block) for block, _ in blocks] == [1000] * 22 + [50]
    np.testing.assert_array_equal(
        np.concatenate([block for block, _ in blocks]), read_audio("x.wav")[0]
    )


UNREADABLE = {
    "text.wav": "Format not recognised\n  help: wav, flac, ogg and mp3 are read",
    "tekst.wav": "there is no such file\n  help: did you mean 'text.wav'?",
    "missing.wav": "there is no such file\n  help: correct the path: the folder 'HERE' has no file of that name",
    "no/where/a.wav": "there is no such file\n  help: 'no' is not a folder: correct the path",
    "text.wav/a.wav": "there is no such file\n  help: 'text.wav' is not a folder: correct the path",
    "folder": "it is a folder\n  help: give one of its files",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable(name: str) -> None:
    Path("text.wav").write_text("no audio at all")
    Path("folder").mkdir()
    with pytest.raises(DataError) as error:
        read_audio(name)
    expected = UNREADABLE[name].replace("HERE", str(Path.cwd()))
    assert str(error.value) == (
        f"cannot read the audio file '{name}': {expected}     [E430]"
    )


def test_folders_and_odd_files_are_unreadable_too() -> None:
    Path("folder.wav").mkdir()
    Path("zero.wav").write_bytes(b"")
    for name, code in (("folder.wav", "E430"), ("zero.wav", "E431")):
        with pytest.raises(DataError) as error:
            read_audio(name)
        assert error.value.code == code


def test_a_file_without_permission(unprivileged: Any) -> None:
    soundfile.write("x.wav", TONE, SR_HZ)
    Path("x.wav").chmod(0)
    with unprivileged(), pytest.raises(DataError) as error:
        read_audio("x.wav")
    assert str(error.value) == (
        "cannot read the audio file 'x.wav': Permission denied\n"
        "  help: give yourself the right to read it, and to enter the folders above it     [E430]"
    )


def test_empty() -> None:
    soundfile.write("x.wav", TONE[:0], SR_HZ)
    with pytest.raises(DataError) as error:
        read_audio("x.wav")
    assert str(error.value) == (
        "the audio file 'x.wav' is empty\n"
        "  help: take it from its source again, or leave it out     [E431]"
    )


def test_nan_is_named_with_its_sample() -> None:
    audio = TONE.copy()
    audio[5000] = np.nan
    soundfile.write("x.wav", audio, SR_HZ, subtype="FLOAT")
    for block_samples in (1 << 20, 999):
        with pytest.raises(DataError) as error:
            list(stream_audio("x.wav", block_samples))
        assert (
            str(error.value)
            == "the audio file 'x.wav' has NaN or infinity\n  first  sample 5000\n"
            "  help: write the audio again, or leave it out     [E432]"
        )


def mp3_of(seconds: float) -> bytes:
    """A file whose header announces its length."""
    tone = np.sin(np.arange(round(seconds * 44100)) / 20).astype(np.float32) / 2
    soundfile.write("whole.mp3", tone, 44100)
    return Path("whole.mp3").read_bytes()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_file_that_is_cut_off_is_named(share: float) -> None:
    whole = mp3_of(4)
    Path("cut.mp3").write_bytes(whole[: int(len(whole) * share)])
    announced = soundfile.info("whole.mp3").frames
    with pytest.warns(UserWarning, match="it may be cut off or damaged") as caught:
        audio, _ = read_audio("cut.mp3")
    assert 0 < len(audio) < announced
    assert str(caught[0].message).startswith(
        f"only {len(audio):,} of the {announced:,} frames that 'cut.mp3' announces"
    )


def test_an_mp3_that_announces_no_length_is_not_said_to_be_cut_off() -> None:
    """Without the encoder's first frame the length is guessed from the size, tags and all."""
    whole = mp3_of(4)
    at = next(i for name in (b"Info", b"Xing") if (i := whole.find(name)) >= 0)
    Path("plain.mp3").write_bytes(whole[:at] + b"none" + whole[at + 4 :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audio, _ = read_audio("plain.mp3")
    assert len(audio) >= 4 * 44100


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_whole_files_are_not(ending: str, recwarn: pytest.WarningsRecorder) -> None:
    rng = np.random.default_rng(0)
    stereo = rng.standard_normal((30_000, 2)).astype(np.float32) / 9
    soundfile.write(f"x.{ending}", stereo, 44100)
    read_audio(f"x.{ending}")
    soundfile.write("silence.wav", np.zeros((999, 2)), 44100)
    read_audio("silence.wav")
    assert not recwarn.list


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_channels_that_cancel_each_other_are_named(channels: int, ending: str) -> None:
    tone = np.sin(np.arange(20_000) / 20).astype(np.float32) / 2
    turned = np.stack([tone, -tone] * (channels // 2), axis=1)
    soundfile.write(f"x.{ending}", turned, 44100)
    with pytest.warns(UserWarning, match="cancel each other: their mean"):
        audio, _ = read_audio(f"x.{ending}", 7000)
    assert np.abs(audio).max() < 1e-3


@pytest.mark.parametrize("sr_hz", [1, 999, 1_000_001, 1_000_000_000])
def test_rates_of_no_recording_are_refused_by_the_header(sr_hz: int) -> None:
    soundfile.write("x.wav", np.zeros(8000), sr_hz)
    with pytest.raises(DataError) as caught:
        read_audio("x.wav")
    assert str(caught.value) == (
        f"cannot read the audio file 'x.wav': its header has a sample rate of {sr_hz:,} Hz\n"
        "  expected  1,000 to 1,000,000 Hz\n"
        "  help: correct the header, or write the audio again     [E430]"
    )


@pytest.mark.parametrize("missing", [mp3.LARGEST_FRAME, mp3.LARGEST_FRAME + 1])
def test_an_mp3_is_opened_again_where_more_than_a_frame_is_missing(
    missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder may leave out the encoder's own frame: nothing is lost then."""
    Path("x.mp3").write_bytes(mp3_of(1))
    with soundfile.SoundFile("x.mp3") as file:
        found = file.frames
    stretch = SimpleNamespace(samples=found + missing)
    monkeypatch.setattr(mp3, "announces_length", lambda _: False)
    monkeypatch.setattr(mp3, "stretches", lambda _: [stretch])
    completed = []
    monkeypatch.setattr(
        mp3, "with_length", lambda data: completed.append(len(data)) or data
    )

    with opened(Path("x.mp3")) as file:
        assert file.frames == found

    assert len(completed) == int(missing > mp3.LARGEST_FRAME)
