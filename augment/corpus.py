"""Copies of a corpus with augmented audio: rooms, filters and noise, made once, before features are computed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.corpus import Corpus, Item
from ..data.pyjama.file import Atom, Definition, Entry, Pyjama
from ..data.stores.hdf5 import write_audio
from ..data.workers import in_workers
from .base import augmentations
from .chain import AugmentStep, Chain


def augmented_corpus(
    items: Sequence[Item],
    definitions: dict[str, Definition],
    steps: Sequence[AugmentStep],
    folder: Path,
    name: str,
    *,
    copies: int = 1,
    seed: int = 0,
    n_jobs: int = 1,
    on_done: Callable[[str], None] | None = None,
) -> Corpus:
    """Write the corpus `name`: of each recording KEY.wav its copies KEY~0.wav, KEY~1.wav ..., with its annotations.

    What happens to a copy comes from (seed, key, number of the copy) alone; the number of processes changes no byte.
    `on_done` gets each new key. Raises ValueError for an augmentation of spectra, or one that moves what sounds, and
    DataError as the reader and the writer of audio.
    """
    moving = [step.name for step in steps if augmentations()[step.name].moves]
    if moving:
        raise ValueError(
            f"{moving[0]} moves notes and beats away from their annotations"
        )
    Chain(steps, "waveform", sr_hz=None)
    given = [
        (item, tuple(steps), (seed, number))
        for item in items
        for number in range(copies)
    ]
    keys = [_key(item.key, number) for item, _, (_, number) in given]

    def audio() -> Iterator[tuple[str, NDArray[np.float32], int]]:
        made = in_workers(augmented, given, n_jobs, what="augments recordings")
        for key, (item, *_), samples in zip(keys, given, made, strict=True):
            yield key, samples, item.sr_hz
            if on_done is not None:
                on_done(key)

    write_audio(folder / f"{name}_audio.hdf5", audio())
    entries = [_entry(item, key) for key, (item, *_) in zip(keys, given, strict=True)]
    Pyjama(definitions, entries).save(folder / f"{name}.pyjama")
    return Corpus.open(folder)


def augmented(
    item: Item, steps: Sequence[AugmentStep], seed: tuple[int, int]
) -> NDArray[np.float32]:
    """The audio of a recording after the chain, at its own rate: (N,), or (C, N) of several channels."""
    samples, sr_hz = item.read_channels()
    rng = np.random.default_rng((*seed, zlib.crc32(item.key.encode())))
    x = torch.from_numpy(np.array(samples, np.float32))[None]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # their number changes how sums are rounded
    try:
        y: NDArray[np.float32] = Chain(steps, "waveform", sr_hz)(x, rng)[0].numpy()
    finally:
        torch.set_num_threads(threads)
    if len(y) == 1:
        y = y[0]
    return y


def _key(key: str, number: int) -> str:
    path = Path(key)
    return path.with_name(f"{path.stem}~{number}{path.suffix}").as_posix()


def _entry(item: Item, key: str) -> Entry:
    """The annotations of the recording under its new key, in the group of the old one."""
    own = {"filepath": (Atom(key),), "piece": (Atom(item.group),)}
    return replace(item.entry, annotations={**item.entry.annotations, **own})
