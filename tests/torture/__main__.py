"""The command: what is tortured, for how long, and the page with the counts."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from . import steps

PARTS = ("kills", "faults", "power", "memory", "fuzz", "lines", "soak")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
MOST_SHOWN = 60


def main(words: list[str]) -> int:
    """Run what is asked for; 1 where anything was not as it must be."""
    asked = _parser().parse_args(words)
    unknown = set(asked.parts) - set(PARTS)
    if unknown:
        print(f"parts are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    if not steps.can_be_seen():
        print("torture needs Linux and a C compiler: nothing was done")
        return 0
    steps.begin(words)
    # Only now: this process begins again above, and would import everything twice.
    from .parts import Shop, run

    faults: list[str] = []
    with contextlib.ExitStack() as stack:
        shop = Shop(stack)
        for name in asked.parts or PARTS:
            part = run(name, asked, shop)
            print(f"{name}\n\n{part.text}\n", flush=True)
            faults += part.faults
            if asked.write:
                _publish(part.text, name)
    for fault in faults[:MOST_SHOWN]:
        print(f"FAULT {fault}", flush=True)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("torture", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--short", action="store_true", help="what `make test` runs")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn from")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first input"
    )
    parser.add_argument("--count", type=int, default=10**9, help="inputs of each kind")
    parser.add_argument("--only", default="", help="kinds of inputs with this word")
    parser.add_argument("--scale", type=float, default=1.0, help="of all counts")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the fuzzers")
    parser.add_argument(
        "--rest", type=float, default=0.0, help="seconds between rounds of the soak"
    )
    parser.add_argument("--write", action="store_true", help="put tables on the page")
    return parser


def _publish(text: str, name: str) -> None:
    """Put a table between its markers on the page, as the benchmarks do."""
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no <!-- {name} --> … <!-- /{name} -->")
    PAGE.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
