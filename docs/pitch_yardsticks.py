"""What stands beside a model of the task f0: pYIN, and swift-f0 where it is installed.

    python docs/pitch_yardsticks.py corpora/notes --split test                both, as a Markdown table
    python docs/pitch_yardsticks.py ../shared/data/bach10 --split all --only swift-f0
    python docs/pitch_yardsticks.py corpora/notes --split test --only swift-f0 --run zoo:f0_notes --as-played

--run adds trained models. --as-played judges recordings of single notes against the pitch that is measured in them in
place of the one that they are named after: players are up to half a semitone away from it.

Figures are those of the task, by its own rule of what is voiced. pYIN: Mauch & Dixon, ICASSP 2014, by librosa, between
46 Hz and 2.5 kHz, 10 ms per frame. swift-f0: a published model in a wheel, `pip install swift-f0`; it calls a frame
voiced from a confidence of .5 on, and finds 46.9 Hz to 2.09 kHz.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import mirbricks as mb
from mirbricks.data import Corpus, Item
from mirbricks.errors import MirbricksError
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.resample import resample
from mirbricks.tasks.f0 import F0Config, F0Estimation, Melody
from mirbricks.tasks.f0.annotation import Pitch, played_midi

SR_HZ = 16_000
HOP_S = 0.01
LOWEST_HZ = 46.25
HIGHEST_HZ = 2500.0
VOICED = 0.5
NAMES = (
    "frames_right",
    "loud_frames_right",
    "notes_right",
    "Raw Chroma Accuracy",
    "Overall Accuracy",
    "Voicing Recall",
    "Voicing False Alarm",
)
Float64 = NDArray[np.float64]
Heard = tuple[Float64, Float64, Float64]  # times in s, Hz, voicing


def pyin(wave: NDArray[np.float32]) -> Heard:
    """The pitch of every frame, also where pYIN calls it unvoiced."""
    import librosa  # a test dependency

    hop = round(HOP_S * SR_HZ)
    hz, _, voicing = librosa.pyin(
        wave,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=SR_HZ,
        frame_length=2048,
        hop_length=hop,
        fill_na=None,
    )
    return np.arange(len(hz)) * HOP_S, hz, voicing


def swift_f0(wave: NDArray[np.float32]) -> Heard:
    """The same of the published model."""
    from swift_f0 import SwiftF0  # only measured here, and not needed by mirbricks

    found = SwiftF0(threads=1).detect(wave, SR_HZ)
    return found.timestamps, found.pitch_hz, found.confidence


PEERS: dict[str, Callable[[NDArray[np.float32]], Heard]] = {
    "pyin": pyin,
    "swift-f0": swift_f0,
}


def melody_of(item: Item, peer: str) -> Melody:
    """What one of the peers, or the run of that name, makes of a recording."""
    samples, sr_hz = item.read()
    if peer not in PEERS:
        found: Melody = loaded(peer).predict(samples, sr_hz=sr_hz)
        return found
    wave = resample(torch.from_numpy(samples), sr_hz, SR_HZ).numpy()
    return Melody(*PEERS[peer](wave), VOICED, ())


@functools.cache
def loaded(run: str) -> mb.Model:
    """A trained model, read once."""
    return mb.load(run)


def as_played(item: Item, truth: Pitch) -> Pitch:
    """The truth of a recording of a single note at the pitch that is measured in it; others stay as they are."""
    played = played_midi(item)
    if played is None:
        return truth
    midi = np.where(truth.midi > 0, played, truth.midi)
    notes = tuple(note._replace(midi=played) for note in truth.notes)
    return replace(truth, midi=midi, notes=notes)


def figures_of(
    items: Sequence[Item], peer: str, floor_db: float, played: bool = False
) -> dict[str, float]:
    """The figures of the task over all annotated recordings. Raises TaskError E503 without any."""
    task = F0Estimation(F0Config(floor_db=floor_db), CQTFeatureConfig())
    tracks = {}
    for item in task.tracks(items):
        truth = task.truth_of(item)
        if played:
            truth = as_played(item, truth)
        tracks[item.key] = task.judged(melody_of(item, peer), truth)
    return task.pooled(tracks)


def side_of(items: Sequence[Item], side: str) -> list[Item]:
    """The recordings whose annotation `split` is the side; "all" takes every one."""
    if side == "all":
        return list(items)
    return [
        item
        for item in items
        if [atom.value for atom in item.annotations.get("split", ())] == [side]
    ]


def main() -> None:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder", type=Path, help="the corpus")
    p.add_argument("--split", default="all", help="train, valid, test or all")
    p.add_argument("--floor-db", type=float, default=-30.0, help="as task.floor_db")
    p.add_argument("--only", choices=PEERS, help="one of them")
    p.add_argument(
        "--run", action="append", default=[], help="a trained model beside them"
    )
    p.add_argument(
        "--as-played", action="store_true", help="judge by the pitch as measured"
    )
    given = p.parse_args()
    try:
        items = side_of(Corpus.open(given.folder).items, given.split)
        print(f"| {' | '.join(['yardstick', *NAMES])} |")
        print(f"|{' --- |' * (1 + len(NAMES))}")
        peers = [given.only] if given.only else list(PEERS)
        for peer in [*peers, *given.run]:
            found = figures_of(items, peer, given.floor_db, given.as_played)
            cells = [f"{found[name]:.3f}" if name in found else "" for name in NAMES]
            print(f"| {' | '.join([peer, *cells])} |", flush=True)
    except MirbricksError as error:
        raise SystemExit(str(error)) from None
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error.name} is not installed") from None


if __name__ == "__main__":
    main()
