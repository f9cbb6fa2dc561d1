"""Features of a corpus computed ahead of a training, in parts that several machines share out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..compiler.compile import load_graph
from ..data.corpus import Corpus
from ..data.shards import WHOLE, Shard
from ..data.user_cache import cache_folder
from ..data.workers import BACKENDS, Backend
from ..errors import DataError, did_you_mean
from ..features.base import FeatureConfig
from .arguments import flag_of, jobs_of, optional_path_of, path_of, wrong
from .experiment import compute_features, features_of, recordings_of
from .loading import experiment_of
from .mixed_down import note_mixed_down
from .overrides import Values, overrides_of
from .progress import Progress, progress_of


@dataclass(frozen=True)
class Extracted:
    """What has been computed, or was there already.

    Attributes
    ----------
    feature : FeatureConfig
        The feature, with its settings.
    folder : Path
        The cache.
    keys : list of str
        The recordings whose features are there.
    failed : list of DataError
        An error for each recording that could not be used.
    n_recordings : int
        How many recordings the corpus has for this graph; `keys` and `failed` are those of the shard.
    """

    feature: FeatureConfig
    folder: Path
    keys: list[str]
    failed: list[DataError]
    n_recordings: int


@dataclass(frozen=True)
class Options:
    """How features are computed; see `extract_features`."""

    overrides: tuple[str, ...] = ()
    cache: str | None = None
    jobs: int = -1
    backend: Backend = "loky"
    shard: Shard = WHOLE


def extract(
    graph: str | Path, data: str | Path, options: Options, progress: Progress
) -> Extracted:
    """Fill the cache with the features that a training of this graph on this corpus reads."""
    experiment = experiment_of(load_graph(graph, list(options.overrides)))
    corpus = Corpus.open(data)
    wanted = recordings_of(corpus, experiment.feature, experiment.task)
    own = options.shard.part(wanted)
    note_mixed_down(experiment.feature, own, progress)
    with progress.counting("features", len(own)) as on_done:
        usable, failed = compute_features(
            own,
            features_of(experiment.feature, options.cache),
            options.jobs,
            on_done,
            backend=options.backend,
        )
    return Extracted(
        experiment.feature,
        cache_folder(options.cache),
        [item.key for item in usable],
        failed,
        len(wanted),
    )


def extract_features(
    graph: str | Path,
    data: str | Path | Corpus,
    *,
    set: Values | None = None,
    cache: str | Path | None = None,
    jobs: int = -1,
    backend: Backend = "loky",
    shard: tuple[int, int] = WHOLE,
    progress: bool = True,
) -> Extracted:
    """Compute the features that a training reads, ahead of it: what `mirbricks data extract` does.

    What is in the cache is not computed again, so a call that was interrupted goes on, and shards may run at once.

    Parameters
    ----------
    graph : str or Path
        A graph file, or the name of one that comes with mirbricks.
    data : str, Path or Corpus
        The corpus, or its folder.
    set : mapping, optional
        Values of the graph file to override, such as `{"feature.sr_hz": 16000}`.
    cache : str or Path, optional
        The folder of the cache; by default that of trainings.
    jobs : int
        Worker processes; -1 is one per core, or all workers of a cluster.
    backend : {"loky", "dask", "ray"}
        Whose workers: processes of this machine, or those of a cluster, which must see the cache and the corpus under
        the same paths. dask joins the scheduler of the variable DASK_SCHEDULER_ADDRESS, ray the cluster of
        RAY_ADDRESS.
    shard : pair of int
        (3, 16) computes the third of sixteen parts.
    progress : bool
        Whether a bar is shown.

    Returns
    -------
    Extracted
        The keys of the recordings that are done, and the errors of the others.

    Raises
    ------
    DataError
        E410 for the corpus, E437 for arguments, E456 for a worker that was killed, E468 without the package of the
        cluster.

    Examples
    --------
    >>> import mirbricks as mb
    >>> done = mb.extract_features("mpe_small", "clips", shard=(1, 2), jobs=1, progress=False)
    >>> len(done.keys), done.n_recordings
    (10, 20)
    """
    refuse_unknown_backend(backend)
    options = Options(
        overrides_of(set),
        optional_path_of(cache, "cache"),
        jobs_of(jobs),
        backend,
        shard_of(shard),
    )
    shown = progress_of(flag_of(progress, "progress"))
    return extract(path_of(graph, "graph"), path_of(data, "data"), options, shown)


def refuse_unknown_backend(backend: object) -> None:
    """Raise DataError E437."""
    if backend not in BACKENDS:
        raise DataError(
            f"expected {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]} as 'backend', got {backend!r}",
            code="E437",
            help=did_you_mean(str(backend), BACKENDS) or "loky needs no cluster",
        )


def shard_of(value: object) -> Shard:
    """The pair as a shard. Raises DataError E437."""
    if isinstance(value, tuple | list) and len(value) == 2:
        number, of = value
        whole = all(type(one) is int for one in value)
        if whole and 1 <= number <= of:
            return Shard(number, of)
    raise wrong("shard", "a part and the number of parts, such as (3, 16)", value)
