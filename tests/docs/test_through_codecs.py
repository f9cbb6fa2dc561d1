"""The corpus that a classifier of generated notes learns from: recordings once more, through codecs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.metrics.pitch import cents_off, note_f0_hz
from mirbricks.tasks.codec.interface import codec_of

ROOT = Path(mb.__file__).parent
SR_HZ = 22050


def _loaded() -> ModuleType:
    path = ROOT / "docs" / "through_codecs.py"
    spec = importlib.util.spec_from_file_location("docs_through_codecs", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


through_codecs = _loaded()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    time_s = np.arange(SR_HZ) / SR_HZ
    waves = []
    entries = []
    for midi, side in ((60, "train"), (61, "test"), (62, "train")):
        hz = 440 * 2 ** ((midi - 69) / 12)
        wave = 0.3 * np.sin(2 * np.pi * hz * time_s)
        # Nothing but silence behind the first six tenths of a second.
        wave[time_s > 0.6] = 0
        key = f"flute/{midi}.wav"
        waves.append((key, wave.astype(np.float32), SR_HZ))
        own = {"instrument": "flute", "pitchmidi": midi, "split": side, "piece": midi}
        atoms = {name: (Atom(value),) for name, value in own.items()}
        entries.append(Entry({"filepath": (Atom(key),), **atoms}))
    write_audio(folder / "notes_audio.hdf5", iter(waves))
    definitions = {
        "filepath": Definition("global", "text"),
        "instrument": Definition("global", "text"),
        "pitchmidi": Definition("global", "numeric"),
        "split": Definition("global", "text"),
        "piece": Definition("global", "numeric"),
    }
    Pyjama(definitions, entries).save(folder / "notes.pyjama")
    return folder


def written(notes: Path, *words: str) -> mb.Corpus:
    out = notes.with_name("coded")
    given = through_codecs.parser().parse_args([str(notes), "--out", str(out), *words])
    corpus: mb.Corpus = through_codecs.write(given)
    return corpus


def test_only_the_side_that_was_asked_for_goes_through_the_codecs(notes: Path) -> None:
    words = ["--semitones", "0", "2", "--plain", "--codec", "zoo:notes_codec"]

    corpus = written(notes, *words, "--codec", "zoo:notes_codec=1")

    first = codec_of(mb.load("zoo:notes_codec")).fingerprint[:6]
    marks = {"": 4, f"_{first}": 2, f"_{first}-1": 2}
    keys = [item.key for item in corpus.recordings]
    stems = ["flute/60~+0", "flute/60~+2", "flute/62~+0", "flute/62~+2"]
    assert {key.split("_")[0].removesuffix(".wav") for key in keys} == set(stems)
    for mark, times in marks.items():
        found = [key for key in keys if key.removesuffix(".wav")[11:] == mark]
        assert len(found) == times
    # A group is the pitch of the recording, so that no held-out pitch trains by another name.
    assert {item.group for item in corpus.recordings} == {"60", "62"}


def test_the_pitch_moves_along_and_silence_is_cut_off(notes: Path) -> None:
    corpus = written(notes, "--semitones", "2", "--plain", "--codec", "zoo:notes_codec")

    for item in corpus.recordings:
        samples, sr_hz = item.read()
        heard = note_f0_hz(samples, sr_hz)
        midi = item.annotations["pitchmidi"][0].value
        assert sr_hz == 16000
        assert len(samples) / sr_hz < 0.62
        assert midi == int(item.group) + 2
        if "_" not in item.key:
            assert heard is not None
            assert abs(cents_off(heard, midi)) < 10


def test_fewer_codebooks_are_further_from_the_recording(notes: Path) -> None:
    item = next(iter(mb.Corpus.open(notes).recordings))
    wave = through_codecs.played(item, 0, 16000, 1.0)

    every = through_codecs.Through("zoo:notes_codec")(wave)
    first = through_codecs.Through("zoo:notes_codec=1")(wave)

    assert len(every) == len(first) == len(wave)
    assert np.square(every - wave).sum() < np.square(first - wave).sum()
