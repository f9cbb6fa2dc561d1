"""What is true of a performance, by name and time: its chords, and the few that they are reduced to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .song import NAMES, QUALITIES, REDUCED, Section

# Harte's names of the intervals that stand in the bass, by their semitones.
DEGREES = {3: "b3", 4: "3", 5: "4", 6: "b5", 7: "5"}


@dataclass(frozen=True)
class Label:
    """A stretch of time with a name."""

    value: str
    time_s: float
    duration_s: float


def labels_of(
    section: Section, tonic: int, start_s: float, beat_s: float
) -> list[Label]:
    """The chords of a section as Harte writes them, transposed to a tonic and put into time."""
    found = []
    beat = 0
    for chord in section.chords:
        name = f"{NAMES[(tonic + chord.root) % 12]}:{chord.quality}"
        # The bass counts as an interval above the root, not as a note.
        if chord.inversion:
            name += "/" + DEGREES[QUALITIES[chord.quality][chord.inversion]]
        found.append(Label(name, start_s + beat * beat_s, chord.beats * beat_s))
        beat += chord.beats
    return found


def merged(labels: list[Label]) -> list[Label]:
    """Equal neighbours as one: a chord that goes on over a bar line is not a new one."""
    joined: list[Label] = []
    for label in labels:
        if joined and joined[-1].value == label.value:
            joined[-1] = replace(
                joined[-1],
                duration_s=label.time_s + label.duration_s - joined[-1].time_s,
            )
        else:
            joined.append(label)
    return joined


def reduced(label: str) -> str:
    """A chord among 24 major and minor ones, N, or X for what is neither."""
    # The tone in the bass does not change what a chord is.
    root, _, rest = label.partition(":")
    quality = REDUCED.get(rest.partition("/")[0])
    if quality:
        return f"{root}:{quality}"
    if label == "N":
        return "N"
    return "X"
