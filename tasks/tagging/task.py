"""The task tagging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from ...augment.base import Domain
from ...augment.chain import Chain
from ...data.corpus import Item
from ...data.mixes import stem_mixes
from ...errors import TaskError, Where
from ...features.base import ArrayConfig, FeatureConfig
from ...features.cache import FeatureCache
from ...features.feature_file import CachedFeature
from ...features.logmel import LogMelFeatureConfig
from ...metrics.tagging import (
    best_thresholds,
    class_figures,
    label_curves,
    multi_class_figures,
    multi_label_figures,
)
from ..base import (
    Batch,
    Evaluation,
    Figures,
    OnShare,
    OnTrack,
    Picture,
    Task,
    register_task,
    unseen,
)
from ..modes import evaluating
from ..recordings import refuse_not_finite, unannotated
from ..requirements import Needs, patch_inputs
from .config import TaggingConfig
from .patches import Patches, mean_scores
from .prediction import Tags
from .vocabulary import labels_of, refuse_other_size, refuse_unseen, truth_of, values_of


@register_task("tagging")
class Tagging(Task):
    """Labels of whole recordings: patches (B, ..., T) -> logits (B, K); a recording's scores are their means.

    Sources: Choi et al., "Automatic tagging using deep convolutional neural networks", ISMIR 2016; figures by
    scikit-learn, once for each recording and label.
    """

    Config = TaggingConfig
    config: TaggingConfig
    title = "tagging"
    headline = ("accuracy", "macro_recall", "macro_f1", "roc_auc_macro", "pr_auc_macro")
    tuned: ClassVar = {"labels": list[str], "thresholds": list[float]}
    features: ClassVar = (ArrayConfig,)

    def __init__(self, config: TaggingConfig, feature: FeatureConfig) -> None:
        super().__init__(config, feature)
        self.labels: list[str] = []

    def needs(self) -> Needs:
        return Needs(
            inputs=patch_inputs(self.feature.shape),
            output=("B", "labels"),
            reads=f"patches of the feature '{self.feature.type}'",
            gives="a score per label for each patch",
            help="pool over time and frequency, then `- Flatten` and `- Linear: {out_features: ...}`",
            frames={"task.patch_frames": self.config.patch_frames},
        )

    @property
    def n_scores(self) -> int:
        """How many scores the graph gives."""
        return int(self.output_shape[1])

    def check_feature(self, where: Where | None = None) -> None:
        """Only energies, or samples, of two sounds at once are the sum of theirs."""
        if isinstance(self.feature, LogMelFeatureConfig):
            return
        if self.config.mixup_of == "energies":
            raise TaskError(
                f"task.mixup_of is energies, and the feature '{self.feature.type}' holds none",
                code="E501",
                where=where,
                help="take the feature logmel, or set task.mixup_of to feature",
            )
        if self.config.remix and self.feature.type != "waveform":
            raise TaskError(
                f"task.remix adds sounds, and values of the feature '{self.feature.type}' cannot be added",
                code="E501",
                where=where,
                help="take the feature logmel or waveform, or leave task.remix out",
            )

    def recordings(self, items: Sequence[Item]) -> Sequence[Item]:
        """Every mix of the stems, where the settings say so. Raises DataError E418."""
        if self.config.mix_stems:
            return stem_mixes(items, self.config.annotation)
        return items

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """Items with a label; of `several` all that have the annotation. Raises TaskError E503 without any."""
        name = self.config.annotation
        found = [
            item
            for item in items
            if name in item.annotations
            and (values_of(item, self.config) or self._several)
        ]
        if not found:
            raise unannotated(
                items,
                f"the annotation '{name}'",
                "set task.annotation to the one that holds the labels",
            )
        return found

    def check_recordings(self, train: Sequence[Item], others: Sequence[Item]) -> None:
        """The labels that train are as many as the graph's scores, and the others have no more of them.

        Raises TaskError E503, E506 to E508.
        """
        labels = labels_of(self.tracks(train), self.config)
        known = {label for item in others for label in values_of(item, self.config)}
        refuse_unseen(known, labels, self.config.annotation)
        refuse_other_size(
            self.n_scores, labels, self.config.annotation, self.where_input
        )

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> TaggingLearner:
        """Raises TaskError E503, E506 to E508."""
        tracks = self.tracks(train)
        labels = labels_of(tracks, self.config)
        refuse_other_size(
            self.n_scores, labels, self.config.annotation, self.where_input
        )
        if self.feature.type == "waveform":
            domain: Domain = "waveform"
        else:
            domain = "spectrum"
        chain = Chain(self.config.augment, domain, self.feature.sr_hz)
        keys = [item.key for item in tracks]
        features = [cache.open(item.key) for item in tracks]
        truth = truth_of(tracks, labels, self.config)
        if isinstance(self.feature, LogMelFeatureConfig):
            logmel = self.feature
        else:
            logmel = None
        groups = [item.group for item in tracks]
        rank = self.input_rank
        patches = Patches(
            keys, features, truth, self.config, chain, rank, seed=seed, batch_size=batch_size, logmel=logmel,
            groups=groups, silence=self.feature.silence,
        )  # fmt: skip
        self.labels = labels
        return TaggingLearner(self, patches, self.tracks(valid), cache)

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """{"labels": in the order of the scores, "thresholds": for each label, that of the best F1 on `items`}."""
        tracks = self.tracks(items)
        scores = self._scores(model, tracks, cache, on_track)
        truth = truth_of(tracks, self.labels, self.config)
        if self._several:
            thresholds = best_thresholds(scores, truth).tolist()
        else:
            thresholds = []
        return {"labels": list(self.labels), "thresholds": thresholds}

    def evaluate(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> Evaluation:
        """Scores, true labels and thresholds of each track, and the figures of all together. Raises E507."""
        tracks = self.tracks(items)
        labels = settings["labels"]
        truth = truth_of(tracks, labels, self.config)
        scores = self._scores(model, tracks, cache, on_track)
        self.labels = list(labels)
        figures: dict[str, Figures] = {}
        for item, row, own in zip(tracks, scores, truth, strict=True):
            found: Figures = {
                "scores": row.tolist(),
                "truth": np.flatnonzero(own).tolist(),
            }
            if self._several:
                found["thresholds"] = settings["thresholds"]
            else:
                found["correct"] = float(row.argmax() == own.argmax())
            figures[item.key] = found
        return Evaluation(self.pooled(figures), figures)

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """The figures of all tracks together. With folds the thresholds of each track are those of its own fold.

        After `learner` or `evaluate` those of each label too, `roc_auc[LABEL]`. A figure that is not defined is left
        out, and `labels_left_out` says how many labels are in no macro mean.
        """
        if not tracks:
            return {}
        scores = np.array([track["scores"] for track in tracks.values()])
        truth = np.zeros(scores.shape, bool)
        for row, track in enumerate(tracks.values()):
            truth[row, track["truth"]] = True
        if self._several:
            thresholds = np.array([track["thresholds"] for track in tracks.values()])
            figures = multi_label_figures(scores, truth, thresholds)
            own = label_curves(scores, truth)
        else:
            figures = multi_class_figures(scores, truth.argmax(axis=1))
            own = class_figures(scores, truth.argmax(axis=1))
        n_left_out = int(np.isnan(next(iter(own.values()))).sum())
        figures |= {"labels_left_out": float(n_left_out)} if n_left_out else {}
        figures |= {
            f"{name}[{label}]": float(value)
            for name, values in own.items()
            for label, value in zip(self.labels, values, strict=False)
        }
        return {name: value for name, value in figures.items() if not np.isnan(value)}

    def predict(
        self,
        model: nn.Module,
        feature: CachedFeature | Tensor,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> Tags:
        """Scores over time and of the whole recording."""
        with evaluating(model):
            over_time, starts = mean_scores(
                model, feature, self.config, self._rank(model), self.feature.silence
            )
        on_share(1.0)
        refuse_not_finite(over_time)
        labels = tuple(settings["labels"])
        scores = over_time.mean(axis=0)
        given = (
            np.flatnonzero(scores >= settings["thresholds"])
            if self._several
            else [int(scores.argmax())]
        )
        times_s = (
            self.feature.t0_s
            + (starts + self.config.patch_frames / 2) * self.feature.hop_s
        )
        return Tags(labels, scores, tuple(labels[k] for k in given), times_s, over_time)

    def truth(self, item: Item) -> list[str]:
        return values_of(item, self.config)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Picture]:
        """The confusion matrix, or the curves of every label; a recording over time."""
        from .pictures import pictures_of

        return pictures_of(self, model, items, cache, settings, evaluation)

    @property
    def _several(self) -> bool:
        return self.config.labels == "several"

    def _rank(self, model: nn.Module) -> int:
        shapes = getattr(model, "input_shapes", None)
        if shapes:
            return len(next(iter(shapes.values())))
        return self.input_rank

    def _scores(
        self,
        model: nn.Module,
        tracks: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack,
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        rows = []
        with evaluating(model):
            for item in tracks:
                feature = cache.open(item.key)
                rank = self._rank(model)
                rows.append(
                    mean_scores(
                        model, feature, self.config, rank, self.feature.silence
                    )[0].mean(axis=0)
                )
                refuse_not_finite(rows[-1], item.key)
                on_track(item.key)
        return np.stack(rows)


class TaggingLearner:
    """Patches to learn from, and the validation tracks."""

    def __init__(
        self,
        task: Tagging,
        patches: Patches,
        valid: Sequence[Item],
        cache: FeatureCache,
    ) -> None:
        self.task = task
        self.patches = patches
        self.valid = valid
        self.cache = cache
        self.truth = truth_of(valid, task.labels, task.config)

    @property
    def figure(self) -> str:
        if self.task.config.labels == "several":
            return "pr_auc_macro"
        return "accuracy"

    def batch(self, step: int) -> Batch:
        return self.patches.batch(step)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy with the targets as shares, or binary cross-entropy."""
        smoothing = self.task.config.label_smoothing
        targets = batch.targets
        if self.task.config.labels == "one":
            return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        return functional.binary_cross_entropy_with_logits(
            outputs, targets * (1 - smoothing) + smoothing / 2
        )

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        scores = self.task._scores(model, self.valid, self.cache, on_track)
        if self.task.config.labels == "one":
            return multi_class_figures(scores, self.truth.argmax(axis=1))
        return multi_label_figures(scores, self.truth, np.full(scores.shape[1], 0.5))
