"""The task multi_pitch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.corpus import Item
from ...errors import TaskError
from ...features.cache import FeatureCache
from ...features.hcqt import HCQTFeatureConfig
from ...metrics.multi_pitch import multi_pitch_figures
from ...metrics.notes import intervals, note_figures, velocity_figures
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
from ..patches import input_shape_of
from ..reading import Recorded
from ..recordings import unannotated
from ..requirements import Needs
from .annotation import (
    MULTI,
    NOTES,
    SINGLE,
    annotation_of,
    notes_of,
    own_pitches,
    refuse_other_forms,
    velocities_of,
)
from .confidence import (
    Curves,
    curves_of,
    evidence_of,
    pooled_errors,
    reliabilities,
    with_probabilities,
)
from .config import MultiPitchConfig
from .following import PitchFollower
from .hearing import hear
from .learner import MultiPitchLearner
from .loudness import with_levels
from .notes import HOLD, find_notes
from .patches import Patches, Track
from .peaks import probabilities_of
from .prediction import Transcription
from .threshold import Trial, best_threshold


@register_task("multi_pitch")
class MultiPitch(Task):
    """Multi-pitch estimation, frame by frame: HCQT (B, H, F, T) -> logits (B, 1, F, T), one for each bin and frame.

    Sources: Bittner et al., "Deep salience representations for F0 estimation in polyphonic music", ISMIR 2017 (the
    task on an HCQT, the blurred targets); Bay et al., ISMIR 2009 (the figures, by mir_eval).
    """

    Config = MultiPitchConfig
    config: MultiPitchConfig
    title = "multi-pitch estimation"
    layer_kinds = ("notes", "curve")
    in_order = True
    headline = (
        "Accuracy",
        "Precision",
        "Recall",
        "Chroma Accuracy",
        "note_f1",
        "note_f1_offsets",
    )
    tuned: ClassVar = {
        "threshold": float,
        "confidence": dict[str, list[float] | None] | None,
    }
    of_training: ClassVar = (
        "augment",
        "calibration_tracks",
        "cross_probability",
        "independent_transpose_probability",
        "level_jitter_db",
        "max_delay_frames",
        "onset_frames",
        "positive_weight",
        "remix_gain_db",
        "remix_probability",
        "stem_drop_probability",
        "target_blur_bins",
        "thresholds",
        "transpose_bins",
    )
    features = (HCQTFeatureConfig,)
    local = True
    feature: HCQTFeatureConfig

    def needs(self) -> Needs:
        config = self.config
        channels = config.n_channels
        if config.onsets:
            gives = "two logits"
            ending = "two channels"
        else:
            gives = "one logit"
            ending = "one channel"
        return Needs(
            inputs=(
                (
                    "B",
                    f"C={self.feature.n_harmonics}",
                    f"F={self.feature.n_bins}",
                    "T",
                ),
            ),
            output=("B", channels, "F", "T"),
            reads="what the section 'feature:' gives: harmonics, bins and frames of the HCQT",
            gives=f"{gives} for each bin and frame",
            help=f"keep F and T, and end with {ending}: `- Conv2d: {{out_channels: {channels}, kernel_size: 1}}`",
            frames={
                "task.patch_frames": config.patch_frames,
                "task.predict_frames": config.predict_frames,
            },
        )

    def tracks(self, items: Sequence[Item]) -> list[Item]:
        """Items with several voices annotated (`f0multi`, `pitchmidi`); without any, those with one voice (`f0`).

        Stems never count. Raises TaskError E503 where nothing is left, E505 for annotations in another form.
        """
        refuse_other_forms(items)
        own = [item for item in items if item.stem_of is None]
        # Where whole mixes are annotated, a lone `f0` is one of their voices, and every
        # other voice that is found would count as wrong.
        several = [item for item in own if annotation_of(item) in (MULTI, NOTES)]
        # Recordings in which nothing sounds count beside others, and not alone.
        if any(
            item.annotations.get(name) for item in several for name in (MULTI, NOTES)
        ):
            found = several
        else:
            found = [item for item in own if annotation_of(item) == SINGLE]
        if not found:
            expected = (
                "expected",
                f"'{MULTI}', '{NOTES}' or '{SINGLE}' on a recording that is not a stem",
            )
            help = (
                "add the annotation to the .pyjama, or choose another corpus or split"
            )
            raise unannotated(own, "its pitches annotated", help, [expected])
        return found

    def learner(
        self,
        train: Sequence[Item],
        valid: Sequence[Item],
        cache: FeatureCache,
        *,
        seed: int,
        batch_size: int,
    ) -> MultiPitchLearner:
        """Raises TaskError E503 for a side without tracks, E504 for an annotation that holds no MIDI numbers, E505 for
        onsets to be learned from curves.
        """
        self._refuse_curves(train)
        items = self.tracks(train)
        tracks = [Track.of(item, train, cache) for item in items]
        patches = Patches(
            tracks, self.config, self.feature, seed=seed, batch_size=batch_size
        )
        patches.deck = self.deck_of(items, seed)
        return MultiPitchLearner(self, patches, self.tracks(valid), cache)

    def _refuse_curves(self, items: Sequence[Item]) -> None:
        curves = [item for item in self.tracks(items) if annotation_of(item) != NOTES]
        if self.config.onsets and curves:
            name = annotation_of(curves[0])
            raise TaskError(
                f"task.onsets needs notes, and the pitches of '{curves[0].key}' are curves",
                code="E505",
                facts=[
                    ("expected", f"'{NOTES}', segments"),
                    ("got", f"'{name}', breakpoints"),
                ],
                help="leave task.onsets out, or take a corpus of notes",
            )

    def tune(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack = unseen,
    ) -> dict[str, Any]:
        """The one of `thresholds` with the highest mean Accuracy on the tracks of `items`, and how sure a pitch and a
        note of a salience are there.
        """
        threshold = self.config.thresholds[0]
        if len(self.config.thresholds) > 1:
            with evaluating(model):
                threshold, _ = self.best_threshold(
                    model, self.tracks(items), cache, on_track
                )
        confidence = self._confidence(model, items, cache, threshold)
        return {"threshold": threshold, "confidence": confidence}

    def _confidence(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        threshold: float,
    ) -> Curves:
        """What `confidence.curves_of` learns on some of the tracks, spread evenly over them."""
        tracks = self.tracks(items)
        step = max(1, math.ceil(len(tracks) / max(1, self.config.calibration_tracks)))
        evidence = []
        for item in tracks[::step] if self.config.calibration_tracks else ():
            found = self.predict(model, cache.open(item.key), {"threshold": threshold})
            evidence.append(evidence_of(item, found))
        return curves_of(evidence)

    def best_threshold(
        self,
        model: nn.Module,
        tracks: Sequence[Item],
        cache: FeatureCache,
        on_track: OnTrack,
    ) -> tuple[float, dict[str, float]]:
        """The best threshold and the figures at it; the model is in eval() mode, under inference_mode()."""
        # The model runs and peaks are found once, down to the lowest threshold; the
        # others only choose among these peaks.
        trials = []
        # With onsets, peaks down to HOLD times the lowest threshold may hold a note.
        least = self.config.thresholds[0] * (HOLD if self.config.onsets else 1.0)
        for item in tracks:
            heard = hear(
                self._probabilities(model, cache.open(item.key)),
                self.config,
                self.feature,
                least,
            )
            trials.append(Trial.of(own_pitches(item), heard.pitches, self.feature))
            on_track(item.key)
        return best_threshold(trials, self.config.thresholds)

    def judged_tracks(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        on_track: OnTrack = unseen,
    ) -> dict[str, Figures]:
        """The fourteen figures of mir_eval.multipitch for each track, at the annotation's own times, of annotated
        notes those of mir_eval.transcription, and how often confidences are right.
        """
        figures = {}
        for item in self.tracks(items):
            found = self.predict(model, cache.open(item.key), settings)
            truth = self.truth(item)
            of_frames = multi_pitch_figures(*truth, found.times_s, found.frequencies_hz)
            figures[item.key] = {
                **of_frames,
                **self._of_notes(item, found),
                **reliabilities(item, found),
            }
            on_track(item.key)
        return figures

    @staticmethod
    def _of_notes(item: Item, found: Transcription) -> dict[str, float]:
        """The figures of notes, and those of velocities where they are annotated; nothing where pitches are curves."""
        truth = intervals(*notes_of(item))
        figures = note_figures(truth, found.intervals())
        velocities = velocities_of(item)
        levels_db = found.levels_db()
        if velocities is None or levels_db is None:
            return figures
        return figures | velocity_figures(
            truth, velocities, found.intervals(), levels_db
        )

    def pooled(self, tracks: Mapping[str, Figures]) -> dict[str, float]:
        """Means over the tracks, and the calibration errors of all answers together."""
        return {**super().pooled(tracks), **pooled_errors(list(tracks.values()))}

    def predict(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        settings: Mapping[str, Any],
        on_share: OnShare = unseen,
    ) -> Transcription:
        """Pitches and notes of one recording, at the threshold in `settings`."""
        threshold = settings["threshold"]
        config = self.config
        with evaluating(model):
            probabilities = self._probabilities(model, feature, on_share)
            # A note lasts down to HOLD times the threshold, so
            # its peaks are needed from there on.
            heard = hear(probabilities, config, self.feature, HOLD * threshold)
        # Runs of the first versions have not learned how sure they are.
        curves = settings.get("confidence") or {}
        pitches = heard.pitches.at_least(threshold)
        notes = find_notes(
            heard.peaks,
            self.feature,
            threshold=threshold,
            min_note_s=config.min_note_s,
            onsets=heard.onsets,
            onset_delay_s=config.onset_delay_frames * self.feature.hop_s
            if config.onsets
            else 0.0,
        )
        notes = with_levels(notes, feature, self.feature)
        if curves.get("notes"):
            notes = with_probabilities(notes, curves["notes"])
        return Transcription(
            pitches.times_s,
            pitches.hz_of_each(self.feature),
            probabilities[0].numpy(),
            notes,
            self.feature.frequencies_hz().numpy(),
            curves.get("frames"),
        )

    def follower(self, settings: Mapping[str, Any]) -> PitchFollower:
        """Pitches while a recording comes in. Raises TaskError E517 with `onsets`."""
        return PitchFollower(self.config, self.feature, settings)

    def pictures(
        self,
        model: nn.Module,
        items: Sequence[Item],
        cache: FeatureCache,
        settings: Mapping[str, Any],
        evaluation: Evaluation,
    ) -> list[Case]:
        """The tracks with the highest and the lowest Accuracy: estimate on truth, and both to hear."""
        from .pictures import pictures_of

        return pictures_of(self, model, items, cache, settings, evaluation)

    def truth(
        self, item: Item
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """The annotation's own times (notes: every 10 ms) and the pitches in Hz at each. Raises TaskError E504."""
        pitches = own_pitches(item)
        return pitches.times_s, pitches.hz_of_each()

    def _probabilities(
        self,
        model: nn.Module,
        feature: Recorded | Tensor,
        on_share: OnShare = unseen,
    ) -> Tensor:
        """(C, F, T): salience, and with onsets where notes begin."""
        shape = input_shape_of(model)
        n_frames = self.config.predict_frames
        # A graph that fixes T has seen patches of the training only.
        if shape and isinstance(shape[-1], int):
            n_frames = self.config.patch_frames
        shifts = self.config.predict_shifts
        return probabilities_of(
            model, feature, self.feature, n_frames, on_share, shifts
        )
