"""What the commands of the group `data` take on the command line; light, as `arguments` is."""

from __future__ import annotations

from . import arguments
from .arguments import Parser

SYNTH = ("chords", "covers", "notes", "piano", "polyphony", "stems", "tagged")


def synth(p: Parser) -> None:
    p.add_argument("kind", choices=SYNTH, help="what the corpus is for")
    p.add_argument("--out", required=True, metavar="DIR", help="folder to write; must hold no corpus yet")
    p.add_argument("--n", type=arguments.count, metavar="N", help="how many items; of covers, how many works")
    p.add_argument("--seconds", type=float, metavar="S", help="length of the clips of piano, notes, polyphony, tagged")
    p.add_argument("--seed", type=int, default=0, help="another number makes another corpus (default: 0)")
    p.add_argument("--jobs", type=arguments.jobs, default=-1, metavar="N", help="processes (default: all cores)")
