"""Codec, codes, transformer, sound: each by its command, packed, and moved away from its codec."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.errors import MirbricksError
from mirbricks.workflows.pack import Options, pack

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks" / "token_generation"))
from toy_codes import notes_in

CODEC = """\
name: small_codec
input: B C=1 T
layers:
  - Conv1d: {out_channels: 4, kernel_size: 100, stride: 100}
  - ResidualVectorQuantizer: {name: quantizer, n_codebooks: 2, n_codes: 8}
  - ConvTranspose1d: {out_channels: 1, kernel_size: 100, stride: 100}
feature: {type: waveform, sr_hz: 8000}
dataset: {folds: 3}
task: {type: codec, patch_frames: 1600}
train: {steps: 4, batch_size: 4, validate_every: 4}
"""
CODES = """\
name: small_ar
input: {codes: B Q=2 T, instrument: B, pitchmidi: B D=2}
layers:
  - StartFrom: instrument
  - TokenEmbedding: {num_embeddings: 3, embedding_dim: 8}
  - StoreAs: of_instrument
  - StartFrom: pitchmidi
  - Linear: {out_features: 8}
  - AddWith: of_instrument
  - UnSqueeze: {dim: 1}
  - StoreAs: condition
  - StartFrom: codes
  - CodebookEmbedding: {num_embeddings: 9, embedding_dim: 8, pattern: sum}
  - AddWith: condition
  - TransformerDecoder: {num_heads: 2, num_layers: 1, positions: rotary}
  - Linear: {out_features: 16}
feature: {type: waveform, sr_hz: 8000}
dataset: {folds: 3}
task:
  type: token_generation
  codec: CODEC
  pattern: delay
  patch_frames: 20
  conditions: [instrument, pitchmidi]
  condition_dropout: 0.1
  guidance: 1.5
train: {steps: 4, batch_size: 4, validate_every: 2, patience: 5}
"""
SAMPLES = """\
name: small_wavenet
input: B C=1 T
layers:
  - LinearOneHot: {quantization_channels: 16}
  - WaveNet: {residual_channels: 4, skip_channels: 4, dilations: [1, 2, 4]}
  - ReLU
  - Conv1d: {out_channels: 16, kernel_size: 1}
feature: {type: waveform, sr_hz: 8000}
dataset: {folds: 3}
task: {type: sample_generation, quantization_channels: 16, patch_frames: 300, generate_s: 0.05}
train: {steps: 4, batch_size: 4, validate_every: 2}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, a codec's run, and the run of a model of its codes, whose codec is gone."""
    folder = tmp_path_factory.mktemp("place")
    notes_in(folder / "notes")
    (folder / "codec.yaml").write_text(CODEC)
    trained(folder, "codec")
    (folder / "codes.yaml").write_text(CODES.replace("CODEC", str(folder / "codec")))
    trained(folder, "codes")
    shutil.rmtree(folder / "codec")
    return folder


def trained(folder: Path, name: str, **more: Any) -> Any:
    return mb.train(
        folder / f"{name}.yaml",
        folder / "notes",
        folder / name,
        cache=str(folder / "cache"),
        jobs=1,
        progress=False,
        **more,
    )


def test_a_run_makes_sounds_without_its_codecs_folder(place: Path) -> None:
    model = mb.load(place / "codes")
    asked = {"instrument": "organ", "pitchmidi": [66, 67.5]}
    sounds = model.generate(2, asked, seed=1)
    assert [sound.samples.shape for sound in sounds] == [(1, 2000)] * 2
    assert sounds[1].details["pitchmidi"] == 67.5
    again = mb.load(place / "codes").generate(2, asked, seed=1)
    assert (sounds[1].samples == again[1].samples).all()
    figures = mb.open_run(place / "codes").figures
    assert {"cross_entropy_nats", "ngram_cross_entropy_nats"} <= figures.keys()


def test_packed_and_moved_it_makes_the_same_sound(place: Path, tmp_path: Path) -> None:
    pack(place / "codes", tmp_path / "packed", Options())
    (tmp_path / "packed").rename(tmp_path / "moved")
    sounds = [
        mb.load(folder).generate(1, {"instrument": "bell"}, seed=3)[0]
        for folder in (place / "codes", tmp_path / "moved")
    ]
    assert (sounds[0].samples == sounds[1].samples).all()
    assert sounds[0].details == sounds[1].details


def test_evaluated_again_without_the_training_codes(place: Path) -> None:
    found = mb.evaluate(
        place / "codes",
        place / "notes",
        cache=str(place / "cache"),
        jobs=1,
        progress=False,
    )
    kept = mb.open_run(place / "codes").figures
    assert found.figures["cross_entropy_nats"] == pytest.approx(
        kept["cross_entropy_nats"]
    )
    assert "ngram_cross_entropy_nats" not in found.figures


def test_samples_need_no_codec(place: Path) -> None:
    (place / "samples.yaml").write_text(SAMPLES)
    trained(place, "samples")
    model = mb.load(place / "samples")
    sounds = model.generate(2, seed=0)
    assert [sound.samples.shape for sound in sounds] == [(1, 400)] * 2
    assert mb.open_run(place / "samples").figures["cross_entropy_nats"] > 0


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"instrumnet": "bell"}, "did you mean 'instrument'?     [E560]"),
        ({"instrument": "bel"}, "did you mean 'bell'?     [E561]"),
        ({"pitchmidi": "high"}, "help: give a number     [E561]"),
    ],
)
def test_what_cannot_be_asked_for(
    place: Path, conditions: dict[str, str], words: str
) -> None:
    with pytest.raises(MirbricksError) as found:
        mb.load(place / "codes").generate(1, conditions)
    assert words in str(found.value)


def test_a_codec_of_another_rate_is_refused_before_data_is_read(place: Path) -> None:
    text = CODES.replace("CODEC", str(place / "codes" / "models" / "codec"))
    graph = place / "other.yaml"
    graph.write_text(text.replace("sr_hz: 8000", "sr_hz: 16000"))
    with pytest.raises(MirbricksError) as found:
        mb.train(graph, place / "nowhere", place / "other", progress=False)
    assert "the codec and the feature have different sample rates" in str(found.value)


def test_what_the_weights_were_trained_with_is_the_reason_and_not_the_graph(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = "task.pattern=flatten"
    message = f"--set {word}: the model was trained with its 'pattern', which cannot"
    assert main(["generate", str(place / "codes"), "--set", word, "--out", "no"]) == 1
    assert capsys.readouterr().err.startswith(message)
    with pytest.raises(MirbricksError) as caught:
        mb.load(place / "codes").generate(1, set={"task.pattern": "flatten"})
    assert caught.value.code == "E650"


def test_what_is_no_codec_is_named_at_its_place(place: Path, tmp_path: Path) -> None:
    unfit = {
        str(place / "codes"): "E580",
        "{type: encodec_24khz, weights: none.th}": "E587",
        "nowhere": "E516",
    }
    for codec, code in unfit.items():
        file = tmp_path / "other.yaml"
        file.write_text(CODES.replace("CODEC", codec))
        with pytest.raises(MirbricksError) as caught:
            mb.train(file, place / "notes", tmp_path / "run", progress=False)
        assert caught.value.code == code
        assert caught.value.message.startswith("task.codec: ")
        assert caught.value.where is not None
        assert caught.value.where.line == 21


@pytest.mark.parametrize("lost", ["weights.safetensors", ""])
def test_a_packed_model_that_is_not_whole_is_not_to_be_trained_on(
    place: Path, tmp_path: Path, lost: str
) -> None:
    pack(place / "codes", tmp_path / "packed", Options())
    part = tmp_path / "packed" / "models" / "codec" / lost
    if lost:
        part.unlink()
    else:
        shutil.rmtree(part)
    with pytest.raises(MirbricksError, match="packed model") as caught:
        mb.load(tmp_path / "packed")
    assert caught.value.help == "take the whole folder from where it came from again"
