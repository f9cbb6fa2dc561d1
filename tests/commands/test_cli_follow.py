"""`mirbricks predict --stream`: the latency, then answers as they come."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.stores.audio import stream_audio

MODEL = "zoo:f0_notes"


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two notes of three partials, a rest after each."""
    path = tmp_path_factory.mktemp("songs") / "song.wav"
    time_s = np.arange(16000) / 16000
    tone = np.zeros(16000)
    for begin_s, hz in ((0.1, 440.0), (0.55, 330.0)):
        sounding = (time_s > begin_s) & (time_s < begin_s + 0.3)
        for partial in (1, 2, 3):
            tone += sounding * 0.2 / partial * np.sin(2 * np.pi * partial * hz * time_s)
    soundfile.write(path, tone, 16000, "PCM_16")
    return path


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_answers_are_printed_as_they_come(
    song: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", MODEL, str(song), "--stream", "--json"]) == 0
    head, *rows, tail = map(json.loads, capsys.readouterr().out.splitlines())
    stream = mb.load(MODEL).stream(sr_hz=16000)
    assert head["latency_s"] == pytest.approx(stream.latency_s, abs=1e-6)
    assert head["latency_s"] == pytest.approx(head["transform_s"] + head["graph_s"])
    blocks = [block for block, _ in stream_audio(song)]
    expected = [*stream.push(np.concatenate(blocks)).rows(), *stream.flush().rows()]
    # Notes come when they end, which is between frames.
    frames = [row for row in rows if "hz" in row]
    for ours, theirs in zip(
        frames, [one.values for one in expected if "hz" in one.values], strict=True
    ):
        assert ours["time_s"] == theirs["time_s"]
        assert ours["hz"] == pytest.approx(theirs["hz"], rel=1e-4)
    notes = [row for row in rows if "note" in row]
    assert [note["note"] for note in notes] == ["A4", "E4"]
    assert tail["duration_s"] == 1.0
    assert tail["peak"] == pytest.approx(stream.peak, rel=1e-4)

    # For people: the latency, frames in which something sounds, and the notes.
    peak = str(tail["peak"])
    assert main(["predict", MODEL, str(song), "--stream", "--peak", peak]) == 0
    printed = capsys.readouterr()
    first, *lines = printed.out.splitlines()
    assert first.startswith(f"latency {stream.latency_s:.3f} s (transform ")
    assert first.endswith(f"a frame every {stream.hop_s:.4f} s")
    found = mb.load(MODEL).predict(song)
    assert len([line for line in lines if " Hz " in line]) == found.voiced.sum()
    assert [line.split()[1] for line in lines if line.startswith("note")] == [
        "A4",
        "E4",
    ]
    assert "1.0 s of sound in" in printed.err
    assert f"--peak {tail['peak']:.6g}" in printed.err


def test_samples_from_standard_input(
    song: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", MODEL, "-", "--stream", "--json", "--sr-hz", "16000"]
    printed = []
    for form, dtype in (("float32", "<f4"), ("int16", "<i2")):
        samples, _ = soundfile.read(song, dtype=form)
        piped(monkeypatch, samples.astype(dtype).tobytes())
        assert main([*words, "--samples", form]) == 0
        printed.append(capsys.readouterr().out.splitlines()[1:-1])
    # 16 bits of a file are the same numbers in either form.
    assert printed[0] == printed[1]
    notes = [json.loads(row) for row in printed[0] if "note" in row]
    assert [note["note"] for note in notes] == ["A4", "E4"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a.wav", "--stream", "--to", "midi"], 2, "argument --to: not allowed with argument --stream"),
        (["a.wav", "--stream", "--session", "x.sv"], 2, "argument --session: not allowed with argument --stream"),
        (["a.wav", "--stream", "--out", "x"], 2, "argument --out: not allowed with argument --stream"),
        (["a.wav", "--stream", "--shard", "1/2"], 2, "argument --shard: not allowed with argument --stream"),
        (["a.wav", "--peak", "3"], 2, "argument --peak: only with argument --stream"),
        (["-", "--sr-hz", "44100"], 2, "argument --sr-hz: only with argument --stream"),
        (["-", "--stream", "--peak", "0"], 2, "argument --peak: expected a number above 0, got '0'"),
        (["a.wav", "b.wav", "--stream"], 1, "--stream follows one recording, and there are 2"),
        (["a.wav", "--stream"], 1, "cannot read the audio file 'a.wav': there is no such file"),
        (["a.wav", "--stream", "--sr-hz", "44100"], 1, "leave --sr-hz and --samples out: a file knows its own"),
    ],
)  # fmt: skip
def test_words_that_do_not_go_together(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = main(["predict", MODEL, *words])
    except SystemExit as ended:
        found = ended.code
    assert found == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "standard input has no samples\n"),
        (b"\0" * 10, "standard input ends in the middle of a sample: 2 of 4 bytes\n"),
    ],
)
def test_standard_input_without_whole_samples(
    content: bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    piped(monkeypatch, content)
    assert main(["predict", MODEL, "-", "--stream", "--quiet"]) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_model_that_cannot_be_streamed_reads_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["predict", "zoo:tagging_esc10", "-", "--stream"]) == 1
    assert "[E517]" in capsys.readouterr().err
