"""A flow and its codec as an experiment: trained, packed, and used without the codec's folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import MirbricksError
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.codec.graph_codec import GraphCodec
from mirbricks.tasks.latent_generation import LatentGeneration, LatentGenerationConfig
from mirbricks.workflows.pack import Options, pack

sys.path.insert(0, str(Path(__file__).parent))
from toy_latents import SR_HZ, Tone  # beside this file

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
FLOW = """\
name: toy_flow
input: {x: "B C=2 T", t: B, pitchmidi: B}
layers:
  - StartFrom: pitchmidi
  - TokenEmbedding: {num_embeddings: 12, embedding_dim: 8}
  - StoreAs: pitch
  - StartFrom: t
  - TimeEmbedding: {out_features: 8, dim: 8, scale: 1000.0}
  - AddWith: pitch
  - StoreAs: condition
  - StartFrom: x
  - ConditionedResidualBlock1d: {out_channels: 2, num_groups: 1, with: condition}
feature: {type: waveform, sr_hz: 8000}
dataset: {split: annotation}
task: {type: latent_generation, codec: CODEC, patch_frames: 8, conditions: [pitchmidi], steps: 2,
  transpose_semitones: 1}
train: {steps: 3, batch_size: 2, validate_every: 3}
"""
SIDES = {"train": (60, 62, 64), "valid": (61, 65), "test": (63, 60)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, the run of a VAE, and that of a flow over its latents."""
    folder = tmp_path_factory.mktemp("flow")
    audio, entries = [], []
    for side, pitches in SIDES.items():
        for pitch in pitches:
            tone = Tone(f"{side}{pitch}.wav", 0.1 + pitch / 500, "organ", pitch)
            audio.append((tone.key, tone.wave, SR_HZ))
            own = {"filepath": tone.key, "pitchmidi": pitch, "split": side}
            entries.append(Entry({name: (Atom(value),) for name, value in own.items()}))
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        "pitchmidi": Definition("global", "numeric"),
        "split": Definition("global", "text"),
    }
    corpus = folder / "notes"
    corpus.mkdir()
    write_audio(corpus / "notes_audio.hdf5", iter(audio))
    Pyjama(definitions, entries).save(corpus / "notes.pyjama")
    (folder / "vae.yaml").write_text(VAE)
    (folder / "flow.yaml").write_text(FLOW.replace("CODEC", str(folder / "vae")))
    for name in ("vae", "flow"):
        mb.train(folder / f"{name}.yaml", data=corpus, out=folder / name)
    return folder


def made(path: Path, **more: Any) -> list[Any]:
    sounds = mb.load(path).generate(2, {"pitchmidi": 64}, seed=5, **more)
    return [sound.samples for sound in sounds]


def test_a_packed_flow_needs_nothing_but_itself(runs: Path, tmp_path: Path):
    expected = made(runs / "flow")
    pack(runs / "flow", tmp_path / "packed", Options())
    moved = tmp_path / "elsewhere"
    (tmp_path / "packed").rename(moved)
    hidden = runs / "hidden"
    (runs / "vae").rename(hidden)
    try:
        found = made(moved)
        again = made(runs / "flow")
    finally:
        hidden.rename(runs / "vae")

    for one, other, own in zip(found, again, expected, strict=True):
        assert one.shape == (1, 8 * 80)
        np.testing.assert_array_equal(one, own)
        np.testing.assert_array_equal(other, own)


def test_settings_of_sampling_change_the_sound(runs: Path):
    one = made(runs / "flow")[0]

    assert not np.array_equal(one, made(runs / "flow", set={"task.guidance": 4.0})[0])
    assert np.allclose(one, made(runs / "flow")[0])


def test_a_run_is_evaluated_as_after_its_training(runs: Path):
    settings = mb.load(runs / "flow").settings

    found = mb.load(runs / "flow").evaluate(runs / "notes").figures

    # What was learned from is known while training only.
    told = {"nearest_training", "nearest_training_real", "train_loss"}
    assert found.keys() == settings.figures.keys() - told
    for name, value in found.items():
        assert value == pytest.approx(settings.figures[name], rel=1e-6)


def test_a_codec_that_is_not_there_is_named_at_its_line(runs: Path, tmp_path: Path):
    graph = tmp_path / "flow.yaml"
    graph.write_text(FLOW.replace("CODEC", "no_such_run"))

    with pytest.raises(MirbricksError) as found:
        mb.train(graph, data=runs / "notes", out=tmp_path / "run")

    assert "flow.yaml:15:" in str(found.value)
    assert "task.codec" in str(found.value)
    assert "[E516]" in str(found.value)


def test_the_shipped_flow_fits_the_shipped_codec():
    """The graphs themselves, with random weights: sizes and names go together."""

    class Part:
        def __init__(self, codec: Any) -> None:
            self.codec = codec

        def as_codec(self) -> Any:
            return self.codec

    feature = WaveformFeatureConfig(sr_hz=16000)
    codec = GraphCodec(mb.compile_graph("notes_vae"), feature)
    config = LatentGenerationConfig(
        codec="x", patch_frames=64, conditions=("instrument", "pitchmidi")
    )
    task = LatentGeneration(config, feature)
    task.models["codec"] = Part(codec)
    flow = mb.compile_graph("notes_flow")

    task.check_graph(flow)

    assert (codec.hop_length, codec.latent_channels) == (512, 17)
    assert sum(weight.numel() for weight in flow.parameters()) < 3_000_000
