"""The command `mirbricks`: what it takes. What the commands do is in commands/.

Exit codes: 0 fine, 1 the user's input is wrong (one message, no traceback), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .errors import MirbricksError

Parser = argparse.ArgumentParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser().parse_args(words)
    arguments.command = shlex.join(["mirbricks", *words])
    module, _, function = arguments.run.partition(":")
    pythons, warnings.formatwarning = warnings.formatwarning, _warning
    try:
        if getattr(arguments, "plugin", None):
            _load_plugins(arguments.plugin)
        return int(getattr(importlib.import_module(f".commands.{module}", __package__), function)(arguments))
    except MirbricksError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    finally:
        warnings.formatwarning = pythons


_PYTHONS_WARNING = warnings.formatwarning


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning of mirbricks as a user reads it, such as that of a broken plugin; others as Python writes them."""
    if isinstance(message, MirbricksError):
        return f"{message}\n"
    if category is UserWarning and Path(filename).is_relative_to(Path(__file__).parent):
        lines = (" ".join(part.split()) for part in str(message).splitlines())
        return f"warning: {'; '.join(lines)}\n"
    return _PYTHONS_WARNING(message, category, filename, lineno, line)


def _load_plugins(modules: Sequence[str]) -> None:
    from .registry import load_plugin

    sys.path.insert(0, str(Path.cwd()))  # a plugin may lie beside the graph it is for
    for module in modules:
        load_plugin(module)


def _parser() -> Parser:
    parser = Parser(prog="mirbricks", description="Deep-learning bricks for Music Information Retrieval.")
    parser.add_argument("--version", action="version", version=f"mirbricks {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (run, text, example, add) in _COMMANDS.items():
        form = argparse.RawDescriptionHelpFormatter
        epilog = f"example:\n  mirbricks {name} {example}"
        one = commands.add_parser(name, help=text, description=f"{text}.", epilog=epilog, formatter_class=form)
        one.set_defaults(run=run)
        one.add_argument("--plugin", action="append", metavar="MODULE", help="a module that registers blocks")
        add(one)
    return parser


def _check(p: Parser) -> None:
    p.add_argument("graphs", nargs="+", metavar="GRAPH", help="graph files")
    sweep = "find the sizes of an axis at which a graph breaks, as in F=12:400, or F=12:400:4 for every fourth"
    p.add_argument("--sweep", action="append", default=[], metavar="AXIS=FIRST:LAST", help=sweep)
    _input(p)
    _set(p)


def _summary(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file")
    _input(p)
    _set(p)
    p.add_argument("--json", action="store_true", help="print one JSON object")


def _jobs(text: str) -> int:
    """Processes: a number, -1 for all cores."""
    jobs = int(text)
    if jobs == 0 or jobs < -1:
        raise ValueError
    return jobs


def _input(p: Parser) -> None:
    text = "sizes, the batch first, * for a free one; several inputs: --input x=1,64,* --input t=1"
    p.add_argument("--input", action="append", metavar="SIZES", help=text)


def _set(p: Parser) -> None:
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a value of the graph file")


def _draw(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file")
    p.add_argument("--out", required=True, metavar="FILE", help="the SVG to write; must not exist yet")
    _input(p)
    _set(p)


def _diff(p: Parser) -> None:
    p.add_argument("a", metavar="A", help="a graph file, or a run folder: its resolved.yaml")
    p.add_argument("b", metavar="B", help="another one")
    _input(p)
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.add_argument("--exit-code", action="store_true", help="end with 1 where the graphs differ (default: with 0)")


def _migrate(p: Parser) -> None:
    p.add_argument("file", metavar="FILE", help="a graph file in the tutorial's dialect")
    p.add_argument("--out", metavar="FILE", help="the file to write; must not exist yet (default: print)")
    _input(p)


def _weights_of(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file")
    p.add_argument("--run", dest="run_folder", metavar="RUN", help="a run folder: its weights (default: fresh ones)")
    _input(p)
    _set(p)


def _eject(p: Parser) -> None:
    _weights_of(p)
    p.add_argument("--out", required=True, metavar="FILE", help="the Python file to write; must not exist yet")
    p.add_argument("--weights", metavar="FILE", help="a safetensors file to write the weights to; must not exist yet")


def _export(p: Parser) -> None:
    _weights_of(p)
    p.add_argument("--to", required=True, choices=("torch-export", "onnx"), help="onnx needs mirbricks[onnx]")
    p.add_argument("--out", required=True, metavar="FILE", help="the file to write; must not exist yet")


def _schema(p: Parser) -> None:
    p.add_argument("--out", metavar="FILE", help="the file to write; must not exist yet (default: print)")


def _new_block(p: Parser) -> None:
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.description = (
        "Write a block that works, its test, and a graph that uses it: name.py, test_name.py and name.yaml in --dir.\n"
        "In a checkout of mirbricks they go to blocks/, tests/blocks/ and graphs/. No file is ever overwritten."
    )
    p.add_argument("name", metavar="NAME", help="name of the block and of its class, in CapWords")
    p.add_argument("--dir", default=".", metavar="DIR", help="folder to write into (default: this one)")
    text = "axes of the input: (B, C, T), (B, C, F, T) or (B, T, D) (default: 1d)"
    p.add_argument("--kind", choices=("1d", "2d", "seq"), default="1d", help=text)


def _blocks(p: Parser) -> None:
    p.add_argument("--json", action="store_true", help="print one JSON object")


def _explain(p: Parser) -> None:
    p.add_argument("name", metavar="BLOCK|CODE", help="a block's name or an error's code")


def _data(p: Parser) -> None:
    p.add_argument("--data", required=True, metavar="DIR", help="folder with NAME_audio.hdf5 and NAME.pyjama")
    p.add_argument("--cache", metavar="DIR", help="folder of the feature cache (default: in the user's cache folder)")
    p.add_argument("--jobs", type=_jobs, default=-1, metavar="N", help="processes for features (default: all cores)")
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")


def _train(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help="a graph file with the sections feature, task and train")
    _data(p)
    p.add_argument("--out", required=True, metavar="RUN", help="the run folder to write")
    p.add_argument("--fold", metavar="K|all", help="which fold is the test fold (default: 0), or all, one by one")
    p.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    _set(p)


def _evaluate(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder, or a folder of folds (fold0, fold1, ...)")
    _data(p)
    p.add_argument(
        "--split",
        choices=("train", "valid", "test", "all"),
        help="default: the test fold of the run's own corpus, else all",
    )
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.add_argument("--markdown", action="store_true", help="print a Markdown table")


def _report(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder, or a folder of folds (fold0, fold1, ...)")
    _data(p)


def _predict(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder")
    p.add_argument("audio", nargs="+", metavar="AUDIO", help="wav, flac, ogg or mp3 files of any sample rate")
    p.add_argument(
        "--out", required=True, metavar="DIR", help="folder for the multi-f0 text, the notes and the piano roll"
    )
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")


def _demo(p: Parser) -> None:
    p.add_argument("--data", metavar="DIR", help="a real corpus (default: synthesise one)")
    p.add_argument("--out", default="runs/demo", metavar="RUN", help="the run folder (default: runs/demo)")
    p.add_argument("--graph", metavar="GRAPH", help="default: mpe_small, which is part of mirbricks")
    p.add_argument("--cache", metavar="DIR", help="folder of the feature cache (default: in the user's cache folder)")
    p.add_argument("--jobs", type=_jobs, default=-1, metavar="N", help="processes for features (default: all cores)")
    p.add_argument("--device", default="cpu", help="torch device (default: cpu)")
    _set(p)


_COMMANDS = {
    "check": ("check:check", "check graph files: form, names, sizes", "graphs/*.yaml", _check),
    "summary": (
        "graphs:summary",
        "a row per layer: shapes, parameters, multiply-adds, receptive field",
        "graphs/mpe_bittner.yaml --input 1,6,360,64",
        _summary,
    ),
    "blocks": ("graphs:blocks", "list the registered blocks by family", "--json", _blocks),
    "explain": (
        "explain:explain",
        "explain a block, a word of the graph language or an error code",
        "Conv2d",
        _explain,
    ),
    "schema": (
        "schema:schema",
        "print the JSON Schema of graph files, for editors, with the blocks of installed plugins and of --plugin",
        "> graph.schema.json",
        _schema,
    ),
    "new-block": (
        "new_block:new_block",
        "write a new block, its test and a graph that uses it",
        "GatedConv --kind 2d",
        _new_block,
    ),
    "draw": ("draw:draw", "draw a graph as an SVG", "graphs/mpe_doras_unet.yaml --out unet.svg", _draw),
    "diff": (
        "compare:diff",
        "the difference of two graphs, node by node",
        "graphs/mpe_small.yaml runs/bach10 --exit-code",
        _diff,
    ),
    "migrate": (
        "migrate:migrate",
        "rewrite a graph file in the tutorial's dialect in the native form, comments kept",
        "config_bittner.yaml --input 1,6,360,64 --out bittner.yaml",
        _migrate,
    ),
    "eject": (
        "convert:eject",
        "write a graph as a plain PyTorch file that needs no mirbricks",
        "graphs/mpe_small.yaml --out model.py --run runs/bach10 --weights model.safetensors",
        _eject,
    ),
    "export": (
        "convert:export",
        "write a graph with its weights as a torch.export program or as ONNX",
        "graphs/mpe_small.yaml --to onnx --run runs/bach10 --out model.onnx",
        _export,
    ),
    "train": (
        "train:train",
        "train a graph on a corpus, then evaluate it on the test fold",
        "graphs/mpe_small.yaml --data bach10 --out runs/bach10 --fold 0 --set train.lr=1e-3",
        _train,
    ),
    "evaluate": (
        "evaluate:evaluate",
        "evaluate a run on a corpus, track by track",
        "runs/bach10 --data bach10 --json",
        _evaluate,
    ),
    "report": ("reporting:report", "write the report of a run again", "runs/bach10 --data bach10", _report),
    "predict": ("predict:predict", "predict audio files with a run", "runs/bach10 song.mp3 --out out", _predict),
    "demo": ("demo:demo", "make or take a data set, train, evaluate and write a report", "--out runs/demo", _demo),
}
