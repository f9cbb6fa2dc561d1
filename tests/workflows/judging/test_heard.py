"""`mirbricks judge --heard`: what was asked for against what a classifier and the fundamental frequency say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.errors import DataError, RunError
from mirbricks.tasks.sounds import Sound, without_silence
from mirbricks.workflows.generated import SoundFolder
from mirbricks.workflows.judging.heard import heard, hearing_of
from mirbricks.workflows.judging.sounds import sounds_of
from mirbricks.workflows.progress import Quiet

SR_HZ = 16000
CLASSIFIER = "zoo:tagging_esc10"


def note(midi: float, overtones: int, seconds: float = 0.4) -> np.ndarray:
    times = np.arange(int(seconds * SR_HZ)) / SR_HZ
    hz = 440 * 2 ** ((midi - 69) / 12)
    parts = [np.sin(2 * np.pi * k * hz * times) / k for k in range(1, 2 * overtones, 2)]
    return (0.3 * np.sum(parts, axis=0)).astype(np.float32)


def noisy(number: int) -> np.ndarray:
    """Without noise there are bands without any power, whose deviation is none."""
    wave = note(60 + number, 3)
    hiss = np.random.default_rng(number).standard_normal(len(wave))
    return (wave + 0.01 * hiss).astype(np.float32)


class Ear:
    """A sound with any power above 3 kHz is bright, any other is dull."""

    labels = ("bright", "dull")
    annotation = "colour"

    def classified(self, wave: Any, sr_hz: int) -> tuple[np.ndarray, np.ndarray]:
        power = np.abs(np.fft.rfft(wave)) ** 2
        high = np.fft.rfftfreq(len(wave), 1 / sr_hz) > 3000
        bright = float(power[high].sum() > 0.001 * power.sum())
        return np.zeros(1), np.array([bright, 1 - bright])


def sound(midi: float, overtones: int, **asked: Any) -> Sound:
    return Sound(note(midi, overtones)[None], SR_HZ, asked)


MADE = [
    sound(60, 1, colour="dull", pitchmidi=60),
    sound(60.45, 1, colour="dull", pitchmidi=60),
    sound(60.55, 1, colour="bright", pitchmidi=60),
    sound(67, 12, colour="bright", pitchmidi="60"),
]


def test_the_shares_are_those_of_what_was_asked_for() -> None:
    found = heard(sounds_of(MADE), Ear(), Quiet(), "")
    # The third is asked to be bright and is dull; the last two are more than a quarter tone off.
    assert found.figures == {"colour_heard": 0.75, "pitchmidi_heard": 0.5}
    assert found.clips["3"]["colour_heard"] == "dull"
    assert found.clips["3"]["colour_right"] is False
    assert found.clips["2"]["pitchmidi_heard"] == pytest.approx(45, abs=2)
    assert found.clips["4"]["pitchmidi_heard"] == pytest.approx(700, abs=2)


def test_silence_behind_a_sound_is_not_classified() -> None:
    wave = np.r_[note(60, 1), np.full(SR_HZ, 1e-5, np.float32)]
    assert len(note(60, 1)) - 50 < len(without_silence(wave)) <= len(note(60, 1))
    assert len(without_silence(np.zeros(100, np.float32))) == 0

    lengths = []

    class Measuring(Ear):
        def classified(self, wave: Any, sr_hz: int) -> tuple[np.ndarray, np.ndarray]:
            lengths.append(len(wave))
            return super().classified(wave, sr_hz)

    silent = Sound(np.zeros((1, SR_HZ), np.float32), SR_HZ, {"colour": "dull"})
    long = Sound(wave[None], SR_HZ, {"colour": "dull"})
    found = heard(sounds_of([long, silent]), Measuring(), Quiet(), "")
    assert len(lengths) == 1
    assert lengths[0] <= len(note(60, 1))
    # Silence is nothing that could have been asked for.
    assert found.figures == {"colour_heard": 0.5}
    assert found.clips["2"]["colour_heard"] is None


def test_conditions_are_read_from_what_generate_writes(tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path / "out", len(MADE))
    for one in MADE:
        folder.add(one, ["colour", "pitchmidi"])
    folder.finish("title", "subtitle", "command")
    table = (tmp_path / "out/conditions.csv").read_text(encoding="utf-8")
    assert table.splitlines()[:2] == [
        "filename,colour,pitchmidi",
        "01_colour-dull_pitchmidi-60.wav,dull,60",
    ]
    found = heard(sounds_of(tmp_path / "out"), Ear(), Quiet(), "")
    assert found.figures == {"colour_heard": 0.75, "pitchmidi_heard": 0.5}


def test_a_model_without_conditions_has_no_table(tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path / "out", 1)
    folder.add(MADE[0], [])
    folder.finish("title", "subtitle", "command")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "01.wav",
        "index.html",
    ]


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Sounds with a table of what they are to be, in the labels of a model of the zoo, and real ones."""
    labels = hearing_of(mb_embedding()).labels
    annotation = hearing_of(mb_embedding()).annotation
    made = tmp_path / "made"
    real = tmp_path / "real"
    for folder, n in ((made, 8), (real, 24)):
        folder.mkdir()
        for number in range(n):
            path = folder / f"{number:02}.wav"
            soundfile.write(path, noisy(number), SR_HZ, subtype="FLOAT")
    rows = [f"{number:02}.wav,{labels[number]}" for number in range(8)]
    text = "\n".join([f"filename,{annotation}", *rows])
    (made / "conditions.csv").write_text(text, encoding="utf-8")
    return {"made": made, "real": real}


def mb_embedding() -> Any:
    from mirbricks.workflows.embeddings.naming import embedding_of

    return embedding_of(CLASSIFIER)


def test_the_command_and_the_function_agree(
    folders: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    words = ["judge", str(folders["made"]), str(folders["real"]), "--heard", CLASSIFIER]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)

    model = mb.load(CLASSIFIER)
    found = mb.judge(folders["made"], folders["real"], heard=model, progress=False)
    name = f"{model.task.config.annotation}_heard"
    assert printed["figures"] == pytest.approx(found.figures)
    # By hand: what the model predicts of each file, against the table.
    labels = hearing_of(mb_embedding()).labels
    rights = []
    for number in range(8):
        label = model.predict(noisy(number), sr_hz=SR_HZ).label
        rights.append(label == labels[number])
    assert found.figures[name] == np.mean(rights)
    # Nothing is known of the real ones.
    assert name not in found.real

    assert main(words) == 0
    assert name in capsys.readouterr().out


def test_what_is_not_known_is_refused(folders: dict[str, Path]) -> None:
    (folders["made"] / "conditions.csv").unlink()
    with pytest.raises(DataError, match="nothing is known") as caught:
        mb.judge(folders["made"], folders["real"], heard=CLASSIFIER, progress=False)
    assert caught.value.code == "E669"


@pytest.mark.parametrize(
    "content", [b"\x80\x81", b"a,b\n1,2,3,4\n", b"filename\n\n", b""]
)
def test_a_table_of_somebody_else_says_nothing(tmp_path: Path, content: bytes) -> None:
    soundfile.write(tmp_path / "a.wav", noisy(0), SR_HZ)
    (tmp_path / "conditions.csv").write_bytes(content)
    (source,) = sounds_of(tmp_path).sources
    assert source.annotations == {}


def test_a_model_that_chooses_no_label_is_refused(folders: dict[str, Path]) -> None:
    for model in ("mel", "zoo:mpe_bach10"):
        with pytest.raises(RunError, match="does not choose one") as caught:
            mb.judge(folders["made"], folders["real"], heard=model, progress=False)
        assert caught.value.code == "E669"
