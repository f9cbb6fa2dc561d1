"""What separation predicts: a sound per target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...outputs.layers import Layer, Waveform
from ..predictions import Prediction, drawn
from ..sounds import Sound


@dataclass(frozen=True, repr=False)
class Separated(Prediction):
    """The sounds that were separated from a recording.

    Parameters
    ----------
    sounds : mapping of str to Sound
        A sound per target, each as long as the recording.

    Examples
    --------
    >>> import numpy as np
    >>> silence = Sound(np.zeros((1, 8000), np.float32), 16000)
    >>> found = Separated({"violin": silence, "bassoon": silence}, title="duo")
    >>> found
    <Separated of 'duo': violin, bassoon; 0.50 s at 16000 Hz>
    >>> found["violin"].sr_hz
    16000
    >>> list(found)
    ['violin', 'bassoon']
    """

    sounds: Mapping[str, Sound]

    def __getitem__(self, target: str) -> Sound:
        return self.sounds[target]

    def __iter__(self) -> Iterator[str]:
        """The names of the targets, as of any mapping."""
        return iter(self.sounds)

    def __len__(self) -> int:
        return len(self.sounds)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets."""
        return tuple(self.sounds)

    def answer(self) -> str:
        """The targets, and how long they are."""
        lengths = {sound.answer() for sound in self.sounds.values()}
        return f"{', '.join(self.sounds)}; {', '.join(sorted(lengths))}"

    def files(self) -> Mapping[str, bytes]:
        """{".TARGET.wav": the samples in 32-bit floating point} for each target."""
        names = file_names(self.targets)
        found = {}
        for name, sound in zip(names, self.sounds.values(), strict=True):
            found[f".{name}.wav"] = sound.files()[".wav"]
        return found

    def _heard(self) -> Sequence[tuple[Any, int, str]]:
        parts = []
        for target in self.targets:
            sound = self[target]
            parts.append((sound.samples, sound.sr_hz, target))
        return parts

    def layers(self) -> Sequence[Layer]:
        """A sound per target, by the name of its file."""
        names = file_names(self.targets)
        return [
            Waveform(name, sound.samples, sound.sr_hz)
            for name, sound in zip(names, self.sounds.values(), strict=True)
        ]

    def plot(self, ax: Any = None) -> Any:
        """The spectrograms of the targets one above another; on given axes that of the first."""
        from ...plots.separation import (
            spectrograms,  # matplotlib takes a second to import
        )

        waves = {name: sound.samples for name, sound in self.sounds.items()}
        sr_hz = next(iter(self.sounds.values())).sr_hz
        return drawn(spectrograms, waves, sr_hz, self.title, ax=ax)


def file_names(targets: Sequence[str]) -> list[str]:
    """A name of a file for each target, on every system: "lead/vocal" is lead-vocal."""
    names = []
    for target in targets:
        plain = re.sub(r"[^\w.+# ()]+", "-", target).strip("-. ")
        names.append(plain or "target")
    # Some systems know no difference between capital and small letters.
    counts = Counter(name.lower() for name in names)
    taken = {name for name, count in counts.items() if count == 1}
    numbered = []
    for number, name in enumerate(names, 1):
        own = name
        if counts[name.lower()] > 1:
            own = f"{name}-{number}"
            # A target may be called "bass-2" of itself.
            while own.lower() in taken:
                own += "-"
            taken.add(own.lower())
        numbered.append(own)
    return numbered
