"""The file of an index: the vectors of a corpus's recordings, with their keys, titles and whose weights made them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import safetensors
import safetensors.torch
from torch import Tensor, nn

from ..data.stores.atomic import written_whole
from ..errors import RunError
from ..runs.folder import WEIGHTS, RunFolder
from ..tasks.covers import Library
from ..tasks.covers.matching import Alike
from ..tasks.covers.whitening import Statistics, refuse_other_layers
from .compressed import Compressed

OF_RECORDINGS = {"counts": 1, "mean": 1, "deviation": 1}
# The kinds of libraries by the word that their files begin with, each with its tensors and their axes.
EXACT = "mirbricks index 1"
COMPRESSED = "mirbricks compressed index 1"
TENSORS = {
    EXACT: {"vectors": 3, **OF_RECORDINGS},
    COMPRESSED: {"centres": 2, "codebooks": 3, "codes": 2, "lists": 1, **OF_RECORDINGS},
}
# Both kinds may hold the statistics by which the collection was whitened, two tensors for each layer.
WHITENING = {"mean": 1, "projection": 2}
# How a library of a kind compares.
HOW = {EXACT: ("alike_by", "both_ways"), COMPRESSED: ("alike_by", "probes")}


@dataclass(frozen=True)
class Index:
    """A library with what one reads of it.

    keys, titles, works  of each recording; a work is None where the corpus has none
    run, weights         the folder of the run, and the hash of its weights
    """

    library: Library | Compressed
    keys: tuple[str, ...]
    titles: tuple[str, ...]
    works: tuple[str | None, ...]
    run: str
    weights: str
    corpus: str

    def save(self, path: str | Path) -> None:
        """Write the file, whole. Raises E408."""
        # Tensors and words lie in one file, so that neither can be lost or exchanged alone.
        names = ("keys", "titles", "works", "run", "weights", "corpus")
        facts = {name: getattr(self, name) for name in names}
        kind = COMPRESSED if isinstance(self.library, Compressed) else EXACT
        for name in HOW[kind]:
            facts[name] = getattr(self.library, name)
        about = json.dumps(facts, ensure_ascii=False)
        tensors = {
            name: getattr(self.library, name).contiguous() for name in TENSORS[kind]
        }
        for layer, statistics in self.library.whitening.items():
            for what, tensor in zip(WHITENING, statistics, strict=True):
                tensors[f"whitening.{what}.{layer}"] = tensor.contiguous()
        with written_whole(path) as temporary:
            temporary.write_bytes(safetensors.torch.save(tensors, {kind: about}))

    @classmethod
    def load(cls, path: str | Path) -> Index:
        """Raises RunError E630 for a file that is not a complete index, E632 for an index without recordings."""
        if not Path(path).is_file():
            raise _not_an_index(path, "there is no such file")
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                about = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            kinds = [kind for kind in TENSORS if kind in about]
            if len(kinds) != 1:
                raise ValueError("it is not one of ours")
            whitening = _taken_out(tensors)
            if {name: one.ndim for name, one in tensors.items()} != TENSORS[kinds[0]]:
                raise ValueError("it has other tensors")
            facts = json.loads(about[kinds[0]])
            for name in ("keys", "titles", "works"):
                facts[name] = tuple(facts[name])
            # An index without this word is of cosines: there was nothing else.
            alike_by = facts.pop("alike_by", "cosine")
            if alike_by not in get_args(Alike):
                raise ValueError(f"it compares by '{alike_by}', which is not known")
            made = _exact if kinds[0] == EXACT else _compressed
            library, n_vectors = made(tensors, facts, alike_by, whitening)
            index = cls(library, **facts)
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            safetensors.SafetensorError,
        ) as error:
            raise _not_an_index(path, " ".join(str(error).split())) from error

        # A file from a stranger may be well formed and still disagree with itself.
        of_recordings = (index.keys, index.titles, index.works)
        of_scores = (library.counts, library.mean, library.deviation)
        sizes = {len(one) for one in (*of_recordings, *of_scores)}
        if len(sizes) > 1 or int(library.counts.sum()) != n_vectors:
            raise _not_an_index(path, "its parts differ in length")
        if not index.keys:
            raise RunError(
                f"the index '{path}' is empty",
                code="E632",
                help="index a corpus with recordings",
            )
        return index


def _exact(
    tensors: dict[str, Tensor],
    facts: dict[str, Any],
    alike_by: Alike,
    whitening: Statistics,
) -> tuple[Library, int]:
    """The library of an index, and how many vectors it has; its words are taken out of the facts."""
    # One without this word was made before there was a choice.
    both_ways = bool(facts.pop("both_ways", False))
    library = Library(
        **tensors, alike_by=alike_by, both_ways=both_ways, whitening=whitening
    )
    return library, len(library.vectors)


def _compressed(
    tensors: dict[str, Tensor],
    facts: dict[str, Any],
    alike_by: Alike,
    whitening: Statistics,
) -> tuple[Compressed, int]:
    """As `_exact`, of a compressed index. Raises ValueError for codes that do not fit."""
    library = Compressed(
        **tensors, alike_by=alike_by, probes=facts.pop("probes"), whitening=whitening
    )
    library.refuse_damaged()
    return library, len(library.counts)


def _taken_out(tensors: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """The statistics of whitening among the tensors of a file, which lose them; none in one of before there were any.

    Raises ValueError where they are not whole.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for name in [one for one in tensors if one.startswith("whitening.")]:
        # A layer of a graph within a graph has dots in its name.
        _, what, layer = name.split(".", 2)
        found.setdefault(layer, {})[what] = tensors.pop(name)
    for layer, own in found.items():
        if {name: one.ndim for name, one in own.items()} != WHITENING:
            raise ValueError(f"the whitening of '{layer}' is not whole")
    return {layer: (own["mean"], own["projection"]) for layer, own in found.items()}


def _not_an_index(path: str | Path, reason: str) -> RunError:
    help = "write one: mirbricks index RUN --data DIR --out FILE"
    return RunError(f"'{path}' is not an index: {reason}", code="E630", help=help)


def weights_hash(run: RunFolder) -> str:
    """A hash of the weights of a run."""
    return hashlib.blake2b(run.file(WEIGHTS).read_bytes(), digest_size=16).hexdigest()


def refuse_other_weights(index: Index, run: RunFolder, path: str) -> None:
    """Raise E631 where the index was made by other weights."""
    if index.weights != weights_hash(run):
        raise RunError(
            f"the index '{path}' was made with other weights than those of '{run.path}'",
            code="E631",
            facts=[
                ("index", f"'{index.run}', {index.weights[:8]}"),
                ("run", weights_hash(run)[:8]),
            ],
            help=f"make it again: mirbricks index {run.path} --data DIR --out FILE",
        )


def refuse_other_whitening(index: Index, model: nn.Module, path: str) -> None:
    """Raise E630 where the index was whitened by layers that the model has not: the file is damaged."""
    try:
        refuse_other_layers(model, index.library.whitening)
    except ValueError as error:
        raise _not_an_index(path, str(error)) from error
