"""What autoregressive tasks have in common, whatever comes one after another: codes of a codec, or samples."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...features.waveform import WaveformFeatureConfig
from ..base import (
    Evaluation,
    Figures,
    OnTrack,
    Picture,
    Sounding,
    unseen,
)
from ..conditions import Conditions, Value, value_of
from ..generating import GeneratingTask
from ..patches import PatchBatches
from ..recordings import unannotated, without_stems
from ..sounds import Sound

SOUNDS_IN_REPORT = 8


class Autoregressive(GeneratingTask):
    """Base of the tasks that learn what comes next, given conditions, and are judged by its cross-entropy.

    A task adds `counted`, `pooled`, `learner` and `sounds`.
    """

    tuned: ClassVar = {"conditions": dict[str, Any]}

    def __init__(self, config: Any, feature: WaveformFeatureConfig) -> None:
        super().__init__(config, feature)
        self.conditions = Conditions()

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """Recordings with every condition, stems left out. Raises TaskError E503, E560."""
        return conditioned_tracks(items, self.config.conditions)

    def validation_learner(
        self,
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> None:
        """None: the cross-entropy of the validation recordings is the figure itself."""

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """{"conditions": those of the training recordings}: nothing is chosen on `items`."""
        super().tune(model, items, cache, on_track)
        return {"conditions": self.conditions.to_json()}

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """The sums over each recording."""
        if settings:
            self.conditions = Conditions.from_json(settings["conditions"])
        return self.counted(model, self.tracks(items), cache, on_track)

    @abc.abstractmethod
    def counted(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """What `pooled` needs of each recording, with the conditions of the training."""

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],  # noqa: ARG002
        cache: FeatureCache,  # noqa: ARG002
        settings: Mapping[str, Any],
        evaluation: Evaluation,  # noqa: ARG002
    ) -> Sequence[Picture | Sounding]:
        """Some sounds that the model makes."""
        sounds = self.generate(
            model, settings, n=SOUNDS_IN_REPORT, conditions={}, seed=0
        )
        caption = "New sounds; what they were asked for is in their titles."
        return [Sounding("generated", caption, sounds)]


class AutoregressiveLearner:
    """Batches to learn from, and the validation recordings: their loss is the figure that is watched."""

    figure = "loss"
    smaller_is_better = True

    def __init__(
        self,
        task: Any,
        batches: PatchBatches,
        valid: Sequence[Item],
        cache: FeatureCache,
    ) -> None:
        self.task = task
        self.batches = batches
        self.valid = valid
        self.cache = cache

    def batch(self, step: int) -> Any:
        """The batch of a step."""
        return self.batches.batch(step)

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """The figures of the validation recordings."""
        tracks = self.task.counted(model, self.valid, self.cache, on_track)
        figures: dict[str, float] = self.task.pooled(tracks)
        return figures


def conditioned_tracks(items: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Recordings with every condition, stems left out. Raises TaskError E503, and E560 for one that nobody has."""
    own = without_stems(items)
    found = []
    for item in own:
        if all(item.annotations.get(name) for name in names):
            found.append(item)
    if found:
        return found
    for name in names:
        if not any(item.annotations.get(name) for item in own):
            value_of(own[0], name)  # raises, with the nearest name
    what = f"all of the conditions {', '.join(map(repr, names))}"
    raise unannotated(own, what, "set task.conditions to those that it has")


def sounds_of(
    waves: Tensor, sr_hz: int, rows: Sequence[Mapping[str, Value]]
) -> list[Sound]:
    """Waveforms (B, 1, N) as sounds, with what each was asked for in its details."""
    sounds = []
    for wave, row in zip(waves, rows, strict=True):
        details: dict[str, Any] = dict(row)
        sounds.append(Sound.of(wave, sr_hz, **details))
    return sounds
