"""Commands that turn a graph into what runs without mirbricks: eject, export."""

from __future__ import annotations

from argparse import Namespace

import safetensors.torch
from torch import Tensor

from ...compiler.compile import compile_graph, load_graph
from ...compiler.module import GraphModule, count_parameters
from ...data.stores.atomic import written_whole
from ...printable import printable
from ...runs.folder import RunFolder
from ...workflows.new_file import refuse_existing, write_new
from .graph_files import graph_file, is_trained
from .input_shape import input_shape


def eject(arguments: Namespace) -> int:
    """Write the graph as a plain PyTorch file, once it was seen to give the same outputs; with --weights these too."""
    from ...compiler.ejecting.check import check_ejected
    from ...compiler.ejecting.eject import eject as ejected

    for path in filter(None, (arguments.out, arguments.weights)):
        refuse_existing(path)
    model = _model(arguments)
    text = ejected(model)
    # The file replaces mirbricks: it is written only when its outputs were seen to be the same.
    check_ejected(text, model)
    if arguments.weights:
        _write_bytes(arguments.weights, safetensors.torch.save(_tensors(model)))
    write_new(arguments.out, text)
    parameters = count_parameters(model)
    facts = f"class Model, {parameters:,} parameters"
    same = "its outputs are those of the graph to the bit"
    print(f"{printable(arguments.out)}: {facts}; {same}")
    if arguments.weights:
        trained = _trained(arguments)
        weights = f"weights of {printable(trained)}" if trained else "new weights"
        print(f"{printable(arguments.weights)}: {weights}")
    return 0


def export(arguments: Namespace) -> int:
    """Write the graph as torch's program or as ONNX, once the file was seen to give the same outputs."""
    from ...compiler.exporting.export import export as exported

    refuse_existing(arguments.out)
    result = exported(_model(arguments), arguments.to)
    _write_bytes(arguments.out, result.data)
    takes = ", ".join(result.sizes) or "one size"
    size = f"{len(result.data) / 1e6:.1f} MB"
    print(f"{printable(arguments.out)}: {size}, {arguments.to}; takes {takes}")
    for sizes, difference in result.differences:
        at = ", ".join(f"{name}={size}" for name, size in sizes.items()) or "its sizes"
        print(f"  at {at}: largest difference to the graph {difference:.2g}")
    return 0


def _model(arguments: Namespace) -> GraphModule:
    """The compiled graph with the weights of --run, or of the run or packed model that stands for the graph."""
    trained = _trained(arguments)
    # A missing run is reported before the graph is compiled.
    run = RunFolder.open(trained) if trained else None
    graph = load_graph(graph_file(arguments.graph), arguments.set)
    model = compile_graph(graph, input_shape(arguments.input))
    if run:
        run.load_weights(model)
    return model


def _trained(arguments: Namespace) -> str | None:
    """The run whose weights are used; None for new weights."""
    if arguments.run_folder:
        return str(arguments.run_folder)
    if is_trained(arguments.graph):
        return str(arguments.graph)
    return None


def _tensors(model: GraphModule) -> dict[str, Tensor]:
    return {
        name: tensor.detach().clone().contiguous()
        for name, tensor in model.state_dict().items()
    }


def _write_bytes(path: str, data: bytes) -> None:
    refuse_existing(path)
    with written_whole(path) as part:
        part.write_bytes(data)
