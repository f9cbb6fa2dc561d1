"""Shipped graphs with one mistake at one known line: does the message name that line?

A mistake is put at a drawn place of a drawn graph: a word misspelt, a value of a wrong type, a size that does not fit,
a name that nobody has. What counts is the first error that a user sees, at the line where the mistake is.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.errors import ErrorList, MirbricksError
from mirbricks.workflows.loading import load_experiment

from .fuzz import places
from .strangers.graphs import GRAPHS, SOURCES

GOAL = 0.99
# Of these the sizes are found, which takes longest; the largest graphs are left to their other mistakes.
MOST_LINES_SIZED = 45

_LAYER = re.compile(r"^\s*- ([A-Z]\w+)")
_NUMERIC = re.compile(
    r"\b(?:out_channels|out_features|kernel_size|num_heads|hidden_size|stride|p|"
    r"num_layers|scale_factor|dilation|eps|embedding_dim): (-?\d[\d.e-]*)"
)
_SECTION = re.compile(
    r"\b(?:steps|batch_size|sr_hz|hop_length|n_fft|lr|patch_frames|validate_every): ([\d.e-]+)"
)
_SECTION_KEY = re.compile(
    r"\b(steps|batch_size|sr_hz|hop_length|n_fft|lr|patch_frames|validate_every):"
)
_REFERENCE = re.compile(
    r"- (?:CatWith|AddWith|MulWith|StartFrom|Reuse): (?:\{key: )?(\w+)"
)
_NAME = re.compile(r"name: ([A-Za-z]\w*)")
_KEY = re.compile(r"- [A-Z]\w+: \{(\w+):")
_PAIR = re.compile(r"- [A-Z]\w+: \{((\w+): [^,{}\[\]$]+)[,}]")
_VALUE_WORD = re.compile(
    r"- [A-Z]\w+: \{.*?\b(?:padding|padding_mode|mode): ([a-z]\w*)"
)
_VARIABLE = re.compile(r"\$\{(\w+)")


@dataclass
class Lines:
    """The mutations of one way: how many were told at their line, and which were not."""

    way: str
    tried: int = 0
    at_line: int = 0
    missed: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # neither told nor accepted


@dataclass(frozen=True)
class Mutation:
    """A text with a mistake in `line`, from 1; `sized`: seen only when sizes are found."""

    graph: str
    way: str
    text: str
    line: int
    sized: bool
    in_section: bool


Way = Callable[[list[str], int], "str | None"]


def _swapped(pattern: re.Pattern[str], put: str, group: int = 1) -> Way:
    """Another word where a pattern's group is; {} in it stands for what was there."""

    def way(lines: list[str], at: int) -> str | None:
        line, _, _ = lines[at].partition("#")
        found = pattern.search(line)
        if not found:
            return None
        start, end = found.span(group)
        return line[:start] + put.replace("{}", found[group]) + line[end:]

    return way


def _twice(lines: list[str], at: int) -> str | None:
    """A name that another layer has: of two in one list."""
    here = _NAME.search(lines[at].partition("#")[0])
    if not here or not _LAYER.match(lines[at]) or "$" in lines[at]:
        return None
    return f"{lines[at].partition('#')[0].rstrip()}\n{_indent(lines[at])}- Identity: {{name: {here[1]}}}"


def _inserted(text: str) -> Way:
    """A line put before a layer; it is the mistake."""

    def way(lines: list[str], at: int) -> str | None:
        if not _LAYER.match(lines[at]):
            return None
        return f"{_indent(lines[at])}{text}\n{lines[at]}"

    return way


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _deeper(lines: list[str], at: int) -> str | None:
    """A layer that does not line up with the one before it."""
    if not _LAYER.match(lines[at]) or not _LAYER.match(lines[at - 1]):
        return None
    if _indent(lines[at]) != _indent(lines[at - 1]) or "{" not in lines[at - 1]:
        return None
    return f" {lines[at]}"


# Each with whether the mistake is in the line after the one that is changed, and whether sizes must be found.
WAYS: dict[str, tuple[Way, int, bool]] = {
    "block misspelt": (_swapped(_LAYER, "{}x"), 0, False),
    "block of another's name": (_swapped(_LAYER, "Convolution9d"), 0, False),
    "key misspelt": (_swapped(_KEY, "{}x"), 0, False),
    "key twice": (_swapped(_PAIR, "{}, {}"), 0, False),
    "word for a number": (_swapped(_NUMERIC, "many"), 0, False),
    "list for a number": (_swapped(_NUMERIC, "[[1]]"), 0, False),
    "number out of range": (_swapped(_NUMERIC, "-7"), 0, False),
    "word of no meaning": (_swapped(_VALUE_WORD, "{}q"), 0, False),
    "name that nobody has": (_swapped(_REFERENCE, "Zzz"), 0, False),
    "variable that nobody has": (_swapped(_VARIABLE, "zzz9"), 0, False),
    "name twice": (_twice, 1, False),
    "layer indented deeper": (_deeper, 0, False),
    "bracket left open": (_inserted("- Dropout: {p: 0.5"), 0, False),
    "file that is missing": (_inserted("- graph: nowhere.yaml"), 0, False),
    "key of a section misspelt": (_swapped(_SECTION_KEY, "{}x"), 0, False),
    "word in a section": (_swapped(_SECTION, "many"), 0, False),
    "negative in a section": (_swapped(_SECTION, "-3"), 0, False),
    "size that does not fit": (
        _inserted("- Linear: {in_features: 977, out_features: 3}"), 0, True,
    ),
    "skip to nothing, put in": (
        _inserted("- CatWith: {key: Zero9, dim: 1}"), 0, True,
    ),
}  # fmt: skip


def mutations(seed: int) -> Iterator[Mutation]:
    """Every mutation of every graph, in a drawn order."""
    every = []
    for graph, text in sorted(SOURCES.items()):
        lines = text.splitlines()
        for way, (change, after, sized) in WAYS.items():
            if sized and len(lines) > MOST_LINES_SIZED:
                continue
            for at in range(len(lines)):
                # A var is looked for where it is used, which is another line.
                if (sized and at > _end_of_layers(lines)) or "vars:" in lines[at]:
                    continue
                changed = change(lines, at)
                if changed is not None:
                    whole = "\n".join([*lines[:at], changed, *lines[at + 1 :], ""])
                    place = (at + 1 + after, sized, at > _end_of_layers(lines))
                    every.append(Mutation(graph, way, whole, *place))
    order = np.random.default_rng(seed).permutation(len(every))
    return (every[int(place)] for place in order)


def _end_of_layers(lines: list[str]) -> int:
    """The number, from 0, of the last line of `layers:`; sections of an experiment come after it."""
    begins = [at for at, line in enumerate(lines) if line.startswith("layers:")]
    if not begins:  # a variant of another graph
        return -1
    for at in range(begins[0] + 1, len(lines)):
        if re.match(r"[a-z]", lines[at]):
            return at - 1
    return len(lines)


def mutate_all(seed: int, count: int) -> list[Lines]:
    """Try the first `count` mutations; the ways in the order of WAYS."""
    found = {way: Lines(way) for way in WAYS}
    with places() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Graphs are made of others in their folder.
        shutil.copytree(GRAPHS, folder / "graphs")
        for mutation, _ in zip(mutations(seed), range(count), strict=False):
            _try(mutation, folder / "graphs" / f"{mutation.graph}.yaml", found)
            path = folder / "graphs" / f"{mutation.graph}.yaml"
            path.write_text(SOURCES[mutation.graph], encoding="utf-8")
    return list(found.values())


def _try(mutation: Mutation, path: Path, every: dict[str, Lines]) -> None:
    found = every[mutation.way]
    path.write_text(mutation.text, encoding="utf-8")
    found.tried += 1
    where = f"{mutation.graph}, line {mutation.line}"
    try:
        _read(mutation, path)
    except MirbricksError as error:
        first = error.errors[0] if isinstance(error, ErrorList) else error
        place = first.where
        own = place is not None and Path(place.file).name == path.name
        if place is not None and own and place.line == mutation.line:
            found.at_line += 1
        else:
            found.missed.append(f"{where}: {' '.join(str(first).split())[:200]}")
    except Exception as error:
        found.odd.append(f"{where}: {type(error).__name__}: {error}")
    else:
        found.missed.append(f"{where}: accepted: {_line(mutation)}")


def _read(mutation: Mutation, path: Path) -> None:
    """As a user's `check` does: form first, then the sections, and sizes where they are the mistake."""
    graph = load_graph(path)
    if mutation.sized:
        compile_graph(graph)
    elif mutation.in_section:
        load_experiment(path)


def _line(mutation: Mutation) -> str:
    return mutation.text.splitlines()[mutation.line - 1].strip()
