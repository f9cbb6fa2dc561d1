"""The task latent_generation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...compiler.module import GraphModule
from ...data.corpus import Item
from ...features.base import FeatureConfig
from ...features.waveform import WaveformFeatureConfig
from ..autoregressive.fitting import one_of_each
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
from ..codec.interface import codec_named, codec_of
from ..conditions import Conditions, Value, refuse_inputs, scaled_inputs
from ..encoded import Encoded, encoded, refuse_other_rate
from ..generating import GeneratingTask
from ..recordings import without_stems
from ..requirements import NeedsByName
from ..sounds import Sound
from ..takes import Take, takes_of
from . import judging
from .config import LatentGenerationConfig
from .generating import generated
from .latents import LatentSet, Lengthened, Scale
from .learner import LatentLearner
from .misfits import refuse_few_classes, refuse_long_sounds, refuse_more_latents

SEMITONES = 12
SHOWN = 6  # sounds in a report


@register_task("latent_generation")
class LatentGeneration(GeneratingTask):
    """Sounds by a flow or a diffusion over a codec's latents: x (B, D, T) and t (B,), with conditions -> (B, D, T).

    Sources: Liu, Gong & Liu, "Flow Straight and Fast", arXiv:2209.03003; Ho, Jain & Abbeel, "Denoising Diffusion
    Probabilistic Models", arXiv:2006.11239; Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion
    Models", CVPR 2022.
    """

    Config = LatentGenerationConfig
    config: LatentGenerationConfig
    title = "generation in a latent space"
    headline = (
        "frechet",
        "frechet_real",
        "frechet_noise",
        "pitch_accuracy",
        "pitch_accuracy_real",
        "loss",
        "train_loss",
        "nearest_training",
        "nearest_training_real",
    )
    parts: ClassVar = {"codec": "trained", "ear": "trained"}
    of_sampling: ClassVar = (
        "generate_frames",
        "sampler",
        "steps",
        "guidance",
        "eta",
        "fade_s",
        "best_of",
        "ear",
    )
    tuned: ClassVar = {"scale": dict[str, Any], "conditions": dict[str, Any]}
    mono = True
    features = (WaveformFeatureConfig,)
    logits = False

    def __init__(self, config: LatentGenerationConfig, feature: FeatureConfig) -> None:
        super().__init__(config, feature)
        self.scaled: set[str] = set()
        self.graph: GraphModule | None = None
        self._opened: tuple[Any, Any] | None = None
        # Of the training recordings, once a learner was made.
        self.fitted: LatentLearner | None = None

    @property
    def codec(self) -> Any:
        """The frozen codec."""
        # Looking into its graph takes a while, so it is done once.
        part = self.models["codec"]
        if self._opened is None or self._opened[0] is not part:
            self._opened = (part, codec_of(part))
        return self._opened[1]

    def needs(self) -> NeedsByName:
        channels = self.codec.latent_channels
        shape: tuple[int | str, ...] = ("B", channels, "T")
        inputs: dict[str, Sequence[int | str]] = {"x": shape, "t": ("B",)}
        frames = {"task.patch_frames": self.config.patch_frames}
        if self.config.generate_frames:
            frames["task.generate_frames"] = self.config.generate_frames
        for name in self.config.conditions:
            inputs[name] = ("B", 2) if name in self.scaled else ("B",)
        return NeedsByName(
            inputs=inputs,
            outputs={"": shape},
            reads=f"latents x: B C={channels} T, times t: B and the conditions",
            gives="one tensor of the shape of x",
            help=f"write `x: B C={channels} T` in `input:`, and end in {channels} channels with as many frames as x",
            frames=frames,
        )

    def check_graph(self, model: GraphModule) -> None:
        """Also whether the graph has an input for each condition. Raises TaskError E501, E502, E564, E565, E573."""
        where = model.graph.where_input()
        names = self.config.conditions
        # Opened once, at the place that names it: `codec` gives it from then on.
        part = self.models["codec"]
        of_codec = model.graph.source.value(("task", "codec"))
        self._opened = (part, codec_named(part, of_codec))
        refuse_more_latents(self.config, self.codec.latent_channels, where)
        refuse_other_rate(self.codec, self.feature, model.graph.source)
        refuse_inputs(names, model.input_shapes, ("x", "t"), where)
        self.scaled = scaled_inputs(names, model.input_shapes)
        super().check_graph(model)
        self.graph = model
        one = one_of_each(names, model.input_shapes)
        refuse_long_sounds(self.config, self.codec, model, one, 1)
        self.check_ear(model)

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:
        """Whether there are recordings with the conditions. Raises TaskError E503, E560, E561, E562, E591."""
        conditions = self.fitted_conditions(self.takes(self.tracks(train)))
        self.check_values(conditions)
        conditions.of(others)
        self.refuse_few_classes(conditions)

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
    ) -> LatentLearner:
        """Raises TaskError E503, E560, E561, E562, E591."""
        config = self.config
        recordings = self.tracks(train)
        takes = self.takes(recordings)
        conditions = self.fitted_conditions(takes)
        self.refuse_few_classes(conditions)
        stored = {}
        for semitones in config.transpositions:
            stored[semitones] = self.encoded(recordings, cache, semitones)
        known = self.latents(takes, stored)
        # Mean and deviation are learned, like weights: the validation recordings have no part in them.
        sounding = [known.sounding(take) for take in takes]
        scale = Scale.fit(
            sounding,
            config.emphasis,
            following=config.pitch_latents,
            along=config.pitch if config.pitch_latents else "",
            rows=conditions.of(takes),
        )
        others = self.tracks(valid)
        own = self.latents(
            takes_of(others, [0], config.pitch),
            {0: self.encoded(others, cache)},
        )
        self.fitted = LatentLearner(
            config.made_objective(),
            known,
            own,
            scale=scale,
            conditions=conditions,
            condition_dropout=config.condition_dropout,
            guided=config.guided,
            seed=seed,
            batch_size=batch_size,
        )
        return self.fitted

    def validation_learner(
        self,
        valid: Sequence[Item],  # noqa: ARG002
        cache: Any,  # noqa: ARG002
        *,
        seed: int,  # noqa: ARG002
        batch_size: int,  # noqa: ARG002
    ) -> None:
        """None: `LatentLearner.validate` gives the loss already, at fixed times and noise."""
        return None

    def refuse_few_classes(self, conditions: Conditions) -> None:
        """Raise TaskError E591 where an embedding has not a row for every class."""
        if self.graph is not None:
            channels = self.codec.latent_channels
            refuse_few_classes(
                self.graph, conditions, channels, self.config.patch_frames
            )

    def takes(self, items: Sequence[Item]) -> list[Take]:
        """Training recordings at each transposition, the conditions moved along."""
        found = []
        for semitones in self.config.transpositions:
            found += takes_of(items, [semitones], self.config.pitch)
        return found

    def fitted_conditions(self, takes: Sequence[Take]) -> Conditions:
        """The conditions that occur among training recordings."""
        return Conditions.fit(takes, self.config.conditions, self.scaled)

    def encoded(self, items: Sequence[Item], cache: Any, semitones: int = 0) -> Encoded:
        """Their latents, computed once, with silence behind the end of short ones."""
        # Played higher a recording is shorter; one frame more than is needed does no harm.
        longest = 2 ** (self.config.transpose_semitones / SEMITONES)
        samples = math.ceil(
            (self.config.patch_frames + 1) * self.codec.hop_length * longest
        )
        waves = Lengthened(cache, samples, cut=self.config.crop == "beginning")
        return encoded(self.codec, items, waves, "latents", semitones=semitones)

    def latents(
        self, takes: Sequence[Take], stored: Mapping[int, Encoded]
    ) -> LatentSet:
        """Rows of `task.patch_frames` frames."""
        config = self.config
        return LatentSet(takes, stored, config.patch_frames, config.crop)

    def tune(
        self,
        model: nn.Module,  # noqa: ARG002
        items: Sequence[Item],
        cache: Any,  # noqa: ARG002
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """What was learned from the training recordings beside the weights: the latents' scale, and the conditions."""
        if self.fitted is None:
            raise RuntimeError("the scale of latents is fitted by `learner`")
        for item in self.tracks(items):
            on_track(item.key)
        return {
            "scale": self.fitted.scale.to_json(),
            "conditions": self.fitted.conditions.to_json(),
        }

    def sounds(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Value]],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[Sound]:
        """A sound for each row, from noise of its own. Raises TaskError E565."""
        known = Conditions.from_json(settings["conditions"])
        assert isinstance(model, GraphModule)
        refuse_long_sounds(self.config, self.codec, model, known.dropped(1), len(rows))
        waves = self.waves(model, settings, rows, seed, on_share)
        sr_hz = self.codec.sr_hz
        return [
            Sound(wave[None], sr_hz, details=row)
            for wave, row in zip(waves, rows, strict=True)
        ]

    def title_of(self, place: int, row: Mapping[str, Value]) -> str:
        """What the sound was asked for, and its place, as a file may be called."""
        words = [str(value) for value in row.values()] or ["sound"]
        return "_".join([*words, str(place)]).replace("/", "-")

    def waves(
        self,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        seed: int,
        on_share: OnShare = unseen,
    ) -> list[NDArray[np.float32]]:
        """A waveform for each row of conditions."""
        return generated(
            model,
            self.codec,
            self.config,
            Scale.from_json(settings["scale"]),
            Conditions.from_json(settings["conditions"]),
            rows,
            seed=seed,
            on_share=on_share,
        )

    def evaluate(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> Evaluation:
        """A sound for the conditions of each recording, beside the recording. Raises TaskError E503, E560, E561."""
        from .evaluating import evaluated

        return evaluated(self, model, items, cache, settings, on_track)

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Of all recordings together: distances between sets, and means."""
        # Halves are drawn by place: a corpus in another order must have the same ones.
        return judging.pooled_figures([tracks[name] for name in sorted(tracks)])

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,  # noqa: ARG002
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Picture | Sounding]:
        """Sounds, a map of real and generated ones, and pitches asked for beside those heard."""
        from .pictures import pictures_of

        tracks = [item for item in self.tracks(items) if item.key in evaluation.tracks]
        return pictures_of(self, model, tracks[:SHOWN], settings, evaluation)
