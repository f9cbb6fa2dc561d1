"""Twelve notes with pitch and instrument, a codec without weights, and small transformers over its codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mirbricks.compiler.compile import compile_graph
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.features.cache import FeatureCache
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.token_generation import TokenGeneration, TokenGenerationConfig

SR_HZ = 8000
HOP = 100
CODES = 8
FEATURE = WaveformFeatureConfig(sr_hz=SR_HZ)


class Peaks:
    """A codec of two codebooks: the peak of each frame in eighths, and what is left of it in 64ths."""

    name = "peaks"
    sr_hz = SR_HZ
    hop_length = HOP
    n_codebooks = 2
    n_codes = CODES
    latent_channels = 1
    fingerprint = "peaks-of-frames-"

    def encode(self, waves: Tensor) -> Tensor:
        frames = waves.reshape(len(waves), -1, HOP)
        peaks = (frames.abs().amax(-1) * CODES**2).long().clamp(0, CODES**2 - 1)
        return torch.stack((peaks // CODES, peaks % CODES), dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        fine = codes[:, 1] if codes.shape[1] > 1 else 0
        peaks = (codes[:, 0] * CODES + fine) / CODES**2
        tone = torch.sin(torch.arange(HOP) * (2 * torch.pi / HOP))
        return (peaks[..., None] * tone).flatten(1)[:, None]

    def encode_latent(self, waves: Tensor) -> Tensor:
        raise NotImplementedError

    decode_latent = encode_latent

    def as_codec(self) -> Peaks:
        return self

    def to(self, device: Any) -> Peaks:  # noqa: ARG002
        return self


@dataclass(frozen=True)
class Notes:
    """A corpus with its waveforms in a cache."""

    corpus: Corpus
    cache: FeatureCache


def notes_in(folder: Path) -> Notes:
    """Twelve notes: two instruments, whose tones fade away at different rates, and six pitches."""
    rng = np.random.default_rng(0)
    audio, entries = [], []
    for instrument, fades in {"bell": 12.0, "organ": 1.0}.items():
        for pitch in (60, 62, 64, 65, 67, 69):
            key = f"{instrument}-{pitch}.wav"
            time_s = np.arange(int(SR_HZ * rng.uniform(0.2, 0.5))) / SR_HZ
            hz = 440 * 2 ** ((pitch - 69) / 12)
            sound = np.exp(-fades * time_s) * np.sin(2 * np.pi * hz * time_s)
            audio.append((key, (0.9 * sound).astype(np.float32), SR_HZ))
            own = {"instrument": instrument, "pitchmidi": pitch}
            atoms = {name: (Atom(value),) for name, value in own.items()}
            entries.append(Entry({"filepath": (Atom(key),), **atoms}))
    definitions = {
        "filepath": Definition("global", "text", "filepath"),
        "instrument": Definition("global", "text"),
        "pitchmidi": Definition("global", "numeric"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_audio(folder / "notes_audio.hdf5", iter(audio))
    Pyjama(definitions, entries).save(folder / "notes.pyjama")
    corpus = Corpus.open(folder)
    cache = FeatureCache(folder / "cache", FEATURE)
    assert cache.build(corpus.items, n_jobs=1) == []
    return Notes(corpus, cache)


def embedding(pattern: str, width: int = 16) -> dict[str, Any]:
    """The layer that reads codes in a pattern."""
    return {
        "CodebookEmbedding": {
            "num_embeddings": CODES + (pattern == "delay"),
            "embedding_dim": width,
            "pattern": "flatten" if pattern == "flatten" else "sum",
        }
    }


def graph_of(pattern: str, conditions: dict[str, int] | None = None) -> dict[str, Any]:
    """A small transformer; `conditions`: the rows of each."""
    layers: list[Any] = []
    for name, rows in (conditions or {}).items():
        layers += [
            {"StartFrom": name},
            {"TokenEmbedding": {"num_embeddings": rows, "embedding_dim": 16}},
            {"UnSqueeze": {"dim": 1}},
            {"StoreAs": f"{name}_vector"},
        ]
    layers += [{"StartFrom": "codes"}, embedding(pattern)]
    layers += [{"AddWith": f"{name}_vector"} for name in conditions or {}]
    out = CODES if pattern == "flatten" else 2 * CODES
    layers += [
        {"TransformerDecoder": {"num_heads": 2, "num_layers": 1, "positions": "rotary"}}
    ]
    layers += [{"Linear": {"out_features": out}}]
    inputs = {"codes": "B Q=2 T", **dict.fromkeys(conditions or {}, "B")}
    return {"input": inputs, "layers": layers}


def task_of(
    pattern: str = "flatten",
    conditions: dict[str, int] | None = None,
    graph: dict[str, Any] | None = None,
    codec: Any = None,
    **settings: Any,
) -> tuple[TokenGeneration, Any]:
    """The task and a graph that it checked; `conditions`: the rows of each in the graph."""
    config = TokenGenerationConfig(
        codec="somewhere",
        pattern=pattern,
        conditions=tuple(conditions or ()),
        **{"patch_frames": 20, **settings},
    )
    task = TokenGeneration(config, FEATURE)
    task.models["codec"] = codec or Peaks()
    torch.manual_seed(0)
    model = compile_graph(graph or graph_of(pattern, conditions))
    task.check_graph(model)
    return task, model
