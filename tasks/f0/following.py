"""The pitch of one voice frame by frame, and its notes as they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...features.hcqt import HCQTFeatureConfig
from ...midi_numbers import midi_of
from ..following import Follower, Row
from ..multi_pitch.following import note_rows, pitch_row
from ..multi_pitch.prediction import Note
from ..reading import InMemory
from .config import F0Config
from .decoding import decode, levels_of, offset_in
from .notes import FollowedNotes

Float64 = NDArray[np.float64]


class F0Frames(NamedTuple):
    """Some frames: times in seconds, pitches in Hz, voicing in 0 … 1, and whether it reaches the threshold; and the
    notes that ended in them.
    """

    times_s: Float64
    hz: Float64
    voicing: Float64
    voiced: NDArray[np.bool_]
    notes: tuple[Note, ...] = ()

    def rows(self) -> list[Row]:
        """The frames one by one, then the notes."""
        rows = []
        for time_s, hz, sure, voiced in zip(*self[:4], strict=True):
            # One pitch, or none where nothing sounds.
            n = int(voiced)
            rows.append(pitch_row(time_s, np.array([hz])[:n], np.array([sure])[:n]))
        return [*rows, *note_rows(self.notes)]


class F0Follower(Follower):
    """Pitches frame by frame, and notes as they end."""

    def __init__(
        self,
        config: F0Config,
        feature: HCQTFeatureConfig,
        settings: Mapping[str, Any],
    ) -> None:
        self._config = config
        self._feature = feature
        self._threshold = settings["threshold"]
        self._offset = offset_in(settings)
        self._notes = FollowedNotes(self._threshold, feature.hop_s, config.min_note_s)

    def scores(self, model: nn.Module, inputs: Tensor) -> Tensor:
        found: Tensor = model(inputs)[0].float()
        return found

    def answers(self, scores: Tensor, seen: Tensor, first: int) -> F0Frames:
        config = self._config
        feature = self._feature
        levels = None
        if config.equivariant:
            levels = levels_of(InMemory(seen))
        heard = decode(scores[0], levels, config, feature, self._offset)
        times_s = heard.times_s + first * feature.hop_s
        voiced = heard.voicing >= self._threshold
        notes = self._notes.push(midi_of(heard.hz), heard.voicing)
        return F0Frames(times_s, heard.hz, heard.voicing, voiced, tuple(notes))

    def nothing(self) -> F0Frames:
        empty = np.zeros(0)
        return F0Frames(empty, empty, empty, np.zeros(0, bool))

    def ended(self, answers: F0Frames) -> F0Frames:
        return answers._replace(notes=(*answers.notes, *self._notes.end()))
