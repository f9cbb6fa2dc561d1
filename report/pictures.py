"""The figures of a report: piano rolls, curves of a training, accuracy track by track. Drawn without pyplot's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

Float = NDArray[Any]
Frames = tuple[Float, Sequence[Float]]

HIT, MISS, FALSE_ALARM, INK = "#1b7837", "#d95f02", "#7b3294", "#333333"  # apart for colour-blind eyes too
NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
HALF_SEMITONE = 0.5
S_PER_INCH = 3.4


def piano_roll(
    times_s: Float,
    estimate: Sequence[Float],
    truth: Frames | None,
    salience: Float | None,
    frequencies_hz: Float | None,
    title: str,
) -> Figure:
    """Pitches over time, the estimate on the truth.

    times_s, estimate   T times and the Hz found at each
    truth               its own times and Hz, or None: then only what was found is drawn
    salience            (F, S) probabilities over the same span of time, drawn pale behind, or None
    frequencies_hz      (F,) of the rows of `salience`

    A pitch found within half a semitone of a true one is a hit, a true one not found a miss, the others false alarms.
    """
    first_s = float(times_s[0])
    span_s = float(times_s[-1]) - first_s or 1.0  # one frame only
    figure = Figure(figsize=(float(np.clip(span_s / S_PER_INCH, 8.0, 40.0)), 5.2), layout="constrained")
    axes = figure.add_subplot()
    if salience is not None and frequencies_hz is not None:
        _behind(axes, (first_s, first_s + span_s), salience, midi_of(frequencies_hz))
    at, found = flatten(times_s, estimate)
    if truth is None:
        _points(axes, at, found, HIT, "found")
    else:
        _compare(axes, (at, found), (times_s, estimate), truth)
    _pitch_axis(axes, np.concatenate([found, *([flatten(*truth)[1]] if truth else [])]))
    axes.set(xlabel="time (s)", xlim=(first_s, first_s + span_s))
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    if truth is not None:
        axes.legend(loc="upper right", ncols=3, markerscale=4, frameon=True, fontsize=9)
    return figure


def _compare(axes: Axes, found: tuple[Float, Float], estimate: Frames, truth: Frames) -> None:
    hit = _matched(*found, *truth)
    at, true = flatten(*truth)
    missed = ~_matched(at, true, *estimate)
    _points(axes, at[missed], true[missed], MISS, f"missed ({missed.mean():.0%} of the true)" if len(at) else "missed")
    _points(
        axes,
        found[0][~hit],
        found[1][~hit],
        FALSE_ALARM,
        f"false ({np.mean(~hit):.0%} of the found)" if len(hit) else "false",
    )
    _points(axes, found[0][hit], found[1][hit], HIT, "hit")


def _share(part: NDArray[np.bool_], whole: str) -> str:
    return f" ({part.mean():.0%} of the {whole})" if len(part) else ""


def flatten(times_s: Float, frames: Sequence[Float]) -> tuple[Float, Float]:
    """Ragged pitches in Hz as two equally long arrays: the time and the MIDI number of each."""
    counts = np.array([len(frame) for frame in frames], dtype=np.int64)
    pitches = np.concatenate([*frames, np.empty(0)])
    return np.repeat(np.asarray(times_s, dtype=np.float64)[: len(counts)], counts), midi_of(pitches)


def midi_of(hz: Float) -> Float:
    """MIDI numbers of frequencies in Hz."""
    midi: Float = 69.0 + 12.0 * np.log2(np.asarray(hz, dtype=np.float64) / 440.0)
    return midi


def _matched(at: Float, midi: Float, times_s: Float, frames: Sequence[Float]) -> NDArray[np.bool_]:
    """For each (time, pitch): whether the frame of `frames` nearest in time has a pitch within half a semitone."""
    if not len(times_s) or not len(at):
        return np.zeros(len(at), dtype=bool)
    middles = (times_s[1:] + times_s[:-1]) / 2
    nearest = np.searchsorted(middles, at)
    most = max((len(frame) for frame in frames), default=0)
    rows = np.full((len(frames), max(most, 1)), np.inf)
    counts = np.array([len(frame) for frame in frames])
    rows[np.arange(rows.shape[1]) < counts[:, None]] = flatten(times_s, frames)[1]
    close: NDArray[np.bool_] = (np.abs(rows[nearest] - midi[:, None]) <= HALF_SEMITONE).any(axis=1)
    return close


def _points(axes: Axes, at: Float, midi: Float, colour: str, label: str) -> None:
    axes.scatter(at, midi, s=3.2, marker="s", linewidths=0, color=colour, label=label, rasterized=True)


def _behind(axes: Axes, times_s: tuple[float, float], salience: Float, midi: Float) -> None:
    extent = (*times_s, float(midi[0]), float(midi[-1]))
    axes.imshow(salience, origin="lower", aspect="auto", extent=extent, cmap="Greys", vmin=0, vmax=2.5, zorder=0)


def _pitch_axis(axes: Axes, midi: Float) -> None:
    low, high = (float(midi.min()), float(midi.max())) if len(midi) else (48.0, 72.0)
    axes.set_ylim(low - 3, high + 3)
    axes.yaxis.set_major_locator(MultipleLocator(12))
    axes.yaxis.set_minor_locator(MultipleLocator(1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: note_name(round(value))))
    axes.grid(axis="y", which="major", color="#bbbbbb", linewidth=0.7)
    axes.grid(axis="y", which="minor", color="#eeeeee", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def note_name(midi: int) -> str:
    """60 is C4."""
    return f"{NAMES[midi % 12]}{midi // 12 - 1}"


def loss_curves(metrics: Sequence[Mapping[str, Any]]) -> Figure:
    """Training loss and validation figures over the steps, the best validation marked."""
    losses = [(m["step"], m["loss"]) for m in metrics if m.get("loss") is not None]
    valid = [(m["step"], m["valid"]) for m in metrics if m.get("valid")]
    figure = Figure(figsize=(9.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    if losses:
        left.plot(*zip(*losses, strict=True), color=INK, linewidth=1.2)
        left.set_yscale("log")
    left.set(xlabel="step", ylabel="training loss")
    shown = [name for name in ("Accuracy", "Precision", "Recall") if valid and name in valid[0][1]]
    colours = (HIT, FALSE_ALARM, MISS)
    for name, colour in zip(shown, colours, strict=False):
        right.plot([s for s, _ in valid], [v[name] for _, v in valid], "o-", color=colour, label=name, markersize=3.5)
    if shown:
        step, best = max(valid, key=lambda pair: float(pair[1][shown[0]]))
        right.axvline(step, color="#aaaaaa", linewidth=0.8, linestyle="--")
        right.annotate(
            f"{best[shown[0]]:.3f}", (step, best[shown[0]]), textcoords="offset points", xytext=(4, -12), fontsize=9
        )
        right.legend(frameon=False, fontsize=9)
    right.set(xlabel="step", ylabel="validation")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#eeeeee", linewidth=0.6)
    return figure


def track_chart(tracks: Mapping[str, Mapping[str, float]]) -> Figure:
    """Accuracy, Precision and Recall of every track, the best on top."""
    names = [name for name in ("Accuracy", "Precision", "Recall") if name in next(iter(tracks.values()), {})]
    ranked = sorted(tracks, key=lambda key: tracks[key][names[0]]) if names else list(tracks)
    figure = Figure(figsize=(9.5, 0.8 + 0.32 * len(ranked)), layout="constrained")
    axes = figure.add_subplot()
    for name, colour in zip(names, (HIT, FALSE_ALARM, MISS), strict=False):
        axes.scatter([tracks[key][name] for key in ranked], range(len(ranked)), color=colour, s=36, label=name)
    axes.set_yticks(range(len(ranked)), ranked, fontsize=9)
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if names:
        axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9)
    return figure
