"""From annotations to one pitch per time: a curve `f0`, notes `pitchmidi`, or one `pitchmidi` for a single note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import Item
from ...errors import TaskError
from ...metrics.melody import TrueNote
from ...metrics.pitch import LOUD_DB, note_f0_hz
from ...midi_numbers import hz_of, midi_of

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

CURVE = "f0"
NOTES = "pitchmidi"
HIGHEST_MIDI = 127.0
STEP_S = 0.01  # the grid on which notes are judged, as the field does
LEVEL_S = 0.04  # how much of the sound a level is the mean of
HARMONIC_S = 0.093  # long enough to tell the harmonics of low notes apart
HARMONICS = 6
HALF_SEMITONE = 2.0 ** (0.5 / 12.0) - 1.0
LEAST_POWER = 1e-20  # what a silent recording has in place of 0
SEMITONE = 1.0  # a player is not farther from the name of a note


@dataclass(frozen=True)
class Pitch:
    """What is true of one voice.

    times_s  (T,) ascending
    midi     (T,) MIDI numbers, 0 where nothing sounds
    notes    the annotated notes; none where the annotation is a curve
    loud     (T,) where a single note is near to its loudest moment; None for other annotations
    """

    times_s: Float64
    midi: Float64
    notes: tuple[TrueNote, ...] = ()
    loud: NDArray[np.bool_] | None = None

    @property
    def hz(self) -> Float64:
        """(T,) in Hz, 0 where nothing sounds."""
        return np.where(self.midi > 0, hz_of(self.midi), 0.0)


def is_annotated(item: Item) -> bool:
    """Whether one pitch at a time is annotated; a mix whose voices are annotated together is not one voice."""
    if item.annotations.get("f0multi"):
        return False
    return bool(item.annotations.get(CURVE) or item.annotations.get(NOTES))


def true_pitch(item: Item, floor_db: float) -> Pitch:
    """The annotation at its own times, of notes every 10 ms. Raises TaskError E540."""
    if item.annotations.get(CURVE):
        times_s, midi = _curve(item)
        return Pitch(times_s, midi)
    times_s = np.arange(item.duration_s / STEP_S, dtype=np.float64) * STEP_S
    return pitch_of_notes(item, times_s, floor_db)


def pitch_at_frames(
    item: Item, n_frames: int, hop_s: float, floor_db: float
) -> Float64:
    """MIDI numbers (T,) at the times of a feature's frames, t · hop_s; 0 where nothing sounds, NaN where a curve does
    not reach. Raises TaskError E540.
    """
    frame_times_s = np.arange(n_frames, dtype=np.float64) * hop_s
    if not item.annotations.get(CURVE):
        return pitch_of_notes(item, frame_times_s, floor_db).midi
    times_s, midi = _curve(item)
    # The nearest value holds; beyond half a step from the curve nobody has said what sounds.
    nearest = np.searchsorted((times_s[1:] + times_s[:-1]) / 2, frame_times_s)
    step_s = hop_s
    if len(times_s) > 1:
        step_s = max(hop_s, float(np.median(np.diff(times_s))))
    far = np.abs(times_s[nearest] - frame_times_s) > step_s / 2 + 1e-9
    return np.where(far, np.nan, midi[nearest])


def played_midi(item: Item) -> float | None:
    """The MIDI number at which a recording of a single note sounds, measured by YIN; None for other annotations.

    The annotated number where nothing within a semitone of it is measured: it is the name of a note, from which a
    player may be half a semitone away, while a measurement farther away is wrong itself, most often by an octave.
    Raises TaskError E540.
    """
    atoms = item.annotations.get(NOTES, ())
    if item.annotations.get(CURVE) or not atoms or atoms[0].time is not None:
        return None
    named = _one_number(item)
    samples, sr_hz = item.read()
    heard_hz = note_f0_hz(samples, sr_hz)
    # Silence has the number 0, which no measurement is near.
    if heard_hz is None or not named:
        return named
    heard = float(midi_of(heard_hz))
    return heard if abs(heard - named) <= SEMITONE else named


def pitch_of_notes(item: Item, times_s: Float64, floor_db: float) -> Pitch:
    """Notes at some times. One pitch for a whole recording sounds where the recording is loud enough."""
    atoms = item.annotations[NOTES]
    if any(isinstance(atom.time, list) for atom in atoms):
        raise _refused(item, NOTES, "a curve", "notes, or one number")
    if atoms[0].time is None:
        midi = _one_number(item)
        levels = note_levels_db(item, times_s, midi)
        voiced = levels >= floor_db
        note = _span(times_s, voiced, midi)
        return Pitch(
            times_s, np.where(voiced, midi, 0.0), note, voiced & (levels >= LOUD_DB)
        )
    return _segments(item, times_s)


def note_levels_db(item: Item, times_s: Float64, midi: float) -> Float64:
    """(T,) how far a note of known pitch is below its loudest moment at each time: the lower of two levels.

    That of all that sounds tells when the note begins. That of the note's own harmonics leaves out what else there is:
    hiss and handling noise before a soft note may be as loud as its end.
    """
    samples, sr_hz = item.read()
    everything = levels_db(samples, sr_hz, times_s)
    if not midi:
        return everything
    hz = float(hz_of(midi))
    return np.minimum(everything, harmonic_levels_db(samples, sr_hz, times_s, hz))


def levels_db(samples: Float32, sr_hz: int, times_s: Float64) -> Float64:
    """(T,) the level of 40 ms around each time, relative to the loudest of them."""
    # From sums of squares, so that windows may overlap as they like.
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    half = max(1, round(LEVEL_S * sr_hz / 2))
    centres = np.rint(times_s * sr_hz).astype(np.int64)
    first = np.clip(centres - half, 0, len(samples))
    last = np.clip(centres + half, 0, len(samples))
    return _relative_db(sums[last] - sums[first])


def harmonic_levels_db(
    samples: Float32, sr_hz: int, times_s: Float64, hz: float
) -> Float64:
    """(T,) the level of the first harmonics of a frequency, within half a semitone of each, in 93 ms around a time."""
    size = round(HARMONIC_S * sr_hz)
    centres = np.rint(times_s * sr_hz).astype(np.int64)
    padded = np.pad(samples, (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[centres]
    spectrum = np.fft.rfft(frames * np.hanning(size).astype(np.float32), axis=1)
    bins_hz = np.arange(spectrum.shape[1]) * sr_hz / size
    chosen = np.zeros(len(bins_hz), bool)
    for harmonic in range(1, HARMONICS + 1):
        # A window cannot tell frequencies apart that are nearer than its own bins.
        width_hz = max(harmonic * hz * HALF_SEMITONE, 1.5 * sr_hz / size)
        chosen |= np.abs(bins_hz - harmonic * hz) <= width_hz
    return _relative_db(np.square(np.abs(spectrum[:, chosen])).sum(axis=1))


def _relative_db(power: Float64) -> Float64:
    power = np.maximum(power, LEAST_POWER)
    return np.asarray(10.0 * np.log10(power / power.max()), np.float64)


def _span(
    times_s: Float64, voiced: NDArray[np.bool_], midi: float
) -> tuple[TrueNote, ...]:
    """The one note of a recording, from the first to the last time that is loud enough; none of pitch 0."""
    if not midi or not voiced.any():
        return ()
    at = np.flatnonzero(voiced)
    return (TrueNote(float(times_s[at[0]]), float(times_s[at[-1]]), midi),)


def _one_number(item: Item) -> float:
    atoms = item.annotations[NOTES]
    if len(atoms) > 1:
        raise _refused(item, NOTES, f"{len(atoms)} pitches", "one pitch")
    _refuse_wrong(item, NOTES, [atoms[0].value])
    return float(atoms[0].value)


def _segments(item: Item, times_s: Float64) -> Pitch:
    words, onsets_s, durations_s = item.entry.segments(NOTES)
    _refuse_wrong(item, NOTES, words)
    midi = np.zeros(len(times_s))
    notes = []
    # A note that begins before the last one has ended takes over: one voice sounds at a time.
    for place in np.argsort(onsets_s, kind="stable").tolist():
        onset_s, end_s = (
            float(onsets_s[place]),
            float(onsets_s[place] + durations_s[place]),
        )
        first, last = np.searchsorted(times_s, (onset_s, end_s))
        midi[first:last] = words[place]
        if words[place] > 0:
            notes.append(TrueNote(onset_s, end_s, float(words[place])))
    return Pitch(times_s, midi, tuple(notes))


def _curve(item: Item) -> tuple[Float64, Float64]:
    """Times and MIDI numbers of the annotation `f0`."""
    atoms = item.annotations[CURVE]
    if not all(isinstance(atom.time, list) for atom in atoms):
        raise _refused(item, CURVE, "values without a curve", "a curve (breakpoint)")
    values, times_s = item.entry.breakpoints(CURVE)
    if len(values) != 1:
        raise _refused(item, CURVE, f"{len(values)} rows", "one row")
    _refuse_wrong(item, CURVE, values[0].tolist())
    return times_s, values[0]


def _refuse_wrong(item: Item, name: str, words: Sequence[Any]) -> None:
    for word in words:
        number = isinstance(word, int | float) and not isinstance(word, bool)
        if not number or not 0 <= word <= HIGHEST_MIDI:
            raise TaskError(
                f"annotation '{name}' of '{item.key}' holds {word!r}, which is not a MIDI number",
                code="E540",
                facts=[("expected", "0 (nothing sounds) … 127, such as 69 for 440 Hz")],
                help="write pitches as MIDI numbers: 69 + 12 log2(f / 440 Hz)",
            )


def _refused(item: Item, name: str, got: str, expected: str) -> TaskError:
    return TaskError(
        f"annotation '{name}' of '{item.key}' is not the pitch of one voice",
        code="E540",
        facts=[("expected", expected), ("got", got)],
        help="take recordings of one voice, such as stems; `multi_pitch` reads several voices",
    )
