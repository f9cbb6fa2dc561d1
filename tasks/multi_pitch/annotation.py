"""From annotations to pitches on a grid of times: curves of f0 (`f0multi`, `f0`) and notes (`pitchmidi`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data.corpus import Item
from ...data.pyjama.file import Atom
from ...errors import TaskError
from ...midi_numbers import hz_of

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

MULTI = "f0multi"
SINGLE = "f0"
NOTES = "pitchmidi"
VELOCITY = "velocity"
EXTENTS = {MULTI: "breakpoint", SINGLE: "breakpoint", NOTES: "segment"}
HIGHEST_MIDI = 127.0
NOTE_STEP_S = 0.01  # the field's grid for evaluating notes frame by frame


@dataclass(frozen=True)
class Pitches:
    """Sounding pitches: `midi` numbers, each with the index of its time, ascending, out of `times_s` (T,)."""

    times_s: Float64
    frames: Int64
    midi: Float64

    @property
    def hz(self) -> Float64:
        return hz_of(self.midi)

    def hz_of_each(self) -> list[Float64]:
        """T arrays of Hz."""
        # `frames` ascends, so the pitches of a time are
        # a slice, whose end bisection finds.
        ends = np.searchsorted(self.frames, np.arange(1, len(self.times_s)))
        if len(self.times_s):
            return np.split(self.hz, ends)
        return []


def annotation_of(item: Item) -> str | None:
    """The name of the annotation that holds the item's pitches: the richest it has, or None.

    A list of notes may be empty: the recording was annotated, and nothing sounds. A curve without a value speaks of no
    time at all, and is taken for none.
    """
    for name in (MULTI, NOTES, SINGLE):
        if item.annotations.get(name):
            return name
    if NOTES in item.annotations:
        return NOTES
    return None


def refuse_other_forms(items: Iterable[Item]) -> None:
    """Raise TaskError E505 for pitches that a corpus defines in another form than the task reads."""
    for item in items:
        name = annotation_of(item)
        if name is None or not item.annotations[name]:
            continue
        expected = f"{EXTENTS[name]}, numeric"
        got = _form(item.annotations[name][0])
        if got != expected:
            raise TaskError(
                f"annotation '{name}' of '{item.key}' has another form than multi_pitch reads",
                code="E505",
                facts=[("expected", expected), ("got", got)],
                help="write it in this form, or give it and its definition in the .pyjama another name",
            )


def _form(atom: Atom) -> str:
    """The extent and the content of an atom, in the words of a .pyjama."""
    value = atom.value
    while isinstance(value, list) and value:
        value = value[0]
    if atom.duration is None:
        timed = "event"
    else:
        timed = "segment"
    if isinstance(atom.time, list):
        extent = "breakpoint"
    else:
        if atom.time is None:
            extent = "global"
        else:
            extent = timed
    return f"{extent}, {'text' if isinstance(value, str) else 'numeric'}"


def own_pitches(item: Item) -> Pitches:
    """The annotation at its own times; notes every 10 ms. Raises TaskError E504."""
    name, values, times_s = _read(item)
    if name == NOTES:
        return _sounding_notes(
            item,
            values[0],
            np.arange(item.duration_s / NOTE_STEP_S, dtype=np.float64) * NOTE_STEP_S,
        )
    return _sounding_curves(values, times_s, np.arange(len(times_s)))


def pitches_at_frames(item: Item, n_frames: int, hop_s: float) -> Pitches:
    """The annotation at the times of a feature's frames, t · hop_s. Raises TaskError E504.

    The nearest value of a curve holds, up to half a step of the curve (or half a hop, if that is longer) away: in a
    gap of the annotation nothing sounds. A note sounds from its onset on, until before its end.
    """
    name, values, times_s = _read(item)
    frame_times_s = np.arange(n_frames, dtype=np.float64) * hop_s
    if name == NOTES:
        return _sounding_notes(item, values[0], frame_times_s)

    # The half-way points between the values of the
    # curve decide which of them is nearest.
    nearest = np.searchsorted((times_s[1:] + times_s[:-1]) / 2, frame_times_s)
    # The median: gaps are longer than a step and must not count as one.
    if len(times_s) > 1:
        step_s = float(np.median(np.diff(times_s)))
    else:
        step_s = 0.0
    # 1e-9 s: rounding must not drop a frame that lies exactly half a step away.
    near = np.abs(times_s[nearest] - frame_times_s) <= max(step_s, hop_s) / 2 + 1e-9
    return _sounding_curves(
        values[:, nearest[near]], frame_times_s, np.flatnonzero(near)
    )


def notes_of(item: Item) -> tuple[Float64, Float64, Float64]:
    """Onsets and durations in s and MIDI numbers of the annotated notes, none where pitches are curves. Raises E504."""
    if annotation_of(item) != NOTES:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    _, values, _ = _read(item)
    _, onsets_s, durations_s = item.entry.segments(NOTES)
    sounding = values[0] > 0
    return onsets_s[sounding], durations_s[sounding], values[0][sounding]


def velocities_of(item: Item) -> Float64 | None:
    """How strongly the notes that last were played, on the corpus's own scale; None where it does not say.

    The annotation `velocity` has a segment per note, in their order, as importers write it.
    """
    if annotation_of(item) != NOTES or not item.annotations.get(VELOCITY):
        return None
    midi, onsets_s, durations_s = item.entry.segments(NOTES)
    words, times_s, _ = item.entry.segments(VELOCITY)
    numbers = all(isinstance(word, int | float) for word in words)
    if not numbers or not np.array_equal(onsets_s, times_s):
        return None
    # Notes without a length, or without a pitch, are not judged.
    judged = (np.array(midi, np.float64) > 0) & (durations_s > 0)
    return np.array(words, np.float64)[judged]


def _read(item: Item) -> tuple[str, Float64, Float64]:
    """Name, MIDI numbers (rows, values) and times (of a curve) or onsets (of notes)."""
    name = annotation_of(item)
    if name is None:
        raise ValueError(
            f"'{item.key}' has no annotation of its pitches"
        )  # Task.tracks has left it out
    if name == NOTES:
        words, times_s, _ = item.entry.segments(name)
        _refuse(item, name, [word for word in words if not _is_midi(word)])
        return name, np.array([words], np.float64), times_s
    values, times_s = item.entry.breakpoints(name)
    _refuse(item, name, values[(values < 0) | (values > HIGHEST_MIDI)].tolist())
    return name, values, times_s


def _is_midi(word: object) -> bool:
    return isinstance(word, int | float) and 0 <= word <= HIGHEST_MIDI


def _refuse(item: Item, name: str, wrong: Sequence[object]) -> None:
    if wrong:
        raise TaskError(
            f"annotation '{name}' of '{item.key}' holds {wrong[0]!r}, which is not a MIDI number",
            code="E504",
            facts=[("expected", "0 (nothing sounds) … 127, such as 69 for 440 Hz")],
            help="write pitches as MIDI numbers: 69 + 12 log2(f / 440 Hz)",
        )


def _sounding_curves(values: Float64, times_s: Float64, frames: Int64) -> Pitches:
    """Curves (rows, n) whose n columns belong to `frames`; 0 is silence."""
    column, row = np.nonzero(values.T)
    midi = values[row, column]
    # By time, and within a time by pitch, as `Pitches` promises.
    order = np.lexsort((midi, column))
    return Pitches(times_s, frames[column[order]], midi[order])


def _sounding_notes(item: Item, midi: Float64, times_s: Float64) -> Pitches:
    """The notes that sound at `times_s`; one pitch twice at a time counts once."""
    _, onsets_s, durations_s = item.entry.segments(NOTES)
    # A note sounds in [onset, end): its last frame is the one before `last`.
    first = np.searchsorted(times_s, onsets_s)
    last = np.searchsorted(times_s, onsets_s + durations_s)
    counts = np.where(midi > 0, last - first, 0)

    # The ranges of all notes one after another, without a loop over the notes.
    frames = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(
        counts.sum()
    )
    # Unique columns come sorted by time and then by pitch.
    pairs = np.unique(
        np.stack([frames.astype(np.float64), np.repeat(midi, counts)]), axis=1
    )
    return Pitches(times_s, pairs[0].astype(np.int64), pairs[1])
