"""What every import does, whatever the layout: decode, go on, leave out, refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mirbricks.data.corpus import Corpus
from mirbricks.data.importers import Recording
from mirbricks.data.importing import corpus as import_corpus
from mirbricks.data.importing.corpus import How, import_recordings
from mirbricks.data.importing.staging import Staged, Treatment, stage
from mirbricks.data.importing.times import clipped, latest
from mirbricks.data.pyjama.file import Atom
from mirbricks.errors import DataError


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_samples_rates_and_channels_arrive(sound: Any, given: Any) -> None:
    mono, stereo = sound("a.wav"), sound("b.wav", channels=2, sr_hz=11025)
    report = given(
        Recording("a.wav", (Path("a.wav"),)), Recording("x/b.wav", (Path("b.wav"),))
    )
    corpus = Corpus.open("out")
    assert [item.key for item in corpus.items] == ["a.wav", "x/b.wav"]
    np.testing.assert_array_equal(corpus["a.wav"].read()[0], mono)
    np.testing.assert_array_equal(corpus["x/b.wav"].read_channels()[0], stereo.T)
    np.testing.assert_allclose(corpus["x/b.wav"].read()[0], stereo.mean(1), atol=1e-7)
    assert corpus["x/b.wav"].sr_hz == 11025
    assert list(report.lines()) == [
        "it: 2 recordings, 0.0 min, in out",
        "  1 of 2 channels",
    ]
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "import_report.json",
        "it.pyjama",
        "it_audio.hdf5",
    ]


def test_several_files_are_added_and_the_shorter_is_silent_at_its_end(
    sound: Any, given: Any
) -> None:
    long, short = sound("a.wav", 400.0), sound("b.wav", 1.0)  # longer than a block
    given(Recording("mix.wav", (Path("a.wav"), Path("b.wav"))))
    expected = long.copy()
    expected[: len(short)] += short
    np.testing.assert_array_equal(Corpus.open("out")["mix.wav"].read()[0], expected)


def test_files_of_different_rates_are_not_added(sound: Any, given: Any) -> None:
    sound("a.wav"), sound("b.wav", sr_hz=16000), sound("c.wav")
    report = given(
        Recording("mix", (Path("a.wav"), Path("b.wav"))),
        Recording("c.wav", (Path("c.wav"),)),
    )
    assert (
        str(report.left_out[0])
        == "the audio of 'mix' cannot be used: its files have 8000 and 16000 Hz\n  [E404]"
    )


def test_a_killed_import_goes_on_without_loss_or_repeat(
    sound: Any, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    names = [f"{index}.wav" for index in range(6)]
    for name in names:
        sound(name)
    recordings = [Recording(name, (Path(name),)) for name in names]
    given(*recordings, out="whole")
    decoded: list[str] = []

    def until_the_fourth(index: int, recording: Recording, *more: Any) -> Any:
        if len(decoded) == 3:
            raise KeyboardInterrupt
        decoded.append(recording.key)
        return stage(index, recording, *more)

    monkeypatch.setattr(import_corpus, "stage", until_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        given(*recordings)
    assert [path.name for path in Path("out").iterdir()] == [".it.import"]
    for name in (
        decoded
    ):  # what is there is not decoded again, so it need not be sound any more
        stamp, size = Path(name).stat(), Path(name).stat().st_size
        Path(name).write_bytes(b"\0" * size)
        os.utime(name, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    monkeypatch.setattr(import_corpus, "stage", stage)
    report = given(*recordings)
    assert (report.n_recordings, report.left_out) == (6, [])
    for name in ("it.pyjama", "it_audio.hdf5"):
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()


def test_a_file_that_changed_meanwhile_is_decoded_again(
    sound: Any, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    sound("a.wav")
    recording = Recording("a.wav", (Path("a.wav"),))
    with monkeypatch.context() as patch:
        patch.setattr(import_corpus, "write_audio", interrupt)
        with pytest.raises(KeyboardInterrupt):
            given(recording)
    later = sound("a.wav", 2.0)
    given(recording)
    np.testing.assert_array_equal(Corpus.open("out")["a.wav"].read()[0], later)


def test_killed_between_the_two_files(
    sound: Any, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    sound("a.wav")
    recording = Recording("a.wav", (Path("a.wav"),))
    with monkeypatch.context() as patch:
        patch.setattr(import_corpus.Pyjama, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            given(recording)
    assert Path("out/it_audio.hdf5").exists()
    assert not Path("out/it.pyjama").exists()
    given(recording)
    assert len(Corpus.open("out")) == 1
    assert not Path("out/.it.import").exists()


@pytest.mark.slow
def test_killed_by_the_system_with_workers(tmp_path: Path, sound: Any) -> None:
    for index in range(40):
        sound(f"src/c/{index:02d}.flac", 60.0)
    script = "import sys; from mirbricks.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [
        sys.executable,
        "-c",
        script,
        "data",
        "import",
        "folders",
        "src",
        "--jobs",
        "2",
        "--out",
    ]
    process = subprocess.Popen([*command, "out"], start_new_session=True)
    while len(list(tmp_path.glob("out/.src.import/*"))) < 10:
        time.sleep(0.01)
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.glob("out/src*"))
    done = {
        path.name: path.stat().st_mtime_ns
        for path in tmp_path.glob("out/.src.import/*")
        if "." not in path.name
    }
    subprocess.run([*command, "out"], check=True, capture_output=True)
    subprocess.run([*command, "whole"], check=True, capture_output=True)
    assert len(done) >= 9
    for name in ("src.pyjama", "src_audio.hdf5"):
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()


def test_workers_give_the_same_bytes(
    sound: Any, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    names = [f"{index}.wav" for index in range(4)]
    for name in names:
        sound(name, 0.1)
    found = found(*(Recording(name, (Path(name).absolute(),)) for name in names))
    import_recordings(found, "one", "it", How(n_jobs=1))
    monkeypatch.setattr(import_corpus, "PARALLEL_AFTER_S", 0.0)
    import_recordings(found, "two", "it", How(n_jobs=2))
    assert (
        Path("one/it_audio.hdf5").read_bytes() == Path("two/it_audio.hdf5").read_bytes()
    )


def test_annotations_are_cut_where_that_is_asked_for(sound: Any, given: Any) -> None:
    sound("a.wav", 1.0)
    atoms = [Atom("C:maj", 0.0, 0.5), Atom("N", 0.5, 2.0), Atom("N", 2.5, 1.0)]
    curve = [Atom([[60.0, 61.0, 62.0]], [0.5, 1.0, 1.5])]
    report = given(
        Recording("a.wav", (Path("a.wav"),), {"chord": atoms, "f0": curve}), clip=True
    )
    entry = Corpus.open("out")["a.wav"].entry
    assert list(entry.annotations["chord"]) == [
        Atom("C:maj", 0.0, 0.5),
        Atom("N", 0.5, 0.5),
    ]
    assert list(entry.annotations["f0"]) == [Atom([[60.0, 61.0]], [0.5, 1.0])]
    assert dict(report.notes) == {"annotations cut at the end of the audio": 1}


def test_cutting() -> None:
    notes = {
        "genre": [Atom("pop")],
        "beat": [Atom(1, 0.5), Atom(2, 1.5)],
        "f0": [Atom([1.0, 2.0], [3.0, 4.0])],
    }
    assert latest(notes) == ("f0", 4.0)
    assert latest({}) == ("", 0.0)
    assert clipped(notes, 1.0) == {"genre": [Atom("pop")], "beat": [Atom(1, 0.5)]}


def test_the_rate_is_converted_once(sound: Any, given: Any) -> None:
    sound("a.wav", 1.0), sound("b.wav", 1.0, sr_hz=4000)

    def every_second(blocks: Any, from_hz: int, to_hz: int) -> Iterator[Any]:
        assert (from_hz, to_hz) == (8000, 4000)
        yield from (block[:, ::2] for block in blocks)

    report = given(
        Recording("a.wav", (Path("a.wav"),)),
        Recording("b.wav", (Path("b.wav"),)),
        sr_hz=4000,
        convert=every_second,
    )
    assert dict(report.rates_hz) == {4000: 2}
    assert {item.n_samples for item in Corpus.open("out").items} == {4000}


def test_the_report(sound: Any, given: Any) -> None:
    sound("a.wav")
    fault = DataError("'x.m4a' is audio of a kind that is not read", code="E433")
    report = given(
        Recording(
            "a.wav", (Path("a.wav"),), {"chord": [Atom("N", 0.0, 1.0)]}, ("odd",)
        ),
        fault,
    )
    assert json.loads(Path("out/import_report.json").read_text(encoding="utf-8")) == {
        "kind": "given",
        "source": ".",
        "name": "it",
        "recordings": 1,
        "seconds": 1.0,
        "sr_hz": {"8000": 1},
        "channels": {"1": 1},
        "mixed_down": 0,
        "cancelled": [],
        "annotations": {"chord": 1},
        "notes": {"odd": 1},
        "left_out": [
            {"code": "E433", "why": "'x.m4a' is audio of a kind that is not read"}
        ],
    }
    assert list(report.lines()) == [
        "it: 1 recording, 0.0 min, in out",
        "  1 × odd",
        "left out: 1, all listed in out/import_report.json",
        "  1 × E433: 'x.m4a' is audio of a kind that is not read",
    ]


def test_staged_audio_is_whole(sound: Any, tmp_path: Path) -> None:
    samples = sound("a.wav")
    recording = Recording("a", (Path("a.wav"),))
    outcome = stage(0, recording, tmp_path, Treatment())
    assert outcome.staged is not None
    assert outcome.staged == Staged.open(outcome.staged.path)
    np.testing.assert_array_equal(outcome.staged.samples(), samples)


def test_a_mp3_and_a_flac(sound: Any, given: Any) -> None:
    sound("a.flac"), sound("a.ogg"), sound("a.mp3")
    given(
        *(
            Recording(f"a.{ending}", (Path(f"a.{ending}"),))
            for ending in ("flac", "ogg", "mp3")
        )
    )
    corpus = Corpus.open("out")
    np.testing.assert_array_equal(
        corpus["a.flac"].read()[0], soundfile.read("a.flac", dtype="float32")[0]
    )
    assert all(7000 < item.n_samples < 10000 for item in corpus.items)
