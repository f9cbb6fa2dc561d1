"""The command data synth: a corpus out of nothing but a seed."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ...data.corpus import Corpus, Item
from ...data.synth.corpora import KINDS, refuse_channels, synthesise
from ...data.synth.polyphony import synthesise_polyphony
from ...data.synth.refusing import LEAST_S, MOST_S, refuse_corpus
from ...data.synth.sampled_corpus import CLIPS as SAMPLED_CLIPS
from ...data.synth.sampled_corpus import NAME as SAMPLED
from ...data.synth.sampled_corpus import SECONDS, synthesise_sampled
from ...errors import DataError
from ...printable import printable
from ..screen import console, counting, plural
from .where import items_where

CLIPS = 12


def synth(arguments: Namespace) -> int:
    """Write the corpus and print what is in it."""
    out = Path(arguments.out)
    # What cannot be is refused before anything is computed.
    _refuse(arguments, out)
    n = CLIPS
    if arguments.kind in KINDS:
        n = KINDS[arguments.kind].n
    elif arguments.kind == SAMPLED:
        n = SAMPLED_CLIPS
    if arguments.n:
        n = arguments.n
    given = {"seed": arguments.seed, "n_jobs": arguments.jobs}
    with counting(arguments.kind, n, show=not arguments.quiet) as on_done:
        if arguments.kind in KINDS:
            corpus = synthesise(
                arguments.kind,
                out,
                n,
                arguments.seconds,
                on_done=on_done,
                channels=arguments.channels,
                **given,
            )
        elif arguments.kind == SAMPLED:
            corpus = synthesise_sampled(
                out,
                arguments.samples,
                n,
                arguments.seconds or SECONDS,
                score=_score(arguments),
                on_done=on_done,
                **given,
            )
        else:
            corpus = synthesise_polyphony(
                out, n, arguments.seconds or 15.0, on_done=on_done, **given
            )
    console().print(
        f"{plural(len(corpus), 'recording')}, {minutes(corpus)} in {printable(out)}"
    )
    return 0


def _score(arguments: Namespace) -> list[Item] | None:
    """The recordings whose notes are to be played; None where pieces are made up."""
    if arguments.score is None:
        return None
    return items_where(Corpus.open(arguments.score), arguments.where)


def minutes(corpus: Corpus) -> str:
    """How long all of its recordings are."""
    return f"{sum(item.duration_s for item in corpus.items) / 60:.1f} min"


def _refuse(arguments: Namespace, out: Path) -> None:
    """A corpus that is there, and lengths that make no clips, before anything is computed."""
    seconds = arguments.seconds
    if seconds is not None and not LEAST_S <= seconds <= MOST_S:
        message = f"--seconds: expected {LEAST_S:g} to {MOST_S:g}, got {seconds:g}"
        raise DataError(message, code="E470", help="write --seconds 30")
    refuse_channels(arguments.kind, arguments.channels)
    _refuse_of_other_kinds(arguments)
    refuse_corpus(out)


def _refuse_of_other_kinds(arguments: Namespace) -> None:
    """Options that the kind does not have, and the one that it cannot do without."""
    given = [name for name in ("samples", "score", "where") if getattr(arguments, name)]
    if arguments.kind != SAMPLED and given:
        raise DataError(
            f"--{given[0]}: {arguments.kind} is not played on recorded instruments",
            code="E470",
            help=f"write mirbricks data synth sampled --{given[0]} ...",
        )
    if arguments.kind == SAMPLED and not arguments.samples:
        raise DataError(
            "sampled: there is no instrument",
            code="E470",
            help="write --samples FOLDER, a folder with a recording per note, or a SoundFont",
        )
    if arguments.where and arguments.score is None:
        raise DataError(
            "--where chooses recordings of --score, and there is no --score",
            code="E470",
            help="write --score CORPUS",
        )
