"""Models of samples: what they read, how they are judged, what they generate, what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mirbricks.compiler.compile import compile_graph
from mirbricks.compiler.stepping import steps_agree, whole
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import GraphWarning, TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.sample_generation import (
    SampleGeneration,
    SampleGenerationConfig,
    samples,
)
from mirbricks.tasks.sample_generation.samples import Quantization, WaveSoFar, shifted

SR_HZ = 2000
K = 16
FEATURE = WaveformFeatureConfig(sr_hz=SR_HZ)
ONE_HOT = {"LinearOneHot": {"quantization_channels": K}}
HEAD = {"Conv1d": {"out_channels": K, "kernel_size": 1}}
STACK = {"residual_channels": 12, "skip_channels": 12, "dilations": [1, 2, 4, 8]}
WAVENET = {
    "input": {"wave": "B C=1 T"},
    "layers": [ONE_HOT, {"WaveNet": STACK}, "ReLU", HEAD],
}
SAMPLERNN = {
    "input": {"wave": "B C=1 T"},
    "layers": [
        {"SampleRNNTier": {"hidden_size": 16, "frame_size": 4}},
        {"StoreAs": "frames"},
        {"StartFrom": "wave"},
        ONE_HOT,
        {
            "SampleRNNSampleTier": {
                "frame_size": 4,
                "embedding_dim": 8,
                "out_channels": K,
                "with": "frames",
            }
        },
    ],
}
CONDITIONED = {
    "input": {"wave": "B C=1 T", "label": "B"},
    "layers": [
        {"StartFrom": "label"},
        {"TokenEmbedding": {"num_embeddings": 3, "embedding_dim": 6}},
        {"StoreAs": "vector"},
        {"StartFrom": "wave"},
        ONE_HOT,
        {"ConditionedWaveNet": {**STACK, "with": "vector"}},
        "ReLU",
        HEAD,
    ],
}
GRAPHS = {"wavenet": WAVENET, "samplernn": SAMPLERNN}
NOTHING = {"conditions": {"each": [], "together": [[]]}}
Make = Callable[..., tuple[SampleGeneration, Any]]


def tones_in(folder: Path) -> tuple[Corpus, FeatureCache]:
    """Low and high tones of .2 s, and one that is shorter than a patch."""
    audio, entries = [], []
    for number, (label, hz, seconds) in enumerate(
        [("low", 50, 0.2), ("low", 50, 0.15), ("high", 250, 0.2), ("high", 250, 0.04)]
    ):
        key = f"{number}.wav"
        time_s = np.arange(int(SR_HZ * seconds)) / SR_HZ
        sound = 0.6 * np.sin(2 * np.pi * hz * time_s)
        audio.append((key, sound.astype(np.float32), SR_HZ))
        entries.append(Entry({"filepath": (Atom(key),), "label": (Atom(label),)}))
    text = Definition("global", "text")
    write_audio(folder / "tones_audio.hdf5", iter(audio))
    Pyjama({"filepath": text, "label": text}, entries).save(folder / "tones.pyjama")
    corpus = Corpus.open(folder)
    cache = FeatureCache(folder / "cache", FEATURE)
    assert cache.build(corpus.items, n_jobs=1) == []
    return corpus, cache


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, FeatureCache]:
    return tones_in(tmp_path_factory.mktemp("tones"))


def made(graph: dict[str, Any], **settings: Any) -> tuple[SampleGeneration, Any]:
    given = {"patch_frames": 100, "quantization_channels": K, **settings}
    task = SampleGeneration(SampleGenerationConfig(**given), FEATURE)
    torch.manual_seed(0)
    model = compile_graph(graph)
    task.check_graph(model)
    return task, model


@pytest.mark.parametrize("kind", ["linear", "mu_law"])
def test_samples_are_classes_and_back(kind: str) -> None:
    quantization = Quantization(kind, K)
    classes = torch.arange(K)[None]
    waves = quantization.samples(classes)
    assert waves.shape == (1, 1, K)
    assert torch.equal(quantization.classes(waves), classes)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_a_graph_predicts_is_found_out(name: str) -> None:
    task, _ = made(GRAPHS[name])
    assert task.is_ahead == (name == "wavenet")


@pytest.mark.parametrize("name", GRAPHS)
def test_a_batch_is_read_as_it_will_be_generated(name: str, tones: Any) -> None:
    corpus, cache = tones
    task, model = made(GRAPHS[name])
    items = corpus.items
    learner = task.learner(items, items, cache, seed=0, batch_size=5)
    batch = learner.batch(2)
    assert torch.equal(batch.targets, learner.batch(2).targets)
    heard = task.quantization.samples(batch.targets)
    if name == "wavenet":
        heard = shifted(heard)
    assert torch.equal(batch.named["wave"], heard)
    loss = learner.loss(model(**batch.named), batch)
    assert loss.item() == pytest.approx(math.log(K), rel=0.3)
    figures = learner.validate(model)
    assert figures["loss"] == figures["cross_entropy_nats"]
    bits = figures["loss"] / math.log(2) * SR_HZ
    assert figures["bits_per_second"] == pytest.approx(bits)


def test_windows_are_spread_over_a_recording(tones: Any) -> None:
    corpus, cache = tones
    task, model = made(WAVENET, windows=3)
    found = task.counted(model.eval(), corpus.items, cache)
    # 400 samples hold three windows of 100; 300 as well; 80 are one, as it is.
    assert [track["samples"] for track in found.values()] == [300, 300, 300, 80]


@pytest.mark.parametrize("name", [*GRAPHS, "conditioned"])
@pytest.mark.parametrize("guidance", [1.0, 1.5])
def test_samples_are_alike_with_and_without_a_cache(
    monkeypatch: pytest.MonkeyPatch, name: str, guidance: float
) -> None:
    settings: dict[str, Any] = {}
    given: dict[str, torch.Tensor] = {}
    dropped: dict[str, torch.Tensor] = {}
    if name == "conditioned":
        settings = {
            "conditions": ("label",),
            "condition_dropout": 0.1,
            "guidance": guidance,
        }
        given = {"label": torch.tensor([0, 1])}
        dropped = {"label": torch.tensor([2, 2])}
    task, model = made({**GRAPHS, "conditioned": CONDITIONED}[name], **settings)
    shared: dict[str, Any] = {
        "quantization": task.quantization,
        "config": task.config,
        "is_ahead": task.is_ahead,
        "count": 2,
        "n_samples": 70,
        "seed": 3,
    }
    assert steps_agree(model.eval(), "wave", given, WaveSoFar(task.is_ahead))
    cached = samples.generated(model, "wave", given, dropped, **shared)
    monkeypatch.setattr(whole, "steps_agree", lambda *_: False)
    with pytest.warns(GraphWarning, match="generation is slow"):
        uncached = samples.generated(model, "wave", given, dropped, **shared)
    assert torch.equal(cached, uncached)
    assert cached.shape == (2, 1, 70)


def test_a_condition_is_learned_and_asked_for(tones: Any) -> None:
    corpus, cache = tones
    task, model = made(CONDITIONED, conditions=("label",), patch_frames=80)
    items = corpus.items
    learner = task.learner(items, items, cache, seed=0, batch_size=8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(120):
        batch = learner.batch(step)
        loss = learner.loss(model(**batch.named), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    settings = task.tune(model, items, cache)
    assert task.conditions_of(settings) == {"label": ["high", "low"]}
    found = {}
    for label, hz in {"low": 50, "high": 250}.items():
        (sound,) = task.generate(
            model, settings, n=1, conditions={"label": label}, seed=0
        )
        assert sound.samples.shape == (1, SR_HZ)
        spectrum = np.abs(np.fft.rfft(sound.samples[0] * np.hanning(SR_HZ)))
        found[label] = int(spectrum[5:].argmax()) + 5
        assert abs(found[label] - hz) < 25
    assert found["high"] > found["low"]


def test_a_graph_without_caches_generates_too() -> None:
    """A causal convolution has no cache of its own: the whole graph runs each time."""
    causal = {
        "Conv1d": {"out_channels": 6, "kernel_size": 3, "padding": "causal"},
    }
    task, model = made({**WAVENET, "layers": [ONE_HOT, causal, HEAD]}, generate_s=0.01)
    first, second = (
        task.generate(model, NOTHING, n=2, conditions={}, seed=4) for _ in range(2)
    )
    assert (first[1].samples == second[1].samples).all()
    assert first[0].samples.shape == (1, 20)


MESSAGES: dict[str, tuple[dict[str, Any], str]] = {
    "sees what comes": (
        {
            **WAVENET,
            "layers": [
                ONE_HOT,
                {"Conv1d": {"out_channels": K, "kernel_size": 3, "padding": "same"}},
            ],
        },
        "the graph sees samples that come after the one that it predicts\n"
        "  changed  its output before sample 33, with the sample\n"
        "  help: use layers that look back only: WaveNet, GatedConv1d, SampleRNNTier, Conv1d with causal padding"
        "     [E570]",
    ),
    "other classes": (
        {**WAVENET, "layers": [ONE_HOT, {"WaveNet": STACK}]},
        "the graph does not give the logits of 16 classes for each sample\n"
        "  expected  (B, 16, T)\n"
        "  got       (B, 12, T)\n"
        "  help: end in `Conv1d: {out_channels: 16, kernel_size: 1}`, or set task.quantization_channels     [E571]",
    ),
    "two channels": (
        {
            "input": {"wave": "B C=2 T"},
            "layers": [HEAD],
        },
        "the graph does not read a waveform of any length\n"
        "  expected  (B, 1, T)\n"
        "  got       (B, 2, T)\n"
        "  help: write `wave: B C=1 T`     [E571]",
    ),
}


@pytest.mark.parametrize("seconds", [1e8, 1e15])
@pytest.mark.parametrize("name", GRAPHS)
def test_seconds_that_do_not_fit_into_memory(name: str, seconds: float) -> None:
    with pytest.raises(TaskError, match="do not fit into memory") as found:
        made(GRAPHS[name], generate_s=seconds)
    assert found.value.code == "E565"
    assert found.value.facts[0] == ("asked by", f"task.generate_s: {seconds:,}")


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case: str) -> None:
    graph, text = MESSAGES[case]
    with pytest.raises(TaskError) as found:
        made(graph)
    found.value.where = None  # the graphs here are no files
    assert str(found.value) == text
