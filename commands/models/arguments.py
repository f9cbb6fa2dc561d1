"""What the commands on trained models take on the command line; light, as `commands.arguments` is."""

from __future__ import annotations

from .. import values
from ..arguments import (
    NEW_FILE,
    backend,
    cache,
    corpus_and_features,
    device,
    jobs,
    json_output,
    overrides,
    quiet,
    shard,
)
from ..parser import Parser

# The keys of the section `train:`; people try them as options. A test compares them with the section itself.
TRAIN_KEYS = (
    "steps",
    "batch_size",
    "lr",
    "optimizer",
    "betas",
    "weight_decay",
    "schedule",
    "warmup_steps",
    "clip_norm",
    "average_decay",
    "freeze",
    "lr_scales",
    "validate_every",
    "patience",
    "seed",
    "bf16",
    "compile",
    "channels_last",
    "sharding",
    "order",
    "buffer",
)


def train(p: Parser) -> None:
    p.settings = TRAIN_KEYS
    p.add_argument(
        "graph",
        metavar="GRAPH",
        help="a graph file with the sections feature, task and train",
    )
    corpus_and_features(p)
    p.add_argument(
        "--out", required=True, metavar="RUN", help="the run folder to write"
    )
    p.add_argument(
        "--fold",
        type=values.fold,
        metavar="K|all|none",
        help="the fold to test on (default: 0); all trains them one by one; none has no test side: "
        "every recording trains",
    )
    p.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="DIR",
        help="another corpus, all of whose recordings train too; repeatable",
    )
    p.add_argument(
        "--resume", action="store_true", help="go on where the run in --out stopped"
    )
    p.add_argument(
        "--from",
        "--start-from",
        dest="start_from",
        metavar="RUN",
        help="begin with the weights of a run or of zoo:NAME, where names and shapes fit",
    )
    _several(p)
    overrides(p)
    json_output(p)
    quiet(p)


def _several(p: Parser) -> None:
    """Sweeps, and what gets the records of a training."""
    p.add_argument(
        "--logger",
        action="append",
        default=[],
        metavar="NAME",
        help="what gets every record beside metrics.jsonl, such as tensorboard; repeatable",
    )
    p.add_argument(
        "--profile",
        action="store_true",
        help="profile steps 3 to 12: a table on the screen, and the trace in RUN/profile.json",
    )
    p.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="KEY=V1,V2,...",
        help="train once with each of the values, as in train.lr=1e-3,3e-4, into folders of their own below --out; "
        "repeated, every combination",
    )
    p.add_argument(
        "--parallel",
        type=values.count,
        default=1,
        metavar="N",
        help="how many trainings of a sweep run at a time (default: 1)",
    )


def _settings(p: Parser, example: str) -> None:
    """`--set` for a trained model, of which only settings of the task can be changed."""
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="task.KEY=VALUE",
        help=f"override a setting of the task, as in {example}; repeatable",
    )


def evaluate(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="RUN",
        help="a run folder, a folder of folds (fold0, fold1, ...), or zoo:NAME",
    )
    corpus_and_features(p)
    p.add_argument(
        "--split",
        metavar="SIDE",
        help="train, valid, test, all, or a fold of the corpus, such as 5 or fold5 (default: the test fold "
        "on the run's own corpus; all on another corpus, and for zoo:NAME)",
    )
    _settings(p, "task.annotation=tags")
    backend(p, "the tracks are judged by this process, one after the other")
    shard(p, "the tracks")
    p.add_argument(
        "--out",
        default="evaluation",
        metavar="DIR",
        help="folder for what shards have found (default: evaluation)",
    )
    p.add_argument(
        "--join",
        action="store_true",
        help="print the figures of all shards that are in --out; the shard that ends last does it by itself",
    )
    p.not_with = {"--join": ("--shard", "--backend")}
    json_output(p)
    p.add_argument("--markdown", action="store_true", help="print a Markdown table")
    quiet(p)


def report(p: Parser) -> None:
    p.add_argument(
        "folders",
        nargs="+",
        metavar="RUN",
        help="a run folder, or a folder of folds (fold0, fold1, ...); several runs are compared on one page",
    )
    corpus_and_features(p, required=False)
    p.add_argument(
        "--out",
        default="comparison.html",
        metavar="FILE",
        help=f"the page that compares several runs (default: comparison.html); {NEW_FILE}",
    )


def runs(p: Parser) -> None:
    p.add_argument(
        "folder",
        nargs="?",
        default="runs",
        metavar="DIR",
        help="a folder with runs in it, at any depth (default: runs)",
    )
    json_output(p)


def predict(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder, or zoo:NAME")
    p.add_argument(
        "audio",
        nargs="+",
        metavar="AUDIO",
        help="wav, flac, ogg or mp3 files of any sampling rate, folders of them, or patterns such as 'songs/*.mp3'",
    )
    p.add_argument(
        "--out",
        default="predictions",
        metavar="DIR",
        help="folder for the predictions and their pictures (default: predictions)",
    )
    p.add_argument(
        "--to",
        type=values.names,
        default=[],
        metavar="FORMATS",
        help="formats to write instead of the task's own files, separated by commas: midi, midi-bends (a bend per "
        "note), jams, svl and sv (layers and a session of Sonic Visualiser), csv, lab, json, wav (recording left, "
        "prediction right), png",
    )
    p.add_argument(
        "--session",
        metavar="FILE.sv",
        help="write a session of Sonic Visualiser for the one recording: its spectrogram under all that was predicted",
    )
    existing = p.add_mutually_exclusive_group()
    existing.add_argument(
        "--replace",
        action="store_true",
        help="overwrite files that exist already",
    )
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out recordings whose predictions are there already",
    )
    p.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per recording, a line each, and nothing else",
    )
    p.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the model; bfloat16 is faster on processors that know it, and a little less exact (default: float32)",
    )
    _streaming(p)
    _settings(p, "task.predict_shifts=[-1,0,1]")
    shard(p, "the recordings")
    device(p)
    quiet(p)


def _streaming(p: Parser) -> None:
    """`predict --stream`, which prints and writes nothing."""
    p.add_argument(
        "--stream",
        action="store_true",
        help="print pitches and notes as they come, a line each, in place of files; the latency first. AUDIO is one "
        "file, or - for samples from standard input",
    )
    p.add_argument(
        "--sr-hz",
        type=values.rate_hz,
        metavar="HZ",
        help="with --stream -: the rate of the samples (default: that of the model)",
    )
    p.add_argument(
        "--samples",
        choices=("float32", "int16"),
        default="float32",
        help="with --stream -: how they come, one channel, little-endian (default: float32)",
    )
    p.add_argument(
        "--peak",
        type=values.magnitude,
        metavar="P",
        help="with --stream: the largest magnitude of the recording's transform, which a first pass prints at its "
        "end (default: the largest so far)",
    )
    p.not_with = {
        "--stream": (
            "--to",
            "--session",
            "--out",
            "--replace",
            "--skip-existing",
            "--shard",
            "--precision",
        )
    }
    p.only_with = {"--stream": ("--sr-hz", "--samples", "--peak")}


def pack(p: Parser) -> None:
    p.add_argument(
        "folder", metavar="RUN", help="a run folder whose training has ended"
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="the folder to make; its name is the model's. NAME.mirb: one file, for a server; mirbricks.load takes its "
        "address and checksum",
    )
    p.add_argument(
        "--half", action="store_true", help="store the weights in half precision"
    )
    p.add_argument(
        "--evaluation",
        action="append",
        default=[],
        metavar="FILE[=TEXT]",
        help="the output of `evaluate --json`, for the card, and a text on what it was measured on; "
        "repeatable, `mirbricks zoo` lists the first",
    )
    p.add_argument(
        "--figure",
        metavar="NAME",
        help="the figure that `mirbricks zoo` lists (default: the task's first)",
    )
    p.add_argument(
        "--corpora",
        metavar="NAMES",
        help="the corpora that it was trained on, for their licences (default: the run's)",
    )
    p.add_argument(
        "--hub",
        nargs="?",
        const="other",
        type=values.licence,
        metavar="LICENCE",
        help="begin the card with the YAML header that model hubs read: tags, data, figures, and this licence of the "
        "model, such as cc-by-4.0 (left out: other)",
    )
    json_output(p)
    p.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="a limit of the model, for the card; repeatable",
    )


def ensemble(p: Parser) -> None:
    p.add_argument(
        "folders",
        nargs="+",
        metavar="RUN",
        help="runs of one recipe on one corpus, such as trainings with other seeds, or folders of their folds",
    )
    p.add_argument("--out", required=True, metavar="RUN", help="the run folder to make")


def zoo(p: Parser) -> None:
    p.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="print the card of this model (default: list all)",
    )
    json_output(p)


def index(p: Parser) -> None:
    p.add_argument("folder", metavar="RUN", help="a run folder of the task covers")
    corpus_and_features(p)
    p.add_argument(
        "--out", required=True, metavar="FILE", help=f"the index to write; {NEW_FILE}"
    )
    p.add_argument(
        "--compress",
        type=values.count,
        metavar="BYTES",
        help="keep so many bytes of each vector, such as 16, for FAISS to search (default: all its numbers)",
    )
    quiet(p)


def search(p: Parser) -> None:
    p.add_argument("index", metavar="INDEX", help="a file that `mirbricks index` wrote")
    p.add_argument(
        "queries",
        nargs="+",
        metavar="AUDIO_OR_KEY",
        help="audio files, and keys of the index or of the corpus of --data",
    )
    p.add_argument(
        "--data", metavar="DIR", help="a corpus whose recordings may be queries"
    )
    p.add_argument(
        "--run",
        dest="run_folder",
        metavar="RUN",
        help="the run that made the index (default: the folder that it names)",
    )
    p.add_argument(
        "--top",
        type=values.count,
        default=10,
        metavar="N",
        help="how many results per query (default: 10)",
    )
    p.add_argument(
        "--faiss",
        action="store_true",
        help="search with FAISS, which comes with the package faiss-cpu",
    )
    p.add_argument(
        "--probes",
        type=values.count,
        metavar="N",
        help="of a compressed index: how many lists to look into (default: 16); more find more and take longer",
    )
    json_output(p)
    cache(p)
    device(p)


def demo(p: Parser) -> None:
    p.settings = TRAIN_KEYS
    p.add_argument(
        "--data", metavar="DIR", help="a corpus (default: synthesise a small one)"
    )
    p.add_argument(
        "--out",
        default="runs/demo",
        metavar="RUN",
        help="the run folder to write (default: runs/demo)",
    )
    p.add_argument(
        "--graph",
        metavar="GRAPH",
        help="a graph file (default: mpe_small, which is part of mirbricks)",
    )
    cache(p)
    jobs(p, "processes that compute features")
    device(p)
    overrides(p)
    json_output(p)
    quiet(p)
