"""The best of several sounds: a classifier of its own training chooses, and goes where the model goes."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import MirbricksError
from mirbricks.tasks.latent_generation.learner import LatentLearner
from mirbricks.workflows.pack import Options, pack

SR_HZ = 8000
VAE = """\
name: toy_vae
input: B C=1 T
layers:
  - Conv1d: {out_channels: 4, kernel_size: 80, stride: 80}
  - VAEBottleneck: {name: latent, kl_weight: 0.0001}
  - ConvTranspose1d: {out_channels: 1, kernel_size: 80, stride: 80}
feature: {type: waveform, sr_hz: 8000}
dataset: {split: annotation}
task: {type: codec, patch_frames: 800, losses: {l1: 1.0}}
train: {steps: 3, batch_size: 2, validate_every: 3}
"""
EAR = """\
name: toy_ear
input: B C=1 F=8 T
layers:
  - Mean: {dim: 3}
  - Flatten
  - Linear: {out_features: CLASSES}
feature: {type: logmel, sr_hz: RATE, n_fft: 256, hop_length: 80, n_mels: 8}
dataset: {split: annotation}
task: {type: tagging, labels: LABELS, annotation: ANNOTATION, patch_frames: 8}
train: {steps: 20, batch_size: 4, validate_every: 20, lr: 0.1}
"""
FLOW = """\
name: toy_flow
input: {x: "B C=2 T", t: B, instrument: B, pitchmidi: B D=2}
layers:
  - StartFrom: instrument
  - TokenEmbedding: {num_embeddings: 3, embedding_dim: 8}
  - StoreAs: which
  - StartFrom: pitchmidi
  - Linear: {out_features: 8}
  - AddWith: which
  - StoreAs: asked
  - StartFrom: t
  - TimeEmbedding: {out_features: 8, dim: 8, scale: 1000.0}
  - AddWith: asked
  - StoreAs: condition
  - StartFrom: x
  - ConditionedResidualBlock1d: {out_channels: 2, num_groups: 1, with: condition}
feature: {type: waveform, sr_hz: 8000}
dataset: {split: annotation}
train: {steps: 3, batch_size: 2, validate_every: 3}
task:
  type: latent_generation
  codec: CODEC
  patch_frames: 8
  conditions: [instrument, pitchmidi]
  steps: 2
"""
ASKED = {"instrument": ["cello", "flute"], "pitchmidi": 64}
SIDES = {"train": (60, 62, 64), "valid": (61, 65), "test": (63, 60)}


def ear_of(
    annotation: str = "instrument",
    labels: str = "one",
    classes: int = 2,
    rate_hz: int = 16000,
) -> str:
    text = EAR.replace("ANNOTATION", annotation).replace("LABELS", labels)
    return text.replace("CLASSES", str(classes)).replace("RATE", str(rate_hz))


def tone(instrument: str, pitch: int) -> Any:
    """A cello is a sum of partials that die away, a flute a plain tone."""
    times = np.arange(1000 + 10 * pitch) / SR_HZ
    hz = 440 * 2 ** ((pitch - 69) / 12)
    wave = np.sin(2 * np.pi * hz * times)
    if instrument != "flute":
        wave = (wave + np.sin(6 * np.pi * hz * times)) * np.exp(-10 * times)
    return (0.3 * wave).astype(np.float32)


def corpus_in(folder: Path, instruments: tuple[str, ...], sides: Any = SIDES) -> Path:
    audio, entries = [], []
    for instrument in instruments:
        for side, pitches in sides.items():
            for pitch in pitches:
                key = f"{side}{pitch}{instrument}.wav"
                audio.append((key, tone(instrument, pitch), SR_HZ))
                own = {
                    "filepath": key,
                    "instrument": instrument,
                    "pitchmidi": pitch,
                    "loud": ["p", "f"][pitch // 2 % 2],
                    "split": side,
                }
                atoms = {name: (Atom(value),) for name, value in own.items()}
                entries.append(Entry(atoms))
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        "instrument": Definition("global", "text"),
        "pitchmidi": Definition("global", "numeric"),
        "loud": Definition("global", "text"),
        "split": Definition("global", "text"),
    }
    folder.mkdir()
    write_audio(folder / "notes_audio.hdf5", iter(audio))
    Pyjama(definitions, entries).save(folder / "notes.pyjama")
    return folder


def trained(folder: Path, name: str, text: str, corpus: str = "notes") -> Path:
    graph = folder / f"{name}.yaml"
    graph.write_text(text)
    mb.train(graph, data=folder / corpus, out=folder / name, jobs=1)
    return folder / name


def flow_of(folder: Path, **settings: Any) -> str:
    more = "".join(f"  {name}: {value}\n" for name, value in settings.items())
    return FLOW.replace("CODEC", str(folder / "vae")) + more


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, a VAE, an ear, and two flows: one with the ear, the best of three, and one without."""
    folder = tmp_path_factory.mktemp("best_of")
    corpus_in(folder / "notes", ("cello", "flute"))
    same_pitches = dict.fromkeys(SIDES, SIDES["train"])
    corpus_in(folder / "same_pitches", ("cello", "flute"), same_pitches)
    trained(folder, "vae", VAE)
    ear = trained(folder, "ear", ear_of())
    trained(folder, "plain", flow_of(folder))
    trained(folder, "flow", flow_of(folder, ear=ear, best_of=3))
    return folder


def samples(sounds: Any) -> list[Any]:
    return [sound.samples for sound in sounds]


def same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_the_sound_is_kept_whose_condition_is_most_probable(runs: Path) -> None:
    chosen = mb.load(runs / "flow").generate(2, ASKED, seed=5)
    three = {"instrument": ["cello"] * 3 + ["flute"] * 3, "pitchmidi": 64}
    every = mb.load(runs / "plain").generate(6, three, seed=5)
    ear = mb.load(runs / "ear")

    for number, label in enumerate(ASKED["instrument"]):
        among = every[3 * number : 3 * number + 3]
        found = [ear.predict(one.samples, sr_hz=SR_HZ).scores[label] for one in among]
        best = among[int(np.argmax(found))]
        # The figures decide: were all alike, the first would always be chosen.
        assert len(set(found)) == 3
        np.testing.assert_array_equal(chosen[number].samples, best.samples)
        assert chosen[number].details == {"instrument": label, "pitchmidi": 64}
        assert chosen[number].title == f"{label}_64_{number}"


def test_the_same_seed_gives_the_same_sounds_in_python_and_on_the_command_line(
    runs: Path, tmp_path: Path
) -> None:
    model = mb.load(runs / "flow")
    found = samples(model.generate(2, ASKED, seed=5))

    assert same(found, samples(model.generate(2, ASKED, seed=5)))
    assert not same(found, samples(model.generate(2, ASKED, seed=6)))
    assert not same(found, samples(model.generate(2, ASKED, seed=5, best_of=1)))
    assert same(
        samples(model.generate(2, ASKED, seed=5, best_of=2)),
        samples(model.generate(2, ASKED, seed=5, set={"task.best_of": 2})),
    )
    words = ["--n", "2", "--seed", "5", "--best-of", "2", "--out", str(tmp_path)]
    for instrument in ASKED["instrument"]:
        words += ["--set", f"instrument={instrument}"]
    assert main(["generate", str(runs / "flow"), *words, "--set", "pitchmidi=64"]) == 0
    written = [soundfile.read(one)[0] for one in sorted(tmp_path.glob("*.wav"))]
    in_python = model.generate(2, ASKED, seed=5, best_of=2)
    for wave, sound in zip(written, in_python, strict=True):
        np.testing.assert_array_equal(wave, sound.samples[0])


def test_what_is_asked_for_does_not_depend_on_how_many_are_made(runs: Path) -> None:
    model = mb.load(runs / "flow")

    several = [sound.details for sound in model.generate(4, seed=3)]

    assert several == [one.details for one in model.generate(4, seed=3, best_of=1)]


def test_one_of_one_is_the_model_without_its_ear(runs: Path) -> None:
    with_ear = mb.load(runs / "flow").generate(2, ASKED, seed=5, best_of=1)

    assert same(
        samples(with_ear), samples(mb.load(runs / "plain").generate(2, ASKED, seed=5))
    )


@pytest.mark.slow
def test_an_ear_changes_neither_training_nor_evaluation(runs: Path) -> None:
    plain, flow = mb.load(runs / "plain"), mb.load(runs / "flow")

    for name, weights in plain.module.state_dict().items():
        assert weights.equal(flow.module.state_dict()[name]), name
    assert plain.settings.figures == flow.settings.figures
    judged = [
        one.evaluate(runs / "notes", jobs=1, progress=False).figures
        for one in (plain, flow)
    ]
    assert judged[0] == judged[1]


@pytest.mark.slow
def test_resumed_with_an_ear_is_as_if_never_interrupted(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    loss = LatentLearner.loss

    def interrupted(self: Any, outputs: Any, batch: Any) -> Any:
        calls.append(batch)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return loss(self, outputs, batch)

    with monkeypatch.context() as cut:
        cut.setattr(LatentLearner, "loss", interrupted)
        mb.train(runs / "flow.yaml", runs / "notes", runs / "cut", jobs=1)
    with pytest.raises(MirbricksError):
        mb.load(runs / "cut")
    mb.train(runs / "flow.yaml", runs / "notes", runs / "cut", jobs=1, resume=True)

    one, other = mb.load(runs / "flow"), mb.load(runs / "cut")

    for name, weights in one.module.state_dict().items():
        assert weights.equal(other.module.state_dict()[name]), name
    assert same(
        samples(one.generate(2, ASKED, seed=1)),
        samples(other.generate(2, ASKED, seed=1)),
    )


def test_packed_it_needs_neither_the_folder_of_the_ear_nor_that_of_the_codec(
    runs: Path, tmp_path: Path
) -> None:
    expected = samples(mb.load(runs / "flow").generate(2, ASKED, seed=5))
    pack(runs / "flow", tmp_path / "packed", Options())
    moved = tmp_path / "elsewhere"
    (tmp_path / "packed").rename(moved)
    for name in ("vae", "ear"):
        (runs / name).rename(runs / f"hidden_{name}")
    try:
        of_pack = samples(mb.load(moved).generate(2, ASKED, seed=5))
        of_run = samples(mb.load(runs / "flow").generate(2, ASKED, seed=5))
    finally:
        for name in ("vae", "ear"):
            (runs / f"hidden_{name}").rename(runs / name)

    assert same(of_pack, expected)
    assert same(of_run, expected)
    # The ear inside is a model by itself.
    inner = mb.load(moved / "models" / "ear")
    assert inner.task.name == "tagging"


def test_an_ear_can_be_named_when_sounds_are_made(runs: Path) -> None:
    expected = samples(mb.load(runs / "flow").generate(2, ASKED, seed=5))
    given = {"task.ear": str(runs / "ear"), "task.best_of": 3}

    # A run that was trained without one takes it, and another one takes the place of the one inside.
    assert same(
        samples(mb.load(runs / "plain").generate(2, ASKED, seed=5, set=given)), expected
    )
    other = trained(runs, "other", ear_of(rate_hz=8000))
    given["task.ear"] = str(other)
    model = mb.load(runs / "flow")
    replaced = model._with(given).task.models["ear"]  # the one that would choose
    assert replaced.task.feature.sr_hz == 8000


MISTAKES = {
    "several without an ear": (
        {"best_of": 4},
        "flow.yaml:20:1: task: 'best_of' is 4, and there is no 'ear' that chooses: set task.ear to a classifier of one "
        "of the conditions",
    ),
    "an ear that is not there": ({"ear": "nowhere"}, "flow.yaml:26:8: task.ear: "),
    "a codec as an ear": (
        {"ear": "vae"},
        "flow.yaml:26:8: task.ear does not choose one of several labels\n",
    ),
    "too many of them": ({"best_of": 65}, "best_of"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_is_no_ear_is_named_at_its_line(
    runs: Path, tmp_path: Path, case: str
) -> None:
    settings, expected = MISTAKES[case]
    if settings.get("ear") == "vae":
        settings = {"ear": runs / "vae"}
    graph = tmp_path / "flow.yaml"
    graph.write_text(flow_of(runs, **settings))

    with pytest.raises(MirbricksError) as found:
        mb.train(graph, data=runs / "notes", out=tmp_path / "run")

    assert expected in str(found.value)
    assert not (tmp_path / "run").exists()


def refused(runs: Path, ear: Path, graph: str, corpus: str = "notes") -> str:
    """What is said of an ear before anything is written, from the place on."""
    (runs / "refused.yaml").write_text(graph)
    with pytest.raises(MirbricksError) as found:
        mb.train(runs / "refused.yaml", data=runs / corpus, out=runs / "refused")
    assert not (runs / "refused").exists()
    message = str(found.value).replace(str(ear), "EAR")
    return re.sub(r"\^+", "^", message[message.index("refused.yaml:") :])


def test_an_ear_of_something_else_is_refused(runs: Path) -> None:
    """Golden: [E566]."""
    loud = trained(runs, "loud", ear_of("loud"))

    assert refused(runs, loud, flow_of(runs, ear=loud)) == (
        "refused.yaml:26:8: task.ear finds the 'loud' of a sound, and that is not a condition\n"
        "   26 |   ear: EAR\n"
        "      |        ^\n"
        "  conditions  'instrument', 'pitchmidi'\n"
        "  help: take a classifier of one of these, or train with 'loud' among task.conditions     [E566]"
    )


@pytest.mark.slow
def test_an_ear_of_a_scaled_condition_is_refused(runs: Path) -> None:
    """Golden: [E566]: the graph reads any pitch, and an ear has classes."""
    pitch = trained(runs, "pitch", ear_of("pitchmidi", classes=3), "same_pitches")

    assert refused(runs, pitch, flow_of(runs, ear=pitch)) == (
        "refused.yaml:26:8: task.ear finds classes of 'pitchmidi', which the graph reads as a number of any size\n"
        "   26 |   ear: EAR\n"
        "      |        ^\n"
        "  help: take an ear of another condition     [E566]"
    )


@pytest.mark.filterwarnings("ignore:every recording")
def test_an_ear_of_several_labels_is_refused(runs: Path) -> None:
    """Golden: [E566]."""
    several = trained(runs, "several", ear_of(labels="several"))

    assert refused(runs, several, flow_of(runs, ear=several)) == (
        "refused.yaml:26:8: task.ear does not choose one of several labels\n"
        "   26 |   ear: EAR\n"
        "      |        ^\n"
        "  help: name a model of the task tagging with `labels: one`, such as a run of graphs/notes_ear.yaml     [E566]"
    )


def test_an_ear_that_lacks_a_value_is_refused(runs: Path) -> None:
    """Golden: [E567]."""
    corpus_in(runs / "more", ("cello", "flute", "oboe"))
    ear = runs / "ear"
    graph = flow_of(runs, ear=ear).replace("num_embeddings: 3", "num_embeddings: 4")

    assert refused(runs, ear, graph, "more") == (
        "refused.yaml:26:8: task.ear does not know every value of the condition 'instrument'\n"
        "   26 |   ear: EAR\n"
        "      |        ^\n"
        "  missing  oboe\n"
        "  known    cello, flute\n"
        "  help: train an ear on recordings of all these values, or do without: "
        "task.ear=null and task.best_of=1     [E567]"
    )


def test_a_run_says_at_once_that_it_has_no_ear(runs: Path, capsys: Any) -> None:
    words = ["generate", str(runs / "plain"), "--n", "2", "--best-of", "4"]

    assert main([*words, "--out", str(runs / "nothing")]) == 1

    assert "there is no 'ear' that chooses" in capsys.readouterr().err
    assert not (runs / "nothing").exists()


@pytest.mark.slow
def test_the_json_of_a_command_is_that_of_any_sounds(
    runs: Path, tmp_path: Path, capsys: Any
) -> None:
    words = ["--n", "2", "--best-of", "2", "--json", "--out", str(tmp_path / "made")]

    assert main(["generate", str(runs / "flow"), *words]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [sorted(one["conditions"]) for one in found["sounds"]] == [
        ["instrument", "pitchmidi"]
    ] * 2
