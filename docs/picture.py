"""Draw docs/heard.png, the picture of the README: what a model of the zoo finds in a clip that nobody recorded."""

from __future__ import annotations

import tempfile
from pathlib import Path

import mirbricks as mb
from mirbricks.data import synthesise_polyphony
from mirbricks.plots.pitch import piano_roll

HERE = Path(__file__).parent
SEED = 3  # a clip that the model has not seen; any other does as well


def main() -> None:
    """Synthesise the clip, predict, draw the estimate on the truth."""
    model = mb.load("zoo:mpe_bach10")
    with tempfile.TemporaryDirectory() as folder:
        corpus = synthesise_polyphony(folder, n_clips=1, seconds=12.0, seed=SEED)
        item = corpus["01.wav"]
        heard = model.predict(*item.read())
        truth = model.task.truth(item)
    figure = piano_roll(
        heard.times_s,
        heard.frequencies_hz,
        truth,
        heard.salience,
        heard.bins_hz,
        "zoo:mpe_bach10 on four synthesised voices",
    )
    figure.set_size_inches(10, 4.2)
    figure.savefig(HERE / "heard.png", dpi=110)


if __name__ == "__main__":
    main()
