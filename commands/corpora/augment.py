"""The command data augment: a corpus once more, in other rooms, through other microphones."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from pydantic import Field

from ...augment.chain import AugmentStep
from ...augment.corpus import augmented_corpus
from ...compiler.language.configs import read_config
from ...compiler.language.source import Source, read_file
from ...data.corpus import Corpus
from ...data.pyjama.file import Definition
from ...data.synth.refusing import refuse_corpus
from ...errors import GraphError, MirbricksError, raise_all
from ...printable import printable
from ...settings import Settings
from ..screen import console, counting, plural
from .synth import minutes
from .where import items_where


class ChainFile(Settings):
    """A file with the list `augment`, as graphs have it in `task`."""

    augment: tuple[AugmentStep, ...] = Field(
        min_length=1, description="augmentations of waveforms, in this order"
    )


def augment(arguments: Namespace) -> int:
    """Write the copies and print what is in the new corpus."""
    out = Path(arguments.out)
    source = _chain_file(arguments.by)
    errors: list[MirbricksError] = []
    chain = read_config(ChainFile, source.data, source, (), "the file", errors)
    raise_all(errors)
    assert chain is not None
    # Nothing is computed for a folder that cannot take it. Stems follow their mix nowhere: they stay out.
    refuse_corpus(out)
    corpus = Corpus.open(arguments.folder)
    items = [
        item for item in items_where(corpus, arguments.where) if item.stem_of is None
    ]
    definitions = {"piece": Definition("global", "text"), **corpus.pyjama.definitions}
    settings = {
        "copies": arguments.copies,
        "seed": arguments.seed,
        "n_jobs": arguments.jobs,
    }
    name = arguments.name or f"{corpus.name}_augmented"
    n_copies = len(items) * arguments.copies
    with counting("augmenting", n_copies, show=not arguments.quiet) as on_done:
        try:
            made = augmented_corpus(
                items,
                definitions,
                chain.augment,
                out,
                name,
                on_done=on_done,
                **settings,
            )
        except ValueError as error:
            raise _misfit(source, str(error)) from None
    console().print(
        f"{plural(len(made), 'recording')}, {minutes(made)} in {printable(out)}"
    )
    return 0


def _chain_file(path: str) -> Source:
    """The YAML of --by. Raises GraphError E101 for a file that is not there, without proposing a graph."""
    if not Path(path).exists():
        raise GraphError(
            f"there is no file '{path}'",
            code="E101",
            help="--by takes a YAML file with the list `augment:`",
        )
    return read_file(path)


def _misfit(source: Source, message: str) -> GraphError:
    help = "leave it out: here waveforms are changed whose annotations stay"
    return GraphError(message, code="E106", where=source.key(("augment",)), help=help)
