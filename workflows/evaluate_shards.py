"""An evaluation in shards: each writes a file of its own, and together they give the figures of all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.corpus import Corpus
from ..data.shards import Shard
from ..data.stores.atomic import refuse_unwritable
from ..tasks.base import Figures
from ..version import __version__
from .evaluate import Evaluated, Together
from .index_file import weights_hash
from .judged_parts import judged_part, refuse_indivisible
from .loading import find_runs
from .progress import Progress
from .raw_corpus import open_corpus
from .run_on_corpus import Options, RunOnCorpus, refuse_other_sets, runs_on
from .shard_file import (
    PartOfRun,
    ShardFile,
    missing_of,
    other_evaluation,
    path_of,
    refuse_missing,
    refuse_other,
    refuse_several,
    shards_in,
)

DIGEST_BYTES = 8


class Unheard(Progress):
    """Says nothing: runs are opened again, and their notes have been read."""

    def __init__(self) -> None:
        super().__init__(bars=False)

    def note(self, text: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class ShardDone:
    """A shard whose file is there.

    keys      the recordings that it has judged, or embedded
    missing   the numbers of the shards that are not there yet
    together  the evaluation of all, where none is missing
    """

    path: Path
    keys: list[str]
    failed: bool
    missing: list[int]
    together: Evaluated | None


def evaluate_shard(
    folder: str | Path,
    data: str | Path,
    options: Options,
    shard: Shard,
    out: Path,
    progress: Progress,
) -> ShardDone:
    """Judge a part of the tracks, and write what is found; the shard that comes last joins all.

    A shard whose file is there is not judged again, unless a recording of it could not be used.

    Raises RunError E636 for shards of another evaluation in `out`, E637 for a damaged one, E638 for a task that judges
    all recordings together; further as `evaluate`.
    """
    refuse_other_sets(options.overrides)
    corpus = open_corpus(str(data))
    # What cannot be written is refused before hours of computing.
    path = path_of(out, shard)
    refuse_unwritable(path)
    about = _about(folder, corpus, options)
    file = _there(out, shard, about)
    parts = []
    for number, one in enumerate(runs_on(folder, corpus, options, progress)):
        refuse_indivisible(one.task, "--shard")
        digest = _digest(one)
        if file is not None:
            _refuse_other_run(file, number, one, digest, out)
        if file is None or file.failed:
            parts.append(_part(one, digest, shard, data, options, progress))
    if parts:
        file = ShardFile(shard, about, parts)
        file.save(out)
    assert file is not None  # there is a run, so there is a part

    there = shards_in(out)
    missing = missing_of(there)
    together = None
    if not missing:
        runs = runs_on(folder, corpus, options, Unheard())
        together = _joined(runs, corpus, about, out, there, progress)
    keys = dict.fromkeys(key for part in file.runs for key in part.figures)
    return ShardDone(path, list(keys), file.failed, missing, together)


def join_shards(
    folder: str | Path,
    data: str | Path,
    options: Options,
    out: Path,
    progress: Progress,
) -> Evaluated:
    """The figures of all tracks, from the files of the shards; no audio is read.

    Raises RunError E636 where a shard is missing or of another evaluation, E637 for a damaged one.
    """
    refuse_other_sets(options.overrides)
    corpus = open_corpus(str(data))
    there = shards_in(out)
    refuse_missing(out, there)
    about = _about(folder, corpus, options)
    runs = runs_on(folder, corpus, options, progress)
    return _joined(runs, corpus, about, out, there, progress)


def _there(out: Path, shard: Shard, about: Mapping[str, str]) -> ShardFile | None:
    """The file of the shard, if it is there. Raises RunError E636 where something else is there."""
    there = shards_in(out)
    refuse_several(out, {one.of for one in (*there, shard)})
    if shard not in there:
        return None
    file = ShardFile.load(out, shard)
    refuse_other(file, about, out)
    return file


def _part(
    one: RunOnCorpus,
    digest: str,
    shard: Shard,
    data: str | Path,
    options: Options,
    progress: Progress,
) -> PartOfRun:
    own = shard.part(one.whole())
    figures, failed = judged_part(one, own, data, options, progress)
    return PartOfRun(digest, figures, [(error.code, error.message) for error in failed])


def _about(folder: str | Path, corpus: Corpus, options: Options) -> dict[str, str]:
    """What makes two shards parts of one evaluation, in words."""
    notes = (corpus.folder / f"{corpus.name}.pyjama").read_bytes()
    return {
        "mirbricks": __version__,
        "corpus": corpus.name,
        "annotations": hashlib.blake2b(notes, digest_size=DIGEST_BYTES).hexdigest(),
        "split": options.split or "the default",
        "settings": " ".join(options.overrides) or "those of the run",
        "runs": str(len(find_runs(folder))),
    }


def _digest(one: RunOnCorpus) -> str:
    """A hash of what is judged with what."""
    keys = [item.key for item in one.whole()]
    rows = [weights_hash(one.run), one.settings.tuned, one.side, keys]
    text = json.dumps(rows, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def _refuse_other_run(
    file: ShardFile, number: int, one: RunOnCorpus, digest: str, out: Path
) -> None:
    """Raise RunError E636 where a shard is of other weights, or of other tracks."""
    there = file.runs[number].digest
    if there != digest:
        fact = ("weights and tracks", f"{there} there, {digest} here")
        raise other_evaluation(file, out, [("run", str(one.run.path)), fact])


def _joined(
    runs: Iterable[RunOnCorpus],
    corpus: Corpus,
    about: Mapping[str, str],
    out: Path,
    there: Sequence[Shard],
    progress: Progress,
) -> Evaluated:
    files = [ShardFile.load(out, shard) for shard in there]
    for file in files:
        refuse_other(file, about, out)
    together = Together(corpus)
    for number, one in enumerate(runs):
        digest = _digest(one)
        parts: dict[str, Figures] = {}
        failed = []
        for file in files:
            _refuse_other_run(file, number, one, digest, out)
            parts |= file.runs[number].figures
            failed += file.runs[number].errors()
        tracks = one.task.tracks(one.items)
        found = one.task.joined(parts, tracks, one.settings.tuned)
        together.add(one, found, failed)
    return together.evaluated(progress)
