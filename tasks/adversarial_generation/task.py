"""The task adversarial_generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...compiler.module import GraphModule
from ...data.corpus import Item
from ...features.logmel import LogMelFeatureConfig
from ...features.waveform import WaveformFeatureConfig
from ..base import (
    Evaluation,
    Figures,
    OnShare,
    OnTrack,
    Picture,
    Sounding,
    register_task,
    unseen,
)
from ..conditions import Conditions, Value, scaled_inputs
from ..generating import GeneratingTask
from ..parts import Kind
from ..patches import as_input
from ..recordings import without_stems
from ..sounds import Sound
from .batches import ADVERSARY, GanBatches, Span, Track, example_of
from .config import AdversarialGenerationConfig
from .figures import figures_of
from .fitting import (
    judged_input,
    noise_of,
    refuse_classes,
    refuse_few_to_judge,
    refuse_other_sounds,
)
from .judging import Judge, Making
from .learner import AdversarialLearner
from .sounds import waves_of

HEARD = 8  # sounds that a report plays


@register_task("adversarial_generation")
class AdversarialGeneration(GeneratingTask):
    """A generator makes sounds of noise, and a discriminator that trains beside it tells them apart from real ones.

    The graph is the generator: noise and conditions in, an example of the feature out, (B, 1, F, T) of a log-mel
    spectrogram or (B, 1, N) of a waveform, within -1 ... 1. `task.adversary` names the discriminator: the same
    example and conditions in, scores out. A log-mel spectrogram sounds by Griffin-Lim.
    Sources: Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014; Donahue, McAuley & Puckette, "Adversarial
    Audio Synthesis", ICLR 2019.
    """

    Config = AdversarialGenerationConfig
    config: AdversarialGenerationConfig
    title = "adversarial generation"
    headline = (
        "frechet",
        "frechet_real",
        "frechet_noise",
        "precision",
        "recall",
        "coverage",
        "loss",
    )
    mono = True
    features = (LogMelFeatureConfig, WaveformFeatureConfig)
    tuned: ClassVar = {"conditions": dict[str, Any], "span": list[float]}
    parts: ClassVar[Mapping[str, Kind]] = {ADVERSARY: "graph", "ear": "trained"}
    logits = False
    of_sampling: ClassVar = ("temperature", "best_of", "ear")

    def __init__(self, config: Any, feature: Any) -> None:
        super().__init__(config, feature)
        self.fitted: dict[str, Any] = {}
        self.noise_name = ""
        self.noise_shape: tuple[int, ...] = ()
        self.judged_name = ""
        self.scaled: set[str] = set()
        self.graphs: tuple[GraphModule, ...] = ()

    def check_graph(self, model: GraphModule) -> None:
        """Whether both graphs fit, before any data is read. Raises TaskError E502, E564, E595, E596."""
        config = self.config
        self.noise_name = noise_of(model, config.conditions)
        self.noise_shape = tuple(
            int(size) for size in model.input_shapes[self.noise_name][1:]
        )
        refuse_other_sounds(
            model, self.feature.shape, config.patch_frames, self.feature.type
        )
        self.scaled = scaled_inputs(config.conditions, model.input_shapes)
        self.output_shape = model.output_shape
        # Without it the graph is only asked for sounds.
        critic = self.models.get(ADVERSARY)
        self.graphs = (model,)
        if isinstance(critic, GraphModule):
            self.judged_name = judged_input(
                critic, model.output_shape, config.conditions
            )
            self.graphs = (model, critic)
        self.check_ear(model)

    def shown(self, examples: Tensor) -> Tensor:
        """Examples of the feature (n, *frame, T) as the discriminator sees them."""
        span = Span(*self.fitted["span"])
        return as_input(span.inward(examples), len(self.output_shape))

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:
        """Whether all of them have the conditions, with values that occur in training.

        Raises TaskError E503, E560, E561, E597.
        """
        conditions = self._conditions_of(self.tracks(train))
        self.check_values(conditions)
        conditions.of([item for item in others if item.stem_of is None])
        names = [self.noise_name, self.judged_name]
        refuse_classes(self.graphs, conditions, names[: len(self.graphs)])

    def _conditions_of(self, items: Sequence[Item]) -> Conditions:
        return Conditions.fit(items, self.config.conditions, self.scaled)

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """The recordings without stems. Raises TaskError E503 without any."""
        return without_stems(items)

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: Any,
        *,
        seed: int,
        batch_size: int,
    ) -> AdversarialLearner:
        """What is fitted, conditions and the range of the feature, is fitted to the training recordings alone.

        Raises TaskError E503, E560 to E562, E597, E598.
        """
        config = self.config
        items = self.tracks(train)
        refuse_few_to_judge(self.tracks(valid))
        conditions = self._conditions_of(items)
        features = [self.seen(cache.open(item.key)) for item in items]
        span = Span.of(
            (self._example(feature) for feature in features),
            symmetric=isinstance(self.feature, WaveformFeatureConfig),
        )
        self.fitted = {
            "conditions": conditions.to_json(),
            "span": [span.low, span.high],
        }
        tracks = []
        for row, (item, feature) in enumerate(zip(items, features, strict=True)):
            tracks.append(Track(item.key, feature, row))
        batches = GanBatches(
            tracks,
            conditions.encode(conditions.of(items)),
            span,
            patch_frames=config.patch_frames,
            crop=config.crop,
            silence=self.feature.silence,
            noise_shape=self.noise_shape,
            seed=seed,
            batch_size=batch_size,
            input_rank=len(self.output_shape),
        )
        judge = self._judge(self.tracks(valid), cache, self.fitted)
        return AdversarialLearner(self, batches, judge)

    def validation_learner(self, *_: Any, **__: Any) -> None:
        """None: a validation reports the losses of both graphs itself."""

    def _example(self, feature: Any) -> Tensor:
        return example_of(feature, self.config.patch_frames, self.feature.silence)

    def _making(self, settings: Mapping[str, Any]) -> Making:
        return Making(
            self.feature,
            Conditions.from_json(settings["conditions"]),
            Span(*settings["span"]),
            self.noise_name,
            self.noise_shape,
            self.config.patch_frames,
            self.config.temperature,
        )

    def _judge(
        self, items: Sequence[Item], cache: Any, settings: Mapping[str, Any]
    ) -> Judge:
        making = self._making(settings)

        def real() -> Tensor:
            return torch.stack(
                [self._example(self.seen(cache.open(item.key))) for item in items]
            )

        keys = [item.key for item in items]
        return Judge(keys, making.conditions.of(items), real, making)

    def tune(
        self,
        model: nn.Module,  # noqa: ARG002
        items: Sequence[Item],
        cache: Any,  # noqa: ARG002
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """What was fitted to the training recordings, for the run to keep."""
        for item in self.tracks(items):
            on_track(item.key)
        return self.fitted

    def evaluate(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> Evaluation:
        """A sound with the conditions of every recording, as it is heard after Griffin-Lim, against that recording."""
        judge = self._judge(self.tracks(items), cache, settings)
        tracks: dict[str, Figures] = judge.tracks(
            judge.made(model, on_track, as_sound=True)
        )
        return Evaluation(self.pooled(tracks), tracks)

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Distances are those of all sounds together."""
        # Halves are drawn by place: a corpus in another order must have the same ones.
        return figures_of([tracks[name] for name in sorted(tracks)])

    def sounds(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Value]],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[Sound]:
        """Sounds of noise."""
        making = self._making(settings)
        examples = making.examples(
            model, rows, seed, lambda done: on_share(done / (len(rows) + 1))
        )
        waves = waves_of(examples, self.feature, seed)
        on_share(1.0)
        sounds = []
        for wave, row in zip(waves, rows, strict=True):
            details: dict[str, Any] = dict(row)
            sounds.append(Sound.of(wave, self.feature.sr_hz, **details))
        return sounds

    def title_of(self, place: int, row: Mapping[str, Value]) -> str:  # noqa: ARG002
        """None: a page numbers the sounds itself."""
        return ""

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,  # noqa: ARG002  # the evaluation has all that is needed of the recordings
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> Sequence[Picture | Sounding]:
        """Which recordings the sounds cover, a map of both, and sounds to listen to."""
        from .pictures import pictures_of

        tracks = [item for item in self.tracks(items) if item.key in evaluation.tracks]
        rows = self._making(settings).conditions.of(tracks)
        sounds = self.generate(model, settings, n=HEARD, conditions={}, seed=0)
        return pictures_of(self.config.conditions, rows, sounds, evaluation)
