"""Fine-tune a model of the zoo on three recordings of one's own, and judge it on three others.

    python examples/fine_tuning/show.py --out shown

Beside it the same graph from random weights, as long, and the model of the zoo as it comes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import mirbricks as mb

HERE = Path(__file__).parent
ZOO = "zoo:mpe_bach10"
SHOWN = ("Accuracy", "Precision", "Recall", "note_f1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="shown", metavar="DIR")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    out = Path(given.out)
    began_s = time.monotonic()

    # Files as one has them: a wav and a text file of notes for each recording.
    make = [
        sys.executable,
        str(HERE / "own_recordings.py"),
        "--out",
        str(out / "files"),
    ]
    subprocess.run([*make, "--seconds", str(given.seconds)], check=True)
    corpora = {side: imported(out, side) for side in ("train", "test")}

    # Both trainings have the same graph, steps and recordings; only the weights they begin with differ.
    settings = {
        "train.steps": given.steps,
        "train.warmup_steps": max(1, given.steps // 10),
        "train.validate_every": given.steps,
        "train.seed": given.seed,
    }
    models = {f"{ZOO} as it comes": ZOO}
    for name, start_from in (("from scratch", None), ("fine-tuned", ZOO)):
        run = mb.train(
            HERE / "own.yaml",
            corpora["train"],
            out / "runs" / name.replace(" ", "_"),
            fold="none",
            set=settings,
            start_from=start_from,
        )
        models[name] = str(run.path)

    print(f"\nheld-out recordings{'':<12}" + "".join(f"{one:>11}" for one in SHOWN))
    for name, source in models.items():
        found = mb.load(source).evaluate(corpora["test"], split="all", progress=False)
        row = "".join(f"{found.figures[one]:11.3f}" for one in SHOWN)
        print(f"{name:<31}{row}")
    print(f"all of it took {time.monotonic() - began_s:.0f} s")


def imported(out: Path, side: str) -> Path:
    """The corpus of a folder of wav files and their notes."""
    folder = out / "corpora" / side
    words = ["data", "import", "notes", str(out / "files" / side), "--out", str(folder)]
    command = [sys.executable, "-m", "mirbricks", *words]
    subprocess.run(command, check=True)
    return folder


if __name__ == "__main__":
    main()
