"""What the commands of the group `data` take on the command line; light, as `arguments` is."""

from __future__ import annotations

from .. import values
from ..arguments import (
    CORPUS,
    backend,
    cache,
    jobs,
    json_output,
    overrides,
    quiet,
    seed,
    shard,
)
from ..parser import Parser

FETCH = (
    "bach10",
    "cover1000",
    "datacos-benchmark",
    "gtzan-genre",
    "maps",
    "mtt",
    "rwc-pop_chord",
)
SYNTH = (
    "chords",
    "covers",
    "grand",
    "notes",
    "piano",
    "polyphony",
    "sampled",
    "stems",
    "tagged",
)


def fetch(p: Parser) -> None:
    p.add_argument(
        "name", choices=FETCH, metavar="NAME", help=f"one of {', '.join(FETCH)}"
    )
    p.add_argument("--out", metavar="DIR", help="folder to write (default: NAME)")
    p.add_argument(
        "--base-url",
        metavar="URL",
        help="a mirror: the address of the folder that holds the files",
    )
    json_output(p)
    quiet(p)


def synth(p: Parser) -> None:
    p.add_argument(
        "kind",
        choices=SYNTH,
        metavar="KIND",
        help=f"what the corpus is for: {', '.join(SYNTH)}",
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder to write; must hold no corpus yet",
    )
    p.add_argument(
        "--n",
        type=values.count,
        metavar="N",
        help="how many items; for covers, how many works",
    )
    p.add_argument(
        "--seconds",
        type=values.seconds,
        metavar="S",
        help="length of the clips; of chords, covers and stems the beginnings of songs, default: whole songs",
    )
    p.add_argument(
        "--channels",
        type=values.count,
        default=1,
        metavar="C",
        help="2: each stem has a place between left and right, for stems (default: 1)",
    )
    _recorded_instruments(p)
    seed(p, "another corpus")
    jobs(p)
    quiet(p)


def _recorded_instruments(p: Parser) -> None:
    """What `synth sampled` plays on, and which notes."""
    p.add_argument(
        "--samples",
        action="append",
        default=[],
        metavar="PATH",
        help="for sampled: a folder with a recording per note (A#3.wav, or A#3v1.wav to A#3v8.wav from soft to loud), "
        "or a SoundFont; repeatable",
    )
    p.add_argument(
        "--score",
        metavar="CORPUS",
        help="for sampled: a corpus whose notes are played (default: pieces are made up)",
    )
    _where(
        p,
        "only recordings of --score with this annotation, such as split=train; repeatable, all must hold",
    )


def _where(p: Parser, text: str) -> None:
    p.add_argument(
        "--where",
        type=values.condition,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=text,
    )


def augment_corpus(p: Parser) -> None:
    p.add_argument(
        "folder", metavar="DIR", help="folder with NAME.pyjama and NAME_audio.hdf5"
    )
    p.add_argument(
        "--by",
        required=True,
        metavar="FILE",
        help="a YAML file with the list `augment:`, for waveforms",
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder to write; must hold no corpus yet",
    )
    p.add_argument(
        "--name",
        type=values.file_name,
        metavar="NAME",
        help="name of the new corpus (default: NAME_augmented)",
    )
    text = "only recordings with this annotation, such as split=train; repeatable, all must hold. Stems are left out"
    _where(p, text)
    p.add_argument(
        "--copies",
        type=values.count,
        default=1,
        metavar="N",
        help="copies of each recording (default: 1)",
    )
    seed(p, "other copies")
    jobs(p)
    quiet(p)


def import_corpus(p: Parser) -> None:
    p.add_argument(
        "kind",
        metavar="KIND",
        help="the layout of the files; `mirbricks data kinds` lists the kinds",
    )
    p.add_argument(
        "source", metavar="SRC", help="a folder, or the table of the kind csv"
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder to write; must hold no corpus yet",
    )
    p.add_argument(
        "--name",
        type=values.file_name,
        metavar="NAME",
        help="name of the corpus (default: that of the source)",
    )
    _audio_of_import(p)
    p.add_argument(
        "--strict",
        action="store_true",
        help="end with 1 if anything was left out (default: with 0)",
    )
    jobs(p)
    _options_of_kind(p)
    json_output(p)
    quiet(p)


def _audio_of_import(p: Parser) -> None:
    """What becomes of the audio files, and of annotations that are longer than theirs."""
    p.add_argument(
        "--sr",
        type=values.rate_hz,
        metavar="HZ",
        help="convert the audio to this rate (default: keep its rate)",
    )
    p.add_argument(
        "--channels",
        choices=("keep", "mono"),
        default="keep",
        help="keep the channels of the audio files, or mix them down to mono (default: keep)",
    )
    p.add_argument(
        "--no-audio",
        action="store_true",
        help="import annotations only: NAME.pyjama without audio",
    )
    p.add_argument(
        "--clip",
        action="store_true",
        help="cut annotations at the end of their audio (default: leave the recording out)",
    )


def extract(p: Parser) -> None:
    p.add_argument(
        "graph", metavar="GRAPH", help="a graph file, whose feature is computed"
    )
    p.add_argument("--data", required=True, metavar="DIR", help=f"a corpus: {CORPUS}")
    cache(p)
    jobs(p, "processes, or of a cluster workers, at most")
    backend(p)
    shard(p, "the corpus")
    overrides(p)
    json_output(p)
    quiet(p)


def export_corpus(p: Parser) -> None:
    p.add_argument(
        "kind",
        metavar="KIND",
        help="the layout to write; `mirbricks data kinds` lists the kinds",
    )
    p.add_argument(
        "corpus",
        metavar="DIR",
        help=CORPUS,
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder to write; must not be there yet, or be empty",
    )
    p.add_argument("--no-audio", action="store_true", help="write annotations only")
    _options_of_kind(p)
    quiet(p)


def kinds(p: Parser) -> None:
    p.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        help="one kind, with its options (default: all kinds)",
    )
    json_output(p)


def _options_of_kind(p: Parser) -> None:
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the kind",
    )


def corpus_check(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="DIR",
        help=CORPUS,
    )
    jobs(p)
    json_output(p)
    quiet(p)


def corpus_info(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="DIR",
        help=CORPUS,
    )
    p.add_argument(
        "--out",
        metavar="FOLDER",
        help="folder for NAME.json and NAME.png; neither may exist yet",
    )
    json_output(p)
    jobs(p)
    quiet(p)


def corpus_split(p: Parser) -> None:
    p.description = (
        "Give every recording a side, and store it in NAME.pyjama, which is replaced whole: the annotation 'fold' "
        "(0, 1, ...) for --folds, 'split' (train, valid, test) for --ratios."
    )
    p.add_argument(
        "folder",
        metavar="DIR",
        help=CORPUS,
    )
    kind = p.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--folds",
        type=values.folds,
        metavar="K",
        help="that many folds of equal size, 3 or more",
    )
    kind.add_argument(
        "--ratios",
        type=values.ratios,
        metavar="A/B[/C]",
        help="train/valid or train/valid/test: .8/.1/.1",
    )
    text = "hold recordings with the same value of this annotation together, beside pieces and stems; repeatable"
    p.add_argument("--by", action="append", default=[], metavar="NAME", help=text)
    text = "give each side its share of every value of this annotation; a recording may have several; repeatable"
    p.add_argument("--stratify", action="append", default=[], metavar="NAME", help=text)
    seed(p, "another split")
    p.add_argument(
        "--replace",
        action="store_true",
        help="replace the split that the corpus carries",
    )
    p.add_argument(
        "--dry-run", action="store_true", help="show the split and store nothing"
    )
    json_output(p)
