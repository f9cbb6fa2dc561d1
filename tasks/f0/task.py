"""The task f0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.corpus import Item
from ...features.cache import FeatureCache
from ...features.hcqt import HCQTFeatureConfig
from ...metrics.melody import melody_figures
from ...midi_numbers import midi_of
from ..base import (
    Batch,
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
from ..patches import PatchLearner
from ..reading import Recorded
from ..recordings import unannotated
from ..requirements import Needs
from .annotation import Pitch, is_annotated, true_pitch
from .calibration import calibrated_offset
from .config import F0Config
from .decoding import Heard, decode, hz_of_bins, levels_of, offset_in, scores_of
from .figures import best_threshold, pitch_figures, weighed
from .following import F0Follower
from .notes import notes_of_curve
from .objective import equivariant_losses, pitch_cross_entropy
from .patches import Patches, Source
from .prediction import Melody

SHOWN = ("Overall Accuracy", "Raw Pitch Accuracy", "Raw Chroma Accuracy")


@register_task("f0")
class F0Estimation(Task):
    """Whether one voice sounds in each frame, and how high: features (B, H, F, T) -> scores (B, 1, F, T) of the bins.

    A frame in which nothing sounds has the score 0 as one class more: supervised, all of them are held to the true
    bin by cross-entropy (Kim et al., "CREPE", ICASSP 2018, with one choice among all bins); equivariant, to answers to
    other views and to transpositions (Riou et al., "PESTO", ISMIR 2023). Figures are those of mir_eval.melody.
    """

    Config = F0Config
    config: F0Config
    title = "monophonic pitch"
    layer_kinds = ("notes", "curve")
    in_order = True
    headline = (
        "frames_right",
        "loud_frames_right",
        "notes_right",
        "Raw Pitch Accuracy",
        "Raw Chroma Accuracy",
        "Overall Accuracy",
        "Voicing Recall",
        "Voicing False Alarm",
    )
    tuned: ClassVar = {"threshold": float, "offset_bins": float}
    of_training: ClassVar = (
        "augment",
        "equivariance_weight",
        "invariance_weight",
        "level_jitter_db",
        "note_targets",
        "shift_weight",
        "target_blur_bins",
        "thresholds",
        "transpose_bins",
    )
    features = (HCQTFeatureConfig,)
    local = True
    feature: HCQTFeatureConfig

    def needs(self) -> Needs:
        config = self.config
        harmonics = self.feature.n_harmonics
        bins = self.feature.n_bins
        return Needs(
            inputs=(("B", f"C={harmonics}", f"F={bins}", "T"),),
            output=("B", 1, "F", "T"),
            reads="what the section 'feature:' gives: harmonics, bins and frames of the transform",
            gives="one score for each bin and frame",
            help="keep F and T, and end with one channel: `- Conv2d: {out_channels: 1, kernel_size: 1}`",
            frames={
                "task.patch_frames": config.patch_frames,
                "task.predict_frames": config.predict_frames,
            },
        )

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """Items with the pitch of one voice, stems among them. Raises TaskError E503 where there is none."""
        found = [item for item in items if is_annotated(item)]
        if not found:
            expected = ("expected", "'f0' or 'pitchmidi' on a recording of one voice")
            help = (
                "add the annotation to the .pyjama, or choose another corpus or split"
            )
            raise unannotated(
                items, "the pitch of one voice annotated", help, [expected]
            )
        return found

    def voices(self, items: Sequence[Item]) -> list[Item]:
        """What is learned from: supervised `tracks`; equivariant all but mixes of stems, and of several voices."""
        if not self.config.equivariant:
            return self.tracks(items)
        mixes = {item.stem_of for item in items}
        voices = [
            item
            for item in items
            if item.key not in mixes and not item.annotations.get("f0multi")
        ]
        return voices or self.tracks(items)

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> F0Learner:
        """Raises TaskError E503 for a side without tracks, E540 for annotations that are not the pitch of one voice."""
        items = self.voices(train)
        sources = [Source.of(item, cache, self.config) for item in items]
        patches = Patches(
            sources, self.config, self.feature, seed=seed, batch_size=batch_size
        )
        patches.deck = self.deck_of(items, seed)
        return F0Learner(self, patches, self.tracks(valid), cache)

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """The one of `thresholds` with the highest mean Overall Accuracy on the tracks of `items`; of a model that has
        learned without pitches what its answers lie below those of tones that are known.
        """
        offset = 0.0
        if self.config.equivariant:
            offset = calibrated_offset(model, self.config, self.feature)
        # The model runs once per track; the thresholds only choose among its answers.
        heard = []
        for item in self.tracks(items):
            found = self.heard(model, cache.open(item.key), offset)
            heard.append((self.truth_of(item), found))
            on_track(item.key)
        best = best_threshold(heard, self.config.thresholds)
        return {"threshold": best, "offset_bins": offset}

    def judged(self, prediction: Melody, truth: Pitch) -> Figures:
        """The figures of mir_eval.melody at the annotation's times, and the shares of frames and notes that are right,
        voiced by the annotation, whether or not the model calls them voiced.
        """
        times_s, hz = prediction.times_s, prediction.signed_hz
        figures: Figures = melody_figures(truth.times_s, truth.hz, times_s, hz)
        return figures | pitch_figures(truth, times_s, hz)

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """The figures of every track, by its pitch wherever that is annotated."""
        figures = {}
        for item in self.tracks(items):
            found = self.predict(model, cache.open(item.key), settings)
            figures[item.key] = self.judged(found, self.truth_of(item))
            on_track(item.key)
        return figures

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Means over the tracks; a share of frames or notes weighs by how many there are."""
        return {**super().pooled(tracks), **weighed(tracks)}

    def predict(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> Melody:
        """The pitch of one recording, voiced from the threshold in `settings` on."""
        offset = offset_in(settings)
        heard = self.heard(model, feature, offset, on_share)
        threshold = settings["threshold"]
        notes = notes_of_curve(
            midi_of(heard.hz),
            heard.voicing,
            threshold=threshold,
            hop_s=self.feature.hop_s,
            min_note_s=self.config.min_note_s,
        )
        bins = np.arange(self.feature.n_bins, dtype=np.float64)
        return Melody(
            heard.times_s,
            heard.hz,
            heard.voicing,
            threshold,
            notes,
            heard.probabilities,
            hz_of_bins(bins, self.feature, offset),
        )

    def follower(self, settings: Mapping[str, Any]) -> F0Follower:
        """Pitches and notes while a recording comes in."""
        return F0Follower(self.config, self.feature, settings)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Case]:
        """The tracks with the highest and the lowest Overall Accuracy: estimate on truth, and both to hear."""
        from ..multi_pitch.pictures import pictures_of

        return pictures_of(
            self, model, items, cache, settings, evaluation, scores=SHOWN
        )

    def truth(
        self, item: Item
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """The annotation's own times (notes: every 10 ms) and the pitch in Hz at each. Raises TaskError E540."""
        pitch = self.truth_of(item)
        return pitch.times_s, [hz[hz > 0] for hz in pitch.hz[:, None]]

    def truth_of(self, item: Item) -> Pitch:
        """The annotation as figures read it. Raises TaskError E540."""
        return true_pitch(item, self.config.floor_db)

    def heard(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        offset: float,
        on_share: OnShare = unseen,
    ) -> Heard:
        """What a model hears in one recording, before a threshold says where something sounds."""
        seen = self.seen(feature)
        with evaluating(model):
            scores = scores_of(model, seen, self.config, on_share)
        levels = levels_of(seen) if self.config.equivariant else None
        return decode(scores, levels, self.config, self.feature, offset)


class F0Learner(PatchLearner):
    """Patches to learn from, and the validation tracks; `figure` is the share of voiced frames that are right."""

    figure = "frames_right"
    task: F0Estimation

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor | dict[str, Tensor]:
        config = self.task.config
        if config.equivariant:
            return equivariant_losses(
                outputs, batch.inputs[0], batch.targets, config, self.task.feature
            )
        return pitch_cross_entropy(outputs, batch.targets, config.target_blur_bins)

    def validate(
        self, model: nn.Module, on_track: OnTrack = unseen
    ) -> dict[str, float]:
        """The figures of the pitch alone: a threshold of voicing is chosen after the training."""
        offset = 0.0
        if self.task.config.equivariant:
            offset = calibrated_offset(model, self.task.config, self.task.feature)
        tracks = {}
        for item in self.valid:
            found = self.task.heard(model, self.cache.open(item.key), offset)
            truth = self.task.truth_of(item)
            tracks[item.key] = pitch_figures(truth, found.times_s, found.hz)
            on_track(item.key)
        return self.task.pooled(tracks)
