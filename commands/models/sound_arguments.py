"""What the commands that make and compare sounds take on the command line; light, as `commands.arguments` is."""

from __future__ import annotations

from argparse import BooleanOptionalAction

from .. import values
from ..arguments import device, json_output, quiet, seed
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
    p.add_argument(
        "--best-of",
        type=values.count,
        metavar="N",
        help="make N sounds for each and keep the one that the model's ear finds most like what was asked for; "
        "needs task.ear (default: as the model's settings say)",
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
    json_output(p)
    quiet(p)


def separate(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run of separation, or zoo:NAME")
    p.add_argument(
        "audio",
        nargs="+",
        metavar="AUDIO",
        help="wav, flac, ogg or mp3 files of any sampling rate and channels, or folders of them",
    )
    p.add_argument(
        "--out",
        default="separated",
        metavar="DIR",
        help="folder for the sounds, TARGET.wav each, and their page; of several recordings a folder in it for each "
        "(default: separated)",
    )
    p.add_argument(
        "--targets",
        type=values.names,
        metavar="NAMES",
        help="what to separate, as in violin,bassoon (default: all that the model knows)",
    )
    p.add_argument(
        "--sum-to-mix",
        action=BooleanOptionalAction,
        help="share out what the estimates lack of the recording among them, so that they sum to it "
        "(default: as the model's settings say)",
    )
    p.add_argument(
        "--wiener",
        action=BooleanOptionalAction,
        help="filter the recording by Wiener filters made of the estimates (default: as the model's settings say)",
    )
    p.add_argument(
        "--one-pass-mb",
        type=values.megabytes,
        metavar="MB",
        help="memory for models whose answer depends on the whole recording: what needs more is separated in chunks "
        "(default: as the model's settings say, mostly 800)",
    )
    _replace(p)
    device(p)
    json_output(p)
    quiet(p)


def judge(p: Parser) -> None:
    p.add_argument(
        "sounds",
        metavar="SOUNDS",
        help="a folder of wav, flac, ogg or mp3 files of any sampling rate, or a corpus; 6 sounds or more",
    )
    p.add_argument(
        "real", metavar="REAL", help="real sounds, in the same form; 12 or more"
    )
    p.add_argument(
        "--embedding",
        default="mel",
        metavar="NAME",
        help="what sounds are compared by: mel, chroma, clap, vggish, pann, zoo:NAME or RUN, with @NODE for a node of "
        "the model's graph (default: mel)",
    )
    p.add_argument(
        "--split",
        metavar="SIDE",
        help="the side of the corpus REAL: train, valid, test, all, or a fold as it is stored (default: all; "
        "test with --run)",
    )
    p.add_argument(
        "--run",
        dest="run_folder",
        metavar="RUN",
        help="the run whose split it is, such as that of the model that made SOUNDS",
    )
    p.add_argument(
        "--train",
        metavar="DIR",
        help="the training sounds, for figures of copies; of the corpus REAL its train side",
    )
    p.add_argument(
        "--heard",
        metavar="MODEL",
        help="a classifier, zoo:NAME or RUN: the share of the sounds in which it hears the label that was asked for, "
        "and of those whose pitch is within a quarter tone of the pitchmidi that was",
    )
    p.add_argument(
        "--clips",
        type=values.whole,
        default=5,
        metavar="N",
        help="how many of the least real sounds are listed (default: 5); --json has all",
    )
    seed(p, "other halves and another noise")
    json_output(p)
    device(p)
    quiet(p)


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
    _listening_results(p)
    json_output(p)
    quiet(p)


def _listening_results(p: Parser) -> None:
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


def encode(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run of a codec, or zoo:NAME")
    p.add_argument(
        "audio",
        metavar="AUDIO",
        help="a wav, flac, ogg or mp3 file of any sampling rate",
    )
    p.add_argument(
        "--out", required=True, metavar="FILE", help="the file of codes to write"
    )
    p.add_argument(
        "--codebooks",
        type=values.count,
        metavar="N",
        help="only the first N codebooks, for fewer bits (default: all)",
    )
    _replace(p)
    device(p)


def decode(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="the run that encoded, or zoo:NAME")
    p.add_argument("codes", metavar="CODES", help="a file that encode wrote")
    p.add_argument("--out", required=True, metavar="FILE", help="the wav file to write")
    _replace(p)
    device(p)


def _replace(p: Parser) -> None:
    p.add_argument(
        "--replace",
        action="store_true",
        help="overwrite a file that exists already",
    )
