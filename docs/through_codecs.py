"""A corpus of notes once more, through codecs: what a classifier of generated notes learns from beside recordings.

    python docs/through_codecs.py corpora/notes --side train --out corpora/notes_coded \
        --codec zoo:notes_flow/codec --codec zoo:notes_ar/codec --semitones -2 -1 0 1 2 --plain

Each recording of a side (its annotation `split`) is played as many semitones higher or lower, loses the silence behind
it and what comes after two seconds, and goes through one of the codecs, which take turns. `zoo:notes_codec=4` takes
the first four codebooks only. With --plain it is written without a codec as well. Annotations are kept but for the
pitch, which moves along.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

import mirbricks as mb
from mirbricks.data import Corpus
from mirbricks.data.corpus import Item
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import MirbricksError
from mirbricks.features.resample import resample
from mirbricks.tasks.codec.interface import Codec, codec_of
from mirbricks.tasks.takes import Take

Wave = NDArray[np.float32]

SEMITONES = 12
SILENT = 0.003  # of the greatest sample: 50 dB below it


class Through:
    """A codec, or its first codebooks, as a function of a waveform."""

    def __init__(self, name: str) -> None:
        place, _, count = name.partition("=")
        self.codec: Codec = codec_of(mb.load(place))
        self.count = int(count) if count else None
        # In the names of recordings, so that two corpora made by different codecs can train together.
        self.mark = self.codec.fingerprint[:6] + (f"-{count}" if count else "")

    @torch.inference_mode()
    def __call__(self, wave: Wave) -> Wave:
        """What the codec makes of a waveform (N,), as long as that."""
        waves = torch.from_numpy(wave)[None, None]
        # Whole frames only, so that codecs need not agree about a rest.
        missing = -len(wave) % self.codec.hop_length
        waves = functional.pad(waves, (0, missing))
        if self.codec.n_codebooks:
            made = self.codec.decode(self.codec.encode(waves)[:, : self.count])
        else:
            made = self.codec.decode_latent(self.codec.encode_latent(waves))
        coded: Tensor = made[0, 0, : len(wave)].float()
        return np.asarray(coded.numpy(), np.float32)


def without_silence(wave: Wave) -> Wave:
    """A waveform without the silence behind its end, so that nothing is learned from that."""
    loud = np.abs(wave)
    sounding = np.flatnonzero(loud > SILENT * loud.max())
    return wave[: sounding[-1] + 1] if len(sounding) else wave


def played(item: Item, semitones: int, sr_hz: int, seconds: float) -> Wave:
    """A recording (N,) at a rate, so many semitones higher, and cut."""
    samples, own_hz = item.read()
    wave = torch.from_numpy(np.array(samples, np.float32)).reshape(1, -1)
    # Heard as if it had been recorded at a higher rate, it is shorter and higher.
    wave = resample(wave, round(own_hz * 2 ** (semitones / SEMITONES)), sr_hz)
    return without_silence(wave[0, : round(seconds * sr_hz)].numpy().copy())


def passed(
    items: Sequence[Item], codecs: Sequence[Through], given: argparse.Namespace
) -> Iterator[tuple[Take, str, Wave]]:
    """Every take of the recordings with its new key and waveform."""
    turn = 0
    for item in items:
        for semitones in given.semitones:
            take = Take(item, semitones, given.pitch)
            stem = Path(item.key).with_suffix("")
            wave = played(item, semitones, given.sr_hz, given.seconds)
            if given.plain:
                yield take, f"{stem}~{semitones:+d}.wav", wave
            codec = codecs[turn % len(codecs)]
            turn += 1
            yield take, f"{stem}~{semitones:+d}_{codec.mark}.wav", codec(wave)


def write(given: argparse.Namespace) -> Corpus:
    """Write the new corpus. Raises DataError where the old one cannot be read or the folder cannot be written."""
    corpus = Corpus.open(given.folder)
    items = []
    for item in corpus.recordings:
        # Features have nothing to go through a codec.
        if isinstance(item, Item) and _side(item) == given.side:
            items.append(item)
    codecs = [Through(name) for name in given.codec]
    entries: list[Entry] = []

    def audio() -> Iterator[tuple[str, Wave, int]]:
        for take, key, wave in passed(items, codecs, given):
            own = {"filepath": (Atom(key),), "piece": (Atom(take.item.group),)}
            entry = take.item.entry
            moved = {given.pitch: tuple(take.annotations.get(given.pitch, ()))}
            known = {**entry.annotations, **moved, **own}
            entries.append(replace(entry, annotations=known))
            yield key, wave, given.sr_hz

    name = given.out.name
    write_audio(given.out / f"{name}_audio.hdf5", audio())
    definitions = {**corpus.pyjama.definitions, "piece": Definition("global", "text")}
    Pyjama(definitions, entries).save(given.out / f"{name}.pyjama")
    return Corpus.open(given.out)


def _side(item: Any) -> str:
    atoms = item.annotations.get("split", ())
    return str(atoms[0].value) if atoms else ""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder", type=Path, help="the corpus, with a split of its own")
    p.add_argument("--out", type=Path, required=True, help="the new corpus")
    p.add_argument("--side", default="train", help="train (default), valid or test")
    p.add_argument("--codec", action="append", required=True, help="NAME or NAME=COUNT")
    p.add_argument("--semitones", type=int, nargs="+", default=[0])
    p.add_argument("--plain", action="store_true", help="also without a codec")
    p.add_argument("--pitch", default="pitchmidi", help="the annotation that moves")
    p.add_argument("--sr_hz", type=int, default=16000)
    p.add_argument("--seconds", type=float, default=2.0)
    return p


if __name__ == "__main__":
    try:
        made = write(parser().parse_args())
    except MirbricksError as error:
        raise SystemExit(str(error)) from None
    print(f"{len(made)} recordings in {made.folder}")
