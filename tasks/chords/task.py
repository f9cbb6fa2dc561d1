"""The task chords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.batching.patches import take_patch
from ...errors import TaskError, Where
from ...features.base import FeatureConfig
from ...features.hcqt import HCQTFeatureConfig
from ...metrics.chords import chord_figures, chord_seconds
from ..base import (
    Case,
    Evaluation,
    Figures,
    OnShare,
    OnTrack,
    Task,
    register_task,
    unseen,
)
from ..modes import evaluating
from ..patches import as_input, input_shape_of
from ..reading import Recorded, as_recorded, magnitudes_of
from ..recordings import annotated, refuse_not_finite
from ..requirements import Needs, patch_inputs
from .annotation import Recording, chords_of, classes_at_frames
from .changes import likelier
from .config import ChordsConfig
from .learner import ChordLearner
from .patches import Patches, Track, level_in, prepared
from .prediction import ChordRibbon
from .recall import class_seconds, macro_recall
from .repeats import averaged
from .smoothing import Transitions
from .vocabulary import N_CLASSES


@register_task("chords")
class ChordEstimation(Task):
    """The chord of each frame: features (B, D, T), or with one channel before, -> logits (B, 25, T).

    Frames are smoothed by the likeliest path over learned transitions. Figures are those of mir_eval.chord, weighted by
    duration over all tracks. Sources: McFee & Bello, ISMIR 2017; Harte, PhD thesis, London 2010.
    """

    Config = ChordsConfig
    config: ChordsConfig
    title = "chord estimation"
    layer_kinds = ("segments",)
    in_order = True
    headline = ("majmin", "root", "thirds", "mirex", "seg", "macro_recall")
    tuned: ClassVar = {"weight": float, "first": list[float], "step": list[list[float]]}
    of_training: ClassVar = (
        "bins_per_semitone",
        "label_smoothing",
        "max_semitones",
        "transpose",
        "weights",
    )

    def __init__(self, config: ChordsConfig, feature: FeatureConfig) -> None:
        super().__init__(config, feature)
        self.transitions: Transitions | None = None

    def needs(self) -> Needs:
        config = self.config
        return Needs(
            inputs=patch_inputs(self.feature.shape),
            output=("B", N_CLASSES, "T"),
            reads=f"patches of the feature '{self.feature.type}'",
            gives="a score for each of 25 classes at each frame",
            help="end with 25 channels and all frames, such as `- Conv1d: {out_channels: 25, kernel_size: 1}`",
            frames={
                "task.patch_frames": config.patch_frames,
                "task.predict_frames": config.predict_frames,
            },
        )

    def check_feature(self, where: Where | None = None) -> None:
        """Frames at other times than every `hop_s` would give chords at wrong times; a scale would change nothing."""
        if not self.feature.evenly_spaced:
            message = f"chords are timed by frames, and those of '{self.feature.type}' do not come in equal steps"
            help = "take chroma, nnls_chroma, cqt, or given features with `even: true`"
            raise TaskError(message, code="E501", where=where, help=help)
        if (
            isinstance(self.feature, HCQTFeatureConfig)
            and self.feature.scale != type(self.feature).model_fields["scale"].default
        ):
            message = f"chords are read from magnitudes, which feature.scale '{self.feature.scale}' does not change"
            raise TaskError(
                message,
                code="E501",
                where=where,
                help="leave it out, and set task.compression",
            )

    def tracks(self, items: Sequence[Any]) -> list[Any]:
        """Items with chords. Raises TaskError E503 where none is left."""
        return annotated(items, self.config.annotation, stems=True)

    def learner(
        self,
        train: Sequence[Any],
        valid: Sequence[Any],
        cache: Any,
        *,
        seed: int,
        batch_size: int,
    ) -> ChordLearner:
        """Raises TaskError E503, E509."""
        items = self.tracks(train)
        tracks = [self._track(item, cache) for item in items]
        # From the training tracks alone: validation and test must
        # not reveal how their chords follow one another.
        self.transitions = Transitions.learned(track.classes for track in tracks)
        patches = Patches(
            tracks,
            self.config,
            seed=seed,
            batch_size=batch_size,
            input_rank=self.input_rank,
            silence=self.feature.silence,
        )
        patches.deck = self.deck_of(items, seed)
        return ChordLearner(self, patches, self.tracks(valid), cache)

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """The weight of a frame with the highest majmin on `items`, and the transitions of the training."""
        assert self.transitions is not None  # `learner` comes first

        # The model runs once per track; only the search for
        # the path is repeated for each weight.
        heard = {}
        with evaluating(model):
            for item in self.tracks(items):
                scores = self.log_probability(model, cache.open(item.key))
                heard[item.key] = (item, averaged(scores, self.config))
                on_track(item.key)
        best = max(self.config.weights, key=lambda weight: self._majmin(heard, weight))

        # Six digits are far more than counts of transitions can
        # tell, and keep the saved settings short.
        first = self.transitions.first.round(6).tolist()
        step = self.transitions.step.round(6).tolist()
        return {"weight": best, "first": first, "step": step}

    def _majmin(
        self, heard: Mapping[str, tuple[Any, NDArray[np.float64]]], weight: float
    ) -> float:
        assert self.transitions is not None
        tracks = {}
        for key, (item, scores) in heard.items():
            path = self.transitions.path(scores, weight, self._likelier(scores))
            found = self.ribbon(path, scores)
            tracks[key] = chord_seconds(self.truth(item), found.ribbon)
        return chord_figures(tracks)["majmin"]

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """What each track adds, a track's own majmin and root beside it."""
        tracks: dict[str, Figures] = {}
        for item in self.tracks(items):
            found = self.predict(model, cache.open(item.key), settings)
            truth = self.truth(item)
            seconds = chord_seconds(truth, found.ribbon)
            own = chord_figures({item.key: seconds})
            # NaN where nothing of a track can be judged, and JSON has no NaN.
            shown = {
                name: own[name]
                for name in ("majmin", "root")
                if not np.isnan(own[name])
            }
            classes = class_seconds(truth, found.ribbon)
            tracks[item.key] = {**shown, **seconds, **classes}
            on_track(item.key)
        return tracks

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Weighted by duration over the tracks, and the mean recall over the classes."""
        if tracks:
            return {**chord_figures(tracks), **macro_recall(tracks)}
        return {}

    def predict(
        self,
        model: nn.Module,
        feature: Any,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> ChordRibbon:
        """Chords from 0 to the end of the recording."""
        with evaluating(model):
            scores = averaged(self.log_probability(model, feature), self.config)
        on_share(1.0)
        transitions = Transitions(
            np.array(settings["first"]), np.array(settings["step"])
        )
        path = transitions.path(scores, settings["weight"], self._likelier(scores))
        return self.ribbon(path, scores)

    def _likelier(self, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """What is added to each change of chord; None where all frames are alike."""
        if not self.config.changes:
            return None
        return self.config.changes * likelier(scores, self.feature.hop_s)

    def truth(self, item: Recording) -> Any:
        """The reference chords, or where there are none those to learn. Raises TaskError E509."""
        if item.annotations.get(self.config.reference):
            name = self.config.reference
        else:
            name = self.config.annotation
        return chords_of(item, name)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Any],
        cache: Any,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Case]:
        """The tracks with the highest and the lowest majmin: truth over estimate, and both to hear."""
        from .pictures import pictures_of

        return pictures_of(self, model, items, cache, settings, evaluation)

    def _track(self, item: Recording, cache: Any) -> Track:
        feature = cache.open(item.key)
        classes = classes_at_frames(
            item,
            self.config.annotation,
            feature.n_frames,
            self.feature.hop_s,
            self.feature.t0_s,
        )
        return Track(item.key, feature, level_in(feature, self.config), classes)

    def ribbon(
        self, classes: NDArray[np.int64], scores: NDArray[np.float64]
    ) -> ChordRibbon:
        probabilities = np.exp(scores).astype(np.float32)
        return ChordRibbon.of(
            classes, self.feature.hop_s, self.feature.t0_s, probabilities
        )

    def log_probability(
        self, model: nn.Module, feature: Recorded | Tensor
    ) -> NDArray[np.float64]:
        """(T, 25) of a recording; the model is in eval() mode.

        It comes in blocks of `predict_frames`, or of the graph's own T. The last block reaches back to `patch_frames`
        where it has fewer, and a recording shorter than that is padded with silence, as in training.
        """
        shape = input_shape_of(model) or self.input_shape
        least = self.config.patch_frames
        size = least if isinstance(shape[-1], int) else self.config.predict_frames
        recorded = as_recorded(feature)
        read = magnitudes_of(recorded)
        n_frames = recorded.n_frames
        level = level_in(recorded, self.config)
        device = next(model.parameters()).device

        blocks = []
        for start in range(0, n_frames, size):
            stop = min(start + size, n_frames)
            # No block is shorter than a patch of the
            # training: the last one reaches back ...
            begin = max(0, min(start, stop - least))
            length = max(stop - begin, least)
            x = take_patch(read, begin, length, n_frames, self.feature.silence)
            x = prepared(x, level, self.config)
            logits = model(as_input(x[None], len(shape)).to(device)).double()[0]
            # ... and only those of its frames count that no block before has given.
            own = logits[:, start - begin : stop - begin]
            blocks.append(own.log_softmax(0).T.cpu())
        found = torch.cat(blocks).numpy()
        refuse_not_finite(found)
        return found
