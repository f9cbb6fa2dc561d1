"""Generation: the command and the function give the same sounds; what cannot be asked for is refused first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import DataError, MirbricksError, TaskError
from mirbricks.report import generated
from mirbricks.tasks.base import TASKS, Batch, Evaluation, Task, TaskConfig
from mirbricks.tasks.conditions import Condition, Conditions
from mirbricks.tasks.sounds import Sound
from mirbricks.workflows.generate import AT_ONCE, asked_of, in_turn, refuse_fixed

SR_HZ = 8000
GRAPH = """\
name: tones
input: B C=1 F=8 T
feature: {type: logmel, sr_hz: 8000, n_mels: 8}
dataset: {folds: 3}
task: {type: test_tones}
train: {steps: 1, validate_every: 1, batch_size: 2}
layers:
  - Conv2d: {out_channels: 1, kernel_size: 1}
"""
KNOWN = Conditions(
    (
        Condition("instrument", ("cello", "flute")),
        Condition("pitchmidi", (60, 62, 64)),
        Condition("loudness", (0.0, 10.0), 5.0, 2.0),
    ),
    (("flute", 62, 3.5), ("cello", 60, 4.0)),
)


class TonesConfig(TaskConfig):
    """Settings of the toy."""

    type: Literal["test_tones"] = "test_tones"
    temperature: float = 1.0


class TonesLearner:
    """Learns nothing in one step."""

    figure = "negative_loss"

    def batch(self, step: int) -> Batch:
        x = torch.full((2, 1, 8, 4), float(step))
        return Batch((x,), torch.zeros(2, 1, 8, 4), ("a", "b"))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return (outputs - batch.targets).square().mean()

    def validate(self, model: nn.Module, on_track: Any) -> dict[str, float]:  # noqa: ARG002
        return {"negative_loss": -1.0, "loss": 1.0}


class Tones(Task):
    """A toy that makes a tone of the pitch asked for, with noise of its seed."""

    title = "tones"
    headline = ("negative_loss",)
    generates = True
    Config = TonesConfig
    calls: ClassVar[list[int]] = []
    interrupt_at: ClassVar[int | None] = None

    def check_graph(self, model: Any) -> None:
        pass

    def tracks(self, items: Sequence[Any]) -> list[Any]:
        return [item for item in items if item.stem_of is None]

    def learner(self, *_: Any, **__: Any) -> Any:
        return TonesLearner()

    def validation_learner(self, *_: Any, **__: Any) -> None:
        return None

    def evaluate(self, *_: Any, **__: Any) -> Evaluation:
        return Evaluation({"negative_loss": -1.0}, {"a": {"negative_loss": -1.0}})

    def predict(self, *_: Any, **__: Any) -> Any:
        raise TaskError("makes sounds", code="E514")

    def truth(self, item: Any) -> Any:  # noqa: ARG002
        return None

    def conditions_of(self, settings: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:  # noqa: ARG002
        return KNOWN.known()

    def generate(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],  # noqa: ARG002
        *,
        n: int,
        conditions: Mapping[str, Any],
        seed: int,
        on_share: Any = None,  # noqa: ARG002
    ) -> list[Sound]:
        rows = KNOWN.asked(conditions, n, seed)
        if len(self.calls) == self.interrupt_at:
            raise KeyboardInterrupt
        self.calls.append(n)
        generator = torch.Generator().manual_seed(seed)
        sounds = []
        for row in rows:
            hz = 440 * 2 ** ((float(row["pitchmidi"]) - 69) / 12)
            tone = torch.sin(2 * torch.pi * hz * torch.arange(2000) / SR_HZ)
            noise = (
                0.01 * self.config.temperature * torch.randn(2000, generator=generator)
            )  # type: ignore[attr-defined]  # of its own config
            bias = next(iter(model.parameters())).mean() * 0.001
            sounds.append(Sound.of(0.3 * tone + noise + bias, SR_HZ, **row))
        return sounds


@pytest.fixture(scope="module", autouse=True)
def task() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        Tones.name = "test_tones"
        TASKS.get("tagging")  # the catalogue loads its own first
        patch.setitem(TASKS.known, "test_tones", Tones)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    synthesise_polyphony(folder / "corpus", n_clips=3, seconds=2.0, seed=1)
    (folder / "tones.yaml").write_text(GRAPH)
    mb.train(
        folder / "tones.yaml",
        folder / "corpus",
        folder / "run",
        cache=folder / "cache",
        jobs=1,
        progress=False,
    )
    return folder / "run"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Tones, "calls", [])
    monkeypatch.setattr(Tones, "interrupt_at", None)
    monkeypatch.setattr(generated, "MOST_PICTURED", 2)  # pictures take time


def wavs(folder: str = "out") -> dict[str, Any]:
    return {
        path.name: soundfile.read(path, dtype="float32")[0]
        for path in sorted(Path(folder).glob("*.wav"))
    }


def test_the_command_writes_what_the_function_gives(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["generate", str(run), "--n", "11", "--seed", "3", "--out", "out"]
    words += ["--set", "instrument=flute", "--set", "pitchmidi=64"]
    assert main(words) == 0
    printed = capsys.readouterr().out.split()
    files = wavs()
    assert sorted(printed) == sorted(
        [*(f"out/{name}" for name in files), "out/index.html"]
    )
    assert next(iter(files)) == "01_instrument-flute_pitchmidi-64_loudness-3.5.wav"
    sounds = mb.load(run).generate(11, {"instrument": "flute", "pitchmidi": 64}, seed=3)
    assert len(sounds) == len(files) == 11
    for sound, samples in zip(sounds, files.values(), strict=True):
        np.testing.assert_array_equal(sound.samples[0], samples)
        assert sound.details["pitchmidi"] == 64
    # No more than a batch at a time, whatever n is.
    assert max(Tones.calls) == AT_ONCE


def test_the_same_seed_gives_the_same_sounds(run: Path) -> None:
    model = mb.load(run)
    first, again, other = (
        np.stack([one.samples for one in model.generate(10, seed=seed)])
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    # No two sounds are alike, also across batches.
    assert len({one.tobytes() for one in first}) == 10
    whole = np.stack([one.samples for one in model.generate(AT_ONCE, seed=1)])
    np.testing.assert_array_equal(whole, first[:AT_ONCE])


class Page(HTMLParser):
    """The files that the page plays, and how many pictures it has."""

    def __init__(self) -> None:
        super().__init__()
        self.audio: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        source = own.get("src") or ""
        if tag == "audio":
            self.audio.append(source)
        if tag == "svg":
            assert own.get("aria-label")
            self.pictures += 1
        # Within a picture a spectrogram is an image, and comes from nowhere else.
        if tag == "image":
            assert (own.get("xlink:href") or "").startswith("data:image/png;base64,")


def test_the_page_plays_every_file_with_its_pictures(run: Path) -> None:
    assert main(["generate", str(run), "--n", "3", "--out", "out"]) == 0
    html = Path("out/index.html").read_text()
    page = Page()
    page.feed(html)
    assert page.audio == list(wavs())
    # A spectrogram and, of notes, a rainbowgram; beyond the first sounds there are players only.
    assert page.pictures == 2 * generated.MOST_PICTURED
    assert "mirbricks generate" in html
    assert "http" not in html.replace("http-equiv", "")


def test_values_that_are_given_again_take_turns(run: Path) -> None:
    words = [
        "--set",
        "pitchmidi=60",
        "--set",
        "pitchmidi=64",
        "--set",
        "instrument=cello",
    ]
    assert main(["generate", str(run), "--n", "5", "--out", "out", *words]) == 0
    pitches = [re.search(r"pitchmidi-(\d+)", name)[1] for name in wavs()]  # type: ignore[index]  # each has one
    assert pitches == ["60", "64", "60", "64", "60"]


def test_combinations_in_turn() -> None:
    asked = asked_of(["a=1", "b=x", "a=2", "b=y", "task.steps=3"])
    assert asked.overrides == ("task.steps=3",)
    given = in_turn(asked.conditions, 5)
    assert list(zip(given["a"], given["b"], strict=True)) == [
        ("1", "x"),
        ("1", "y"),
        ("2", "x"),
        ("2", "y"),
        ("1", "x"),
    ]
    with pytest.raises(DataError, match="4 combinations of conditions need as many"):
        in_turn(asked.conditions, 3)


def test_a_setting_of_the_task_is_no_condition(run: Path) -> None:
    words = ["generate", str(run), "--n", "1", "--out"]
    assert main([*words, "loud"]) == 0
    assert main([*words, "still", "--set", "task.temperature=0"]) == 0
    (loud,) = wavs("loud").values()
    (still,) = wavs("still").values()
    assert np.abs(loud - still).max() > 0.005
    set_in_python = mb.load(run).generate(1, set={"task.temperature": 0.0})
    np.testing.assert_array_equal(set_in_python[0].samples[0], still)


def test_numbers_beyond_those_of_the_training_are_noted(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["generate", str(run), "--n", "2", "--out"]
    assert main([*words, "within", "--set", "loudness=0", "--set", "loudness=10"]) == 0
    assert "note" not in capsys.readouterr().err
    assert main([*words, "beyond", "--set", "loudness=3", "--set", "loudness=11"]) == 0
    assert (
        "note: the training recordings have 'loudness' from 0.0 to 10.0: what comes of 11 was not learned\n"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["instrumnt=flute"],
            "the model has no condition 'instrumnt'\n"
            "  conditions  'instrument', 'pitchmidi', 'loudness'\n"
            "  help: did you mean 'instrument'?     [E560]\n",
        ),
        (
            ["temperature=0.5"],
            "the model has no condition 'temperature'\n"
            "  conditions  'instrument', 'pitchmidi', 'loudness'\n"
            "  help: it is a setting of the task: write task.temperature=...     [E560]\n",
        ),
        (
            ["knitting=1"],
            "the model has no condition 'knitting'\n"
            "  conditions  'instrument', 'pitchmidi', 'loudness'\n"
            "  help: choose one of these     [E560]\n",
        ),
        (
            ["instrument=cell"],
            "no training recording has 'cell' as its 'instrument'\n"
            "  values  cello, flute\n"
            "  help: did you mean 'cello'?     [E561]\n",
        ),
        (
            ["pitchmidi=60", "pitchmidi=61"],
            "no training recording has '61' as its 'pitchmidi'\n"
            "  values  60, 62, 64\n"
            "  help: choose one of these values     [E561]\n",
        ),
        (
            ["loudness=soft"],
            "the condition 'loudness' is a number, got 'soft'\n"
            "  values  0.0 to 10.0 in the training recordings\n"
            "  help: give a number     [E561]\n",
        ),
        (
            ["loudness=1e300"],
            "the condition 'loudness' is far from all that was learned, got 1e+300\n"
            "  values  0 to 10 in the training recordings\n"
            "  help: give a number near these     [E561]\n",
        ),
        (
            ["flute"],
            "expected NAME=VALUE, got 'flute'\n"
            "  help: a condition is NAME=VALUE, a setting of the task task.KEY=VALUE     [E650]\n",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_made(
    run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [word for one in words for word in ("--set", one)]
    assert main(["generate", str(run), "--n", "20", "--out", "out", *sets]) == 1
    printed = capsys.readouterr()
    assert printed.err == message
    assert Tones.calls == []
    assert not Path("out").exists()


def test_a_bad_value_late_in_a_list_is_refused_first(run: Path) -> None:
    model = mb.load(run)
    pitches = [60] * 15 + [63]
    with pytest.raises(TaskError, match="no training recording has '63'"):
        model.generate(16, {"pitchmidi": pitches})
    with pytest.raises(TaskError, match="has 15 values for 16 sounds"):
        model.generate(16, {"pitchmidi": pitches[:15]})
    assert Tones.calls == []


@pytest.mark.parametrize(
    "given",
    [
        {"n": 0},
        {"n": True},
        {"n": 1, "seed": -1},
        {"n": 1, "seed": 2**64},
        {"n": 1, "conditions": ["x"]},
    ],
)
def test_parameters_that_are_something_else(run: Path, given: dict[str, Any]) -> None:
    with pytest.raises(DataError) as caught:
        mb.load(run).generate(**given)
    assert caught.value.code == "E437"
    with pytest.raises(DataError, match="is not a setting of the task"):
        mb.load(run).generate(1, set={"train.lr": 1.0})


@pytest.mark.parametrize(
    "pitches",
    [(60, 62), range(60, 64, 2), np.array([60, 62]), torch.tensor([60.0, 62.0])],
)
def test_values_may_come_in_any_kind_of_list(run: Path, pitches: Any) -> None:
    sounds = mb.load(run).generate(np.int64(2), {"pitchmidi": pitches})
    assert [one.details["pitchmidi"] for one in sounds] == [60, 62]
    (alone,) = mb.load(run).generate(1, {"pitchmidi": np.array(62)})
    assert alone.details["pitchmidi"] == 62


@pytest.mark.parametrize("name", ["index.html", "02_mine.wav"])
def test_files_of_the_user_stay(
    run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    Path("out", name).write_text("mine")
    Path("out/notes.txt").write_text("mine")
    words = ["generate", str(run), "--n", "2", "--out", "out"]
    assert main(words) == 1
    assert capsys.readouterr().err == (
        f"'out/{name}' already exists\n  help: choose another folder; --replace writes over it     [E191]\n"
    )
    assert Path("out", name).read_text() == "mine"
    assert Tones.calls == []
    assert main([*words, "--replace"]) == 0
    assert Path("out/index.html").read_text() != "mine"
    assert Path("out/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("replace", [[], ["--replace"]])
@pytest.mark.parametrize("out", ["mine", "mine/sounds"])
def test_a_file_in_the_place_of_the_folder_is_found_before_anything_is_made(
    run: Path, out: str, replace: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").write_text("mine")
    assert main(["generate", str(run), "--n", "2", "--out", out, *replace]) == 1
    message = f"cannot write '{out}/index.html': 'mine' is a file, not a folder\n"
    assert capsys.readouterr().err.startswith(message)
    assert Path("mine").read_text() == "mine"
    assert Tones.calls == []


def test_an_interrupt_keeps_what_is_done(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Tones, "interrupt_at", 1)
    assert main(["generate", str(run), "--n", "20", "--out", "out"]) == 130
    assert len(wavs()) == AT_ONCE
    page = Page()
    page.feed(Path("out/index.html").read_text())
    assert page.audio == list(wavs())
    assert capsys.readouterr().err == "interrupted\n"


def test_a_model_that_predicts_makes_no_sounds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["generate", "zoo:tagging_esc10", "--out", "out"]) == 1
    assert "tagging predicts, and makes no sounds of its own" in capsys.readouterr().err
    with pytest.raises(MirbricksError) as caught:
        mb.load("zoo:tagging_esc10").generate(1)
    assert caught.value.code == "E514"
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "name",
    [
        "adversarial_generation",
        "latent_generation",
        "sample_generation",
        "token_generation",
    ],
)
def test_only_settings_of_sampling_can_be_changed_afterwards(name: str) -> None:
    task: Any = TASKS.get(name)
    assert task.of_sampling
    fields = set(task.Config.model_fields)
    assert set(task.of_sampling) <= fields
    refuse_fixed(task, [f"task.{field}=1" for field in task.of_sampling])
    # A misspelled setting has a message of its own, where settings are read.
    refuse_fixed(task, ["task.temprature=1"])
    for field in fields - set(task.of_sampling):
        with pytest.raises(DataError, match=f"trained with its '{field}'") as caught:
            refuse_fixed(task, [f"task.{field}=1"])
        assert caught.value.code == "E650"


def test_an_interrupt_while_a_picture_is_drawn_leaves_no_sound_without_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirbricks.report import generated

    drawn = generated.sound_card

    def interrupted(sound: Any, name: str, number: int, **more: Any) -> str:
        if number == 3:
            raise KeyboardInterrupt
        return drawn(sound, name, number, **more)

    monkeypatch.setattr(generated, "sound_card", interrupted)
    assert main(["generate", str(run), "--n", "4", "--out", "out"]) == 130
    page = Page()
    page.feed(Path("out/index.html").read_text())
    assert page.audio == list(wavs())
    assert len(page.audio) == 2
