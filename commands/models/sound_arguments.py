"""What the commands that make and compare sounds take on the command line; light, as `commands.arguments` is."""

from __future__ import annotations

from .. import values
from ..arguments import device, json_output, seed
from ..parser import Parser


def generate(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder, or zoo:NAME")
    p.add_argument(
        "--n", type=values.count, default=16, help="how many sounds (default: 16)"
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a condition, as in instrument=guitar; given again, its values take turns; "
        "task.KEY=VALUE is a setting of the task, as in task.temperature=.9; repeatable",
    )
    seed(p, "other sounds")
    p.add_argument(
        "--out",
        default="generated",
        metavar="DIR",
        help="folder for the sounds and their page (default: generated)",
    )
    p.add_argument(
        "--replace",
        action="store_true",
        help="overwrite files that exist already",
    )
    device(p)


def listen(p: Parser) -> None:
    p.add_argument(
        "folders",
        nargs="*",
        metavar="DIR",
        help="a folder of sounds per system, its files named alike in all; NAME=DIR names the system",
    )
    p.add_argument("--out", metavar="PAGE_DIR", help="the folder of the page to make")
    p.add_argument(
        "--test",
        choices=("mushra", "abx", "mos"),
        default="mushra",
        help="rate all versions beside each other, tell two apart, or rate one by one (default: mushra)",
    )
    p.add_argument(
        "--reference",
        metavar="DIR",
        help="the original sounds; mushra needs them, mos hides them among the others",
    )
    p.add_argument(
        "--anchor",
        type=values.cutoff_hz,
        action="append",
        metavar="HZ",
        help="low-pass filter of an anchor of mushra, made from the reference; repeatable (default: 3500)",
    )
    p.add_argument(
        "--trials",
        type=values.count,
        default=8,
        metavar="N",
        help="how often abx asks each item (default: 8)",
    )
    p.add_argument(
        "--match-levels",
        action="store_true",
        help="make the sounds of an item as soft as the softest of them (default: nothing is changed)",
    )
    p.add_argument(
        "--title", default="", metavar="TEXT", help="what stands above the page"
    )
    seed(p, "other orders of sounds")
    p.add_argument(
        "--results",
        nargs="+",
        metavar="CSV",
        help="what listeners sent back: print means, intervals and paired tests instead",
    )
    p.add_argument(
        "--unit",
        choices=("listeners", "items", "ratings"),
        default="listeners",
        help="what intervals and tests of the results are made over (default: listeners)",
    )
    p.add_argument(
        "--no-screening",
        action="store_true",
        help="keep the listeners whom the post-screening of ITU-R BS.1534-3 leaves out",
    )
    json_output(p)
