"""What each command takes on the command line; light, for `mirbricks --help` must come at once."""

from __future__ import annotations

import argparse

Parser = argparse.ArgumentParser


def check(p: Parser) -> None:
    p.add_argument("graphs", nargs="+", metavar="GRAPH", help="graph files")
    sweep = "find the sizes of an axis at which a graph breaks, as in F=12:400, or F=12:400:4 for every fourth"
    p.add_argument(
        "--sweep", action="append", default=[], metavar="AXIS=FIRST:LAST", help=sweep
    )
    input_sizes(p)
    overrides(p)


def summary(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file")
    input_sizes(p)
    overrides(p)
    p.add_argument("--json", action="store_true", help="print one JSON object")


def jobs(text: str) -> int:
    """Processes: a number, -1 for all cores."""
    number = int(text)
    if number == 0 or number < -1:
        raise ValueError
    return number


def count(text: str) -> int:
    """A number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def input_sizes(p: Parser) -> None:
    text = "sizes, the batch first, * for a free one; several inputs: --input x=1,64,* --input t=1"
    p.add_argument("--input", action="append", metavar="SIZES", help=text)


def overrides(p: Parser) -> None:
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the graph file",
    )


def draw(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file")
    p.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the SVG to write; must not exist yet",
    )
    input_sizes(p)
    overrides(p)


def diff(p: Parser) -> None:
    p.add_argument(
        "a", metavar="A", help="a graph file, or a run folder: its resolved.yaml"
    )
    p.add_argument("b", metavar="B", help="another one")
    input_sizes(p)
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.add_argument(
        "--exit-code",
        action="store_true",
        help="end with 1 where the graphs differ (default: with 0)",
    )


def migrate(p: Parser) -> None:
    p.add_argument(
        "file", metavar="FILE", help="a graph file in the tutorial's dialect"
    )
    p.add_argument(
        "--out",
        metavar="FILE",
        help="the file to write; must not exist yet (default: print)",
    )
    input_sizes(p)


def weights_of(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file")
    p.add_argument(
        "--run",
        dest="run_folder",
        metavar="RUN",
        help="a run folder: its weights (default: fresh ones)",
    )
    input_sizes(p)
    overrides(p)


def eject(p: Parser) -> None:
    weights_of(p)
    p.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the Python file to write; must not exist yet",
    )
    p.add_argument(
        "--weights",
        metavar="FILE",
        help="a safetensors file to write the weights to; must not exist yet",
    )


def export(p: Parser) -> None:
    weights_of(p)
    p.add_argument(
        "--to",
        required=True,
        choices=("torch-export", "onnx"),
        help="onnx needs mirbricks[onnx]",
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the file to write; must not exist yet",
    )


def schema(p: Parser) -> None:
    p.add_argument(
        "--out",
        metavar="FILE",
        help="the file to write; must not exist yet (default: print)",
    )


def new_block(p: Parser) -> None:
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.description = (
        "Write a block that works, its test, and a graph that uses it: name.py, test_name.py and name.yaml in --dir.\n"
        "In a checkout of mirbricks they go to blocks/, tests/blocks/ and graphs/. No file is ever overwritten."
    )
    p.add_argument(
        "name", metavar="NAME", help="name of the block and of its class, in CapWords"
    )
    p.add_argument(
        "--dir",
        default=".",
        metavar="DIR",
        help="folder to write into (default: this one)",
    )
    text = "axes of the input: (B, C, T), (B, C, F, T) or (B, T, D) (default: 1d)"
    p.add_argument("--kind", choices=("1d", "2d", "seq"), default="1d", help=text)


def blocks(p: Parser) -> None:
    p.add_argument("--json", action="store_true", help="print one JSON object")


def explain(p: Parser) -> None:
    p.add_argument(
        "name", metavar="BLOCK|CODE", help="a block's name or an error's code"
    )
    p.add_argument(
        "--picture",
        metavar="FILE",
        help="write what is inside the block as an SVG; must not exist yet",
    )


def data(p: Parser) -> None:
    p.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with NAME_audio.hdf5 and NAME.pyjama",
    )
    p.add_argument(
        "--cache",
        metavar="DIR",
        help="folder of the feature cache (default: in the user's cache folder)",
    )
    p.add_argument(
        "--jobs",
        type=jobs,
        default=-1,
        metavar="N",
        help="processes for features (default: all cores)",
    )
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")


def train(p: Parser) -> None:
    p.add_argument(
        "graph",
        metavar="GRAPH",
        help="a graph file with the sections feature, task and train",
    )
    data(p)
    p.add_argument(
        "--out", required=True, metavar="RUN", help="the run folder to write"
    )
    text = "the test fold (default: 0); all, one by one; none: every recording trains"
    p.add_argument("--fold", metavar="K|all|none", help=text)
    text = (
        "another corpus, all of whose recordings train too; may be given several times"
    )
    p.add_argument("--also", action="append", default=[], metavar="DIR", help=text)
    p.add_argument(
        "--resume", action="store_true", help="go on where the run in --out stopped"
    )
    text = "begin with the weights of a run or zoo:NAME, where names and shapes fit"
    p.add_argument("--from", dest="start_from", metavar="RUN", help=text)
    overrides(p)


def evaluate(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="RUN",
        help="a run folder, a folder of folds (fold0, fold1, ...), or zoo:NAME",
    )
    data(p)
    text = "train, valid, test, all, or a fold as the corpus has it, such as 5 or fold5 (default: the test fold of the "
    p.add_argument(
        "--split",
        metavar="SIDE",
        help=f"{text}run's own corpus; of another, and for zoo:NAME, all)",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="task.KEY=VALUE",
        help="such as task.annotation=tags",
    )
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.add_argument("--markdown", action="store_true", help="print a Markdown table")


def report(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="RUN",
        help="a run folder, or a folder of folds (fold0, fold1, ...)",
    )
    data(p)


def predict(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder, or zoo:NAME")
    p.add_argument(
        "audio",
        nargs="+",
        metavar="AUDIO",
        help="wav, flac, ogg or mp3 files of any sample rate",
    )
    text = "folder for what was heard and its picture (default: predictions)"
    p.add_argument("--out", default="predictions", metavar="DIR", help=text)
    text = "write over files that are there already"
    p.add_argument("--replace", action="store_true", help=text)
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")


def pack(p: Parser) -> None:
    p.add_argument(
        "folder", metavar="RUN", help="a run folder whose training has ended"
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="the folder to make; its name is the model's",
    )
    p.add_argument(
        "--half", action="store_true", help="keep the parameters in half precision"
    )
    text = "an object of `evaluate --json` for the card, and in words on what; may be repeated, the first is listed"
    p.add_argument(
        "--evaluation", action="append", default=[], metavar="FILE[=TEXT]", help=text
    )
    p.add_argument(
        "--figure",
        metavar="NAME",
        help="the figure that `mirbricks zoo` lists (default: the task's first)",
    )
    text = "the corpora that it was trained on, for their licences (default: the run's)"
    p.add_argument("--corpora", metavar="NAMES", help=text)
    p.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="a limit, for the card; may be repeated",
    )


def ensemble(p: Parser) -> None:
    p.add_argument(
        "folders",
        nargs="+",
        metavar="RUN",
        help="runs of one recipe on one corpus, such as other seeds",
    )
    p.add_argument("--out", required=True, metavar="RUN", help="the run folder to make")


def zoo(p: Parser) -> None:
    p.add_argument(
        "name", nargs="?", metavar="NAME", help="print the card of this model"
    )
    p.add_argument("--json", action="store_true", help="print one JSON object")


def index(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder of the task covers")
    data(p)
    p.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the index to write; must not exist yet",
    )


def search(p: Parser) -> None:
    p.add_argument(
        "index", metavar="INDEX", help="a file that `mirbricks index` has written"
    )
    text = "keys of the index or of the corpus of --data, and audio files"
    p.add_argument("queries", nargs="+", metavar="AUDIO_OR_KEY", help=text)
    p.add_argument(
        "--data", metavar="DIR", help="a corpus whose recordings may be queries"
    )
    text = "the run that made the index (default: the folder that it names)"
    p.add_argument("--run", dest="run_folder", metavar="RUN", help=text)
    p.add_argument(
        "--top",
        type=count,
        default=10,
        metavar="N",
        help="how many results (default: 10)",
    )
    p.add_argument(
        "--faiss",
        action="store_true",
        help="search by FAISS, which mirbricks[retrieval] brings",
    )
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.add_argument(
        "--cache",
        metavar="DIR",
        help="folder of the feature cache (default: in the user's cache folder)",
    )
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")


def demo(p: Parser) -> None:
    p.add_argument(
        "--data", metavar="DIR", help="a real corpus (default: synthesise one)"
    )
    p.add_argument(
        "--out",
        default="runs/demo",
        metavar="RUN",
        help="the run folder (default: runs/demo)",
    )
    p.add_argument(
        "--graph",
        metavar="GRAPH",
        help="default: mpe_small, which is part of mirbricks",
    )
    p.add_argument(
        "--cache",
        metavar="DIR",
        help="folder of the feature cache (default: in the user's cache folder)",
    )
    p.add_argument(
        "--jobs",
        type=jobs,
        default=-1,
        metavar="N",
        help="processes for features (default: all cores)",
    )
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")
    overrides(p)
