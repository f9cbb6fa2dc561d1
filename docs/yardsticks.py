"""What stands beside a separating model: the mix itself, harmonic combs of the true pitches, and ideal masks.

    python docs/yardsticks.py corpora/bach10                                a Markdown table
    python docs/yardsticks.py corpora/bach10 --write docs/results.md        the same, between the page's markers

Mean SI-SDR in dB over the stems of every mix, for the test side of each fold and for all together, then per source over
all folds. A stem that is silent throughout has no ratio and is counted. Combs are made of the annotation `f0`, and left
out where a stem has none: "plain" ones have harmonics of one width and height, "narrow" ones fall by 1 / k.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mirbricks.data import Corpus, Item
from mirbricks.data.stores.atomic import written_whole
from mirbricks.errors import MirbricksError
from mirbricks.metrics import comb_estimates, joint_si_sdr_db, oracle_estimates
from mirbricks.tasks.multi_pitch.annotation import pitches_at_frames
from mirbricks.tasks.separation.stems import Track, tracks_of
from mirbricks.workflows.experiment import DatasetConfig, count_folds, split_corpus

BEGIN = "<!-- yardsticks -->"
END = "<!-- /yardsticks -->"
COMBS = {
    "plain combs": {"width_bins": 1.5, "decay": 0.0},
    "narrow combs": {"width_bins": 0.7, "decay": 1.0},
}
MASKS = {"binary mask": "binary", "ratio mask": "ratio", "Wiener mask": "wiener"}
NAMES = ("mix", *COMBS, *MASKS)


@dataclass(frozen=True)
class Ratio:
    """SI-SDR of one stem: the piece and the source that it is of, and decibels by yardstick."""

    group: str
    source: str
    by_name: Mapping[str, float]


def track_ratios(track: Track, n_fft: int, hop_length: int) -> list[Ratio]:
    """The yardsticks of every stem of a mix that is not silent."""
    mix = torch.from_numpy(track.mix.read_channels()[0])
    stems = torch.stack([_as_long(stem, mix) for stem in track.stems])
    estimates: dict[str, Tensor] = {"mix": mix.expand_as(stems)}
    f0_hz = _f0_hz(track, 1 + mix.shape[-1] // hop_length, hop_length)
    if f0_hz is not None:
        for name, form in COMBS.items():
            estimates[name] = comb_estimates(
                mix,
                f0_hz,
                track.mix.sr_hz,
                n_fft=n_fft,
                hop_length=hop_length,
                **form,
            )
    for name, kind in MASKS.items():
        estimates[name] = oracle_estimates(
            mix, stems, kind, n_fft=n_fft, hop_length=hop_length
        )

    found = []
    for place, (source, stem) in enumerate(zip(track.labels, stems, strict=True)):
        by_name = {
            name: joint_si_sdr_db(waves[place], stem)
            for name, waves in estimates.items()
        }
        known = {name: ratio for name, ratio in by_name.items() if ratio is not None}
        if known:
            found.append(Ratio(track.mix.group, source, known))
    return found


def _as_long(stem: Item, mix: Tensor) -> Tensor:
    """A stem as long as its mix, with silence after its end."""
    wave = torch.from_numpy(stem.read_channels(0, mix.shape[-1])[0])
    return torch.nn.functional.pad(wave, (0, mix.shape[-1] - wave.shape[-1]))


def _f0_hz(track: Track, n_frames: int, hop_length: int) -> np.ndarray | None:
    """(S, T) of the annotated pitches, 0 where nothing sounds; None where a stem has no curve of one."""
    if not all(stem.annotations.get("f0") for stem in track.stems):
        return None
    found = np.zeros((len(track.stems), n_frames))
    for row, stem in zip(found, track.stems, strict=True):
        pitches = pitches_at_frames(stem, n_frames, hop_length / stem.sr_hz)
        row[pitches.frames] = pitches.hz
    return found


def folds_of(corpus: Corpus, n_folds: int) -> list[tuple[str, ...]]:
    """The groups that each fold tests, as `mirbricks train --fold` splits them."""
    config = DatasetConfig(folds=n_folds)
    count = count_folds(corpus, config) or 1
    return [split_corpus(corpus, config, fold).test for fold in range(count)]


def table(ratios: Sequence[Ratio], folds: Sequence[Sequence[str]]) -> str:
    """Rows per fold, of all folds together, and per source."""
    names = [name for name in NAMES if all(name in one.by_name for one in ratios)]
    lines = [
        f"| SI-SDR in dB | stems | {' | '.join(names)} |",
        f"| --- | ---: | {' | '.join(['---:'] * len(names))} |",
    ]

    def add(title: str, chosen: Callable[[Ratio], bool]) -> None:
        own = [one.by_name for one in ratios if chosen(one)]
        means = [np.mean([one[name] for one in own]) for name in names if own]
        cells = [f"{mean:.2f}" for mean in means]
        lines.append(f"| {title} | {len(own)} | {' | '.join(cells)} |")

    tested = {group for groups in folds for group in groups}
    for number, groups in enumerate(folds):
        pieces = ", ".join(Path(group).stem for group in groups)
        title = f"fold {number}: {pieces}"
        add(title, lambda one, groups=groups: one.group in groups)
    add("**all folds**", lambda one: one.group in tested)
    for source in dict.fromkeys(one.source for one in ratios):
        title = source or "(without a label)"
        add(title, lambda one, source=source: one.source == source)
    return "\n".join(lines)


def report(folder: Path, n_folds: int, n_fft: int, hop_length: int) -> str:
    """The table of a corpus, with a line on how it was made."""
    corpus = Corpus.open(folder)
    tracks = tracks_of(corpus.items, "instrument")
    folds = folds_of(corpus, n_folds)
    ratios = []
    for track in tracks:
        ratios += track_ratios(track, n_fft, hop_length)
    n_silent = sum(len(track.stems) for track in tracks) - len(ratios)
    rates = sorted({track.mix.sr_hz for track in tracks})
    note = (
        f"Mixes: {len(tracks)}; silent stems left out: {n_silent}; Hann windows of {n_fft} samples, hop {hop_length}, "
        f"at {', '.join(map(str, rates))} Hz."
    )
    return f"{table(ratios, folds)}\n\n{note}"


def published(page: str, text: str) -> str:
    """The page with the text between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder", type=Path, help="a corpus of mixes with their stems")
    p.add_argument(
        "--folds", type=int, default=5, help="where the corpus stores none (default: 5)"
    )
    p.add_argument("--n-fft", type=int, default=4096, help="window (default: 4096)")
    p.add_argument("--hop", type=int, default=1024, help="hop (default: 1024)")
    p.add_argument("--write", type=Path, help="the Markdown page to update")
    given = p.parse_args()
    try:
        text = report(given.folder, given.folds, given.n_fft, given.hop)
    except MirbricksError as error:
        raise SystemExit(str(error)) from None
    print(text)
    if given.write:
        page = published(given.write.read_text(encoding="utf-8"), text)
        with written_whole(given.write) as temporary:
            temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
