"""The task tagging."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.corpus import Item
from ...data.mixes import stem_mixes
from ...errors import TaskError, Where
from ...features.base import FeatureConfig
from ...features.cache import FeatureCache
from ...features.logmel import LogMelFeatureConfig
from ...metrics.tagging import (
    best_thresholds,
    class_figures,
    label_curves,
    multi_class_figures,
    multi_label_figures,
)
from ..base import (
    Case,
    Evaluation,
    Figures,
    OnShare,
    OnTrack,
    Picture,
    Task,
    register_task,
    unseen,
)
from ..labels import Tags, refuse_other_size, refuse_unseen
from ..modes import evaluating
from ..patches import chain_of
from ..reading import Recorded
from ..recordings import refuse_not_finite, unannotated
from ..requirements import Needs, patch_inputs
from .config import TaggingConfig
from .learner import TaggingLearner
from .patches import Patches, Track, scores_over_time


@register_task("tagging")
class Tagging(Task):
    """Labels of whole recordings: patches (B, ..., T) -> logits (B, K); a recording's scores are their means.

    Sources: Choi et al., "Automatic tagging using deep convolutional neural networks", ISMIR 2016; figures by
    scikit-learn, once for each recording and label.
    """

    Config = TaggingConfig
    config: TaggingConfig
    title = "tagging"
    layer_kinds = ("tags",)
    in_order = True
    headline = ("accuracy", "macro_recall", "macro_f1", "roc_auc_macro", "pr_auc_macro")
    tuned: ClassVar = {"labels": list[str], "thresholds": list[float]}
    of_training: ClassVar = (
        "augment",
        "balanced",
        "label_smoothing",
        "mixup_alpha",
        "mixup_of",
        "mixup_steps",
        "remix",
        "remix_gain_db",
    )

    def __init__(self, config: TaggingConfig, feature: FeatureConfig) -> None:
        super().__init__(config, feature)
        self.labelling = config.labelling
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
        if self.config.mixup_of != "feature":
            raise TaskError(
                f"task.mixup_of is {self.config.mixup_of}, and the feature '{self.feature.type}' holds none",
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
            and (self.labelling.values_of(item) or self.labelling.several)
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
        labels = self._labels_of(self.tracks(train))
        # A label that only the others have would end the
        # evaluation, after the whole training.
        known = {label for item in others for label in self.labelling.values_of(item)}
        refuse_unseen(known, labels, self.config.annotation)

    def _labels_of(self, tracks: Sequence[Item]) -> list[str]:
        """The labels of the training recordings, as many as the graph gives scores. Raises E503, E506, E508."""
        labels = self.labelling.labels_of(tracks)
        refuse_other_size(
            self.n_scores, labels, self.config.annotation, self.where_input
        )
        return labels

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
        items = self.tracks(train)
        self.labels = self._labels_of(items)
        self._warn_one_each(self.labelling.truth_of(items, self.labels))
        patches = self._patches(items, cache, seed, batch_size)
        return TaggingLearner(self, patches, self.tracks(valid), cache)

    def validation_learner(
        self,
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> TaggingLearner:
        """Batches of the validation side, with the labels that train: it may lack some of them."""
        items = self.tracks(valid)
        patches = self._patches(items, cache, seed, batch_size)
        return TaggingLearner(self, patches, items, cache)

    def _patches(
        self, items: Sequence[Item], cache: FeatureCache, seed: int, batch_size: int
    ) -> Patches:
        truth = self.labelling.truth_of(items, self.labels)
        tracks = [
            Track(item.key, self.seen(cache.open(item.key)), item.group, own)
            for item, own in zip(items, truth, strict=True)
        ]
        logmel = self.feature if isinstance(self.feature, LogMelFeatureConfig) else None
        patches = Patches(
            tracks,
            self.config,
            chain_of(self.config.augment, self.feature),
            seed=seed,
            batch_size=batch_size,
            input_rank=self.input_rank,
            logmel=logmel,
            silence=self.feature.silence,
        )
        patches.deck = self.deck_of(items, seed)
        return patches

    def _warn_one_each(self, truth: NDArray[np.bool_]) -> None:
        """A warning where labels exclude one another, and the settings say that they do not."""
        if self.labelling.several and (truth.sum(axis=1) == 1).all():
            warnings.warn(
                f"every recording that trains has exactly one label of '{self.config.annotation}', but "
                "task.labels is several; with `labels: one` a model chooses among them, and its accuracy is reported",
                stacklevel=2,
            )

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """{"labels": in the order of the scores, "thresholds": for each label, that of the best F1 on `items`}."""
        tracks = self.tracks(items)
        scores = self.scores(model, tracks, cache, on_track)
        # Labels that do not exclude one another need a threshold each; where one of
        # them is right, the greatest score says which.
        thresholds: list[float] = []
        if self.labelling.several:
            truth = self.labelling.truth_of(tracks, self.labels)
            thresholds = best_thresholds(scores, truth).tolist()
        return {"labels": list(self.labels), "thresholds": thresholds}

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """Scores, true labels and thresholds of each track. Raises TaskError E507."""
        tracks = self.tracks(items)
        # The labels of the training in the order of the
        # scores: a corpus to be judged may have fewer.
        self.labels = list(settings["labels"])
        truth = self.labelling.truth_of(tracks, self.labels)
        scores = self.scores(model, tracks, cache, on_track)
        figures: dict[str, Figures] = {}
        for item, row, own in zip(tracks, scores, truth, strict=True):
            found: Figures = {
                "scores": row.tolist(),
                "truth": np.flatnonzero(own).tolist(),
            }
            if self.labelling.several:
                # With each track, since the tracks of several
                # folds are pooled and each fold has its own.
                found["thresholds"] = settings["thresholds"]
            else:
                found["correct"] = float(row.argmax() == own.argmax())
            figures[item.key] = found
        return figures

    def joined(
        self,
        parts: Mapping[str, Figures],
        tracks: Sequence[Item],
        settings: Mapping[str, Any],
    ) -> dict[str, Figures]:
        """As every task; figures of each label are named by the labels of the training."""
        self.labels = list(settings["labels"])
        return super().joined(parts, tracks, settings)

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

        if self.labelling.several:
            thresholds = np.array([track["thresholds"] for track in tracks.values()])
            figures = multi_label_figures(scores, truth, thresholds)
            own = label_curves(scores, truth)
        else:
            figures = multi_class_figures(scores, truth.argmax(axis=1))
            own = class_figures(scores, truth.argmax(axis=1))

        # A label that all recordings have, or none, has no area under a curve.
        n_left_out = int(np.isnan(next(iter(own.values()))).sum())
        if n_left_out:
            figures["labels_left_out"] = float(n_left_out)
        for name, values in own.items():
            for label, value in zip(self.labels, values, strict=False):
                figures[f"{name}[{label}]"] = float(value)
        return {name: value for name, value in figures.items() if not np.isnan(value)}

    def predict(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> Tags:
        """Scores over time and of the whole recording."""
        over_time, starts = self._scores_over_time(model, feature)
        on_share(1.0)
        refuse_not_finite(over_time)
        labels = tuple(settings["labels"])
        scores = over_time.mean(axis=0)
        if self.labelling.several:
            found = np.flatnonzero(scores >= settings["thresholds"]).tolist()
        else:
            found = [int(scores.argmax())]
        middles = starts + self.config.patch_frames / 2
        times_s = np.asarray(
            self.feature.t0_s + middles * self.feature.hop_s, np.float64
        )
        return Tags(labels, scores, tuple(labels[k] for k in found), times_s, over_time)

    def truth(self, item: Item) -> list[str]:
        """The labels of a recording. Raises TaskError E506."""
        return self.labelling.values_of(item)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Picture | Case]:
        """The confusion matrix, or the curves of every label; a recording over time."""
        from .pictures import pictures_of

        return pictures_of(self, model, items, cache, settings, evaluation)

    def scores(
        self,
        model: nn.Module,
        tracks: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack,
    ) -> NDArray[np.float64]:
        """(tracks, K) probabilities of whole recordings. Raises TaskError E510."""
        rows = []
        for item in tracks:
            over_time, _ = self._scores_over_time(model, cache.open(item.key))
            rows.append(over_time.mean(axis=0))
            refuse_not_finite(rows[-1], item.key)
            on_track(item.key)
        return np.stack(rows)

    def _scores_over_time(
        self, model: nn.Module, feature: Recorded | Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        with evaluating(model):
            return scores_over_time(
                model,
                self.seen(feature),
                self.config,
                self.input_rank,
                self.feature.silence,
            )
