"""Graph files, the expressions in them, and settings of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import mirbricks as mb
from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.compiler.language.expressions import Names
from mirbricks.compiler.language.source import Source
from mirbricks.compiler.language.vars import fill_in
from mirbricks.errors import MirbricksError, raise_all
from mirbricks.workflows.loading import load_experiment
from mirbricks.workflows.sections import read_sections

from ..mutate import NUMBERS, WORDS, Rng, damaged_bytes, damaged_text, pick
from ..verbs import GRAPH

GRAPHS = Path(mb.__file__).parent / "graphs"
COMPILER_TESTS = Path(__file__).parents[2] / "compiler"
# Shares of the graphs: sizes of a small one are found too, or it is one that is shipped.
COMPILED = 0.01
SHIPPED = 0.02
SOUND = (
    GRAPH,
    "input: B C=2 T\nlayers:\n- StoreAs: a\n- Conv1d: {out_channels: 2, kernel_size: 3, padding: same}\n- AddWith: a\n",
    "vars: {w: 4, n: [1, 2]}\ninput: B C=1 F=8 T\nlayers:\n- repeat: 2\n  layers:\n"
    '  - Conv2d: {name: "c${i}", out_channels: "${w * n[i]}", kernel_size: 3}\n  - ReLU\n',
    "input: B C=4\nlayers:\n- branch:\n  - [Linear: {out_features: 2}]\n  - [ReLU]\n  join: cat\n- Sigmoid\n",
    "input: {x: B C=3, y: B C=3}\nlayers:\n- StartFrom: x\n- AddWith: y\n- Linear: {name: a, out_features: 3}\n"
    "- Reuse: a\n- StoreAs: z\noutputs: [z]\n",
    "input: B C=4\nlayers:\n- graph: part.yaml\n- graph: part.yaml\n",
    "input: B C=1 F=8 T\nmodel:\n  name: Bittner\n  block_l:\n  - sequential_l:\n    - layer_l:\n"
    "      - [Conv2d, {'in_channels': -1, 'out_channels': 8, 'kernel_size': [5,5], 'padding': 'same'}]\n"
    "      - [Activation, ReLU]\n      - [StoreAs, E64]\n      - [CatWith, E64]\n      - [DoubleChannel, empty]\n",
)


SOURCES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted(GRAPHS.glob("*.yaml"))
}

PART = "input: B C\nlayers:\n- Linear: {out_features: 4}\n- ReLU\n"


def _texts(*folders: Path) -> tuple[str, ...]:
    paths = [path for folder in folders for path in sorted(folder.glob("*.yaml"))]
    return tuple(path.read_text(encoding="utf-8", errors="replace") for path in paths)


# Each of the wrong graphs has one feature of the language in a few lines.
SMALL = _texts(COMPILER_TESTS / "golden", COMPILER_TESTS / "golden_warnings")
LARGE = _texts(GRAPHS, GRAPHS / "parts", COMPILER_TESTS / "dialect")


def damaged_graph(rng: Rng, at: Path) -> None:
    draw = rng.random()
    name = "graph.yaml"
    if draw < COMPILED:
        text = pick(rng, SOUND)
        name = "small.yaml"
    elif draw < COMPILED + SHIPPED:
        text = pick(rng, LARGE)
    else:
        text = pick(rng, SMALL if draw < 0.5 else SOUND)
    if "part.yaml" in text:
        (at / "part.yaml").write_text(PART)
    (at / name).write_bytes(damaged_text(rng, text))


def read_graph(at: Path) -> None:
    small = at / "small.yaml"
    if small.exists():
        compile_graph(small)
    else:
        load_graph(at / "graph.yaml")


_PIECES = (
    *["width", "widths", "i", "name", "8", "2", "0", "-1", "1e9", "3.5", "9", "64"],
    *[" + ", " - ", " * ", " / ", " // ", " % ", " ** ", "(", ")", "[", "]", ", "],
    *["min(", "max(", "'a'", "True", "None", "lambda: 0", "x for x in y", ".__class__"],
    *["abs(", "if", " and ", "not ", "~", "<<", "@", ":=", "*", "**", "f'{i}'", "..."],
)
_NAMES = {"width": 32, "widths": [1, 2, 4], "i": 3, "name": "conv", "half": 0.5}


def damaged_expression(rng: Rng, at: Path) -> None:
    words = [pick(rng, _PIECES) for _ in range(int(rng.integers(1, 9)))]
    text = f"${{{''.join(words)}}}"
    if rng.random() < 0.3:
        text = f"layer{text}_{text}"
    content = text.encode()
    if rng.random() < 0.2:
        content = damaged_bytes(rng, content)
    (at / "expression").write_bytes(content)


def read_expression(at: Path) -> None:
    text = (at / "expression").read_bytes().decode("utf-8", "replace")
    errors: list[MirbricksError] = []
    fill_in(
        text, ("name",), Source("graph.yaml", {"name": text}), Names(_NAMES), errors
    )
    raise_all(errors)


_KEYS = (
    *["train.lr", "train.steps", "train.batch_size", "task.patch_frames", "task.type"],
    *["feature.sr_hz", "feature.n_fft", "feature.hop_length", "feature.type"],
    *["feature", "dataset.folds", "layers", "layers.0", "input", "name", "vars"],
    *["layers.0.Conv2d.out_channels", "vars.width", "train", "task", "train.seed"],
    *["train.freeze", ""],
)
_VALUES = ("1e-3", "4", "8000", "128", "2", "20", "tagging", "logmel", "tiny", "adamw")
_BUILT = 0.02  # of the settings: the model is built with them, too


def damaged_setting(rng: Rng, at: Path) -> None:
    sets = []
    for _ in range(int(rng.integers(1, 4))):
        way = int(rng.integers(3))
        word = pick(rng, (NUMBERS, WORDS, _VALUES)[way])
        key = pick(rng, _KEYS)
        if rng.random() < 0.2:
            key = damaged_bytes(rng, key.encode()).decode("utf-8", "replace")
        sets.append(f"{key}{pick(rng, ['=', '=', '=', '', '==', '.='])}{word}")
    name = "built.json" if rng.random() < _BUILT else "read.json"
    (at / name).write_text(json.dumps(sets))
    (at / "tiny.yaml").write_text(GRAPH)


def read_setting(at: Path) -> None:
    built = at / "built.json"
    if built.exists():
        load_experiment(at / "tiny.yaml", json.loads(built.read_text()))
        return
    graph = load_graph(at / "tiny.yaml", json.loads((at / "read.json").read_text()))
    errors: list[MirbricksError] = []
    read_sections(graph, errors)
    raise_all(errors)
