"""A compiled graph written back as a native graph file, with nothing left to infer."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ruamel.yaml import YAML

from .language.axes import UNNAMED
from .module import GraphModule
from .operations import NodeInfo, Op


def resolved_yaml(model: GraphModule, sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The graph with every node named, every field and every section in full; compiles to the same state_dict keys.

    sections   feature, dataset, task, train: each as a plain dict
    """
    graph: dict[str, Any] = {
        "name": model.graph.name,
        "input": _input_line(model),
    }
    if model.outputs:
        graph["outputs"] = list(model.outputs)
    graph["layers"] = _layers(model)
    graph |= {name: _lists(values) for name, values in sections.items()}
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 110
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    yaml.dump(graph, stream)
    return stream.getvalue()


def _input_line(model: GraphModule) -> str | dict[str, str]:
    lines = {}
    for name, shape in model.input_shapes.items():
        pairs = zip(model.axis_names[name], shape, strict=True)
        lines[name] = " ".join(
            axis if isinstance(size, str) else f"{axis}={size}" for axis, size in pairs
        )
    # A single input may be called by its name in the layers, so that its own name must stay.
    if list(lines) == [UNNAMED]:
        return lines[UNNAMED]
    return lines


def _layers(model: GraphModule) -> list[dict[str, Any]]:
    runs = iter(model.nodes)
    layers = []
    for op in _single_stores(model):
        if op.kind == "run":
            layers.append(_layer(op, next(runs)))
        else:
            layers.append(_layer(op, None))
    # A graph that only stores what nothing asks for would have no layers at all.
    return layers or [_layer(model.ops[-1], None)]


def _single_stores(model: GraphModule) -> Iterator[Op]:
    """The ops with each key stored once, and only where something asks for it: what a repeat stores has many places."""
    # The last store of a key keeps its name, since `outputs:` may ask for it; those before
    # get a number, and `now` is the name that a reader finds at its place.
    last = {op.name: i for i, op in enumerate(model.ops) if op.kind == "StoreAs"}
    asked = {
        key for op in model.ops if op.kind != "StoreAs" for key in (op.name, *op.extra)
    } | set(model.outputs)
    now: dict[str, str] = {}
    for i, op in enumerate(model.ops):
        if op.kind == "StoreAs" and op.name in asked:
            if last[op.name] == i:
                now[op.name] = op.name
            else:
                now[op.name] = f"{op.name}_{i}"
        if op.kind != "StoreAs" or op.name in asked:
            if op.kind == "run":
                name = op.name
            else:
                name = now.get(op.name, op.name)
            yield replace(
                op, name=name, extra=tuple(now.get(key, key) for key in op.extra)
            )


def _layer(op: Op, node: NodeInfo | None) -> dict[str, Any]:
    if node is None:
        keys = [op.name, *op.extra]
        joins = op.kind not in ("StoreAs", "StartFrom")
        if not joins:
            return {op.kind: op.name}
        if op.extra:
            return {op.kind: {"key": keys, "fit": op.fit}}
        return {op.kind: {"key": op.name, "fit": op.fit}}
    if node.reused:
        return {"Reuse": node.name}
    # The last of the further inputs are those that fields name, under their new keys.
    fields = list(node.config.stored())
    n_with = len(op.extra) - len(fields)
    values: dict[str, Any] = {"name": node.name}
    if n_with:
        values["with"] = list(op.extra[:n_with])
    values |= _lists(node.config.model_dump())
    values |= dict(zip(fields, op.extra[n_with:], strict=True))
    return {node.block: values}


def _lists(value: Any) -> Any:
    """Tuples as lists, which is what YAML has."""
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
