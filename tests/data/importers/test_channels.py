"""Channels on their way through an import and an export: whatever goes in comes out, sample for sample."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.importers.contract import Recording, importer_of
from mirbricks.data.importers.exporting import export_corpus, stored_items
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.finding import find_recordings
from mirbricks.data.importing.staging import Treatment, stage

from .midi_bytes import midi, note, track

SR_HZ = 8000


@st.composite
def frames(draw: st.DrawFn) -> NDArray[np.float32]:
    """(N, C) as a file holds them, C <= N."""
    n_channels = draw(st.integers(1, 9))
    n_samples = draw(st.integers(n_channels, 60))
    values = st.floats(-(2.0**10), 2.0**10, width=32)
    made: NDArray[np.float32] = draw(
        arrays.arrays(np.float32, (n_samples, n_channels), elements=values)
    )
    return made


@settings(max_examples=40)
@drawn(st.lists(frames(), min_size=1, max_size=4), st.sampled_from(["keep", "mono"]))
def test_what_goes_in_comes_out_of_import_store_and_export(
    files: list[NDArray[np.float32]], channels: Any
) -> None:
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "src", "label")
        source.mkdir(parents=True)
        for number, one in enumerate(files):
            soundfile.write(source / f"{number}.wav", one, SR_HZ, subtype="FLOAT")
        importer = importer_of("folders")
        found = find_recordings(importer, source.parent)
        how = How(n_jobs=1, channels=channels)
        report = import_recordings(found, Path(place, "corpus"), "it", how)
        assert sum(report.channels.values()) == report.n_recordings == len(files)

        corpus = Corpus.open(Path(place, "corpus"))
        export_corpus(importer, stored_items(corpus.folder), Path(place, "out"))
        for number, one in enumerate(files):
            key = f"label/{number}.wav"
            mean = one.mean(axis=1, dtype=np.float32)
            expected = one.T if channels == "keep" else mean[None]
            np.testing.assert_array_equal(corpus[key].read_channels()[0], expected)
            np.testing.assert_array_equal(corpus[key].read()[0], mean)
            written, _ = soundfile.read(
                Path(place, "out", key), dtype="float32", always_2d=True
            )
            np.testing.assert_array_equal(written.T, expected)


def test_the_command(sound: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stereo = sound("src/a/one.wav", channels=2)
    sound("src/a/two.wav")
    for channels, line, shape in (
        ("keep", "  1 of 2 channels", (2, SR_HZ)),
        ("mono", "  1 of 2 channels, averaged to one", (1, SR_HZ)),
    ):
        words = ["data", "import", "folders", "src", "--out", channels]
        assert main([*words, "--channels", channels, "--jobs", "1"]) == 0
        assert line in capsys.readouterr().out.splitlines()
        item = Corpus.open(channels)["a/one.wav"]
        assert item.read_channels()[0].shape == shape
        np.testing.assert_array_equal(item.read()[0], stereo.mean(1))
        report = json.loads(Path(channels, "import_report.json").read_text("utf-8"))
        assert report["channels"] == {"1": 1, "2": 1}
        assert report["mixed_down"] == (channels == "mono")


def test_staged_audio_of_another_setting_is_not_taken(
    sound: Any, tmp_path: Path
) -> None:
    """An import that was killed, and is run again with the channels mixed down."""
    samples = sound("a.wav", channels=2)
    recording = Recording("a.wav", (Path("a.wav"),))
    for channels, expected in (("keep", samples.T), ("mono", samples.mean(1))):
        outcome = stage(0, recording, tmp_path, Treatment(channels=channels))
        assert outcome.staged is not None
        np.testing.assert_array_equal(outcome.staged.samples(), expected)


@pytest.mark.parametrize("channels", ["keep", "mono"])
def test_channels_are_converted_one_by_one(
    given: Any, sound: Any, channels: Any
) -> None:
    from mirbricks.commands.corpora.import_ import _resampled

    stereo = sound("a.wav", 3.0, channels=2)
    soundfile.write("left.wav", stereo[:, 0], SR_HZ, subtype="FLOAT")
    names = ("a.wav", "left.wav")
    recordings = [Recording(name, (Path(name),)) for name in names]
    given(*recordings, sr_hz=6000, convert=_resampled, channels=channels)
    corpus = Corpus.open("out")
    left = corpus["left.wav"].read()[0]
    if channels == "keep":
        own = corpus["a.wav"].read_channels()[0]
        np.testing.assert_allclose(own[0], left, atol=1e-6)
        assert own.shape == (2, len(left)) == (2, 18000)
    else:
        assert corpus["a.wav"].n_samples == len(left)


def test_files_that_are_added_keep_their_channels(sound: Any, given: Any) -> None:
    wide, short = sound("a.wav", 200.0, channels=2), sound("b.wav", 1.0)
    given(Recording("mix.wav", (Path("a.wav"), Path("b.wav"))))
    expected = wide.T.copy()
    expected[:, : len(short)] += short
    item = Corpus.open("out")["mix.wav"]
    np.testing.assert_array_equal(item.read_channels()[0], expected)


def test_what_cannot_be_one_recording_is_left_out(sound: Any, given: Any) -> None:
    sound("a.wav", channels=2), sound("b.wav", channels=5), sound("fine.wav")
    soundfile.write("c.wav", np.zeros((3, 4)), SR_HZ)
    report = given(
        Recording("sum.wav", (Path("a.wav"), Path("b.wav"))),
        Recording("c.wav", (Path("c.wav"),)),
        Recording("fine.wav", (Path("fine.wav"),)),
    )
    assert [error.message for error in report.left_out] == [
        "the audio of 'sum.wav' cannot be used: its files have 2 and 5 channels",
        "the audio of 'c.wav' cannot be used: it has 4 channels of 3 samples",
    ]
    assert [item.key for item in Corpus.open("out").items] == ["fine.wav"]


@pytest.mark.parametrize("channels", ["keep", "mono"])
def test_channels_that_cancel_each_other_are_reported(
    given: Any, sound: Any, channels: Any
) -> None:
    tone = np.sin(np.arange(20_000) / 20).astype(np.float32) / 2
    soundfile.write("turned.wav", np.stack([tone, -tone], 1), SR_HZ)
    sound("fine.wav", channels=2)
    names = ("turned.wav", "fine.wav")
    recordings = [Recording(name, (Path(name),)) for name in names]
    report = given(*recordings, channels=channels)
    assert report.cancelled == report.to_json()["cancelled"] == ["turned.wav"]
    assert list(report.lines())[-1] == (
        "  1 with channels that cancel each other, so that their mean is nearly silent: 'turned.wav'"
    )


def stems() -> dict[str, str]:
    return {f"src/song/{name}.wav": "" for name in ("mixture", "a", "b")}


def csv() -> dict[str, str]:
    return {"src/x.wav": "", "src/table.csv": "filepath,tags\nx.wav,a\n"}


def lab() -> dict[str, str]:
    return {"src/x.wav": "", "src/x.lab": "0.0 1.0 N\n"}


def notes() -> dict[str, str]:
    return {"src/x.wav": "", "src/x.tsv": "0.1\t0.5\t60\n"}


def maps() -> dict[str, str]:
    text = "OnsetTime\tOffsetTime\tMidiPitch\n0.1\t0.5\t60\n"
    stem = "src/MAPS_MUS-alb_se3_AkPnBcht"
    return {f"{stem}.wav": "", f"{stem}.txt": text}


def jams() -> dict[str, str]:
    about = {"title": "", "duration": 1.0, "jams_version": "0.3.4"}
    chord = {"time": 0.0, "duration": 1.0, "value": "N", "confidence": None}
    own = {
        "namespace": "chord",
        "data": [chord],
        "annotation_metadata": {},
        "sandbox": {},
    }
    whole = {"annotations": [own], "file_metadata": about, "sandbox": {}}
    return {"src/x.wav": "", "src/x.jams": json.dumps(whole)}


LAYOUTS = {make.__name__: make for make in (stems, csv, lab, notes, maps, jams)}


def all_there(stereo: dict[str, Any], corpus: str) -> None:
    """The recordings of a corpus are these files, (N, 2) by path, with both channels."""
    items = {Path(item.key).name: item for item in Corpus.open(corpus).items}
    assert set(items) == {Path(path).name for path in stereo}
    for path, samples in stereo.items():
        found, _ = items[Path(path).name].read_channels()
        np.testing.assert_array_equal(found, samples.T)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_layout_keeps_channels(
    kind: str, sound: Any, bring_in: Any, take_out: Any, same: Any
) -> None:
    """Also on the way out, and in again."""
    stereo = {}
    for path, text in LAYOUTS[kind]().items():
        if path.endswith(".wav"):
            stereo[path] = sound(path, channels=2)
        else:
            Path(path).write_text(text, encoding="utf-8")
    bring_in(kind, "src/table.csv" if kind == "csv" else "src", "out")
    all_there(stereo, "out")
    take_out(kind, "out", "again")
    bring_in(kind, next(Path("again").glob("*.csv"), "again"), "twice")
    same("out", "twice")


def test_bach10_keeps_channels(bach_like: Any, sound: Any, bring_in: Any) -> None:
    assert bach_like.shape == (4, 90)
    paths = sorted(map(str, Path("src").rglob("*.wav")))
    stereo = {path: sound(path, channels=2) for path in paths}
    bring_in("bach10", "src", "out")
    all_there(stereo, "out")


def test_midi_keeps_channels(sound: Any, bring_in: Any) -> None:
    stereo = {"src/x.wav": sound("src/x.wav", channels=2)}
    Path("src/x.mid").write_bytes(midi(track(note(0, 200))))
    bring_in("midi", "src", "out")
    all_there(stereo, "out")
