"""The Python interface: a page per face, from the docstrings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import mirbricks

from .markdown import table

FACES = {
    "mirbricks": "What a script or a notebook begins with.",
    "mirbricks.data": "Corpora, annotations, importers, synthesis.",
    "mirbricks.features": "Transforms from samples to what a model reads.",
    "mirbricks.augment": "Augmentations of waveforms and spectra.",
    "mirbricks.tasks": "What a task is made of, and what it answers.",
    "mirbricks.losses": "Losses, and how they join.",
    "mirbricks.metrics": "The figures of the field.",
    "mirbricks.outputs": "What predictions are written as.",
    "mirbricks.plots": "Pictures.",
}


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The index and a page per face."""
    rows = []
    listed = []
    for face, text in FACES.items():
        place = face.partition(".")[2] or "mirbricks"
        yield f"api/{place}.md", page(face, text)
        rows.append((f"[`{face}`]({place}.md)", text))
        listed.append(place)
    lines = ["# Python", "", table(("module", "what it holds"), rows), ""]
    lines += ["```{toctree}", ":hidden:", "", *listed, "```"]
    yield "api/index.md", "\n".join(lines)


def page(face: str, text: str) -> str:
    """Every documented name of a module."""
    module = importlib.import_module(face)
    functions = []
    classes = []
    for name in sorted(getattr(module, "__all__", None) or dir(module)):
        thing = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(thing):
            continue
        # A name that `mirbricks` has too is documented there.
        if face != "mirbricks" and name in dir(mirbricks):
            continue
        if inspect.isclass(thing):
            classes.append(name)
        elif inspect.isfunction(thing):
            functions.append(name)
    lines = [
        f"# {face}",
        "",
        text,
        "",
        f"```{{eval-rst}}\n.. py:module:: {face}\n```",
        "",
    ]
    if functions:
        lines += ["## Functions", "", *_directives("autofunction", face, functions)]
    if classes:
        lines += ["## Classes", "", *_directives("autoclass", face, classes)]
    return "\n".join(lines)


def _directives(kind: str, face: str, names: list[str]) -> list[str]:
    lines = ["```{eval-rst}"]
    for name in names:
        lines += [f".. {kind}:: {face}.{name}"]
        if kind == "autoclass":
            lines += ["   :members:"]
        lines += [""]
    return [*lines, "```", ""]
