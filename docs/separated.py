"""Draw docs/separated.jpg: a quartet, and what zoo:separation_bach10, which has not seen it, takes out of it.

python docs/separated.py --data DIR     DIR holds the corpus bach10; default: MIRBRICKS_DATA
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import mirbricks as mb
from mirbricks.data import Corpus
from mirbricks.plots.separation import spectrograms

HERE = Path(__file__).parent
PIECE = "02"  # of the model's test fold
SECONDS = (4.0, 12.0)


def main() -> None:
    """Separate a few seconds of the mix, and draw it above its parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = os.environ.get("MIRBRICKS_DATA", str(HERE.parents[1] / "shared" / "data"))
    parser.add_argument("--data", default=data, help="folder of corpora")
    arguments = parser.parse_args()

    items = Corpus.open(Path(arguments.data) / "bach10").items
    mixes = [item for item in items if item.stem_of is None]
    mix = next(item for item in mixes if item.key.startswith(PIECE))
    start, stop = (round(second * mix.sr_hz) for second in SECONDS)
    wave, sr_hz = mix.read(start, stop)

    found = mb.load("zoo:separation_bach10").separate(wave, sr_hz=sr_hz)
    waves = {"the mix": wave[None]}
    for target, sound in found.sounds.items():
        waves[target] = sound.samples
    figure = spectrograms(waves, sr_hz, "zoo:separation_bach10 on Bach10, piece 02")
    figure.set_size_inches(9, 11)
    figure.savefig(HERE / "separated.jpg", dpi=80, pil_kwargs={"quality": 80})


if __name__ == "__main__":
    main()
