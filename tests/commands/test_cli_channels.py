"""Channels through a whole experiment: a model that reads two, and one that mixes down and reports it once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import DataError

SR_HZ = 4000
GRAPH = """\
name: sides
input: B C=CHANNELS T
layers:
  - Conv1d: {out_channels: 4, kernel_size: 16, stride: 8}
  - ReLU
  - Mean: {dim: 2}
  - Linear: {out_features: 2}
feature: {type: waveform, sr_hz: 4000, channels: CHANNELS}
dataset: {folds: 3}
task:
  type: tagging
  annotation: side
  labels: one
  patch_frames: 2000
  hop_frames: 2000
  augment: [SwapChannels, Gain]
train: {steps: 2, batch_size: 2, validate_every: 2}
"""
NOTE = "note: mixed down to mono, which the feature 'waveform' reads: 6 of 7 recordings (6 of 2 channels)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpus data/: six stereo recordings that are louder on one side, and a mono one."""
    folder = tmp_path_factory.mktemp("channels")
    rng = np.random.default_rng(0)
    audio, entries = [], []
    for number in range(7):
        wide = rng.normal(0, 0.1, (2, 4000)).astype(np.float32)
        side = number % 2
        wide[side] *= 0.1
        key = f"{number}.wav"
        audio.append((key, wide if number < 6 else wide[0], SR_HZ))
        word = (Atom(("right", "left")[side]),)
        entries.append(Entry({"filepath": (Atom(key),), "side": word}))
    write_audio(folder / "data/c_audio.hdf5", audio)
    text = Definition("global", "text")
    definitions = {"filepath": text, "side": text}
    Pyjama(definitions, entries).save(folder / "data/c.pyjama")
    return folder


@pytest.fixture
def corpus(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The corpus; its folder is the one that the test works in."""
    monkeypatch.chdir(place)
    return Path("data")


def train(channels: int) -> str:
    """The folder of the run, which is trained once."""
    out = f"run{channels}"
    if Path(out).exists():
        return out
    text = GRAPH.replace("CHANNELS", str(channels))
    Path("graph.yaml").write_text(text, encoding="utf-8")
    words = ["train", "graph.yaml", "--data", "data", "--out", out]
    assert main([*words, "--cache", "cache", "--jobs", "1", "--fold", "0"]) == 0
    return out


def probabilities(prediction: Any) -> Any:
    return np.array(prediction.probabilities)


def test_a_model_of_two_channels(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(2)
    assert "mixed down" not in capsys.readouterr().err
    assert main(["evaluate", run, "--data", "data", "--cache", "cache"]) == 0
    assert "mixed down" not in capsys.readouterr().err

    item = Corpus.open(corpus)["0.wav"]
    wide, _ = item.read_channels()
    soundfile.write("stereo.wav", wide.T, SR_HZ, subtype="FLOAT")
    model = mb.load(run)
    of_item = probabilities(model.predict(item))
    for form in ("stereo.wav", (wide, SR_HZ)):
        np.testing.assert_array_equal(probabilities(model.predict(form)), of_item)
    assert main(["predict", run, "stereo.wav", "--out", "found"]) == 0

    # The sides matter to it, and a mono recording is on both.
    other = probabilities(model.predict(wide[::-1].copy(), sr_hz=SR_HZ))
    assert np.abs(other - of_item).max() > 1e-4
    mono = probabilities(model.predict(wide[0], sr_hz=SR_HZ))
    twice = probabilities(model.predict(np.stack([wide[0]] * 2), sr_hz=SR_HZ))
    np.testing.assert_array_equal(mono, twice)


def test_what_a_model_of_two_channels_refuses(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(2)
    wide = Corpus.open(corpus)["0.wav"].read_channels()[0]
    model = mb.load(run)
    three = np.concatenate([wide, wide[:1]])
    with pytest.raises(DataError) as caught:
        model.predict(three, sr_hz=SR_HZ)
    assert caught.value.code == "E435"
    with pytest.raises(DataError) as caught:
        model.predict(wide.T, sr_hz=SR_HZ)
    assert str(caught.value) == (
        "a recording cannot be 4000 channels of 2 samples\n"
        "  help: give (C, N), a row per channel: transpose the array     [E436]"
    )
    soundfile.write("three.wav", three.T, SR_HZ)
    capsys.readouterr()
    assert main(["predict", run, "three.wav", "--out", "found"]) == 1
    assert capsys.readouterr().err.startswith(
        "'three.wav' has 3 channels, and 2 are read\n"
        "  help: recordings have 2 channels here, or one, which is repeated; "
        "a model with feature.channels=1 reads the mean of any number     [E435]\n"
    )


def test_a_mono_model_reports_once_that_it_mixes_down(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(1)
    assert capsys.readouterr().err.splitlines().count(NOTE) == 1
    assert main(["evaluate", run, "--data", "data", "--cache", "cache"]) == 0
    assert capsys.readouterr().err.splitlines().count(NOTE) == 1

    item = Corpus.open(corpus)["1.wav"]
    wide, _ = item.read_channels()
    soundfile.write("stereo.wav", wide.T, SR_HZ, subtype="FLOAT")
    model = mb.load(run)
    of_mean = probabilities(model.predict(*item.read()))
    for form in (item, "stereo.wav", (wide, SR_HZ)):
        np.testing.assert_array_equal(probabilities(model.predict(form)), of_mean)
