"""Recordings taken apart: rate, channels and length stay; the command, Python and files that are there already."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.errors import DataError, MirbricksError
from mirbricks.tasks.separation.prediction import file_names
from mirbricks.workflows.separate import Options, Separating

SR_HZ = 11025
N_SAMPLES = 16001
Capture = pytest.CaptureFixture[str]


def song(n_channels: int = 2) -> np.ndarray:
    """A low tone on the left and a high one on the right; both in mono."""
    moments = np.arange(N_SAMPLES) / SR_HZ
    low = 0.2 * np.sin(2 * np.pi * 200 * moments)
    high = 0.2 * np.sin(2 * np.pi * 1200 * moments)
    sides = np.stack([low, high])
    return np.float32(sides if n_channels == 2 else sides.sum(axis=0, keepdims=True))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, song().T, SR_HZ, subtype="FLOAT")
    return path


def read(path: Path) -> np.ndarray:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == SR_HZ
    return np.asarray(samples.T)


def test_rate_channels_and_length_stay(run: Path, wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["separate", str(run), str(wav), "--out", str(out)]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["high.wav", "index.html", "low.wav"]
    for target in ("low", "high"):
        assert read(out / f"{target}.wav").shape == (2, N_SAMPLES)


def test_the_page_has_pictures_and_players(
    run: Path, wav: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["separate", str(run), str(wav), "--out", str(out)]) == 0
    html = (out / "index.html").read_text()
    # Of the recording one picture; of each source the sound and its mask.
    assert html.count("<svg") == 1 + 2 * 2
    assert re.findall(r'<audio[^>]*src="([^":]*)', html) == [
        "data", "low.wav", "high.wav",
    ]  # fmt: skip
    assert f"mirbricks separate {run} {wav} --out {out}" in html


def test_a_mono_model_leaves_sources_on_their_side(run: Path) -> None:
    found = mb.load(run).separate(song(), sr_hz=SR_HZ)
    level = {
        target: np.abs(found[target].samples).mean(axis=1) for target in ("low", "high")
    }
    assert level["low"][0] > 5 * level["low"][1]
    assert level["high"][1] > 5 * level["high"][0]


def test_python_gives_what_the_command_writes(
    run: Path, wav: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["separate", str(run), str(wav), "--out", str(out), "--sum-to-mix"]
    assert main([*words, "--targets", "high"]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["high.wav", "index.html"]
    model = mb.load(run)
    found = model.separate(wav, targets=["high"], sum_to_mix=True)
    np.testing.assert_array_equal(found["high"].samples, read(out / "high.wav"))
    assert found.title == "song"

    # A file, its samples, a pair, and `predict` are all the same.
    plain = model.separate(wav)["low"].samples
    np.testing.assert_array_equal(model.separate(song(), SR_HZ)["low"].samples, plain)
    np.testing.assert_array_equal(model.predict((song(), SR_HZ))["low"].samples, plain)
    (of_list,) = model.predict([wav])
    np.testing.assert_array_equal(of_list["low"].samples, plain)


def test_estimates_sum_to_the_mix_when_asked(run: Path) -> None:
    model = mb.load(run)
    plain = sum(one.samples for one in model.separate(song(), SR_HZ).sounds.values())
    whole = model.separate(song(), SR_HZ, sum_to_mix=True)
    summed = sum(one.samples for one in whole.sounds.values())
    assert np.abs(plain - song()).max() > 1e-3
    np.testing.assert_allclose(summed, song(), atol=1e-6)


def test_wiener_filters_separate_more(run: Path) -> None:
    model = mb.load(run)
    mix = song(1)
    high = song()[1]
    estimates = [
        model.separate(mix, SR_HZ, wiener=wiener)["high"].samples[0]
        for wiener in (False, True)
    ]
    plain, filtered = (np.square(one - high).mean() for one in estimates)
    assert filtered < plain


def test_several_recordings_have_a_folder_each(
    run: Path, wav: Path, tmp_path: Path, capsys: Capture
) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, song(1).T, SR_HZ, subtype="FLOAT")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    out = tmp_path / "out"
    paths = [str(path) for path in (wav, broken, other)]
    assert main(["separate", str(run), *paths, "--out", str(out)]) == 1
    assert read(out / "song" / "low.wav").shape == (2, N_SAMPLES)
    assert read(out / "other" / "low.wav").shape == (1, N_SAMPLES)
    assert not (out / "broken").exists()
    assert "1 of 3 files could not be separated" in capsys.readouterr().err


def test_a_file_that_is_there_stays(
    run: Path, wav: Path, tmp_path: Path, capsys: Capture
) -> None:
    mine = tmp_path / "out" / "high.wav"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    words = ["separate", str(run), str(wav), "--out", str(tmp_path / "out")]
    assert main(words) == 1
    assert mine.read_bytes() == b"mine"
    assert [path.name for path in mine.parent.iterdir()] == ["high.wav"]
    assert "[E191]" in capsys.readouterr().err
    assert main([*words, "--replace"]) == 0
    assert read(mine).shape == (2, N_SAMPLES)


def test_a_prediction_is_saved_by_target(run: Path, tmp_path: Path) -> None:
    found = mb.load(run).separate(song(), SR_HZ, targets="low")
    named = found.save(tmp_path, "song")
    assert [path.name for path in named] == ["song.low.wav", "song.png"]


def test_a_separation_that_breaks_off_leaves_torch_as_it_was(
    run: Path, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on a full disk: whoever trains in the same session must not be in inference mode."""
    from mirbricks.data.stores.wav_writer import WavWriter

    model = mb.load(run)
    separating = Separating(model._experiment, Options())

    def full(*_: object) -> None:
        raise DataError("the disk is full", code="E408")

    monkeypatch.setattr(WavWriter, "write", full)
    with pytest.raises(DataError) as caught:
        separating.write(wav, tmp_path / "out", replace=False)
    # While the error, and with it every frame that it went through, is alive.
    assert not torch.is_inference_mode_enabled()
    assert caught.value.code == "E408"
    assert not list((tmp_path / "out").glob("*.wav"))


def test_packed_it_separates_alike(run: Path, tmp_path: Path) -> None:
    assert main(["pack", str(run), "--out", str(tmp_path / "packed")]) == 0
    one = mb.load(run).separate(song(), SR_HZ)
    other = mb.load(tmp_path / "packed").separate(song(), SR_HZ)
    for target in one.targets:
        np.testing.assert_array_equal(one[target].samples, other[target].samples)


def test_targets_become_names_of_files() -> None:
    given = ["lead/vocal", "../etc", "Bass", "bass", "…", "snare drum"]
    assert file_names(given) == [
        "lead-vocal", "etc", "Bass-3", "bass-4", "target", "snare drum",
    ]  # fmt: skip


GOLDEN = {
    "predict RUN song.wav": """\
the model takes recordings apart, and writes a sound per target
  help: mirbricks separate RUN song.wav --out DIR     [E806]
""",
    "separate zoo:mpe_bach10 song.wav": """\
the model was trained for multi-pitch estimation, and takes no recording apart
  help: name a model of the task separation: `mirbricks zoo` lists those that come with mirbricks     [E806]
""",
    "separate RUN song.wav --targets hihg": """\
the model does not separate 'hihg'
  targets  low, high
  help: did you mean 'high'?     [E807]
""",
}


@pytest.mark.parametrize("words", GOLDEN)
def test_what_cannot_be_asked(
    words: str,
    run: Path,
    wav: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(wav.parent)
    given = [str(run) if word == "RUN" else word for word in words.split()]
    assert main(given) == 1
    assert capsys.readouterr().err == GOLDEN[words].replace("RUN", str(run))
    assert [path.name for path in wav.parent.iterdir()] == ["song.wav"]


def test_a_model_of_two_channels_takes_mono_and_refuses_three(run: Path) -> None:
    model = mb.load(run)
    three = np.zeros((3, 5000), np.float32)
    # A mono model takes every channel by itself.
    assert model.separate(three, 4000)["low"].samples.shape == (3, 5000)
    task = model.task
    stereo = task.feature.model_copy(update={"channels": 2})
    task.feature = stereo
    try:
        with pytest.raises(DataError, match="has 3 channels, and the model reads 2"):
            model.separate(three, 4000)
    finally:
        task.feature = task.feature.model_copy(update={"channels": 1})


def test_one_target_cannot_sum_to_the_mix(run: Path) -> None:
    model = mb.load(run)
    task = model.task
    task.config = task.config.model_copy(update={"targets": ("low",)})
    with pytest.raises(MirbricksError, match="separates 'low' only") as caught:
        model.separate(song(), SR_HZ, sum_to_mix=True)
    assert caught.value.code == "E808"


def test_its_layers_are_sounds_that_wav_has_a_place_for(
    run: Path, tmp_path: Path
) -> None:
    found = mb.load(run).separate(song(), sr_hz=SR_HZ)
    assert [(layer.kind, layer.name) for layer in found.layers()] == [
        ("sound", "low"), ("sound", "high"),
    ]  # fmt: skip
    files = found.save(tmp_path, "song", to=["wav"])
    assert [file.name for file in files] == ["song.low.wav", "song.high.wav"]
    np.testing.assert_array_equal(read(files[0]), found["low"].samples)
    with pytest.raises(DataError, match="'midi' has no place") as caught:
        found.save(tmp_path, "song", to=["midi"])
    assert ("formats", "wav") in caught.value.facts
    with pytest.raises(MirbricksError, match="holds sounds, which are no tables"):
        found.to_frame()
    with pytest.raises(MirbricksError, match="are sounds already"):
        found.sonify()
