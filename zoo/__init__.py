"""The trained models that come with mirbricks, by name: `zoo:NAME` stands wherever a run or a graph file may.

A folder each: graph.yaml (every default written out), weights.safetensors (at most 5 MB, with the settings of the run
in its metadata) and card.md. `mirbricks pack` makes them of runs.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import RunError, did_you_mean

PREFIX = "zoo:"
GRAPH = "graph.yaml"
RESOLVED = "resolved.yaml"  # of a run: the graph as it was trained
WEIGHTS = "weights.safetensors"
CARD = "card.md"
MODELS = "models"  # a folder for each model that a model uses
_FOLD = re.compile(r"fold\d+")  # a run inside the folder of several
_OF_CORPORA = (".pyjama", "_audio.hdf5", "_feat.hdf5")
MOST_BYTES = 5_000_000
FOLDER = Path(__file__).parent
GRAPHS = FOLDER.parent / "graphs"


def names() -> list[str]:
    """Every model of the zoo, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{CARD}"))


def graphs() -> dict[str, Path]:
    """The graph files that come with mirbricks, by name, sorted."""
    return {path.stem: path for path in sorted(GRAPHS.glob("*.yaml"))}


def located(path: str | Path) -> Path:
    """The folder of `zoo:NAME`, or of a model that it uses, `zoo:NAME/PART`; any other path as it is.

    Raises RunError E610 with the nearest names.
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return Path(path)
    name, _, part = text.removeprefix(PREFIX).partition("/")
    known = names()
    if name not in known:
        listing = f"models are: {', '.join(known) or 'none yet'}"
        near = did_you_mean(name, known) or listing
        raise RunError(
            f"there is no model '{name}' in the zoo",
            code="E610",
            help=f"{near}; `mirbricks zoo` describes them",
        )
    if not part:
        return FOLDER / name
    folder = FOLDER / name / MODELS / part
    if not folder.is_dir():
        inside = sorted(one.name for one in folder.parent.glob("*"))
        raise RunError(
            f"the model '{name}' of the zoo uses no model '{part}'",
            code="E610",
            help=f"it uses: {', '.join(inside) or 'none'}",
        )
    return folder


def names_trained_weights(path: object) -> bool:
    """Whether a path stands for a trained model: `zoo:NAME`, a run folder, a packed model, or the graph file of one."""
    if not isinstance(path, str | Path):
        return False
    if str(path).startswith(PREFIX):
        return True
    return _graph_in(Path(path)) is not None or folder_of_weights(path) is not None


def folder_of_weights(path: str | Path) -> Path | None:
    """The run folder or packed model that a graph file belongs to: weights lie beside it. None for other files."""
    file = Path(path)
    if file.name not in (RESOLVED, GRAPH) or not file.is_file():
        return None
    if (file.parent / WEIGHTS).is_file():
        return file.parent
    return None


def graph_file(path: str | Path) -> str | Path:
    """Find the graph file that a user means by a path.

    Parameters
    ----------
    path : str or Path
        A graph file, the name of one that comes with mirbricks (`mirbricks.list_graphs`), `zoo:NAME`, a run folder or
        a packed model. A file or folder of the user's goes before a name.

    Returns
    -------
    str or Path
        The file `graph.yaml` of a packed model or of the zoo; `resolved.yaml` of a run, which holds what was trained,
        overrides included (`graph.yaml` where the training never began); any other path as it is.

    Raises
    ------
    RunError
        E610, with the nearest names, if the zoo has no model of that name.
    """
    if str(path).startswith(PREFIX):
        return located(path) / GRAPH
    # The user's own file goes first, so that a new graph of mirbricks never changes what a command does.
    if not Path(path).exists() and str(path) in graphs():
        return graphs()[str(path)]
    return _graph_in(Path(path)) or path


def hint_for(path: str | Path) -> str | None:
    """The next step for a path where a run or a graph was expected and neither is: what else it may stand for.

    Parameters
    ----------
    path : str or Path
        As the user wrote it.

    Returns
    -------
    str or None
        None where it looks like nothing that mirbricks knows.
    """
    try:
        inside = {one.name for one in Path(path).iterdir()}
    except OSError:  # missing, a file, or a folder that may not be read
        if folder := folder_of_weights(path):
            return f"it is the graph of a trained model: give its folder, '{folder}'"
        return _hint_for_name(str(path))
    folds = sorted(name for name in inside if _FOLD.fullmatch(name))
    if folds:
        first = Path(path) / min(folds, key=lambda name: (len(name), name))
        return f"its folds are runs of their own: give one of them, such as '{first}'"
    if any(name.endswith(_OF_CORPORA) for name in inside):
        return f"it holds a corpus: `mirbricks data info {path}` describes it"
    return None


def _hint_for_name(text: str) -> str | None:
    """The hint for what is no folder: the name of a model without its prefix, or a graph, which has no weights."""
    if text in names():
        return f"did you mean '{PREFIX}{text}'?"
    if text in graphs() or text.endswith((".yaml", ".yml")):
        return f"it is a graph without weights: train it first, `mirbricks train {text} --data CORPUS --out RUN`"
    if "/" in text:
        return None
    near = did_you_mean(text, names())
    return near and re.sub(r"'(\w+)'", rf"'{PREFIX}\1'", near)


def _graph_in(folder: Path) -> Path | None:
    """The graph file of a run folder or packed model; None where the path is something else."""
    # resolved.yaml first: it is what was trained, with the overrides of that day.
    for name in (RESOLVED, GRAPH):
        if (folder / name).is_file():
            return folder / name
    return None
