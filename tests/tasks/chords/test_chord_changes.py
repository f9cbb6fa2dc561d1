"""Changes that keep time are likelier than others; the path follows them where frames leave it open."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mirbricks.features.given import GivenFeatureConfig
from mirbricks.tasks.chords import ChordEstimation, ChordsConfig
from mirbricks.tasks.chords.changes import MOST, likelier
from mirbricks.tasks.chords.smoothing import Transitions
from mirbricks.tasks.chords.vocabulary import N_CLASSES

HOP_S = 0.1


def sure_of(classes: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """Log-probabilities (T, 25) of a model that gives each class of `classes` the probability `sure`."""
    rest = (1 - sure) / (N_CLASSES - 1)
    found = np.full((len(classes), N_CLASSES), rest)
    found[np.arange(len(classes)), classes] = sure
    return np.log(found)


def test_a_change_in_time_is_likelier_than_one_beside() -> None:
    # A chord every 2 s, and one change more, 0.7 s behind a bar.
    classes = np.arange(400) // 20 % 2
    classes[207:220] = 2
    found = likelier(sure_of(classes), HOP_S)
    bars = found[20:380:20]
    assert (bars > found[207]).all()
    # Within a chord a change is less likely than on average.
    assert (found[30:380:20] < 0).all()


def test_likelier_by_naive_loops() -> None:
    rng = np.random.default_rng(1)
    n_frames = 150
    classes = rng.integers(0, 4, n_frames // 5).repeat(5)
    scores = sure_of(classes, 0.6)

    # The taps of the blur, 0.075 s wide, at -2 to 2 frames.
    taps = [math.exp(-0.5 * (k * HOP_S / 0.075) ** 2) for k in range(-2, 3)]
    novelty = [0.0]
    for t in range(1, n_frames):
        pairs = zip(scores[t], scores[t - 1], strict=True)
        novelty.append(1 - sum(math.exp((a + b) / 2) for a, b in pairs))
    change = []
    for t in range(n_frames):
        near = [(k, t + k) for k in range(-2, 3) if 0 <= t + k < n_frames]
        change.append(sum(taps[k + 2] * novelty[u] for k, u in near) / sum(taps))

    # Four seconds are 41 frames here, an odd number of them.
    centred = []
    for t in range(n_frames):
        near = change[max(0, t - 20) : t + 21]
        centred.append(change[t] - sum(near) / len(near))

    even = []
    for t in range(n_frames):
        # Products of a lag whose earlier frame lies in the 30 s about t.
        best, period = -math.inf, 15
        for lag in range(15, 61):
            middle = t - lag // 2
            earlier = range(max(0, middle - 150), min(n_frames - lag, middle + 150))
            found = sum(centred[u] * centred[u + lag] for u in earlier)
            if found > best + 1e-12:
                best, period = found, lag
        total, weight = change[t], 1.0
        for number in (-3, -2, -1, 1, 2, 3):
            if 0 <= t + number * period < n_frames:
                total += 0.8 ** abs(number) * change[t + number * period]
                weight += 0.8 ** abs(number)
        even.append(total / weight)

    mean = sum(even) / n_frames
    expected = [math.log((one + 0.005) / (mean + 0.005)) for one in even]
    np.testing.assert_allclose(
        likelier(scores, HOP_S), np.clip(expected, -2, 2), atol=1e-9
    )


@pytest.mark.parametrize("n_frames", [0, 1, 2, 3, 12, 70])
def test_short_recordings(n_frames: int) -> None:
    rng = np.random.default_rng(n_frames)
    scores = sure_of(rng.integers(0, N_CLASSES, n_frames))
    found = likelier(scores, HOP_S)
    assert found.shape == (n_frames,)
    assert (np.abs(found) <= MOST).all()


def test_a_song_of_one_chord_prefers_no_frame() -> None:
    np.testing.assert_allclose(
        likelier(sure_of(np.zeros(300, int)), HOP_S), 0, atol=1e-9
    )


def test_every_key_has_the_same_changes() -> None:
    rng = np.random.default_rng(0)
    scores = sure_of(rng.integers(0, N_CLASSES, 200))
    moved = scores[:, rng.permutation(N_CLASSES)]
    np.testing.assert_allclose(likelier(moved, HOP_S), likelier(scores, HOP_S))


def test_the_path_changes_where_it_is_likelier() -> None:
    stays = np.log(np.where(np.eye(N_CLASSES, dtype=bool), 0.9, 0.1 / 24))
    transitions = Transitions(np.full(N_CLASSES, -np.log(N_CLASSES)), stays)
    # Ten frames of one chord, six that tell nothing, ten of another.
    scores = sure_of(np.repeat([0, 0, 7], [10, 6, 10]))
    scores[10:16] = -np.log(N_CLASSES)
    for place in (10, 13, 16):
        bonus = np.zeros(len(scores))
        bonus[place] = 1.0
        path = transitions.path(scores, 1.0, bonus)
        assert path.tolist() == [0] * place + [7] * (26 - place)
    plain = transitions.path(scores, 1.0)
    np.testing.assert_array_equal(transitions.path(scores, 1.0, np.zeros(26)), plain)


def test_a_song_is_predicted_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weight of the settings times what the changes say, for what the model gives."""
    seen = []

    def noted(scores: np.ndarray, hop_s: float) -> np.ndarray:
        seen.append((scores.shape, hop_s))
        bonus = np.zeros(len(scores))
        bonus[13] = 0.5
        return bonus

    monkeypatch.setattr("mirbricks.tasks.chords.task.likelier", noted)
    feature = GivenFeatureConfig(n_features=N_CLASSES, step_s=HOP_S, first_s=0.0)
    scores = sure_of(np.repeat([0, 0, 7], [10, 6, 10]))
    scores[10:16] = -np.log(N_CLASSES)
    x = torch.from_numpy(scores.T.copy()).float()
    model = torch.nn.Conv1d(N_CLASSES, N_CLASSES, 1)
    torch.nn.init.dirac_(model.weight)
    torch.nn.init.zeros_(model.bias)
    stays = np.log(np.where(np.eye(N_CLASSES, dtype=bool), 0.9, 0.1 / 24))
    first = np.full(N_CLASSES, -np.log(N_CLASSES))
    settings = {"weight": 1.0, "first": first.tolist(), "step": stays.tolist()}

    for changes, calls in ((2.0, 1), (0.0, 0)):
        seen.clear()
        config = ChordsConfig(patch_frames=20, changes=changes)
        task = ChordEstimation(config, feature)
        task.check_shapes(("B", N_CLASSES, "T"), ("B", N_CLASSES, "T"))
        found = task.predict(model, x, settings)
        assert seen == [((26, N_CLASSES), HOP_S)] * calls
        if changes:
            assert found.chords[0].end_s == pytest.approx(1.25)
