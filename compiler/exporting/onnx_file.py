"""A traced graph as ONNX, and an ONNX file run as a module. Needs the packages of the extra `onnx`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...errors import GraphError
from ..inference.trial import Output
from ..module import GraphModule

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def refuse_missing_packages() -> None:
    """Raises `GraphError` E711 where a package of the extra is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    are = "are" if len(missing) > 1 else "is"
    message = f"ONNX needs {', '.join(missing)}, which {are} not installed"
    raise GraphError(message, code="E711", help=f"pip install {' '.join(missing)}")


def as_onnx(program: torch.export.ExportedProgram, model: GraphModule) -> bytes:
    """The bytes of an ONNX file whose inputs and outputs, and their free axes, have the graph's names."""
    names = list(model.input_shapes)
    outputs = list(model.output_shapes)
    try:
        converted = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=names, output_names=outputs
        )
        assert converted is not None
        proto: Any = converted.model_proto
    except Exception as error:
        # The first paragraph holds the reason; what follows is advice on torch's own log.
        reason = " ".join(str(error).split("\n\n")[0].split())[:300]
        raise GraphError(
            "torch cannot write the graph as ONNX",
            code="E710",
            facts=[("torch", reason)],
            help="write it with --to torch-export",
        ) from error
    _name_axes(proto, model)
    data: bytes = proto.SerializeToString()
    return data


def _name_axes(proto: Any, model: GraphModule) -> None:
    """Give the free axes of inputs and outputs the graph's names."""
    values = [*proto.graph.input, *proto.graph.output]
    shapes = [*model.input_shapes.values(), *model.output_shapes.values()]
    for value, shape in zip(values, shapes, strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            if isinstance(size, str):
                dim.dim_param = size
    # The sizes in between have torch's own names, which are others for the same axes.
    del proto.graph.value_info[:]


def load_onnx(data: bytes, outputs: tuple[str, ...]) -> Callable[..., Output]:
    """A function that runs an ONNX file on tensors."""
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        data, options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]

    def run(*inputs: Tensor) -> Output:
        given = {
            name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)
        }
        found = [torch.from_numpy(array) for array in session.run(None, given)]
        if outputs:
            return dict(zip(outputs, found, strict=True))
        return found[0]

    return run
