"""The task self_supervised."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...compiler.module import GraphModule
from ...data.corpus import Item
from ...data.mixes import stem_mixes
from ...errors import TaskError, Where
from ...features.base import FeatureConfig
from ...features.logmel import LogMelFeatureConfig
from ...losses.contrastive import spread
from ...metrics.tagging import multi_class_figures, multi_label_figures
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
from ..labels import Tags
from ..modes import evaluating
from ..patches import chain_of
from ..reading import Recorded
from ..recordings import refuse_not_finite, unannotated, without_stems
from ..requirements import Needs, patch_inputs
from . import probe_several
from .config import SelfSupervisedConfig
from .encoder import Encoder
from .learner import SelfSupervisedLearner
from .prediction import Represented
from .probe import fitted, linear_scores, nearest
from .views import Views

COLLAPSED = {
    "rank": 2.0,
    "std": 0.1,
}  # under these an encoder says the same of everything
FEWEST = 8  # recordings from which on a collapse can be told


@register_task("self_supervised")
class SelfSupervised(Task):
    """Two chunks of a recording are to meet, without labels: patches (B, ..., T) -> vectors (B, D).

    `task.embedding` names the layer whose output is kept; what follows, the projector, serves the loss alone. On a
    labelled corpus a linear probe and a k-NN probe are fitted to the training recordings after the training.
    Sources: Chen et al., "SimCLR", ICML 2020; Saeed et al., "COLA", ICASSP 2021; Garrido et al., "RankMe", ICML 2023.
    """

    Config = SelfSupervisedConfig
    config: SelfSupervisedConfig
    title = "self-supervised learning"
    headline = (
        "accuracy",
        "macro_recall",
        "knn_accuracy",
        "pr_auc_macro",
        "roc_auc_macro",
        "knn_pr_auc_macro",
        "pair_accuracy",
        "rank",
        "std",
    )
    tuned: ClassVar = {"labels": list[str], "probe": dict[str, Any]}
    of_training: ClassVar = (
        "augment",
        "loss",
        "mix",
        "temperature",
    )
    logits = False

    def __init__(self, config: SelfSupervisedConfig, feature: FeatureConfig) -> None:
        super().__init__(config, feature)
        self.labelling = config.labelling
        self.learned: list[Item] = []
        self.warned = False

    def needs(self) -> Needs:
        return Needs(
            inputs=patch_inputs(self.feature.shape),
            output=("B", "D"),
            reads=f"patches of the feature '{self.feature.type}'",
            gives="one vector for each patch",
            help="pool over time and frequency, then `- Flatten` and `- Linear: {out_features: ...}`",
            frames={"task.patch_frames": self.config.patch_frames},
        )

    def check_graph(self, model: GraphModule) -> None:
        """Also whether `task.embedding` names a layer of it. Raises GraphError E112."""
        super().check_graph(model)
        # Made and thrown away: making it finds out whether the layer exists.
        Encoder(model, self.config)

    def check_feature(self, where: Where | None = None) -> None:
        """Only energies of two sounds at once are the sum of theirs."""
        if self.config.mix and not isinstance(self.feature, LogMelFeatureConfig):
            raise TaskError(
                f"task.mix is {self.config.mix:g}, and the feature '{self.feature.type}' holds no energies to mix",
                code="E501",
                where=where,
                help="take the feature logmel, or leave task.mix out",
            )

    def recordings(self, items: Sequence[Item]) -> Sequence[Item]:
        """Every mix of the stems, where the settings say so. Raises DataError E418."""
        if self.config.mix_stems:
            return stem_mixes(items, self.config.annotation)
        return items

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """The recordings without stems, labelled or not. Raises TaskError E503 without any."""
        return without_stems(items)

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: Any,
        *,
        seed: int,
        batch_size: int,
    ) -> SelfSupervisedLearner:
        """Raises TaskError E503, E530."""
        self.learned = self.tracks(train)
        features = [self.seen(cache.open(item.key)) for item in self.learned]
        self.warn_same_chunk([feature.n_frames for feature in features])
        logmel = None
        if self.config.mix and isinstance(self.feature, LogMelFeatureConfig):
            logmel = self.feature
        views = Views(
            [item.key for item in self.learned],
            features,
            self.config,
            chain_of(self.config.augment, self.feature),
            seed=seed,
            batch_size=batch_size,
            input_rank=self.input_rank,
            logmel=logmel,
            silence=self.feature.silence,
        )
        return SelfSupervisedLearner(self, views, self.tracks(valid), cache)

    def validation_learner(
        self, valid: Sequence[Item], cache: Any, *, seed: int, batch_size: int
    ) -> SelfSupervisedLearner | None:
        """None with fewer than two recordings: each needs another that it is told from."""
        items = self.tracks(valid)
        rows = min(batch_size, len(items))
        if rows < 2:
            return None
        twin = copy.copy(self)
        # What the training side was warned of need not be said of this side too.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return twin.learner(items, items, cache, seed=seed, batch_size=rows)

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Item],  # noqa: ARG002
        cache: Any,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """The probes, fitted to the labelled recordings that the encoder has learned from; nothing without labels."""
        known = [item for item in self.learned if self.truth(item)]
        if not known:
            return {"labels": [], "probe": {}}
        labels = self.labelling.labels_of(known)
        truth = self.labelling.truth_of(known, labels)
        vectors = self.vectors(model, known, cache, on_track)
        groups = [item.group for item in known]
        if self.labelling.several:
            probe = probe_several.fitted(vectors, truth, labels, groups)
        else:
            probe = fitted(vectors, truth.argmax(axis=1), labels, groups)
        return {"labels": labels, "probe": probe}

    def vectors(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        on_track: OnTrack = unseen,
    ) -> NDArray[np.float64]:
        """The embeddings (N, D) of recordings: means over their chunks."""
        rows = []
        with evaluating(model):
            encoder = Encoder(model, self.config, self.feature.silence)
            for item in items:
                rows.append(
                    encoder.chunks(self.seen(cache.open(item.key)))[0].mean(axis=0)
                )
                refuse_not_finite(rows[-1], item.key)
                on_track(item.key)
        return np.stack(rows)

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """With a probe the labels it finds, without one the embeddings. Raises TaskError E503, E507."""
        tracks = self.tracks(items)
        labels = settings["labels"]
        if labels:
            tracks = [item for item in tracks if self.truth(item)]
            self._refuse_unlabelled(tracks, items)
        vectors = self.vectors(model, tracks, cache, on_track)
        if not labels:
            return {
                item.key: {"vector": row.tolist()}
                for item, row in zip(tracks, vectors, strict=True)
            }
        truth = self.labelling.truth_of(tracks, labels)
        judged = self._judged_several if self.labelling.several else self._judged_one
        rows = judged(settings["probe"], vectors, truth)
        return {item.key: row for item, row in zip(tracks, rows, strict=True)}

    def judged_part(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """As `judged_tracks`; a part may have no recording with a label, though the corpus has some."""
        judged = self.tracks(items) if items else []
        if settings["labels"]:
            judged = [item for item in judged if self.truth(item)]
        return super().judged_part(model, judged, cache, settings, on_track)

    def joined(
        self,
        parts: Mapping[str, Figures],
        tracks: Sequence[Item],
        settings: Mapping[str, Any],
    ) -> dict[str, Figures]:
        """As every task. Raises TaskError E503 where no part has a recording with a label."""
        found = super().joined(parts, tracks, settings)
        if settings["labels"]:
            self._refuse_unlabelled(
                [item for item in tracks if item.key in found], tracks
            )
        return found

    def _judged_one(
        self, probe: Mapping[str, Any], vectors: NDArray[Any], truth: NDArray[Any]
    ) -> list[Figures]:
        """What both probes find of each recording that has one label."""
        classes = truth.argmax(axis=1)
        scores = linear_scores(probe, vectors)
        near = nearest(probe, vectors, self.config.neighbours)
        return [
            {
                "scores": row.tolist(),
                "truth": [int(own)],
                "correct": float(row.argmax() == own),
                "knn_correct": float(other == own),
            }
            for row, own, other in zip(scores, classes, near, strict=True)
        ]

    def _judged_several(
        self, probe: Mapping[str, Any], vectors: NDArray[Any], truth: NDArray[Any]
    ) -> list[Figures]:
        """What both probes find of each recording that may have several labels."""
        scores = probe_several.linear_scores(probe, vectors)
        near = probe_several.neighbour_scores(probe, vectors, self.config.neighbours)
        return [
            {
                "scores": row.tolist(),
                "truth": np.flatnonzero(own).tolist(),
                "knn_scores": other.tolist(),
            }
            for row, own, other in zip(scores, truth, near, strict=True)
        ]

    def _refuse_unlabelled(self, tracks: Sequence[Item], items: Sequence[Item]) -> None:
        if not tracks:
            what = f"the annotation '{self.config.annotation}'"
            raise unannotated(
                items, what, "set task.annotation to the one that holds the labels"
            )

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Of all recordings together; of folds each by the probe of its own."""
        rows = list(tracks.values())
        # Without labels there are vectors only; their
        # spread is a figure of all, not of each.
        if rows and "vector" in rows[0]:
            return spread(torch.tensor([row["vector"] for row in rows]))
        if not rows:
            return {}
        scores = np.array([row["scores"] for row in rows])
        if self.labelling.several:
            return self._pooled_several(scores, rows)
        truth = np.array([row["truth"][0] for row in rows])
        near = {"knn_accuracy": float(np.mean([row["knn_correct"] for row in rows]))}
        return {**multi_class_figures(scores, truth), **near}

    def _pooled_several(
        self, scores: NDArray[np.float64], rows: Sequence[Figures]
    ) -> dict[str, float]:
        """Areas under the curves of every label, of both probes; NaN is left out."""
        truth = np.zeros(scores.shape, bool)
        for number, row in enumerate(rows):
            truth[number, row["truth"]] = True
        # Nothing is tuned for the probes: a logistic regression decides at 0.5.
        halves = np.full(scores.shape[1], probe_several.HALF)
        figures = multi_label_figures(scores, truth, halves)
        near = np.array([row["knn_scores"] for row in rows])
        own = multi_label_figures(near, truth, halves)
        for name in ("pr_auc_macro", "roc_auc_macro"):
            figures[f"knn_{name}"] = own[name]
        return {name: value for name, value in figures.items() if not np.isnan(value)}

    def predict(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> Represented:
        """Embeddings over time, and the tags that the probe finds in them."""
        with evaluating(model):
            encoder = Encoder(model, self.config, self.feature.silence)
            vectors, starts = encoder.chunks(self.seen(feature))
        on_share(1.0)
        refuse_not_finite(vectors)
        middles = starts + self.config.patch_frames / 2
        times_s = np.asarray(
            self.feature.t0_s + middles * self.feature.hop_s, np.float64
        )
        labels = tuple(settings["labels"])
        tags = None
        if labels:
            score = (
                probe_several.linear_scores if self.labelling.several else linear_scores
            )
            # The probe has learned from means over chunks, and so
            # judges the mean; the chunks serve the curve over time.
            whole = score(settings["probe"], vectors.mean(axis=0, keepdims=True))[0]
            found = [int(whole.argmax())]
            if self.labelling.several:
                found = np.flatnonzero(whole >= probe_several.HALF).tolist()
            over_time = score(settings["probe"], vectors)
            own = tuple(labels[k] for k in found)
            tags = Tags(labels, whole, own, times_s, over_time)
        return Represented(vectors, times_s, tags)

    def truth(self, item: Item) -> list[str]:
        return self.labelling.values_of(item)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: Any,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Picture | Case]:
        """A map of the embeddings, their singular values, and the confusion matrix of the linear probe."""
        from .pictures import pictures_of

        tracks = [item for item in self.tracks(items) if item.key in evaluation.tracks]
        return pictures_of(
            self.vectors(model, tracks, cache),
            tracks,
            settings["labels"],
            evaluation,
            self.truth,
        )

    def warn_same_chunk(self, n_frames: Sequence[int]) -> None:
        """Warn that half of the recordings or more have one chunk, which both views would be."""
        size = self.config.patch_frames
        short = sum(count <= size for count in n_frames)
        if 2 * short >= len(n_frames):
            warnings.warn(
                f"{short} of {len(n_frames)} recordings are no longer than a chunk of {size} frames, so both "
                "views of them are the same chunk, and pair_accuracy does not measure them",
                stacklevel=2,
            )

    def warn_collapse(self, figures: Mapping[str, float], count: int) -> None:
        """Warn once that all recordings have nearly the same embedding."""
        if (
            self.warned
            or count < FEWEST
            or all(figures[name] >= least for name, least in COLLAPSED.items())
        ):
            return
        self.warned = True
        warnings.warn(
            f"the embeddings collapse: effective rank {figures['rank']:.1f}, deviation {figures['std']:.3f} "
            "over the validation recordings; stronger augmentation or a larger batch may help",
            stacklevel=2,
        )
