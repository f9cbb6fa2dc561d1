"""What several commands take on the command line; light, for `mirbricks --help` must come at once."""

from __future__ import annotations

from . import values
from .parser import Parser

NEW_FILE = "must not exist yet"
BACKENDS = ("loky", "dask", "ray")
CORPUS = "folder with NAME.pyjama and NAME_audio.hdf5, NAME_feat.hdf5 or both"


def json_output(p: Parser) -> None:
    p.add_argument("--json", action="store_true", help="print JSON and nothing else")


def quiet(p: Parser) -> None:
    p.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="no progress: only errors, warnings and the answer are printed",
    )


def input_sizes(p: Parser) -> None:
    p.add_argument(
        "--input",
        action="append",
        metavar="SIZES",
        help="sizes of the input, the batch first and * for a free one, as in 1,64,*; "
        "of several inputs: --input x=1,64,* --input t=1",
    )


def overrides(p: Parser) -> None:
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the graph file, as in vars.width=32; repeatable",
    )


def jobs(p: Parser, work: str = "processes") -> None:
    p.add_argument(
        "--jobs",
        type=values.jobs,
        default=-1,
        metavar="N",
        help=f"{work} (default: all cores)",
    )


def shard(p: Parser, of: str) -> None:
    p.add_argument(
        "--shard",
        type=values.shard,
        default=(1, 1),
        metavar="K/N",
        help=f"the K-th of N parts of {of}, such as 3/16, for the array jobs of a scheduler (default: all of it)",
    )


def backend(p: Parser, unset: str | None = None) -> None:
    """Whose workers; `unset` says what happens without it, where that is not loky."""
    p.add_argument(
        "--backend",
        choices=BACKENDS,
        default="loky" if unset is None else None,
        help="processes of this machine (loky), or the workers of a cluster, found by the variables "
        f"DASK_SCHEDULER_ADDRESS or RAY_ADDRESS (default: {unset or 'loky'})",
    )


def seed(p: Parser, what: str) -> None:
    p.add_argument(
        "--seed",
        type=values.seed,
        default=0,
        metavar="N",
        help=f"another number makes {what} (default: 0)",
    )


def device(p: Parser) -> None:
    p.add_argument(
        "--device", default="cpu", metavar="NAME", help="torch device (default: cpu)"
    )


def cache(p: Parser) -> None:
    p.add_argument(
        "--cache",
        metavar="DIR",
        help="folder of the feature cache (default: in the user's cache folder)",
    )


def corpus_and_features(p: Parser, *, required: bool = True) -> None:
    p.add_argument(
        "--data", required=required, metavar="DIR", help=f"a corpus: {CORPUS}"
    )
    cache(p)
    jobs(p, "processes that compute features")
    device(p)


def completion(p: Parser) -> None:
    p.add_argument(
        "shell", choices=("bash", "zsh", "fish"), help="the shell that completes"
    )
