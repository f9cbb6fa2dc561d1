"""Hold out every so many values of an annotation that is a number, such as pitches.

    python docs/hold_out.py corpora/notes --by pitchmidi --every 7 --valid 1 --test 5

A value tests where it leaves a remainder of 5 when it is divided by 7, it validates where it leaves 1, and it trains
otherwise: no value is on two sides, and the neighbours of each held-out one train. `mirbricks data split --by` holds
out values too, by chance, so that the neighbours may be held out with them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mirbricks.data import Corpus
from mirbricks.data.pyjama.file import Definition
from mirbricks.data.splitting.store import Made, store_split
from mirbricks.errors import MirbricksError

SIDES = ("train", "valid", "test")


def hold_out(folder: Path, by: str, every: int, valid: int, test: int) -> Made:
    """Give every recording its side, and store it in the corpus as the annotation `split`.

    Raises DataError E445 where the corpus carries a split already.
    """
    corpus = Corpus.open(folder)
    values = []
    groups = []
    for recording in corpus.recordings:
        number = int(recording.annotations[by][0].value)
        remainder = number % every
        side = {valid: "valid", test: "test"}.get(remainder, "train")
        values.append(side)
        groups.append(str(number))
    generator = {"name": "docs/hold_out.py", "by": by, "every": every}
    definition = Definition(
        "global", "text", "value_in_dictionary", list(SIDES), generator=generator
    )
    made = Made("split", SIDES, tuple(values), tuple(groups), None, definition)
    store_split(corpus, made)
    return made


def main() -> None:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder", type=Path, help="the corpus, whose NAME.pyjama changes")
    p.add_argument("--by", required=True, help="the annotation")
    p.add_argument("--every", type=int, required=True, help="what it is divided by")
    p.add_argument("--valid", type=int, required=True, help="remainder that validates")
    p.add_argument("--test", type=int, required=True, help="remainder that tests")
    given = p.parse_args()
    try:
        made = hold_out(given.folder, given.by, given.every, given.valid, given.test)
    except MirbricksError as error:
        raise SystemExit(str(error)) from None
    for side in SIDES:
        values = made.count_groups(side)
        print(f"{side}: {made.count(side)} recordings, {values} values of {given.by}")


if __name__ == "__main__":
    main()
