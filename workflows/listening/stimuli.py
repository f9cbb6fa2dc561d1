"""What is heard in a listening test: the sounds of one item by each system, with the reference and its anchors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...data.stores.channels import read_channels
from .anchor import anchor_name, low_pass, refuse_narrow
from .folders import REFERENCE, Matched

QUIETEST_DB = -100.0  # of silence, which has no level


@dataclass(frozen=True)
class Stimulus:
    """One sound.

    Attributes
    ----------
    key : str
        Its name on the page, which reveals nothing about the system.
    item, system : str
        What sounds, and who made it.
    samples : ndarray, shape (C, N)
    sr_hz : int
    """

    key: str
    item: str
    system: str
    samples: NDArray[np.float32]
    sr_hz: int

    @property
    def length_s(self) -> float:
        return float(self.samples.shape[1] / self.sr_hz)

    @property
    def level_db(self) -> float:
        """Root mean square, in dB relative to full scale."""
        power = float(np.mean(np.square(self.samples, dtype=np.float64)))
        return 10 * float(np.log10(max(power, 10 ** (QUIETEST_DB / 10))))

    @property
    def peak(self) -> float:
        return float(np.abs(self.samples).max())


def stimuli_of(
    found: Matched, item: str, anchors_hz: Sequence[int], page: str
) -> list[Stimulus]:
    """All sounds of an item. Raises DataError E642 where an anchor cannot be made."""
    made = []
    for system, files in found.systems.items():
        samples, sr_hz = read_channels(files[item])
        made.append(Stimulus(_key(page, item, system), item, system, samples, sr_hz))
    if found.reference is None:
        return made
    samples, sr_hz = read_channels(found.reference[item])
    for cutoff_hz in anchors_hz:
        refuse_narrow(cutoff_hz, sr_hz, item)
        filtered = low_pass(samples, sr_hz, cutoff_hz)
        name = anchor_name(cutoff_hz)
        made.append(Stimulus(_key(page, item, name), item, name, filtered, sr_hz))
    key = _key(page, item, REFERENCE)
    made.append(Stimulus(key, item, REFERENCE, samples, sr_hz))
    return made


def at_one_level(stimuli: Sequence[Stimulus]) -> list[Stimulus]:
    """The same sounds, each as soft as the softest of them: none is made louder, so none can clip."""
    softest_db = min(one.level_db for one in stimuli)
    changed = []
    for one in stimuli:
        gain = np.float32(10 ** ((softest_db - one.level_db) / 20))
        changed.append(replace(one, samples=one.samples * gain))
    return changed


def _key(page: str, item: str, system: str) -> str:
    """A name that tells nothing about the system, and is the same each time."""
    words = "\0".join([page, item, system])
    return hashlib.sha256(words.encode()).hexdigest()[:12]
