"""Features computed once, in parallel, kept on disk under the hash of the audio and the settings.

A cache file appears whole or not at all (feature_file.py), so a killed run goes on where it stopped, and several
processes may fill one folder at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..data.stores.atomic import make_folder
from ..data.stores.downmix import cancelled_words
from ..data.workers import Backend, in_workers
from ..errors import DataError, did_you_mean
from .base import FeatureConfig
from .cache_index import CacheIndex, Stamp
from .extract import AudioItem, Outcome, extract, settings_of
from .feature_file import CachedFeature, is_whole

PARALLEL_AFTER_S = 3.0  # starting worker processes costs seconds, so these are first spent computing here
ABANDONED_AFTER_S = 3600.0

_log = logging.getLogger("mirbricks")


class FeatureCache:
    """One feature of many recordings, in a folder.

    Parameters
    ----------
    folder : Path
        Where the cache files lie; several features and several processes may share it.
    config : FeatureConfig
        The feature and its settings.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from mirbricks.features import FeatureCache, LogMelFeatureConfig
    >>> class Recording:                  # the items of a corpus are such recordings
    ...     key = "noise.wav"
    ...     def read(self):
    ...         return np.random.default_rng(0).standard_normal(22050).astype(np.float32), 22050
    >>> cache = FeatureCache(Path(tempfile.mkdtemp()), LogMelFeatureConfig())
    >>> cache.build([Recording()])        # the errors of recordings that could not be used
    []
    >>> cache.open("noise.wav").read(0, 10).shape
    torch.Size([128, 10])
    """

    def __init__(self, folder: Path, config: FeatureConfig) -> None:
        self.folder = Path(folder)
        self.config = config
        self._index = CacheIndex(self.folder / "index.sqlite", settings_of(config))
        self._digests: dict[str, str] = {}

    def build(
        self,
        items: Iterable[AudioItem],
        *,
        n_jobs: int = -1,
        backend: Backend = "loky",
        on_done: Callable[[str, DataError | None], None] | None = None,
    ) -> list[DataError]:
        """Compute what is missing; returns the errors of the items that could not be used, the others are cached.

        n_jobs   worker processes, as joblib's: -1 is one per core, 1 is this process, which also does
                 what is short
        backend  whose workers: loky's processes of this machine, or those of a dask or ray cluster, which must see
                 this folder and that of the audio under the same paths
        on_done  called here with (key, None or the error) as items get ready: for a progress bar

        Raises DataError E408 (full disk, folder that cannot be written) and E456 (a worker process was killed).
        """
        self._prepare()
        failures = []
        missing = []
        # What the index knows need not be read and hashed to find out that it is there.
        known = self._index.load()
        for item in items:
            digest = self._cached_digest(item, known)
            if digest is None:
                missing.append(item)
                continue
            self._digests[item.key] = digest
            if on_done:
                on_done(item.key, None)
        for outcome in self._computed(missing, n_jobs, backend):
            # A full disk would fail every further item; any
            # other error is of one recording.
            if outcome.error is not None and outcome.error.code == "E408":
                raise outcome.error
            if outcome.error is not None:
                failures.append(outcome.error)
            self._record(outcome)
            if on_done:
                on_done(outcome.key, outcome.error)
        return failures

    def open(self, key: str) -> CachedFeature:
        """The features of a recording. Raises DataError: E454 if they are not in the cache, E455 if damaged."""
        digest = self._digests.get(key)
        if digest is None:
            if self.folder.is_dir():
                indexed = self._index.load()
            else:
                indexed = {}
            # Files may have moved since: a stamp that still fits, or whose file is gone, is as good as the audio.
            found = {
                digest
                for (source, name), (stamp, digest) in indexed.items()
                if name == key and Stamp.of(Path(source)) in (None, stamp)
            }
            if len(found) != 1:
                raise DataError(
                    f"the cache '{self.folder}' holds {len(found) or 'no'} features of '{key}' with these settings",
                    code="E454",
                    help=did_you_mean(key, {name for _, name in indexed} - {key})
                    or "build the cache first",
                )
            digest = self._digests[key] = found.pop()
        return CachedFeature(self._path(digest))

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}.safetensors"

    def _prepare(self) -> None:
        """Make the folder, and clear away what killed runs left long ago."""
        try:
            make_folder(self.folder)
        except OSError as error:
            raise DataError(
                f"cannot make the cache folder '{self.folder}': {error.strerror}",
                code="E408",
                help="choose a folder that can be written",
            ) from error
        # Only old ones: a younger part may still be another process's work.
        for part in self.folder.glob(".*.part"):
            try:
                if time.time() - part.stat().st_mtime > ABANDONED_AFTER_S:
                    part.unlink()
            except FileNotFoundError:  # its own process was faster
                continue

    def _cached_digest(
        self, item: AudioItem, known: dict[tuple[str, str], tuple[Stamp, str]]
    ) -> str | None:
        stamp = Stamp.of(getattr(item, "source", None))
        if stamp is None:
            return None
        then, digest = known.get((stamp.source, item.key), (None, ""))
        if then == stamp and is_whole(self._path(digest)):
            return digest
        return None

    def _computed(
        self, items: Sequence[AudioItem], n_jobs: int, backend: Backend
    ) -> Iterator[Outcome]:
        """Outcomes as they come: at first from this process, then from workers."""
        start_s = time.monotonic()
        n_here = 0
        # Starting workers takes seconds, in which much of a small corpus is done.
        # A cluster is asked for where the work is much: it gets all of it.
        here_s = PARALLEL_AFTER_S if backend == "loky" else 0.0
        while n_here < len(items) and (
            n_jobs == 1 or time.monotonic() - start_s < here_s
        ):
            yield extract(items[n_here], self.folder, self.config)
            n_here += 1
        if n_here == len(items):
            return
        given = ((item, self.folder, self.config) for item in items[n_here:])
        help = "run again, it goes on where it stopped; n_jobs=1 needs the least memory"
        yield from in_workers(
            extract,
            given,
            n_jobs,
            what="computes features",
            help=help,
            in_order=False,
            backend=backend,
        )

    def _record(self, outcome: Outcome) -> None:
        if outcome.was_damaged:
            _log.warning(
                "the cached features of '%s' were damaged and have been computed again",
                outcome.key,
            )
        if outcome.cancelled:
            _log.warning(cancelled_words(f"'{outcome.key}'"))
        if outcome.digest is not None:
            self._digests[outcome.key] = outcome.digest
            if outcome.stamp is not None:
                self._index.add(outcome.stamp, outcome.key, outcome.digest)
