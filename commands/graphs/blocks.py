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
    """The blocks that a pattern names, or in which its words stand. Raises RegistryError E305 where there is none."""
    known = registered()
    found = {name: known[name] for name in list_blocks(pattern)}
    # A word that names no block is looked for in names, families and summaries.
    found = found or {name: spec for name, spec in known.items() if _has(spec, pattern)}
    if not found:
        listing = (
            "`mirbricks blocks` lists all; '*' stands for any letters, as in '*pool*'"
        )
        raise RegistryError(
            f"no block is named '{pattern}', and none has it in its summary",
            code="E305",
            help=did_you_mean(pattern, known) or listing,
        )
    return found


def _has(spec: Spec, words: str) -> bool:
    """Whether all words stand in the name, the family or the summary of a block, in capitals or not."""
    text = f"{spec.name} {spec.family} {spec.summary}".lower()
    return all(word in text for word in words.lower().split())
