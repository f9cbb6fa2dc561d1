"""The command data info: what is in a corpus."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from ...data.corpus import Corpus
from ...data.info import describe, sides_of
from ...data.scan import scan
from ...data.stores.atomic import written_whole
from ...printable import printable, printable_json
from ...workflows.new_file import refuse_existing, write_new
from ..screen import console, counting, plural, watched
from .channels import channel_words

_COMMON = 4  # values of an annotation that the table shows
_NUMBERS = ("recordings", "atoms", "time", "values")


def info(arguments: Namespace) -> int:
    """Print it as tables or JSON, or write NAME.json and NAME.png."""
    # Files that are there are refused before the audio is read, which takes long.
    corpus = Corpus.open(arguments.folder)
    if arguments.out:
        out = Path(arguments.out)
    else:
        out = None
    if out:
        paths = [out / f"{corpus.name}{ending}" for ending in (".json", ".png")]
    else:
        paths = []
    for path in paths:
        refuse_existing(str(path))
    with counting("reading", len(corpus), show=watched(arguments)) as on_done:
        about = describe(corpus, scan(corpus.recordings, arguments.jobs, on_done))
    # Letters stay as they are: labels may be of any script.
    text = printable_json(about, indent=2)
    if paths:
        write_new(str(paths[0]), text + "\n")
        with written_whole(paths[1]) as part:
            part.write_bytes(_picture(corpus, about))
    if arguments.json:
        print(text)
    else:
        _print(about)
        if paths:
            print(f"written: {printable(paths[0])} and {printable(paths[1])}")
    return 0


def _picture(corpus: Corpus, about: Mapping[str, Any]) -> bytes:
    from ...plots.corpus import corpus_picture  # matplotlib is slow to load
    from ...plots.style import png_bytes

    # A bar per side of the stored split, or one for all.
    side_of, splits = sides_of(corpus)
    if splits:
        order = list(next(iter(splits.values()))["sides"])
    else:
        order = ["all"]
    durations_s: dict[str, list[float]] = {side: [] for side in order}
    for item in corpus.recordings:
        if item.duration_s is not None:
            durations_s[side_of.get(item.key, "all")].append(item.duration_s)
    return png_bytes(corpus_picture(about, durations_s), 150)


def _print(about: Mapping[str, Any]) -> None:
    screen = console()
    screen.print(f"{printable(about['name'])}: {_sizes(about)}")
    screen.print(_annotations(about))
    for name, split in about["splits"].items():
        screen.print(_sides(name, split["sides"]))
    for name, one in about["annotations"].items():
        if overlaps := one.get("overlaps", {}).get("count"):
            where = f"{plural(one['overlaps']['recordings'], 'recording')}, the first: {one['overlaps']['first']}"
            line = f"overlaps: {overlaps:,} in '{name}' of {where}"
            screen.print(printable(line))
    for keys in about["duplicates"]:
        line = f"the same {about['holds'][0]}: {', '.join(keys)}"
        screen.print(printable(line))
    for split in about["splits"].values():
        for leak in split["leaks"]:
            screen.print(f"leak: {printable(leak)}")


def _sizes(about: Mapping[str, Any]) -> str:
    parts = [plural(about["recordings"], "recording"), plural(about["groups"], "group")]
    parts += [plural(about["stems"], "stem") + " among them"] if about["stems"] else []
    if lengths := about["durations_s"]:
        least, middle, most = (
            _seconds(lengths[name]) for name in ("min", "median", "max")
        )
        parts += [
            f"{_seconds(about['duration_s'])} ({least} to {most}, median {middle})"
        ]
    parts += [f"{hz} Hz ({count})" if len(about["sample_rates_hz"]) > 1 else f"{hz} Hz"
              for hz, count in about["sample_rates_hz"].items()]  # fmt: skip
    parts += channel_words(about["channels"])
    parts += [f"{width} features a frame" for width in about["features"]]
    return ", ".join(parts)


def _annotations(about: Mapping[str, Any]) -> Table:
    table = Table(title_justify="left")
    for name in (
        "annotation",
        "extent",
        "recordings",
        "atoms",
        "time",
        "values",
        "the most frequent",
    ):
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for name, one in about["annotations"].items():
        if "covered" in one:
            covered = f"{one['covered']:.0%}"
        else:
            covered = ""
        # Where every value occurs once, such as a title, the most frequent ones mean nothing.
        values = list(one.get("values", {}).items())
        unique = bool(values) and one["different"] == one["atoms"]
        if not unique:
            common = ", ".join(
                f"{word} ({its['count']:,})" for word, its in values[:_COMMON]
            )
        else:
            common = ""
        if "different" in one:
            different = f"{one['different']:,}"
        else:
            different = ""
        table.add_row(
            printable(name),
            one["extent"],
            f"{one['recordings']:,}",
            f"{one['atoms']:,}",
            covered,
            different,
            printable(common),
        )
    return table


def _sides(name: str, sides: Mapping[str, Any]) -> Table:
    table = Table(title_justify="left")
    table.add_column(printable(name))
    for column in ("recordings", "groups", "length"):
        table.add_column(column, justify="right")
    for side, one in sides.items():
        table.add_row(
            printable(side),
            f"{one['recordings']:,}",
            f"{one['groups']:,}",
            _seconds(one["duration_s"]),
        )
    return table


def _seconds(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.1f} s"
