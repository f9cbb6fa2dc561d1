"""A codec, recordings and a graph small enough to train in a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mirbricks.compiler.compile import compile_graph
from mirbricks.data.pyjama.file import Atom
from mirbricks.features.cache import FeatureCache
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.latent_generation import LatentGeneration, LatentGenerationConfig

SR_HZ = 8000
HOP = 80
FRAMES = 12


@dataclass
class Levels:
    """A codec whose latents are the mean and the peak of each frame."""

    sr_hz: int = SR_HZ
    hop_length: int = HOP
    latent_channels: int = 2
    n_codebooks: int = 0
    n_codes: int = 0
    name: str = "levels"
    fingerprint: str = "0123456789abcdef0123"

    def as_codec(self) -> Levels:
        return self

    def encode_latent(self, waves: Tensor) -> Tensor:
        frames = waves.unflatten(-1, (-1, self.hop_length))[:, 0]
        return torch.stack((frames.mean(-1), frames.abs().amax(-1)), dim=1)

    def decode_latent(self, latents: Tensor) -> Tensor:
        tone = torch.sin(torch.arange(self.hop_length) * 2 * np.pi / 20)
        waves = latents[:, 1, :, None] * tone + latents[:, 0, :, None]
        return waves.flatten(1)[:, None]


class Tone:
    """A recording of a decaying sine with an instrument and a pitch."""

    stem_of = None

    def __init__(self, key: str, seconds: float, instrument: str, pitch: int) -> None:
        self.key = key
        self.duration_s = seconds
        self.annotations: dict[str, Any] = {
            "instrument": (Atom(instrument),),
            "pitchmidi": (Atom(pitch),),
        }
        time_s = np.arange(round(seconds * SR_HZ)) / SR_HZ
        hz = 440 * 2 ** ((pitch - 69) / 12)
        wave = 0.5 * np.exp(-5 * time_s) * np.sin(2 * np.pi * hz * time_s)
        self.wave = wave.astype(np.float32)

    def read(self) -> tuple[Any, int]:
        return self.wave, SR_HZ


TRAIN = [
    Tone("a.wav", 0.2, "flute", 60),
    Tone("b.wav", 0.05, "flute", 64),
    Tone("c.wav", 0.3, "cello", 60),
    Tone("d.wav", 0.11, "cello", 50),
]
VALID = [Tone("e.wav", 0.15, "cello", 61), Tone("f.wav", 0.4, "flute", 63)]

GRAPH = """\
name: toy
input: {x: "B C=2 T", t: B, instrument: B, pitchmidi: B}
layers:
  - StartFrom: instrument
  - TokenEmbedding: {num_embeddings: 3, embedding_dim: 8}
  - StoreAs: instruments
  - StartFrom: pitchmidi
  - TokenEmbedding: {num_embeddings: 16, embedding_dim: 8}
  - AddWith: instruments
  - StoreAs: conditions
  - StartFrom: t
  - TimeEmbedding: {out_features: 8, dim: 8, scale: 1000.0}
  - AddWith: conditions
  - StoreAs: condition
  - StartFrom: x
  - ConditionedResidualBlock1d: {out_channels: 8, num_groups: 2, with: condition}
  - ConditionedResidualBlock1d: {out_channels: 8, num_groups: 2, with: condition}
  - Conv1d: {out_channels: 2, kernel_size: 1}
"""


def graph_of(folder: Path, text: str = GRAPH) -> Any:
    """The graph, with the same weights at every call."""
    path = folder / "toy.yaml"
    path.write_text(text)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return compile_graph(path)


def task_of(codec: Any = None, **settings: Any) -> LatentGeneration:
    """The task with its codec."""
    values = {
        "codec": "levels",
        "patch_frames": FRAMES,
        "conditions": ("instrument", "pitchmidi"),
        "transpose_semitones": 1,
        "steps": 4,
        **settings,
    }
    task = LatentGeneration(
        LatentGenerationConfig(**values), WaveformFeatureConfig(sr_hz=SR_HZ)
    )
    task.models["codec"] = codec or Levels()
    return task


def cache_of(folder: Path, items: Sequence[Any] = (*TRAIN, *VALID)) -> FeatureCache:
    """A cache that holds the recordings' waveforms."""
    cache = FeatureCache(folder / "cache", WaveformFeatureConfig(sr_hz=SR_HZ))
    assert cache.build(items, n_jobs=1) == []
    return cache
