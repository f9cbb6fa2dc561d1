"""MUSDB18's .stem.mp4: the streams of one file are the mix and its stems."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers import optional as optional_packages
from mirbricks.data.importers.stem_containers import STREAMS
from mirbricks.data.stores.containers import count_streams, stream_of_container
from mirbricks.errors import DataError

SR_HZ = 44100
Float32 = NDArray[np.float32]


def tones(n_streams: int, n_samples: int) -> list[Float32]:
    """Stereo, (2, N) each, of values that 16 bits hold exactly; every channel has its own pitch."""
    time = np.arange(n_samples)
    made = []
    for number in range(n_streams):
        left = np.sin(time * (0.02 + 0.01 * number))
        right = np.sin(time * (0.025 + 0.01 * number))
        whole = np.round(np.stack([left, right]) * 8000)
        made.append((whole / 32768).astype(np.float32))
    return made


class Resampler:
    """In the place of av's: what comes in is in the form that is asked for."""

    def __init__(self, **form: Any) -> None:
        assert form == {"format": "fltp", "layout": "stereo", "rate": form["rate"]}

    def resample(self, frame: Any) -> list[Any]:
        return [] if frame is None else [frame]


class Container:
    """In the place of av's: streams of samples, in frames of 1,024."""

    def __init__(self, streams: Sequence[Float32], sr_hz: int = SR_HZ) -> None:
        self.samples = streams
        audio = [
            SimpleNamespace(rate=sr_hz, layout="stereo", number=number)
            for number in range(len(streams))
        ]
        self.streams = SimpleNamespace(audio=audio)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def decode(self, stream: Any) -> Iterator[Any]:
        samples = self.samples[stream.number]
        for start in range(0, samples.shape[1], 1024):
            part = samples[:, start : start + 1024]
            yield SimpleNamespace(to_ndarray=lambda part=part: part)


def stand_in(files: dict[str, Container]) -> Any:
    """A package `av` that opens these files, by name."""

    class Error(Exception):
        pass

    def opened(path: str) -> Container:
        if Path(path).name not in files:
            raise Error("Invalid data found when processing input")
        return files[Path(path).name]

    return SimpleNamespace(open=opened, FFmpegError=Error, AudioResampler=Resampler)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Any:
    """package(files): from here on `av` is the stand-in for these files; each of them is there."""

    def use(files: dict[str, Container], folder: str = "src") -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in files:
            Path(folder, name).write_bytes(b"a container")
        made = stand_in(files)

        def found(module: str) -> Any:
            return made if module == "av" else importlib.import_module(module)

        monkeypatch.setattr(
            optional_packages, "importlib", SimpleNamespace(import_module=found)
        )

    return use


def test_the_streams_are_mixture_drums_bass_other_vocals(
    package: Any, bring_in: Any
) -> None:
    streams = tones(5, 3000)
    package({"A song.stem.mp4": Container(streams)}, "src/train")
    report = bring_in("stems", "src", "out")
    assert (report.n_recordings, dict(report.channels)) == (5, {2: 5})
    corpus = Corpus.open("out")
    assert [item.key for item in corpus.items] == [
        f"train/A song/{name}.wav" for name in STREAMS
    ]
    for name, samples in zip(STREAMS, streams, strict=True):
        item = corpus[f"train/A song/{name}.wav"]
        np.testing.assert_array_equal(item.read_channels()[0], samples)
        assert (item.sr_hz, item.group) == (SR_HZ, "A song")
        assert item.entry.first("split") == "train"
        mix = None if name == "mixture" else "train/A song/mixture.wav"
        assert item.stem_of == mix
        own = None if name == "mixture" else name
        assert item.entry.first("instrument") == own


def test_keys_are_those_of_a_folder(package: Any, bring_in: Any, sound: Any) -> None:
    """MUSDB18 and MUSDB18-HQ give corpora of the same keys; both may lie in one source."""
    package({"one.stem.mp4": Container(tones(5, 2000))}, "src/test")
    for name in STREAMS:
        sound(f"src/test/two/{name}.wav", channels=2)
    bring_in("stems", "src", "out")
    keys = {item.key for item in Corpus.open("out").items}
    assert keys == {
        f"test/{track}/{x}.wav" for track in ("one", "two") for x in STREAMS
    }


def test_streams_of_another_order(package: Any, bring_in: Any) -> None:
    streams = tones(3, 2000)
    package({"x.stem.mp4": Container(streams)})
    bring_in("stems", "src", "out", "streams=voice, guitar, all", "mixture=all")
    corpus = Corpus.open("out")
    for name, samples in zip(("voice", "guitar", "all"), streams, strict=True):
        np.testing.assert_array_equal(
            corpus[f"x/{name}.wav"].read_channels()[0], samples
        )
    assert corpus["x/voice.wav"].stem_of == "x/all.wav"


@pytest.mark.parametrize(
    ("settings", "message", "code"),
    [
        (
            (),
            "'src/x.stem.mp4' has 2 streams of audio, expected 5: mixture, drums, bass, other, vocals",
            "E433",
        ),
        (
            ("streams=a,b",),
            "no stream of 'src/x.stem.mp4' is called 'mixture', which is the mix",
            "E464",
        ),
    ],
)
def test_a_container_of_other_streams_is_left_out(
    settings: tuple[str, ...], message: str, code: str, package: Any, bring_in: Any
) -> None:
    other = Container(tones(5, 2000))
    package({"x.stem.mp4": Container(tones(2, 2000)), "y.stem.mp4": other})
    if settings:
        with pytest.raises(DataError) as caught:
            bring_in("stems", "src", "out", *settings)
        assert code in dict(caught.value.facts)["left out"]
        return
    report = bring_in("stems", "src", "out", *settings)
    assert [(e.message, e.code) for e in report.left_out] == [(message, code)]
    assert report.n_recordings == 5


def test_a_damaged_container_costs_itself(package: Any, bring_in: Any) -> None:
    package({"y.stem.mp4": Container(tones(5, 2000))})
    Path("src/broken.stem.mp4").write_bytes(b"")
    report = bring_in("stems", "src", "out")
    assert [error.message for error in report.left_out] == [
        "cannot read the audio of 'src/broken.stem.mp4': Invalid data found when processing input"
    ]
    assert report.n_recordings == 5


def test_without_the_package_one_message_names_the_command(
    bring_in: Any, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where other tracks could be read: half a corpus would be taken for the whole."""

    def missing(module: str) -> Any:
        raise ImportError(module)

    monkeypatch.setattr(
        optional_packages, "importlib", SimpleNamespace(import_module=missing)
    )
    sound("src/a/mixture.wav")
    Path("src/b.stem.mp4").write_bytes(b"a container")
    Path("src/c.stem.mp4").write_bytes(b"a container")
    with pytest.raises(DataError) as caught:
        bring_in("stems", "src", "out")
    assert str(caught.value) == (
        "the package 'av' is not installed\n  help: pip install 'mirbricks[separation]'     [E468]"
    )


@pytest.mark.parametrize("n_samples", [1, 1023, 4096, 5000])
@pytest.mark.parametrize("block_samples", [100, 1024, 4096, 1 << 20])
def test_frames_of_a_codec_become_blocks_of_one_size(
    n_samples: int, block_samples: int
) -> None:
    (samples,) = tones(1, n_samples)
    av = stand_in({"x": Container([samples])})
    blocks = list(stream_of_container(av, Path("x"), 0, block_samples))
    sizes = [block.shape[1] for block, _ in blocks]
    assert all(size == block_samples for size in sizes[:-1])
    assert 0 < sizes[-1] <= block_samples
    joined = np.concatenate([block for block, _ in blocks], axis=1)
    np.testing.assert_array_equal(joined, samples)


@pytest.mark.parametrize(
    ("container", "code"),
    [
        (Container([np.zeros((2, 0), np.float32)]), "E431"),
        (Container([np.full((2, 9), np.nan, np.float32)]), "E432"),
        (Container(tones(1, 9), sr_hz=10), "E430"),
        (Container([]), "E430"),
    ],
)
def test_a_stream_that_is_no_audio_is_refused(container: Container, code: str) -> None:
    with pytest.raises(DataError) as caught:
        list(stream_of_container(stand_in({"x": container}), Path("x"), 0))
    assert caught.value.code == code


def written(av: Any, path: str, codec: str, streams: Sequence[Float32]) -> None:
    """A real container."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w", format="mp4") as file:
        made = [file.add_stream(codec, rate=SR_HZ, layout="stereo") for _ in streams]
        for stream, samples in zip(made, streams, strict=True):
            whole = np.round(samples * 32768).astype(np.int16)
            # Packed: the samples of both channels at one moment lie together.
            packed = np.ascontiguousarray(whole.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
            frame.sample_rate = SR_HZ
            # With its time the container says how many samples the encoder has put before the first.
            frame.pts = 0
            frame.time_base = Fraction(1, SR_HZ)
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))


@pytest.mark.parametrize("codec", ["alac", "aac"])
def test_a_real_container(codec: str, bring_in: Any) -> None:
    """Sample for sample with a codec that loses nothing; with MUSDB18's own codec as it sounds."""
    av = pytest.importorskip("av", reason="needs the extra [separation]")
    streams = tones(5, 40_000)
    written(av, "src/x.stem.mp4", codec, streams)
    assert count_streams(av, Path("src/x.stem.mp4")) == 5
    bring_in("stems", "src", "out")
    corpus = Corpus.open("out")
    for name, samples in zip(STREAMS, streams, strict=True):
        found, sr_hz = corpus[f"x/{name}.wav"].read_channels()
        assert sr_hz == SR_HZ
        if codec == "alac":
            np.testing.assert_array_equal(found, samples)
        else:
            # The codec's frames are whole, so that a few samples may follow.
            assert 0 <= found.shape[1] - samples.shape[1] < 2048
            wrong = found[:, 4000:36_000] - samples[:, 4000:36_000]
            # 20 dB below the sound: swapped channels, or a shift by the encoder's delay, would be as loud as it.
            assert np.square(wrong).mean() < 0.01 * np.square(samples).mean()
