"""A file in the tutorial's dialect rewritten in the native form: `migrate`. Its comments are kept, all of them.

Of a native file only the old names of fields are replaced (old_words.py).

Everything stays in the order of the file. What was a comment at the end of a layer's line is one again; one inside a
layer of several lines, behind a layer that has no native form (DoubleChannel) or behind a group gets a line of its own.
Sections for the tutorial's notebooks become comments: mirbricks has sections of the same names with other keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import GraphError, Where
from ..compile import compile_graph, load_graph
from ..given_shapes import GivenShape
from ..language.axes import default_axes
from ..language.graph import Graph
from ..language.layer_text import flow, layer_line
from ..language.nodes import Layer, Skip
from ..language.source import Source, Steps, read_file
from ..language.tutorial import GROUPS, is_tutorial
from .comments import Commented, Spot
from .old_words import notes, old_words, with_new_words
from .written import Item, share_out, written

NO_INPUT = "# input: B C=6 F=360 T   <- the tutorial's file does not say it: write your own axes and sizes"


@dataclass(frozen=True)
class Migrated:
    """The native text, and what the user should know of it, a line each."""

    text: str
    notes: tuple[str, ...]


def migrate(
    path: str | Path,
    input_shape: GivenShape | Mapping[str, GivenShape] | None = None,
    read: Callable[[str | Path], object] = load_graph,
) -> Migrated:
    """Rewrite a graph file as mirbricks writes it today; it compiles to the same modules under the same names.

    A file in the tutorial's dialect gets the native form. In a native file the old names of fields are replaced.

    Parameters
    ----------
    path : str or Path
        The file, which is not changed.
    input_shape : sequence of int or None, or a mapping of them, optional
        For the dialect: sizes with the batch first, None for a free size. Becomes `input:`, which the dialect does not
        have; the batch is always free.
    read : callable
        What reads a native file and warns of old words: `load_graph` sees its layers, `load_experiment` also its
        sections.

    Raises
    ------
    GraphError
        E190 where there is nothing to rewrite; the errors of `load_graph`; for the dialect those of `compile_graph`,
        where it does not compile at `input_shape`.
    """
    source = read_file(path)
    if not is_tutorial(source):
        return _with_new_words(source, path, read)
    graph = load_graph(path)
    # A shape that the graph cannot take would be written into the file as its `input:`.
    if input_shape is not None:
        compile_graph(graph, input_shape)
    commented = Commented(Path(path).read_text(encoding="utf-8"))
    # The order of the user's file is kept, whatever it is, so that a diff shows only what
    # was rewritten and every comment stays beside what it is about.
    unsorted = _items(source, graph, commented, _input_lines(graph, input_shape))
    items = sorted(unsorted, key=lambda item: item.start)
    rest = share_out(commented, items)
    lines = [*written(items, rest), *_sections(graph)]
    has_input = input_shape is not None or bool(graph.assumed)
    notes_ = tuple(_notes(items, source, graph, has_input))
    return Migrated("\n".join(lines) + "\n", notes_)


def _with_new_words(
    source: Source, path: str | Path, read: Callable[[str | Path], object]
) -> Migrated:
    """A native file with the names of today; raises E190 where it has no other names, or is not a graph."""
    native = {"layers", "extends"}
    if not isinstance(source.data, Mapping) or not native & source.data.keys():
        hint = "migrate rewrites files in the tutorial's dialect: `model:` with `block_l:` below it"
        message = "no graph in the tutorial's dialect"
        raise GraphError(message, code="E190", where=source.whole(), help=hint)
    # Old words of the files that it names are not replaced: each is migrated by itself.
    found = old_words(path, read)
    here = [one for one in found if one.where and one.where.file == source.file]
    told = notes(source.file, found)
    if not here:
        key = next(key for key in source.data if key in native)
        raise GraphError(
            "the file is in the native form already",
            code="E190",
            where=source.key((key,)),
            facts=[("note", one) for one in told],
            help="use it as it is",
        )
    return Migrated(with_new_words(path, here), tuple(told))


def _sections(graph: Graph) -> list[str]:
    """The sections as the tutorial's are read, behind the layers."""
    if not graph.assumed:
        return []
    names = ("feature", "task")
    return ["", *(f"{name}: {flow(graph.source.data[name])}" for name in names)]


def _input_lines(graph: Graph, given: Any) -> list[str]:
    """`input:` with named axes; a comment that asks for it where the sizes are not known."""
    if given is None and graph.assumed:
        return [f"input: {graph.source.data['input']}"]
    if given is None:
        return [NO_INPUT]
    if isinstance(given, Mapping):
        axes = {name: " ".join(_axes(shape)) for name, shape in given.items()}
        return [f"input: {flow(axes)}"]
    return [f"input: {' '.join(_axes(given))}"]


def _axes(shape: GivenShape) -> Iterator[str]:
    for name, size in zip(default_axes(len(shape)), shape, strict=True):
        # A model is not made for one size of the batch.
        if size is None or name == "B":
            yield name
        else:
            yield f"{name}={size}"


def _items(
    source: Source, graph: Graph, commented: Commented, input_lines: list[str]
) -> Iterator[Item]:
    """Every piece of the file that has lines in the native form."""
    model = commented.root.at(("model",))
    for key, spot in commented.root.children.items():
        if key != "model":
            yield _copy(commented, spot, "section")
    # Without a `name:` of its own the graph gets the default written out: else it would
    # go by the name of the new file.
    name_line = _plain(f"name: {flow(graph.name)}", source.value(("model", "name")))
    head = [*input_lines, "layers:"]
    if "name" in model.children:
        spot = model.at(("name",))
        blank = commented.blank_above(spot.key)
        yield Item(spot.key, spot.end, [name_line], "head", blank)
    else:
        head = [name_line, *head]
    # Only the word `block_l` is replaced by the head; what is below it are the layers.
    groups = model.at(("block_l",))
    end = groups.key + len("block_l")
    yield Item(groups.key, end, head, "head", commented.blank_above(groups.key))
    for spot in _left(source.data["model"], model, 0):
        yield _copy(commented, spot, "left")
    for node in graph.nodes:
        spot = commented.root.at(_pair(node))
        line = _plain(f"- {layer_line(node, _has_name(source, node))}", node.where)
        blank = commented.blank_above(spot.start)
        yield Item(spot.start, spot.end, [line], "layer", blank)


def _plain(line: str, where: Where) -> str:
    """The line itself; the dialect has no expressions, so one with `${` would mean something else."""
    if "${" in line:
        message = "`${` would begin an expression in the native form"
        raise GraphError(
            message,
            code="E190",
            where=where,
            help="rename what is called so, then migrate again",
        )
    return line


def _pair(node: Layer | Skip) -> Steps:
    """The steps to the layer's [Type, {...}]."""
    return node.steps[:-1]


def _has_name(source: Source, node: Layer | Skip) -> bool:
    """Whether the user gave the node its name."""
    params = source.data
    for step in node.steps:
        params = params[step]
    return (
        isinstance(node, Layer)
        and isinstance(params, Mapping)
        and params.get("name") == node.name
    )


def _left(group: Any, spot: Spot, depth: int) -> Iterator[Spot]:
    """Keys of the dialect's nested mappings that `read_tutorial` does not read."""
    if depth == len(GROUPS):
        return
    for key, child in spot.children.items():
        if key != GROUPS[depth] and (depth, key) != (0, "name"):
            yield child
    inner = spot.at((GROUPS[depth],))
    for i, item in enumerate(group[GROUPS[depth]]):
        yield from _left(item, inner.at((i,)), depth + 1)


def _copy(commented: Commented, spot: Spot, kind: str) -> Item:
    """The user's own lines, as comments."""
    indent = commented.column(spot.key)
    lines = commented.text[spot.key : spot.end].split("\n")
    # The text begins at its key, so the indent of the key is taken from the other lines;
    # a line that has less of it, as in a block scalar, loses only what it has.
    for i, line in enumerate(lines[1:], start=1):
        own = len(line) - len(line.lstrip())
        lines[i] = line[min(indent, own) :]
    comments = [f"# {line}".rstrip() for line in lines]
    return Item(spot.key, spot.end, comments, kind, commented.blank_above(spot.key))


def _notes(
    items: list[Item], source: Source, graph: Graph, has_input: bool
) -> Iterator[str]:
    sections = [key for key in source.data if key != "model"]
    if sections:
        if len(sections) == 1:
            are = "is kept as a comment"
        else:
            are = "are kept as comments"
        own = "mirbricks reads `feature`, `dataset`, `task` and `train` with keys of its own"
        if graph.assumed:
            own = "`feature` and `task` below the layers say what they mean here"
        yield f"{', '.join(sections)} {are}: {own}"
    left = sum(item.kind == "left" for item in items)
    if left:
        if left == 1:
            keys = "1 key"
        else:
            keys = f"{left} keys"
        yield f"{keys} inside `model` that the graph does not need: kept as comments"
    if not has_input:
        yield "the dialect does not say the shape of the input: fill in `input:`, or migrate with --input 1,6,360,64"
