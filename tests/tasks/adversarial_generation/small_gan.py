"""A GAN that trains in a second: notes of two instruments, and a pair of graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio

SR_HZ = 8000
PITCHES = (57, 60, 64, 67)
INSTRUMENTS = ("flute", "reed")

GENERATOR = """\
name: small_generator
input: {noise: B D=6, instrument: B, pitchmidi: B P=2}
layers:
  - StartFrom: instrument
  - TokenEmbedding: {num_embeddings: 2, embedding_dim: 4}
  - CatWith: {key: [noise, pitchmidi]}
  - Linear: {name: first, out_features: "${4 * 4 * 2}"}
  - ReLU
  - Rearrange: {pattern: "B (C F T) -> B C F T", sizes: {F: 4, T: 2}}
  - ConvTranspose2d: {name: last, out_channels: 1, kernel_size: 4, stride: 4}
  - Tanh
"""
DISCRIMINATOR = """\
name: small_discriminator
input: {x: B C=1 F=16 T=8, instrument: B, pitchmidi: B P=2}
layers:
  - StartFrom: instrument
  - TokenEmbedding: {num_embeddings: 2, embedding_dim: 8}
  - CatWith: pitchmidi
  - Linear: {out_features: 8}
  - StoreAs: asked
  - StartFrom: x
  - SpectralNormConv2d: {name: seen, out_channels: 8, kernel_size: 4, stride: 4}
  - LeakyReLU
  - Mean: {dim: 3}
  - Mean: {dim: 2}
  - MulWith: asked
  - Linear: {name: score, out_features: 1}
"""
SECTIONS = """\
feature: {type: logmel, sr_hz: 8000, n_fft: 256, hop_length: 128, n_mels: 16, scale: db, floor_db: -60.0}
dataset: {split: annotation}
task:
  type: adversarial_generation
  adversary: discriminator.yaml
  conditions: [instrument, pitchmidi]
  patch_frames: 8
train: {steps: 12, batch_size: 4, lr: 1.0e-3, warmup_steps: 2, validate_every: 6, average_decay: 0.9}
"""


def write_graphs(
    folder: Path,
    *,
    generator: str = GENERATOR,
    discriminator: str = DISCRIMINATOR,
    sections: str = SECTIONS,
) -> Path:
    """The two graph files; returns that of the experiment."""
    (folder / "discriminator.yaml").write_text(discriminator)
    path = folder / "gan.yaml"
    path.write_text(generator + sections)
    return path


def note(midi: int, instrument: str, rng: np.random.Generator) -> np.ndarray:
    """A quarter of a second: all partials of a flute's, the odd ones of a reed's."""
    time_s = np.arange(SR_HZ // 4) / SR_HZ
    hz = 440 * 2 ** ((midi - 69) / 12)
    step = 1 if instrument == "flute" else 2
    partials = [
        np.sin(2 * np.pi * hz * k * time_s + rng.uniform(0, 6)) / k
        for k in range(1, 8, step)
    ]
    return (0.2 * sum(partials) * np.exp(-4 * time_s)).astype(np.float32)


def write_notes(folder: Path) -> Corpus:
    """Sixteen notes; a side of the split for each take but the first two."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    audio = []
    entries = []
    for take, side in enumerate(["train", "train", "valid", "test"]):
        for place, midi in enumerate(PITCHES):
            instrument = INSTRUMENTS[(take + place) % 2]
            key = f"{instrument}_{midi}_{take}.wav"
            audio.append((key, note(midi, instrument, rng), SR_HZ))
            atoms = {
                "filepath": (Atom(key),),
                "instrument": (Atom(instrument),),
                "pitchmidi": (Atom(midi),),
                "split": (Atom(side),),
            }
            entries.append(Entry(atoms))
    write_audio(folder / "notes_audio.hdf5", iter(audio))
    text = Definition("global", "text")
    definitions = {
        "filepath": text,
        "instrument": text,
        "split": text,
        "pitchmidi": Definition("global", "numeric"),
    }
    Pyjama(definitions, entries).save(folder / "notes.pyjama")
    return Corpus.open(folder)
