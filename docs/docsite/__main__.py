"""Build the site: `make docs`, or `python -m docsite` in docs/. `--notebooks` runs the notebooks of the gallery."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

from .staging import DOCS, stage

BUILD = DOCS / "_build"


def main(arguments: list[str] | None = None) -> int:
    """Stage the pages, let Sphinx write the site, print where it is. A warning is an error."""
    parser = argparse.ArgumentParser(prog="docsite", description=__doc__)
    parser.add_argument("--notebooks", action="store_true", help="run the notebooks")
    parser.add_argument("--out", type=Path, default=BUILD / "site")
    parser.add_argument(
        "--rooms", nargs="*", help="make these rooms only, to look at them soon"
    )
    given = parser.parse_args(arguments)

    began_s = time.perf_counter()
    # The same pages on every machine and at every hour.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    source = stage(BUILD / "source", given.rooms)
    staged_s = time.perf_counter() - began_s
    mode = "cache" if given.notebooks else "off"
    options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(DOCS)]
    options += ["-d", str(BUILD / "doctrees"), "-D", f"nb_execution_mode={mode}"]
    result = build_main([*options, str(source), str(given.out)])
    whole_s = time.perf_counter() - began_s
    print(f"{given.out}/index.html: {whole_s:.0f} s, {staged_s:.0f} of them to stage")
    return int(result)


if __name__ == "__main__":
    sys.exit(main())
