"""What a decoder passes over in silence is named: cut files, joined ones, and nothing of a whole one."""

from __future__ import annotations

import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbricks.data.stores import mp3
from mirbricks.data.stores.audio import stream_audio
from mirbricks.data.stores.channels import read_channels

RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
NOTES = Path(os.environ.get("MIRBRICKS_DATA", "")) / "notes"
# A tag of 300 bytes, among which headers of frames seem to stand.
TAG = b"ID3\x04\x00\x00\x00\x00\x02\x2c" + b"\xff\xfb\x90\xc4" * 75


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def noise(ending: str, sr_hz: int, channels: int = 1, seconds: float = 1.0) -> bytes:
    """A whole file."""
    drawn = np.random.default_rng(sr_hz + channels)
    samples = drawn.standard_normal((round(seconds * sr_hz), channels)) / 9
    name = f"part.{ending}"
    # The same rate of bits throughout, as files without a length mostly have.
    if ending == "mp3":
        soundfile.write(name, samples, sr_hz, bitrate_mode="CONSTANT")
    else:
        soundfile.write(name, samples, sr_hz)
    return Path(name).read_bytes()


def without_length(content: bytes) -> bytes:
    """An mp3 that no longer announces how long it is."""
    for name in (b"Xing", b"Info"):
        content = content.replace(name, b"none")
    return content


def notes_on(name: str, content: bytes) -> tuple[list[str], float]:
    """What is said of a file, and how many seconds of it are read."""
    Path(name).write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        blocks = list(stream_audio(name, 5000))
    seconds = sum(len(samples) / sr_hz for samples, sr_hz in blocks)
    return [str(one.message) for one in caught], seconds


def drawn_pairs(n: int) -> list[tuple[tuple[int, int], tuple[int, int], bool, bytes]]:
    """Two forms, each a rate and a number of channels, that differ; whether the first announces its length; a tag."""
    draw = random.Random(16)
    pairs = []
    while len(pairs) < n:
        one = draw.choice(RATES_HZ), draw.choice((1, 2))
        other = draw.choice(RATES_HZ), draw.choice((1, 2))
        if one != other:
            pairs.append((one, other, draw.random() < 0.5, draw.choice((b"", TAG))))
    return pairs


@pytest.mark.parametrize(("one", "other", "is_announced", "tag"), drawn_pairs(24))
def test_an_mp3_that_goes_on_in_another_form_is_named(
    one: tuple[int, int], other: tuple[int, int], is_announced: bool, tag: bytes
) -> None:
    first = noise("mp3", *one)
    if not is_announced:
        first = without_length(first)
    second = noise("mp3", *other, seconds=2.0)
    (note,), seconds = notes_on("joined.mp3", tag + first + tag + second)
    assert 0.9 < seconds < 1.9
    held = sum(part.duration_s for part in mp3.stretches(first))
    start = f"only {seconds:.2f} of the "
    if one[0] != other[0]:
        change = f"{other[0]:,} Hz instead of {one[0]:,} Hz"
    else:
        change = f"{other[1]} instead of {one[1]} channels"
    assert note.startswith(start)
    assert note.endswith(f"after {held:.2f} s it goes on with {change}")


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("sr_hz", RATES_HZ)
def test_whole_files_of_every_rate_are_not_named(
    sr_hz: int, is_announced: bool
) -> None:
    content = noise("mp3", sr_hz, 1 + sr_hz % 2)
    if not is_announced:
        content = without_length(content)
    # Tags before, in between and behind, as real files have them.
    middle = _ends_of_frames(content)[8]
    content = TAG + content[:middle] + TAG + content[middle:] + b"TAG" + bytes(125)
    said, seconds = notes_on("whole.mp3", content)
    assert said == []
    assert seconds > 0.9


def _ends_of_frames(content: bytes) -> list[int]:
    """Where each frame ends, found by the shortest beginnings of the file that hold it."""
    ends = []
    place = content.index(b"\xff")
    for frame in mp3._frames(content):
        place += frame.bytes
        ends.append(place)
    return ends


@pytest.mark.parametrize("sr_hz", RATES_HZ)
@pytest.mark.parametrize("channels", [1, 2])
def test_stretches_count_what_was_encoded(sr_hz: int, channels: int) -> None:
    (part,) = mp3.stretches(noise("mp3", sr_hz, channels))
    assert (part.sr_hz, part.channels) == (sr_hz, channels)
    # The encoder adds some frames of its own, and one that describes the file.
    assert sr_hz <= part.samples <= sr_hz + 5 * 1152


@pytest.mark.parametrize("content", [b"", b"ID3", TAG, b"\xff\xfb\x90\xc4" * 90])
def test_bytes_that_hold_no_mp3(content: bytes) -> None:
    assert mp3.stretches(content) == []


def test_random_bytes_end() -> None:
    drawn = np.random.default_rng(0)
    for size in (1, 3, 4, 100, 5000):
        # Half of them ones, so that many headers seem to begin.
        content = drawn.choice([0xFF, 0xFB, 0x90, 0x49], size).astype(np.uint8)
        total = sum(part.samples for part in mp3.stretches(content.tobytes()))
        assert total < 1152 * size


@pytest.mark.parametrize("sr_hz", RATES_HZ)
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_without_a_length_is_read_whole(sr_hz: int, channels: int) -> None:
    """The decoder guesses a length by the first frame: here up to a third of what there is."""
    wave = np.sin(np.arange(3 * sr_hz) / 20) / 2
    wave[: sr_hz // 2] = 0.0
    frames = np.stack([wave, 0.5 * wave][:channels], axis=1)
    soundfile.write("whole.mp3", frames, sr_hz, bitrate_mode="VARIABLE")
    content = Path("whole.mp3").read_bytes()
    said, seconds = notes_on("plain.mp3", TAG + without_length(content))
    assert said == []
    assert 3.0 <= seconds < 3.5
    samples, rate_hz = read_channels("plain.mp3")
    assert (rate_hz, len(samples)) == (sr_hz, channels)
    assert samples.shape[1] == round(seconds * sr_hz)
    # The samples are those of the whole file, later by what its first frame lets a decoder trim.
    announced, _ = read_channels("whole.mp3")
    later = samples.shape[1] - announced.shape[1]
    best = min(
        float(np.abs(samples[:, k : k + announced.shape[1]] - announced).mean())
        for k in range(later + 1)
    )
    assert best < 1e-3


def test_files_of_one_form_joined_are_named() -> None:
    content = noise("mp3", 44100)
    (note,), _ = notes_on("joined.mp3", content + content)
    assert "more audio follows than its first frame announces" in note


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_wav_that_is_cut_off_is_named(
    share: float, subtype: str, channels: int
) -> None:
    samples = np.full((60_001, channels), 0.25)
    soundfile.write("whole.wav", samples, 44100, subtype=subtype)
    content = Path("whole.wav").read_bytes()
    assert notes_on("same.wav", content)[0] == []
    said, seconds = notes_on("cut.wav", content[: round(share * len(content))])
    n_read = round(seconds * 44100)
    assert said == [
        f"only {n_read:,} of the 60,001 frames that 'cut.wav' announces could be read: it may be cut off or damaged"
    ]


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x80000000])
def test_a_wav_of_which_the_writer_knew_no_length_is_not(size: int) -> None:
    """Programs that write into a pipe cannot go back to the header."""
    content = noise("wav", 44100)
    place = content.index(b"data") + 4
    content = content[:place] + size.to_bytes(4, "little") + content[place + 4 :]
    said, seconds = notes_on("piped.wav", content)
    assert said == []
    assert seconds == pytest.approx(1.0)


@pytest.mark.parametrize("ending", ["flac", "ogg"])
@pytest.mark.parametrize("other", [(22050, 1), (44100, 1), (44100, 2)])
def test_streams_joined_are_named(ending: str, other: tuple[int, int]) -> None:
    first = noise(ending, 44100)
    assert notes_on(f"one.{ending}", first)[0] == []
    said, seconds = notes_on(f"two.{ending}", first + noise(ending, *other))
    assert seconds == pytest.approx(1.0)
    name = f"two.{ending}"
    assert said == [
        f"'{name}' holds several streams, one after the other; only the first was read"
    ]


@pytest.mark.skipif(not NOTES.is_dir(), reason="the notes are not here")
def test_real_notes_are_whole() -> None:
    """Recordings of single notes, as they were published: none announces its length, and none is cut."""
    files = sorted(NOTES.rglob("*.mp3"))
    drawn = random.Random(16).sample(files, 80)
    for file in drawn:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert sum(len(samples) for samples, _ in stream_audio(file)) > 0, file
