"""What the commands on graphs take on the command line; light, as `commands.arguments` is."""

from __future__ import annotations

from ..arguments import NEW_FILE, input_sizes, json_output, overrides
from ..parser import Parser

A_GRAPH = "a graph file; or a run folder or zoo:NAME, for the graph that was trained"
GRAPHS = "graph files; or run folders or zoo:NAME, for the graphs that were trained"
PICTURE = "NAME.svg, NAME.png or NAME.pdf"


def check(p: Parser) -> None:
    p.add_argument("graphs", nargs="+", metavar="GRAPH", help=GRAPHS)
    p.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="AXIS=FIRST:LAST",
        help="find the sizes of an axis at which a graph breaks, as in F=12:400, "
        "or F=12:400:4 for every fourth size",
    )
    input_sizes(p)
    overrides(p)
    json_output(p)


def studio(p: Parser) -> None:
    p.add_argument(
        "what",
        nargs="?",
        default=".",
        metavar="GRAPH|RUN|DIR",
        help="a graph file, a run folder, or a folder that holds them; default: this folder",
    )
    p.add_argument(
        "--folder",
        action="append",
        default=[],
        metavar="DIR",
        help="a further folder that the studio may look into, such as that of a corpus; repeatable",
    )
    p.add_argument(
        "--port", type=int, default=0, metavar="N", help="default: a free one"
    )
    p.add_argument("--open", action="store_true", help="open the browser")


def lsp(p: Parser) -> None:
    """Editors start it as it is."""


def summary(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help=A_GRAPH)
    input_sizes(p)
    overrides(p)
    json_output(p)


def draw(p: Parser) -> None:
    p.add_argument("graph", metavar="GRAPH", help=A_GRAPH)
    p.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help=f"the picture to write, {PICTURE}; {NEW_FILE}",
    )
    input_sizes(p)
    overrides(p)


def diff(p: Parser) -> None:
    p.add_argument("a", metavar="A", help=A_GRAPH)
    p.add_argument("b", metavar="B", help="the other one")
    input_sizes(p)
    json_output(p)
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
        help=f"the file to write; {NEW_FILE} (default: print it)",
    )
    input_sizes(p)


def eject(p: Parser) -> None:
    _graph_with_weights(p)
    p.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help=f"the Python file to write; {NEW_FILE}",
    )
    p.add_argument(
        "--weights",
        metavar="FILE",
        help=f"a safetensors file for the weights; {NEW_FILE}",
    )


def export(p: Parser) -> None:
    _graph_with_weights(p)
    p.add_argument(
        "--to",
        required=True,
        choices=("torch-export", "onnx"),
        help="the form; onnx needs the packages onnx, onnxscript and onnxruntime",
    )
    p.add_argument(
        "--out", required=True, metavar="FILE", help=f"the file to write; {NEW_FILE}"
    )


def _graph_with_weights(p: Parser) -> None:
    p.add_argument(
        "graph",
        metavar="GRAPH",
        help="a graph file; or a run folder or zoo:NAME, whose weights are then used",
    )
    p.add_argument(
        "--run",
        dest="run_folder",
        metavar="RUN",
        help="a run folder or zoo:NAME whose weights to use (default: those of GRAPH, or new random ones)",
    )
    input_sizes(p)
    overrides(p)


def schema(p: Parser) -> None:
    p.add_argument(
        "--out",
        metavar="FILE",
        help=f"the file to write; {NEW_FILE} (default: print it)",
    )


def new_block(p: Parser) -> None:
    p.description = (
        "Write a block that works, its test, and a graph that uses it: name.py, test_name.py and name.yaml in --dir. "
        "In a checkout of mirbricks they go to blocks/FAMILY/, tests/blocks/FAMILY/ and graphs/. "
        "No file is ever overwritten."
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
    p.add_argument(
        "--kind",
        choices=("1d", "2d", "seq"),
        default="1d",
        help="axes of the input: (B, C, T), (B, C, F, T) or (B, T, D) (default: 1d)",
    )
    p.add_argument(
        "--family",
        metavar="FOLDER",
        help="in a checkout of mirbricks, the folder below blocks/ "
        "(default: convolution, for seq sequence)",
    )


def blocks(p: Parser) -> None:
    p.add_argument(
        "pattern",
        nargs="?",
        default="*",
        metavar="PATTERN",
        help="list the blocks of these names only, without regard to case, as in '*pool*', or those with "
        "a word in their name, family or summary, as in 'attention' (default: all)",
    )
    json_output(p)


def explain(p: Parser) -> None:
    p.add_argument(
        "name",
        metavar="NAME",
        help="a block, a word of the graph language, a section, a task, a feature, or an error code such as E203",
    )
    p.add_argument(
        "--picture",
        metavar="FILE",
        help=f"draw what is inside the block as {PICTURE}; {NEW_FILE}",
    )
