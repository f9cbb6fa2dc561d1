"""What the studio answers on graphs; it runs in the worker that is killed when it takes too long."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ..compiler.comparing.diff import diff_graphs
from ..compiler.comparing.entries import Side
from ..compiler.diagnose import Diagnosis
from ..compiler.drawing.diagram import draw
from ..compiler.drawing.inside import draw_block
from ..compiler.drawing.svg import without_night
from ..compiler.ejecting.eject import eject
from ..compiler.inference.infer import run, shapes_at
from ..compiler.inference.remembered import Remembered
from ..compiler.inference.summary import summarise
from ..compiler.inference.trial import input_axes
from ..compiler.inference.walk import Failed
from ..compiler.language.example import example_yaml
from ..compiler.language.graph import SECTIONS
from ..compiler.module import GraphModule, count_parameters
from ..errors import GraphError
from ..registry import blocks
from ..shapes import ContractError, show
from ..workflows.diagnosis import diagnose, misfits
from . import assist, vocabulary

WARM = "input: B C=1 F=16 T\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 3}\n"
MOST_CODE = 400_000  # characters that the page shows


class _Last:
    """The newest model, which a page asks about several times."""

    key: tuple[str, str] = ("", "")
    model: GraphModule | None = None
    # Blocks that were counted before: from one text to the next most layers stay.
    remembered = Remembered()


def begin(_: str) -> None:
    """Import all blocks, and let torch make its tables: the first check of a process takes seconds."""
    check(WARM, "graph.yaml", True)
    summary(WARM, "graph.yaml", {})


def check(text: str, file: str, thorough: bool) -> dict[str, Any]:
    """Mistakes, warnings, and of a sound graph its drawing and a row per layer."""
    found = diagnose(text, file, thorough=thorough)
    answer = found.as_dict()
    answer["vars"] = _vars(found)
    if found.model is not None:
        _Last.key = (text, file)
        _Last.model = found.model
        answer |= _of_model(found.model, file)
    return answer


def _of_model(model: GraphModule, file: str) -> dict[str, Any]:
    rows = []
    for node in model.nodes:
        rows.append(
            {
                "line": node.where.line if node.where.file == file else None,
                "name": node.name,
                "block": node.block,
                "out": show(node.went),
                "parameters": 0
                if node.reused
                else count_parameters(model.get_submodule(node.name)),
            }
        )
    return {
        "svg": without_night(draw(model)),
        "rows": rows,
        "inputs": {name: show(shape) for name, shape in model.input_shapes.items()},
        "outputs": {name: show(shape) for name, shape in model.output_shapes.items()},
        "parameters": count_parameters(model),
        "free": dict(model.free_sizes),
    }


def _vars(found: Diagnosis) -> list[dict[str, Any]]:
    """The numbers of `vars:` with their places, for sliders."""
    if found.graph is None:
        return []
    source = found.graph.source
    given = source.data.get("vars")
    sliders = []
    for name, value in (given if isinstance(given, Mapping) else {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        where = source.value(("vars", name))
        sliders.append(
            {
                "name": str(name),
                "value": value,
                "whole": isinstance(value, int),
                "line": where.line,
                "column": where.column,
                "length": where.length,
            }
        )
    return sliders


def summary(text: str, file: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Multiply-adds, receptive fields, and the shapes at chosen sizes of the free axes."""
    model = _model(text, file)
    at = {**model.free_sizes, **{name: int(size) for name, size in sizes.items()}}
    answer: dict[str, Any] = {"sizes": at}
    _Last.remembered = _Last.remembered.again()
    try:
        walk = run(model.graph, shapes_at(input_axes(model), at), at, _Last.remembered)
    except Failed as failed:
        return {
            **answer,
            "fails": failed.error.message,
            "help": failed.error.help or "",
        }
    except GraphError as error:
        return {**answer, "fails": error.message, "help": error.help or ""}
    answer["shapes"] = [
        show(step.went) for step in walk.steps if step.config is not None
    ]
    rows = summarise(model, at=at).rows
    answer["macs"] = [row.macs for row in rows]
    answer["fields"] = [row.receptive_field_frames for row in rows]
    answer["strides"] = [row.stride_frames for row in rows]
    return answer


def _model(text: str, file: str) -> GraphModule:
    if _Last.key != (text, file) or _Last.model is None:
        found = diagnose(text, file)
        if found.model is None:
            raise found.errors[0]
        _Last.key = (text, file)
        _Last.model = found.model
    return _Last.model


def fits(text: str, file: str) -> dict[str, Any]:
    """Whether a sound graph fits the task that its text names, at the sizes of the task."""
    model = _model(text, file)
    found = Diagnosis(tuple(misfits(model.graph, model)))
    return {"errors": found.as_dict()["errors"]}


def torch_code(text: str, file: str) -> dict[str, Any]:
    """The graph as plain PyTorch."""
    return {"code": eject(_model(text, file))[:MOST_CODE]}


def changes(text: str, file: str, saved: str) -> dict[str, Any]:
    """What differs from the text on disk: lines, and nodes with their sizes."""
    lines = difflib.unified_diff(
        saved.splitlines(), text.splitlines(), "on disk", "here", lineterm=""
    )
    answer: dict[str, Any] = {"lines": list(lines)}
    sides = []
    for one in (saved, text):
        found = diagnose(one, file)
        if found.graph is None:
            return answer
        data = found.graph.source.data
        sections = {name: data[name] for name in SECTIONS if name in data}
        sides.append(Side(found.graph, found.model, sections))
    answer["diff"] = asdict(diff_graphs(*sides))
    return answer


def complete(text: str, line: int, column: int) -> dict[str, Any]:
    start, words = assist.proposals(text, line, column)
    return {"from": start, "words": [one.as_dict() for one in words]}


def hover(text: str, file: str, line: int, column: int) -> dict[str, Any]:
    model = _Last.model if _Last.key == (text, file) else None
    return {"text": assist.hover(text, line, column, model)}


def shelf() -> dict[str, Any]:
    """Every block and word of the language, with its family and its fields."""
    listed = []
    inserts = {one.label: one.insert for one in assist.layer_proposals()}
    for name, spec in blocks().items():
        fields = []
        for field, info in spec.cls.Config.model_fields.items():
            fields.append({"name": field, "text": vocabulary.field_text(info)})
        listed.append(
            {
                "name": name,
                "family": spec.family,
                "summary": spec.summary,
                "contract": spec.contract.text,
                "source": spec.source,
                "fields": fields,
                "insert": inserts[name],
            }
        )
    words = [
        {
            "name": name,
            "family": "language",
            "summary": text,
            "contract": "",
            "source": "",
            "fields": [],
            "insert": f"{name}: ",
        }
        for name, text in vocabulary.WORDS.items()
    ]
    return {"blocks": [*listed, *words]}


def brick(name: str) -> dict[str, Any]:
    """One block at length: its text, a graph that runs, and its picture."""
    spec = vocabulary.block(name)
    if spec is None:
        raise GraphError(f"there is no block '{name}'", code="E110")
    try:
        example = example_yaml(spec)
    except ContractError as error:
        example = f"# the registered example does not fit the contract: {error}\n"
    svg = without_night(draw_block(spec))
    return {"text": spec.description, "example": example, "svg": svg}


ANSWERS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "check": check,
    "summary": summary,
    "fits": fits,
    "torch": torch_code,
    "changes": changes,
    "complete": complete,
    "hover": hover,
    "shelf": shelf,
    "brick": brick,
}
