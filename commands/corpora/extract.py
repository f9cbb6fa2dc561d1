"""The command data extract: features computed ahead of a training, whole or in shards."""

from __future__ import annotations

import json
from argparse import Namespace

from ...data.shards import Shard
from ...printable import printable
from ...workflows.extract import Extracted, Options, extract
from ..screen import plural, progress_for


def extract_features(arguments: Namespace) -> int:
    """Fill the cache; 1 where no recording could be used."""
    options = Options(
        tuple(arguments.set),
        arguments.cache,
        arguments.jobs,
        arguments.backend,
        Shard(*arguments.shard),
    )
    progress = progress_for(arguments)
    done = extract(arguments.graph, arguments.data, options, progress)
    for error in done.failed:
        progress.complain(error)
    if arguments.json:
        print(json.dumps(_as_json(done, options)))
    else:
        count = plural(len(done.keys), "recording")
        where = printable(str(done.folder))
        print(f"features '{done.feature.type}' of {count} are in {where}")
        if options.shard.of > 1:
            print(
                f"shard {options.shard.number} of {options.shard.of}; the corpus has {done.n_recordings}"
            )
        if done.failed:
            print(f"{plural(len(done.failed), 'recording')} could not be used")
    return 1 if done.failed and not done.keys else 0


def _as_json(done: Extracted, options: Options) -> dict[str, object]:
    return {
        "feature": done.feature.type,
        "cache": str(done.folder),
        "shard": list(options.shard),
        "recordings": done.n_recordings,
        "done": done.keys,
        "failed": [str(error) for error in done.failed],
    }
