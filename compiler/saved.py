"""A compiled graph written back as a native graph file, with nothing left to infer."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from .module import GraphModule


def resolved_yaml(model: GraphModule, sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The graph with every node named, every field and every section in full; compiles to the same state_dict keys.

    sections   feature, dataset, task, train: each as a plain dict
    """
    graph = {
        "name": model.graph.name,
        "input": _input_line(model),
        "layers": _layers(model),
        **{name: _lists(values) for name, values in sections.items()},
    }
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
        lines[name] = " ".join(axis if isinstance(size, str) else f"{axis}={size}" for axis, size in pairs)
    return lines if len(lines) > 1 else next(iter(lines.values()))


def _layers(model: GraphModule) -> list[dict[str, Any]]:
    nodes = {node.name: node for node in model.nodes}
    layers: list[dict[str, Any]] = []
    for op in model.ops:
        if op.kind == "run":
            layers.append({nodes[op.name].block: {"name": op.name, **_lists(nodes[op.name].config.model_dump())}})
        elif op.kind == "StoreAs":
            layers.append({"StoreAs": op.name})
        else:
            layers.append({op.kind: {"key": op.name, "fit": op.fit}})
    return layers


def _lists(value: Any) -> Any:
    """Tuples as lists, which is what YAML has."""
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value
