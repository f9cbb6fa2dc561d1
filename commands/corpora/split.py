"""The command data split: folds, or train, valid and test, stored in the corpus."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from rich.table import Table

from ...data.corpus import Corpus
from ...data.splitting.store import Made, make_split, refuse_stored, store_split
from ...printable import printable
from ..screen import console, plural


def split(arguments: Namespace) -> int:
    """Make it, show it, store it."""
    corpus = Corpus.open(arguments.folder)
    # Whether it may be stored is asked before it is made: a search for balance takes long.
    if not arguments.dry_run:
        refuse_stored(
            corpus, "split" if arguments.folds is None else "fold", arguments.replace
        )
    made = make_split(
        corpus,
        folds=arguments.folds,
        ratios=arguments.ratios or (),
        by=arguments.by,
        stratify=arguments.stratify,
        seed=arguments.seed,
    )
    if not arguments.dry_run:
        store_split(corpus, made, replacing=arguments.replace)
    if arguments.json:
        print(json.dumps(_as_json(made, corpus, stored=not arguments.dry_run)))
        return 0
    console().print(_table(made, corpus))
    if made.farthest is not None:
        names = printable(", ".join(arguments.stratify))
        print(
            f"of every frequent value of {names}, each side has its share to within {made.farthest:.1%}"
        )
    where = printable(f"{corpus.folder / corpus.name}.pyjama")
    if arguments.dry_run:
        stored = "nothing was stored (--dry-run)"
    else:
        stored = f"stored as '{made.name}' in {where}"
    print(
        f"{plural(len(set(made.groups)), 'group')} on {len(made.sides)} sides; {stored}"
    )
    return 0


def _as_json(made: Made, corpus: Corpus, *, stored: bool) -> dict[str, Any]:
    keys = [item.key for item in corpus.recordings]
    sides = dict(zip(keys, made.values, strict=True))
    return {"annotation": made.name, "stored": stored, "recordings": sides}


def _table(made: Made, corpus: Corpus) -> Table:
    table = Table(title_justify="left")
    table.add_column(printable(made.name))
    for column in ("recordings", "share", "groups", "minutes"):
        table.add_column(column, justify="right")
    for side in made.sides:
        own = [
            item
            for item, value in zip(corpus.recordings, made.values, strict=True)
            if value == side
        ]
        minutes = sum(item.duration_s or 0.0 for item in own) / 60
        share = f"{len(own) / len(made.values):.1%}"
        table.add_row(
            printable(side),
            f"{len(own):,}",
            share,
            f"{made.count_groups(side):,}",
            f"{minutes:,.1f}",
        )
    return table
