"""The pitch of one voice over time, held against an annotation: mir_eval.melody, and shares that are easily said."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..midi_numbers import hz_of

Float64 = NDArray[np.float64]

NEAR_CENTS = 50.0  # a quarter tone
# What a figure is a share of: without such times it is not defined.
OF_VOICED = ("Voicing Recall", "Raw Pitch Accuracy", "Raw Chroma Accuracy")
OF_UNVOICED = ("Voicing False Alarm",)


class TrueNote(NamedTuple):
    """An annotated note: from when to when in seconds, and its MIDI number."""

    onset_s: float
    end_s: float
    midi: float


def melody_figures(
    ref_times_s: Float64, ref_hz: Float64, est_times_s: Float64, est_hz: Float64
) -> dict[str, float]:
    """The figures of `mir_eval.melody.evaluate`; those that are shares of nothing are left out.

    Parameters
    ----------
    ref_times_s, est_times_s : array of float, (T,), (T',)
        Times in seconds, ascending.
    ref_hz, est_hz : array of float, (T,), (T',)
        Frequencies in Hz; where nothing is said to sound 0, or minus the frequency that would be the answer.

    Returns
    -------
    dict of str to float
        Voicing Recall, Voicing False Alarm, Raw Pitch Accuracy, Raw Chroma Accuracy, Overall Accuracy.

    References
    ----------
    Salamon et al., "Melody extraction from polyphonic music signals: approaches, applications, and challenges", IEEE
    Signal Processing Magazine 31, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> times = np.arange(4) / 100
    >>> found = melody_figures(times, np.array([0, 440, 440, 440.0]), times, np.array([0, 440, 880, -440.0]))
    >>> {name: round(value, 2) for name, value in found.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'Voicing Recall': 0.67, 'Voicing False Alarm': 0.0, 'Raw Pitch Accuracy': 0.67, 'Raw Chroma Accuracy': 1.0,
     'Overall Accuracy': 0.5}
    """
    # Imported here: it takes a second, which `mirbricks check` need not wait for.
    import mir_eval.melody

    with warnings.catch_warnings():
        # mir_eval warns of sides without a voiced frame, whose figures are left out here.
        warnings.simplefilter("ignore")
        found = mir_eval.melody.evaluate(ref_times_s, ref_hz, est_times_s, est_hz)
    voiced = ref_hz > 0
    undefined = {
        *(() if voiced.any() else OF_VOICED),
        *(OF_UNVOICED if voiced.all() else ()),
    }
    return {
        name: float(value) for name, value in found.items() if name not in undefined
    }


def cents_between(one_hz: Float64, other_hz: Float64) -> Float64:
    """By how many cents the first of two frequencies lies above the second; both above 0."""
    return np.asarray(1200.0 * np.log2(one_hz / other_hz), np.float64)


def frames_right(
    ref_times_s: Float64, ref_hz: Float64, est_times_s: Float64, est_hz: Float64
) -> tuple[int, int]:
    """At how many of the reference's voiced times the nearest estimate is within 50 cents, and how many there are.

    Whether the estimate calls the time voiced does not count: minus a frequency stands for it.
    """
    voiced = ref_hz > 0
    estimate = np.abs(est_hz[nearest(est_times_s, ref_times_s[voiced])])
    heard = estimate > 0
    cents = cents_between(estimate[heard], ref_hz[voiced][heard])
    return int((np.abs(cents) <= NEAR_CENTS).sum()), int(voiced.sum())


def notes_right(
    notes: Sequence[TrueNote],
    ref_times_s: Float64,
    ref_hz: Float64,
    est_times_s: Float64,
    est_hz: Float64,
) -> tuple[int, int]:
    """How many notes have the median estimate of their voiced times within a quarter tone, and how many there are."""
    right = 0
    judged = 0
    for onset_s, end_s, midi in notes:
        inside = (ref_times_s >= onset_s) & (ref_times_s <= end_s) & (ref_hz > 0)
        if not inside.any():
            continue
        judged += 1
        estimate = np.abs(est_hz[nearest(est_times_s, ref_times_s[inside])])
        median = float(np.median(estimate))
        if median > 0:
            true_hz = float(hz_of(midi))
            right += abs(1200.0 * np.log2(median / true_hz)) <= NEAR_CENTS
    return int(right), judged


def nearest(times_s: Float64, at_s: Float64) -> NDArray[np.int64]:
    """Index into the ascending `times_s` of the one nearest to each of `at_s`; halfway the earlier one."""
    return np.searchsorted((times_s[1:] + times_s[:-1]) / 2, at_s, side="left")
