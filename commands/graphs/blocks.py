"""The command blocks: what is registered."""

from __future__ import annotations

import json
from argparse import Namespace

from ...errors import RegistryError, did_you_mean
from ...registry import Spec, by_family
from ...registry import blocks as registered
from ...workflows.listing import list_blocks
from ..wrapping import wrapped


def blocks(arguments: Namespace) -> int:
    """List the registered blocks by family, or those whose names match a pattern."""
    known = _matching(arguments.pattern)
    if arguments.json:
        described = {
            spec.name: {
                "family": spec.family,
                "contract": spec.contract.text,
                "summary": spec.summary,
            }
            for spec in known.values()
        }
        print(json.dumps(described))
        return 0
    # In one column, so that the summaries can be read down the page.
    longest = max(map(len, known))
    for family, specs in by_family(known.values()).items():
        print(family)
        for spec in specs:
            line = f"  {spec.name:<{longest}}  {spec.summary}"
            print(wrapped(line, len("  ") + longest + len("  ")))
    return 0


def _matching(pattern: str) -> dict[str, Spec]:
    """The blocks that a pattern names. Raises RegistryError E305 where there is none."""
    known = registered()
    found = {name: known[name] for name in list_blocks(pattern)}
    if not found:
        listing = (
            "`mirbricks blocks` lists all; '*' stands for any letters, as in '*pool*'"
        )
        raise RegistryError(
            f"no block is named '{pattern}'",
            code="E305",
            help=did_you_mean(pattern, known) or listing,
        )
    return found
