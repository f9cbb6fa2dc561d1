"""Three recordings of an instrument that no corpus has, three more to judge by: wav files and their notes.

    python examples/fine_tuning/own_recordings.py --out own_files

The instrument is a hammered dulcimer of an attic: four strings per note that drifted apart, all of them a third of a
semitone sharp, stiff ones whose partials lie too high, hardly any fundamental. `own_files/train` and `own_files/test`
have three recordings each, NAME.wav beside NAME.tsv with a line `onset offset midi` per note, as an annotator would
write them; the same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

SR_HZ = 22050
SHARP_SEMITONES = 0.35
STIFFNESS = 9e-4  # B of Fletcher, JASA 36(1), 1964: partial k at k f0 sqrt(1 + B k^2)
STRINGS_CENTS = (-11.0, -4.0, 3.0, 9.0)
LEVELS_DB = (-22.0, 0.0, -3.0, -2.0, -9.0, -6.0, -14.0, -12.0, -18.0, -20.0)
SCALE = (0, 2, 3, 5, 7, 8, 10)  # natural minor
Float64 = NDArray[np.float64]
Note = tuple[float, float, int]  # onset and offset in seconds, MIDI number of the key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="own_files", metavar="DIR")
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    for side, seed in (("train", 1), ("test", 2)):
        folder = Path(given.out) / side
        folder.mkdir(parents=True)
        for number in range(3):
            rng = np.random.default_rng((seed, number))
            notes = piece(rng, given.seconds)
            wave = played(rng, notes, given.seconds)
            soundfile.write(folder / f"{side}{number + 1}.wav", wave, SR_HZ)
            rows = [f"{on:.3f}\t{off:.3f}\t{midi}\n" for on, off, midi in notes]
            (folder / f"{side}{number + 1}.tsv").write_text("".join(rows))
    print(f"{given.out}/train and {given.out}/test: three recordings each")


def piece(rng: np.random.Generator, seconds: float) -> list[Note]:
    """A melody over broken chords, in a key and at a tempo of its own; no two notes of one pitch sound at once."""
    tonic = int(rng.integers(50, 58))
    beat_s = float(rng.uniform(0.32, 0.5))
    notes: list[Note] = []
    step = 7
    onset_s = 0.3
    while onset_s < seconds - 1.0:
        # The melody moves by steps and small leaps, and stays within two octaves.
        step = int(np.clip(step + rng.integers(-3, 4), 4, 18))
        last_s = min(onset_s + beat_s * float(rng.choice([1, 1, 2])), seconds)
        notes.append((onset_s, last_s, tonic + _degree(step)))
        # Below it a third, a fifth or an octave of the chord, held longer, as both hammers play.
        if rng.random() < 0.6:
            below = step - int(rng.choice([2, 4, 7, 9]))
            notes.append(
                (onset_s, min(onset_s + 2 * beat_s, seconds), tonic + _degree(below))
            )
        onset_s += beat_s
    return _each_key_once(notes)


def _degree(step: int) -> int:
    octave, degree = divmod(step, len(SCALE))
    return 12 * octave + SCALE[degree]


def _each_key_once(notes: list[Note]) -> list[Note]:
    """A key that is struck again ends its note before."""
    kept: list[Note] = []
    for onset_s, offset_s, midi in sorted(notes):
        again = [n for n, one in enumerate(kept) if one[2] == midi and one[1] > onset_s]
        for n in again:
            kept[n] = (kept[n][0], onset_s - 0.005, midi)
        kept.append((onset_s, offset_s, midi))
    return kept


def played(
    rng: np.random.Generator, notes: list[Note], seconds: float
) -> NDArray[np.float32]:
    """The sound of the notes, in a noisy room."""
    wave = np.zeros(round(seconds * SR_HZ))
    for onset_s, offset_s, midi in notes:
        begin = round(onset_s * SR_HZ)
        tone = struck(rng, midi, offset_s - onset_s)[: len(wave) - begin]
        wave[begin : begin + len(tone)] += tone * rng.uniform(0.5, 1.0)
    wave += 0.002 * rng.standard_normal(len(wave)) * np.abs(wave).max()
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def struck(rng: np.random.Generator, midi: int, seconds: float) -> Float64:
    """A note: four strings, ten partials each, damped when the hammer comes back."""
    times_s = np.arange(round(seconds * SR_HZ)) / SR_HZ
    tone = np.zeros(len(times_s))
    for cents in STRINGS_CENTS:
        semitones = midi - 69 + SHARP_SEMITONES + cents / 100
        f0_hz = 440.0 * 2.0 ** (semitones / 12)
        for k, level_db in enumerate(LEVELS_DB, 1):
            hz = k * f0_hz * np.sqrt(1 + STIFFNESS * k**2)
            # What the sampling rate cannot hold would come back as another pitch.
            if hz > 0.45 * SR_HZ:
                break
            decay = np.exp(-times_s * (1.0 + 0.5 * k))
            phase = rng.uniform(0, 2 * np.pi)
            tone += (
                10 ** (level_db / 20) * decay * np.sin(2 * np.pi * hz * times_s + phase)
            )
    damped = min(len(tone), round(0.02 * SR_HZ))
    tone[len(tone) - damped :] *= np.linspace(1, 0, damped)
    return tone


if __name__ == "__main__":
    main()
