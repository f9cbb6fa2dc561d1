"""What the commands of the group `data` take on the command line; light, as `arguments` is."""

from __future__ import annotations

from .. import arguments
from ..arguments import Parser

FETCH = (
    "bach10",
    "cover1000",
    "datacos-benchmark",
    "gtzan-genre",
    "maps",
    "mtt",
    "rwc-pop_chord",
)
SYNTH = ("chords", "covers", "notes", "piano", "polyphony", "stems", "tagged")


def fetch(p: Parser) -> None:
    p.add_argument("name", choices=FETCH, help="which corpus")
    p.add_argument("--out", metavar="DIR", help="folder to write (default: NAME)")
    p.add_argument(
        "--base-url",
        metavar="URL",
        help="a mirror: the address of the folder that holds the files",
    )


def synth(p: Parser) -> None:
    p.add_argument("kind", choices=SYNTH, help="what the corpus is for")
    p.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder to write; must hold no corpus yet",
    )
    p.add_argument(
        "--n",
        type=arguments.count,
        metavar="N",
        help="how many items; of covers, how many works",
    )
    p.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="length of the clips of piano, notes, polyphony, tagged",
    )
    p.add_argument(
        "--seed",
        type=int,
        default=0,
        help="another number makes another corpus (default: 0)",
    )
    p.add_argument(
        "--jobs",
        type=arguments.jobs,
        default=-1,
        metavar="N",
        help="processes (default: all cores)",
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
        type=_name,
        metavar="NAME",
        help="name of the new corpus (default: NAME_augmented)",
    )
    text = "only recordings with this annotation, such as split=train; repeatable, all must hold. Stems are left out"
    p.add_argument(
        "--where",
        type=_condition,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=text,
    )
    p.add_argument(
        "--copies",
        type=arguments.count,
        default=1,
        metavar="N",
        help="of each recording (default: 1)",
    )
    p.add_argument(
        "--seed",
        type=int,
        default=0,
        help="another number makes other copies (default: 0)",
    )
    p.add_argument(
        "--jobs",
        type=arguments.jobs,
        default=-1,
        metavar="N",
        help="processes (default: all cores)",
    )


def _condition(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError
    return name, value


def import_corpus(p: Parser) -> None:
    p.add_argument(
        "kind",
        metavar="KIND",
        help="what lies there; `mirbricks data kinds` lists the kinds",
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
        type=_name,
        metavar="NAME",
        help="name of the corpus (default: that of the source)",
    )
    p.add_argument(
        "--sr",
        type=_rate,
        metavar="HZ",
        help="convert the audio to this rate (default: as it is)",
    )
    p.add_argument(
        "--no-audio",
        action="store_true",
        help="annotations alone: NAME.pyjama without audio",
    )
    p.add_argument(
        "--clip",
        action="store_true",
        help="cut annotations at the end of their audio (default: leave out)",
    )
    p.add_argument(
        "--strict",
        action="store_true",
        help="end with 1 if anything was left out (default: with 0)",
    )
    p.add_argument(
        "--jobs",
        type=arguments.jobs,
        default=-1,
        metavar="N",
        help="processes (default: all cores)",
    )
    _options_of_kind(p)


def export_corpus(p: Parser) -> None:
    p.add_argument(
        "kind",
        metavar="KIND",
        help="the layout to write; `mirbricks data kinds` lists the kinds",
    )
    p.add_argument(
        "corpus",
        metavar="DIR",
        help="folder with NAME.pyjama and, in general, NAME_audio.hdf5",
    )
    p.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder to write; must not be there yet, or be empty",
    )
    p.add_argument("--no-audio", action="store_true", help="annotations alone")
    _options_of_kind(p)


def kinds(p: Parser) -> None:
    p.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        help="one kind, with its options (default: all kinds)",
    )


def _options_of_kind(p: Parser) -> None:
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the kind",
    )


def _name(text: str) -> str:
    """A name for files."""
    if (
        not text
        or text.startswith(".")
        or any(character in text for character in "/\\\0")
    ):
        raise ValueError
    return text


def _rate(text: str) -> int:
    """A rate in Hz."""
    if not 1_000 <= int(text) <= 1_000_000:
        raise ValueError
    return int(text)


def corpus_check(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="DIR",
        help="folder with NAME.pyjama and NAME_audio.hdf5 or NAME_feat.hdf5",
    )
    p.add_argument(
        "--jobs",
        type=arguments.jobs,
        default=-1,
        metavar="N",
        help="processes (default: all cores)",
    )


def corpus_info(p: Parser) -> None:
    p.add_argument(
        "folder",
        metavar="DIR",
        help="folder with NAME.pyjama and NAME_audio.hdf5 or NAME_feat.hdf5",
    )
    p.add_argument(
        "--out",
        metavar="FOLDER",
        help="folder for NAME.json and NAME.png; neither may exist yet",
    )
    p.add_argument("--json", action="store_true", help="print one JSON object")
    p.add_argument(
        "--jobs",
        type=arguments.jobs,
        default=-1,
        metavar="N",
        help="processes (default: all cores)",
    )


def corpus_split(p: Parser) -> None:
    p.description = (
        "Give every recording a side, and store it in NAME.pyjama, which is replaced whole: the annotation 'fold' "
        "(0, 1, ...) for --folds, 'split' (train, valid, test) for --ratios."
    )
    p.add_argument(
        "folder",
        metavar="DIR",
        help="folder with NAME.pyjama and NAME_audio.hdf5 or NAME_feat.hdf5",
    )
    kind = p.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--folds",
        type=_folds,
        metavar="K",
        help="that many folds of equal size, 3 or more",
    )
    kind.add_argument(
        "--ratios",
        type=_ratios,
        metavar="A/B[/C]",
        help="train/valid or train/valid/test: .8/.1/.1",
    )
    text = "hold recordings with the same value of this annotation together, beside pieces and stems; repeatable"
    p.add_argument("--by", action="append", default=[], metavar="NAME", help=text)
    text = "give each side its share of every value of this annotation; several values a recording are fine; repeatable"
    p.add_argument("--stratify", action="append", default=[], metavar="NAME", help=text)
    p.add_argument(
        "--seed",
        type=int,
        default=0,
        help="another number makes another split (default: 0)",
    )
    p.add_argument(
        "--replace",
        action="store_true",
        help="put it in the place of one that the corpus carries",
    )
    p.add_argument(
        "--dry-run", action="store_true", help="show the split and store nothing"
    )


def _folds(text: str) -> int:
    """A number of folds."""
    if int(text) < 3:
        raise ValueError
    return int(text)


def _ratios(text: str) -> tuple[float, ...]:
    """Two or three shares, as .8/.1/.1 or 80/10/10."""
    shares = tuple(float(part) for part in text.split("/"))
    if len(shares) not in (2, 3) or not all(
        0 < share < float("inf") for share in shares
    ):
        raise ValueError
    return shares
