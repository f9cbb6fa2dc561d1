"""The command data check: everything that is wrong with a corpus."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from pathlib import Path

from ...data.check import check_corpus
from ...data.corpus import audio_stores, feature_stores
from ...data.corpus_files import find_corpus
from ...errors import DataError
from ...printable import printable, printable_json
from ..problems import problems_of
from ..screen import counting, plural, watched
from .channels import channel_words


def check_data(arguments: Namespace) -> int:
    """Each problem once, then how many of which kind; one line where all is well."""
    folder = Path(arguments.folder)
    with counting("reading", count_keys(folder), show=watched(arguments)) as on_done:
        findings = check_corpus(folder, arguments.jobs, lambda key, _: on_done(key))
    if arguments.json:
        problems = [one for error in findings.problems for one in problems_of(error)]
        about = {"folder": str(folder), "problems": problems}
        print(printable_json(about))
        return 1 if problems else 0
    if findings.problems:
        for problem in findings.problems:
            print(problem, end="\n\n")
        kinds = Counter(problem.code for problem in findings.problems)
        counts = ", ".join(f"{code}: {count}" for code, count in sorted(kinds.items()))
        print(
            f"{plural(len(findings.problems), 'problem')} in {printable(folder)} ({counts})"
        )
        return 1
    assert findings.corpus is not None
    annotations = sum(
        bool(atoms)
        for entry in findings.corpus.pyjama.entries
        for atoms in entry.annotations.values()
    )
    parts = [
        plural(len(findings.corpus), "recording"),
        *channel_words(Counter(item.n_channels for item in findings.corpus.audio)),
        plural(annotations, "annotation"),
    ]
    print(f"{printable(folder)}: {', '.join(parts)}, nothing wrong")
    return 0


def count_keys(folder: Path) -> int:
    """How many recordings there are to read; 0 where that cannot be read."""
    try:
        files = find_corpus(folder)
        count = 0
        for store in (*audio_stores(files), *feature_stores(files)):
            count += len(store.keys())
        return count
    # Only the bar needs it; the check itself reports what is wrong.
    except DataError:
        return 0
