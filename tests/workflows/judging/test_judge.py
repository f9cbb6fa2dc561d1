"""`mirbricks judge` and `mirbricks.judge`: equal figures, honest yardsticks, and plain words for what is wrong."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import DataError, MirbricksError
from mirbricks.metrics import MelStatistics, frechet_infinity, generation_figures
from mirbricks.metrics.embedding_sets import standardised
from mirbricks.tasks.sounds import Sound
from mirbricks.workflows.judging.judge import BETTER, _drawn
from mirbricks.workflows.judging.sounds import LONGEST_S, Side, sounds_of

SR_HZ = 8000


def tone(hz: float, noise: float, seed: int, sr_hz: int = SR_HZ) -> np.ndarray:
    """Half a second of a note with its overtones."""
    times = np.arange(sr_hz // 2) / sr_hz
    wave = sum(0.3 / k * np.sin(2 * np.pi * k * hz * times) for k in range(1, 5))
    hiss = noise * np.random.default_rng(seed).standard_normal(len(times))
    return (wave + hiss).astype(np.float32)


def notes(n: int, noise: float = 0.001, seed: int = 0) -> list[tuple[np.ndarray, int]]:
    drawn = np.random.default_rng(seed).uniform(200, 400, n)
    return [(tone(hz, noise, k + 100 * seed), SR_HZ) for k, hz in enumerate(drawn)]


def write(folder: Path, sounds: list[tuple[np.ndarray, int]]) -> Path:
    folder.mkdir(parents=True)
    for number, (wave, sr_hz) in enumerate(sounds, 1):
        soundfile.write(folder / f"{number:03}.wav", wave, sr_hz, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sounds")
    return {
        "like": write(root / "like", notes(16, seed=1)),
        "noisy": write(root / "noisy", notes(16, noise=0.05, seed=2)),
        "real": write(root / "real", notes(32, seed=3)),
        "training": write(root / "training", notes(20, seed=4)),
    }


def words(folders: dict[str, Path], sounds: str, *more: str) -> list[str]:
    return ["judge", str(folders[sounds]), str(folders["real"]), *more]


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_command_and_the_function_give_the_same(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--train", str(folders["training"]), "--seed", "3", "--json"]
    assert main(words(folders, "noisy", *more)) == 0
    shell = printed(capsys)
    found = mb.judge(
        folders["noisy"],
        folders["real"],
        train=folders["training"],
        seed=3,
        progress=False,
    )
    assert shell["figures"] == found.figures
    assert shell["real"] == found.real
    assert shell["noise"] == found.noise
    assert shell["clips"] == found.clips
    assert shell["compared"] == found.compared == {"real": 16, "sounds": 16}
    assert (found.embedding, found.n_features) == ("mel", 128)
    # Every figure that a table knows, and no other; only a classifier has the inception score.
    assert [*found.figures] == [name for name in BETTER if name != "inception_score"]
    assert [*found.real] == [*found.noise] == [*found.figures]


def test_yardsticks_are_in_order(folders: dict[str, Path]) -> None:
    """What is alike is near real against real, what is noisy is farther, and noise is farthest."""
    like = mb.judge(folders["like"], folders["real"], progress=False)
    noisy = mb.judge(folders["noisy"], folders["real"], progress=False)
    for figure in ("frechet_distance", "kernel_distance"):
        assert like.real == noisy.real
        assert like.figures[figure] < 2 * like.real[figure] + 1
        assert 2 * like.figures[figure] < noisy.figures[figure] < noisy.noise[figure]
    assert like.figures["precision"] > 0.8 > 0.2 > noisy.noise["precision"]
    realism = [
        np.median([one["realism"] for one in found.clips.values()])
        for found in (like, noisy)
    ]
    assert realism[0] > 0.9 > realism[1]


def test_figures_are_those_of_metrics_over_the_same_halves() -> None:
    """Against the functions of mirbricks.metrics, over embeddings that the test itself has made."""
    ours, theirs = notes(10, noise=0.01, seed=5), notes(25, seed=6)
    embedding = MelStatistics(n_mels=8)
    found = mb.judge(ours, theirs, embedding=embedding, seed=2, progress=False)
    rows = _drawn(10, 25, seed=2)
    real = np.stack([embedding(*one) for one in theirs])
    made = np.stack([embedding(*one) for one in ours])
    assert len(rows.reference) == 12
    assert len(rows.real) == len(rows.sounds) == 10
    assert not set(rows.reference) & set(rows.real)
    reference = real[rows.reference]
    figures = generation_figures(reference, made[rows.sounds], seed=2)
    assert found.figures == pytest.approx(figures, rel=1e-9)
    assert found.real == pytest.approx(
        generation_figures(reference, real[rows.real], seed=2), rel=1e-9
    )
    line = frechet_infinity(*standardised(reference, made[rows.sounds]), seed=2)
    assert found.figures["frechet_infinity_r_squared"] == line.r_squared
    assert found.embedding == "MelStatistics"


def test_noise_is_as_long_and_as_loud_as_the_real_sounds() -> None:
    def length_and_level(wave: np.ndarray, sr_hz: int) -> np.ndarray:
        assert sr_hz == SR_HZ
        return np.array([len(wave), np.sqrt(np.mean(np.square(wave)))])

    rng = np.random.default_rng(7)
    sounds = []
    for wave, rate in notes(24, seed=7):
        end = int(rng.integers(1000, 4000))
        sounds.append((float(rng.uniform(0.1, 1)) * wave[:end], rate))
    found = mb.judge(sounds[:12], sounds, embedding=length_and_level, progress=False)
    # Level and length are all that this embedding knows, so noise is real to it.
    assert found.noise["frechet_distance"] == pytest.approx(
        found.real["frechet_distance"], rel=0.3
    )


def test_copies_are_found(folders: dict[str, Path]) -> None:
    with pytest.warns(UserWarning, match="16 of 20 sounds are compared"):
        found = mb.judge(
            folders["training"],
            folders["real"],
            train=folders["training"],
            progress=False,
        )
    assert found.figures["exact_copies"] == 1.0
    assert found.figures["nearer_than_held_out"] == 1.0
    assert 0.2 < found.real["nearer_than_held_out"] < 0.8
    assert found.real["exact_copies"] == found.noise["exact_copies"] == 0.0
    assert all(name == one["nearest"] for name, one in found.clips.items())
    own = mb.judge(
        folders["like"], folders["real"], train=folders["training"], progress=False
    )
    assert own.figures["exact_copies"] == 0.0
    assert own.figures["nearer_than_held_out"] < 0.8


def test_another_rate_is_resampled(folders: dict[str, Path], tmp_path: Path) -> None:
    """The same sounds at four times the rate lie where they lay."""
    drawn = np.random.default_rng(1).uniform(200, 400, 16)
    fast = [(tone(hz, 0.0, 0, 32000), 32000) for hz in drawn]
    slow = [(tone(hz, 0.0, 0), SR_HZ) for hz in drawn]
    one, other = (
        mb.judge(sounds, folders["real"], embedding="chroma", progress=False)
        for sounds in (write(tmp_path / "fast", fast), slow)
    )
    assert one.figures["kernel_distance"] == pytest.approx(
        other.figures["kernel_distance"], abs=0.05
    )


def test_what_generate_gives_can_be_judged(folders: dict[str, Path]) -> None:
    sounds = [Sound(wave[None], SR_HZ) for wave, _ in notes(16, seed=1)]
    found = mb.judge(iter(sounds), folders["real"], progress=False)
    expected = mb.judge(folders["like"], folders["real"], progress=False)
    assert found.figures == pytest.approx(expected.figures, rel=1e-6)
    assert [*found.clips][:2] == ["1", "2"]


def test_an_unreadable_file_costs_itself_and_is_named(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "some", notes(16, seed=1))
    (folder / "broken.wav").write_bytes(b"RIFF")
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "nan.wav", np.full(4000, np.nan), SR_HZ, subtype="FLOAT")
    assert main(["judge", str(folder), str(folders["real"]), "--json"]) == 1
    captured = capsys.readouterr()
    for name, code in (("broken", "E430"), ("empty", "E431"), ("nan", "E432")):
        assert f"{folder / name}.wav" in captured.err
        assert code in captured.err
    assert "3 sounds could not be read" in captured.err
    found = json.loads(captured.out)
    expected = mb.judge(folders["like"], folders["real"], progress=False)
    assert len(found["failed"]) == 3
    assert found["figures"] == pytest.approx(expected.figures, rel=1e-6)


@pytest.mark.filterwarnings("ignore:.*the embedding is not finite")
@pytest.mark.filterwarnings("ignore:.*sounds are compared")
def test_an_embedding_that_fails_on_a_sound_costs_that_sound(
    folders: dict[str, Path],
) -> None:
    def sometimes(wave: np.ndarray, sr_hz: int) -> np.ndarray:  # noqa: ARG001  # as the protocol
        if wave[0] < 0:
            return np.array([np.nan, 1.0])
        return np.array([float(wave[:100].mean()), float(np.square(wave).mean())])

    with pytest.warns(UserWarning, match="no yardstick of noise"):
        found = mb.judge(
            folders["like"], folders["real"], embedding=sometimes, progress=False
        )
    assert 10 < len(found.failed) < 40
    assert all(error.code == "E436" for error in found.failed)
    assert all("the embedding is not finite" in str(one) for one in found.failed)
    # Half of the noise fails too, and fewer than six are no set.
    assert found.noise == {}
    assert "noise" not in repr(found)


def test_the_table_names_figures_sizes_and_the_least_real(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(folders, "noisy", "--embedding", "chroma", "--clips", "2")) == 0
    text = capsys.readouterr().out
    assert f"{folders['noisy']} against" in text
    assert "chroma, 24 numbers; 16 of each against 16 real ones" in text
    rows = [line for line in text.splitlines() if line.startswith("│")]
    names = [row.split("│")[1].strip() for row in rows]
    assert names[:3] == ["frechet_distance", "frechet_infinity", "frechet_infinity_r_squared"]  # fmt: skip
    assert names[-2].isdigit()
    assert names[-1].isdigit()
    assert "the least real of the sounds" in text


def test_fewer_real_sounds_than_twice_the_others_are_reported(
    folders: dict[str, Path],
) -> None:
    with pytest.warns(UserWarning, match="8 of 16 sounds are compared, as many as half of the real ones"):  # fmt: skip
        found = mb.judge(folders["like"], notes(16, seed=8), progress=False)
    assert found.compared == {"real": 8, "sounds": 8}
    assert len(found.clips) == 16
    # A line over five sizes can be drawn of 10 sounds and more only.
    assert "frechet_infinity" not in found.figures


def refused(*given: Any, **more: Any) -> str:
    with pytest.raises(MirbricksError) as caught:
        mb.judge(*given, **more, progress=False)
    return str(caught.value)


def test_messages(folders: dict[str, Path], tmp_path: Path) -> None:
    real = folders["real"]
    few = write(tmp_path / "few", notes(5))
    assert refused(few, real) == (
        f"expected at least 6 sounds to judge, got 5 from {few}\n"
        "  help: a hundred and more of each give figures that can be compared     [E666]"
    )
    assert refused(folders["like"], few) == (
        f"expected at least 12 real sounds, got 5 from {few}\n"
        "  help: a hundred and more of each give figures that can be compared     [E666]"
    )
    copied = write(tmp_path / "copied", notes(32, seed=3))
    for train in (real, copied):
        assert refused(folders["like"], real, train=train) == (
            "the real sounds are all among the training sounds\n"
            "  help: give REAL sounds that the model was not trained on, as with --run RUN --split test     [E668]"
        )
    assert refused(folders["like"], real, split="test") == (
        f"'{real}' is not a corpus, and has no side 'test'\n"
        "  help: leave --split and --run out, or give the corpus     [E667]"
    )
    (tmp_path / "none").mkdir()
    assert "there is no audio file in" in refused(tmp_path / "none", real)
    assert "there is no folder" in refused(tmp_path / "nowhere", real)
    assert "E437" in refused(3, real)
    assert "E437" in refused([1, 2], real)
    assert "E437" in refused(folders["like"], real, seed=-1)
    assert "E437" in refused(folders["like"], real, embedding=7)
    assert "E436" in refused([(np.zeros(100, np.int16), 8000)], real)


def test_what_is_wrong_is_said_before_a_model_is_opened(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any) -> None:
        raise AssertionError("a model was opened")

    monkeypatch.setattr("mirbricks.workflows.judgement.embedding_of", opened)
    assert "E430" in refused("nowhere", folders["real"], embedding="zoo:mpe_bach10")


def test_a_classifier_has_an_inception_score() -> None:
    """Beside the probabilities that the model predicts for these sounds."""
    sounds = [(tone(hz, 0.001, 0, 22050), 22050) for hz in range(200, 380, 10)]
    model = mb.load("zoo:tagging_esc10")
    with pytest.warns(UserWarning, match="9 of 18 sounds"):
        found = mb.judge(sounds, sounds, embedding=model, progress=False)
    rows = _drawn(18, 18, seed=0)
    shares = np.stack(
        [model.predict(*sounds[row]).probabilities for row in rows.sounds]
    )
    mean = shares.mean(axis=0)
    divergence = (shares * np.log(shares / mean)).sum(axis=1).mean()
    assert found.figures["inception_score"] == pytest.approx(np.exp(divergence))
    assert found.embedding == "tagging_esc10"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=4, seconds=2.0, seed=1)
    return folder


def names_of(folder: Path, side: Side) -> list[str]:
    return [one.name for one in sounds_of(folder, side).sources]


def test_the_sides_of_a_corpus_are_those_of_a_run(corpus: Path) -> None:
    opened = mb.Corpus.open(corpus)
    mixes = [item for item in opened.items if item.stem_of is None]
    groups = [item.group for item in mixes]
    split = {"test": (groups[1],), "train": (groups[0], groups[3])}
    settings: Any = types.SimpleNamespace(split=split, is_of=lambda _: True)
    keys = [item.key for item in mixes]
    assert names_of(corpus, Side()) == keys
    assert names_of(corpus, Side("all")) == keys
    assert names_of(corpus, Side("test", settings)) == [keys[1]]
    assert names_of(corpus, Side("train", settings)) == [keys[0], keys[3]]
    wave, sr_hz = sounds_of(corpus, Side("test", settings)).sources[0].read()
    np.testing.assert_array_equal(wave, mixes[1].read()[0])
    assert sr_hz == mixes[1].sr_hz

    with pytest.raises(DataError) as caught:
        sounds_of(corpus, Side("valid", settings))
    assert caught.value.code == "E667"
    with pytest.raises(DataError) as caught:
        sounds_of(corpus, Side("test"))
    assert str(caught.value) == (
        f"'{opened.name}' stores no split, so that it has no side 'test'\n"
        "  help: add --run RUN: the run has dealt the sides; or --split all     [E667]"
    )
    with pytest.raises(DataError, match="E443"):
        sounds_of(corpus, Side("7"))


def test_only_the_first_ten_minutes_of_a_sound_are_read(tmp_path: Path) -> None:
    path = tmp_path / "long" / "1.wav"
    path.parent.mkdir()
    with soundfile.SoundFile(path, "w", 1000, 1) as file:
        for _ in range(LONGEST_S // 10 + 3):
            file.write(np.zeros(10_000, np.float32))
    (source,) = sounds_of(path.parent).sources
    wave, sr_hz = source.read()
    assert len(wave) == LONGEST_S * sr_hz


def test_silent_and_very_short_sounds_are_counted_and_named(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are judged like the others: whoever makes silence is not better for it."""
    quiet = np.full(SR_HZ // 2, 0.9e-4, np.float32)
    odd = {
        17: np.zeros(SR_HZ // 2, np.float32),
        18: quiet,
        19: tone(300, 0.001, 0)[: SR_HZ // 10 - 1],
    }
    even = {20: 2 * quiet, 21: tone(300, 0.001, 0)[: SR_HZ // 10]}
    sounds = notes(16, seed=1)
    sounds += [(wave, SR_HZ) for wave in (odd | even).values()]
    made = write(tmp_path / "made", sounds)

    assert main(["judge", str(made), str(folders["real"]), "--json"]) == 0

    output = capsys.readouterr()
    found = json.loads(output.out)
    assert found["odd"] == {
        "sounds": {"017": "silent", "018": "silent", "019": "0.100 s long"},
        "real": {},
    }
    assert set(found["odd"]["sounds"]) <= set(found["clips"])
    assert (
        "sounds: 3 silent or shorter than 0.1 s, judged like the others: "
        "'017' (silent), '018' (silent), '019' (0.100 s long)" in output.err
    )
    again = mb.judge(made, folders["real"])
    assert again.odd == found["odd"]
    assert again.figures == found["figures"]


def test_a_note_names_a_few_of_many_silent_sounds(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silence = np.zeros(SR_HZ, np.float32)
    made = write(tmp_path / "made", [*notes(16), *[(silence, SR_HZ)] * 7])
    found = mb.judge(folders["real"], made, progress=True)
    assert len(found.odd["real"]) == 7
    told = " ".join(capsys.readouterr().err.split())
    assert "real sounds: 7 silent or shorter than 0.1 s" in told
    assert told.count("(silent)") == 5
