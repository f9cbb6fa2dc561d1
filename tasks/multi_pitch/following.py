"""The pitches of several voices while they sound, at every time that `predict` gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.importers.pitch import midi_of
from ...errors import TaskError
from ...features.hcqt import HCQTFeatureConfig
from ..following import Follower, Row
from .config import MultiPitchConfig
from .peaks import find_peaks, over_shifts
from .prediction import Note, confidences_of, name_of

Float64 = NDArray[np.float64]


class PitchFrames(NamedTuple):
    """Some times in seconds (T,), and for each of them an array of the pitches in Hz, ascending, and of how sure the
    model is of each.
    """

    times_s: Float64
    frequencies_hz: list[Float64]
    confidences: list[Float64]

    def rows(self) -> list[Row]:
        """The times one by one."""
        return [pitch_row(*one) for one in zip(*self, strict=True)]


def pitch_row(time_s: float, hz: Float64, sure: Float64) -> Row:
    """The pitches of one time; the text is empty where nothing sounds."""
    named = [f"{one:.2f} Hz {name_of(midi_of(one))}" for one in hz.tolist()]
    text = f"{time_s:.3f}  {', '.join(named)}" if named else ""
    values = {
        "time_s": round(time_s, 6),
        "hz": np.round(hz, 3).tolist(),
        "confidence": np.round(sure, 4).tolist(),
    }
    return Row(time_s, text, values)


def note_rows(notes: Sequence[Note]) -> list[Row]:
    """Notes that have ended, by their beginnings."""
    rows = []
    for note in notes:
        text = f"note  {note.name} {note.start_s:.3f}-{note.end_s:.3f} s"
        values = {
            "note": note.name,
            "onset_s": round(note.onset_s, 6),
            "duration_s": round(note.duration_s, 6),
            "midi": round(note.midi, 3),
            "confidence": round(note.confidence, 4),
        }
        rows.append(Row(note.onset_s, text, values))
    return rows


class PitchFollower(Follower):
    """Pitches at every time of a prediction; notes need the tuning of the whole recording, and are not given."""

    # A patch of `predict` that reaches over the end is filled up with silence.
    silence_after = True

    def __init__(
        self,
        config: MultiPitchConfig,
        feature: HCQTFeatureConfig,
        settings: Mapping[str, Any],
    ) -> None:
        if config.onsets:
            raise TaskError(
                "with task.onsets a pitch depends on the tuning of the whole recording, and cannot be streamed",
                code="E517",
                help="take a model that was trained without `onsets`; `predict` reads whole recordings",
            )
        self._config = config
        self._feature = feature
        self._threshold = settings["threshold"]
        curves = settings.get("confidence") or {}
        self._curve = curves.get("frames")
        self._bins_hz = feature.frequencies_hz().numpy()
        # Times between two frames are interpolated, so that the first of them waits for the later frame.
        self.wait_frames = 1.0 - 1.0 / config.time_upsampling
        self._last: Tensor | None = None

    def scores(self, model: nn.Module, inputs: Tensor) -> Tensor:
        return over_shifts(model, inputs, self._config.predict_shifts)[0]

    def answers(self, scores: Tensor, seen: Tensor, first: int) -> PitchFrames:  # noqa: ARG002  # levels are not asked for
        config = self._config
        # With the frame before them, so that the times between the two are there too.
        salience = scores[0]
        n_before = 0
        if self._last is not None:
            salience = torch.cat([self._last, salience], dim=1)
            n_before = 1
        self._last = salience[:, -1:].clone()
        peaks = find_peaks(
            salience,
            self._feature.hop_s,
            least=self._threshold,
            min_distance_bins=config.min_distance_bins,
            upsampling=config.time_upsampling,
        ).at_most(config.max_polyphony)
        # The time of the frame before was given out with that frame.
        hz = peaks.hz_of_each(self._feature)[n_before:]
        places = (first - n_before) * config.time_upsampling + np.arange(
            n_before, len(peaks.times_s)
        )
        step_s = self._feature.hop_s / config.time_upsampling
        times_s = places.astype(np.float64) * step_s
        # The nearest frame is that of the whole recording, which decides between two that are equally near.
        columns = np.rint(places / config.time_upsampling).astype(int)
        sure = confidences_of(
            hz,
            salience.numpy(),
            columns - (first - n_before),
            self._bins_hz,
            self._curve,
        )
        return PitchFrames(times_s, hz, sure)

    def nothing(self) -> PitchFrames:
        return PitchFrames(np.zeros(0), [], [])
