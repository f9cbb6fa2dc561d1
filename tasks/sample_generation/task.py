"""The task sample_generation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from ...compiler.module import GraphModule
from ...data.batching.patches import take_patch
from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...features.waveform import WaveformFeatureConfig
from ..autoregressive import Autoregressive, AutoregressiveLearner, sounds_of
from ..autoregressive.fitting import (
    moving_input,
    one_of_each,
    refuse_few_rows,
    rows_of,
)
from ..base import (
    Batch,
    Figures,
    OnShare,
    OnTrack,
    register_task,
    unseen,
)
from ..conditions import Conditions, Value, refuse_inputs, scaled_inputs
from ..lengths import Length, cache_bytes_per_place, refuse_beyond_memory
from ..modes import evaluating
from ..patches import PatchBatches
from ..sounds import Sound
from .config import SampleGenerationConfig
from .samples import (
    Quantization,
    generated,
    refuse_other_logits,
    sees_present,
    shifted,
)

BYTES_PER_SAMPLE = 40  # a class, and the sample with what it is computed from
WAVE = "wave"  # what the graph's input for samples is best called


@register_task("sample_generation")
class SampleGeneration(Autoregressive):
    """An autoregressive model of samples: each as a class, from those before it and from conditions.

    Sources: van den Oord et al., "WaveNet", 2016; Mehri et al., "SampleRNN", ICLR 2017. Figures: cross-entropy in nats
    per sample and bits per second, accuracy.
    """

    Config = SampleGenerationConfig
    config: SampleGenerationConfig
    title = "generation of samples"
    headline = ("cross_entropy_nats", "bits_per_second", "accuracy")
    mono = True
    features = (WaveformFeatureConfig,)
    of_sampling: ClassVar = (
        "temperature",
        "top_k",
        "top_p",
        "guidance",
        "generate_s",
        "best_of",
        "ear",
    )
    parts: ClassVar = {"ear": "trained"}

    def __init__(
        self, config: SampleGenerationConfig, feature: WaveformFeatureConfig
    ) -> None:
        super().__init__(config, feature)
        self.quantization = Quantization(
            config.quantization, config.quantization_channels
        )
        self.input_shapes: Mapping[str, Sequence[int | str]] = {}
        self.rows: dict[str, int | None] = {}
        self.wave = WAVE
        self.is_ahead = True

    def check_graph(self, model: GraphModule) -> None:
        """Whether feature and graph go together. Raises TaskError E564, E565, E570 to E572."""
        where = model.graph.where_input()
        names = self.config.conditions
        self.input_shapes = model.input_shapes
        self.wave = moving_input(model.input_shapes, names, WAVE)
        refuse_inputs(names, model.input_shapes, [self.wave], where)
        refuse_other_logits(model, self.wave, self.quantization.n_classes, where)
        one = one_of_each(names, model.input_shapes)
        self.is_ahead = sees_present(model, self.wave, one, where)
        self._refuse_beyond_memory(model, one, count=1)
        self.rows = {name: rows_of(model, name) for name in names}
        self.input_shape = model.input_shapes[self.wave]
        self.output_shape = model.output_shape
        self.where_input = where
        self.check_ear(model)

    def _n_samples(self) -> int:
        """Samples of a generated sound."""
        return max(1, round(self.config.generate_s * self.feature.sr_hz))

    def _refuse_beyond_memory(
        self, model: GraphModule, one: Mapping[str, Tensor], count: int
    ) -> None:
        """Raise TaskError E565 where `count` sounds of generate_s seconds do not fit; `one` of each condition."""
        seconds = self.config.generate_s
        length = Length("task.generate_s", seconds, self._n_samples(), seconds)
        device = next(model.parameters()).device

        def bytes_per_sample() -> float:
            moved = {name: value.to(device) for name, value in one.items()}
            cached = cache_bytes_per_place(model, self.wave, moved)
            return BYTES_PER_SAMPLE + self.config.passes * cached

        where = model.graph.source.value(("task", "generate_s"))
        refuse_beyond_memory(length, bytes_per_sample, count, device, where)

    def _fitted(self, tracks: Sequence[Item]) -> Conditions:
        names = self.config.conditions
        found = Conditions.fit(tracks, names, scaled_inputs(names, self.input_shapes))
        refuse_few_rows(self.rows, found.each, self.where_input)
        return found

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:
        """As that of token generation. Raises TaskError E503, E560 to E562, E572."""
        conditions = self._fitted(self.tracks(train))
        self.check_values(conditions)
        if others:
            conditions.of(self.tracks(others))

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> SampleLearner:
        """Raises TaskError E503, E560 to E562, E572."""
        tracks = self.tracks(train)
        self.conditions = self._fitted(tracks)
        batches = SampleBatches(self, tracks, cache, seed=seed, batch_size=batch_size)
        return SampleLearner(self, batches, self.tracks(valid), cache)

    def given(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        """What the graph reads of waveforms (B, 1, N), and the class of each sample (B, N)."""
        classes = self.quantization.classes(waves)
        # Read as they will be generated: to the precision of the classes.
        heard = self.quantization.samples(classes)
        if self.is_ahead:
            heard = shifted(heard)
        return heard, classes

    def counted(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """Of each recording: nats and right guesses over the samples of its windows, and how many these are."""
        device = next(model.parameters()).device
        rows = self.conditions.of(items)
        found: dict[str, Figures] = {}
        with evaluating(model):
            for item, row in zip(items, rows, strict=True):
                conditions = self.conditions.encode([row])
                sums = torch.zeros(2, dtype=torch.float64)
                count = 0
                for wave in self._windows(cache, item.key):
                    heard, classes = self.given(wave)
                    given = {self.wave: heard, **conditions}
                    moved = {name: value.to(device) for name, value in given.items()}
                    logits = model(**moved).float().cpu()
                    nats = functional.cross_entropy(logits, classes, reduction="sum")
                    hits = (logits.argmax(1) == classes).sum()
                    sums += torch.stack([nats.double(), hits.double()])
                    count += classes.numel()
                nats_sum, hits_sum = sums.tolist()
                found[item.key] = {
                    "nats": nats_sum,
                    "hits": hits_sum,
                    "samples": count,
                }
                on_track(item.key)
        return found

    def _windows(self, cache: FeatureCache, key: str) -> list[Tensor]:
        """Parts of a recording, (1, 1, n) each, spread evenly; a short one is a single part, as it is."""
        feature = cache.open(key)
        size = self.config.patch_frames
        spare = max(feature.n_frames - size, 0)
        starts = np.unique(np.linspace(0, spare, self.config.windows).round())
        parts = []
        for start in starts.astype(int):
            stop = min(int(start) + size, feature.n_frames)
            parts.append(feature.read(int(start), stop)[None])
        return parts

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Over all judged samples."""
        if not tracks:
            return {}
        totals = {
            name: math.fsum(track[name] for track in tracks.values())
            for name in ("nats", "hits", "samples")
        }
        nats = totals["nats"] / totals["samples"]
        return {
            "loss": nats,
            "cross_entropy_nats": nats,
            "bits_per_second": nats / math.log(2) * self.feature.sr_hz,
            "accuracy": totals["hits"] / totals["samples"],
        }

    def sounds(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Value]],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[Sound]:
        """Samples drawn one after another. Raises TaskError E565."""
        assert isinstance(model, GraphModule)
        known = Conditions.from_json(settings["conditions"])
        inputs = known.encode(rows)
        count = len(rows)
        self._refuse_beyond_memory(model, known.dropped(1), count)
        sr_hz = self.feature.sr_hz
        waves = generated(
            model,
            self.wave,
            inputs,
            known.without(inputs, self.config.guided),
            quantization=self.quantization,
            config=self.config,
            is_ahead=self.is_ahead,
            count=count,
            n_samples=self._n_samples(),
            seed=seed,
            on_share=on_share,
        )
        return sounds_of(waves, sr_hz, rows)


class SampleBatches(PatchBatches):
    """Batches by name: what the graph reads, and the conditions; targets are the classes (B, N)."""

    def __init__(
        self,
        task: SampleGeneration,
        tracks: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        super().__init__(seed=seed, batch_size=batch_size, input_rank=3)
        self.task = task
        self.keys = [item.key for item in tracks]
        self.features = [cache.open(key) for key in self.keys]
        self.inputs = task.conditions.encode(task.conditions.of(tracks))
        frames = np.array([feature.n_frames for feature in self.features], np.float64)
        if task.config.crop == "beginning":
            frames = np.ones(len(frames))
        # Every second of the corpus as often as any other; beginnings each as often.
        self.shares = frames / frames.sum()

    def draw(self, step: int, rng: Generator) -> Batch:  # noqa: ARG002  # every step alike
        config = self.task.config
        chosen = rng.choice(len(self.keys), self.batch_size, p=self.shares)
        rows = []
        for row in chosen:
            feature = self.features[row]
            spare = max(feature.n_frames - config.patch_frames, 0)
            start = 0
            if config.crop == "anywhere":
                start = int(rng.integers(spare + 1))
            rows.append(
                take_patch(feature.read, start, config.patch_frames, feature.n_frames)
            )
        heard, classes = self.task.given(torch.stack(rows))
        own = {name: values[chosen] for name, values in self.inputs.items()}
        conditions = self.task.conditions
        given = conditions.with_dropout(
            own, config.condition_dropout, rng, config.guided
        )
        named = {self.task.wave: heard, **given}
        return Batch((), classes, tuple(self.keys[row] for row in chosen), named)


class SampleLearner(AutoregressiveLearner):
    """Batches of samples, the cross-entropy of each, and the validation recordings."""

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The mean cross-entropy over all samples, in nats."""
        return functional.cross_entropy(outputs, batch.targets)
