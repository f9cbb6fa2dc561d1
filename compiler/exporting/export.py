"""A compiled graph as a file that runs without mirbricks: torch's own program (.pt2), or ONNX.

The free axes of the graph stay free, within the sizes at which it runs. What is written is loaded again and compared
with the graph before anyone gets it.
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional

from ...errors import GraphError
from ..inference.trial import Output, run, tensors, trial_inputs
from ..module import GraphModule
from .recurrent import loop_over_frames
from .refusal import refusal
from .sizes import Taken, base_sizes, free_axes, taken

# Of the largest output. Another runtime adds in another order, so ONNX may differ more.
TOLERANCE = {"torch-export": 1e-6, "onnx": 1e-4}
Target = Literal["torch-export", "onnx"]


@dataclass(frozen=True)
class Exported:
    """The bytes of the file, the sizes it takes, in words, and how far its outputs are from the graph's.

    `differences` are the largest absolute ones at each of the sizes tried.
    """

    data: bytes
    sizes: tuple[str, ...]
    differences: tuple[tuple[dict[str, int], float], ...]


def export(model: GraphModule, to: Target) -> Exported:
    """Export in eval mode, on the CPU; `model` stays as it is.

    Raises `GraphError` E710 where torch cannot trace the graph, with the layer where that is known; E711 where a
    package is missing; E712 where the file does not do what the graph does.
    """
    # Its packages are asked for before the tracing, which takes a while.
    if to == "onnx":
        from .onnx_file import as_onnx, load_onnx, refuse_missing_packages

        refuse_missing_packages()
    model = _exportable(model)
    if to == "torch-export":
        loop_over_frames(model)
    with _quiet():
        program, allowed = _traced(model)
        # What is compared is the file as it will be read, not the program before it was
        # written: writing may lose something too.
        if to == "onnx":
            data = as_onnx(program, model)
            written = load_onnx(data, tuple(model.outputs))
        else:
            data = _saved(program)
            written = torch.export.load(io.BytesIO(data)).module()
        differences = tuple(_compared(model, written, allowed, TOLERANCE[to]))
    return Exported(data, tuple(map(str, allowed.values())), differences)


class _MaxPool1d(nn.MaxPool1d):
    """The same numbers by way of two dimensions: torch's own, in one, has a fixed size as soon as it is traced."""

    def forward(self, x: Tensor) -> Tensor:
        kernel = _one(self.kernel_size)
        stride = _one(self.stride)
        pad = _one(self.padding)
        dilation = _one(self.dilation)
        y = functional.max_pool2d(
            x[..., None, :],
            (1, kernel),
            (1, stride),
            (0, pad),
            (1, dilation),
            self.ceil_mode,
        )
        return y[..., 0, :]


def _one(size: int | tuple[int, ...]) -> int:
    if isinstance(size, int):
        return size
    return size[0]


def _exportable(model: GraphModule) -> GraphModule:
    """A copy in eval mode, on the CPU, that torch can trace."""
    model = copy.deepcopy(model).cpu().eval()
    for module in model.modules():
        # A subclass with a forward of its own computes something else, and keeps it.
        own = type(module).forward
        if isinstance(module, nn.MaxPool1d) and own is nn.MaxPool1d.forward:
            module.__class__ = _MaxPool1d
    return model


def _saved(program: ExportedProgram) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def _traced(model: GraphModule) -> tuple[ExportedProgram, Taken]:
    """Torch's program, and the sizes that it takes."""
    base = base_sizes(model)
    try:
        program = torch.export.export(
            model,
            trial_inputs(model, base),
            dynamic_shapes={"inputs": free_axes(model)},
            strict=False,
        )
    except Exception as error:
        raise refusal(model, base, error) from error
    # Torch may trace without a complaint and fix a size all the same.
    sizes = taken(model, program, base)
    if sizes is None:
        fixed = ValueError("the traced program runs at the sizes of the tracing only")
        raise refusal(model, base, fixed)
    return program, sizes


def _sizes_to_try(model: GraphModule, allowed: Taken) -> Iterator[dict[str, int]]:
    """The smallest sizes, and others that were not those of the tracing."""
    yield {name: sizes.least for name, sizes in allowed.items()}
    if allowed:
        yield {
            name: max(size, allowed[name].least) + allowed[name].step
            for name, size in base_sizes(model).items()
        }


def _compared(
    model: GraphModule, written: Callable[..., Output], allowed: Taken, tolerance: float
) -> Iterator[tuple[dict[str, int], float]]:
    for sizes in _sizes_to_try(model, allowed):
        inputs = trial_inputs(model, sizes)
        wanted = tensors(run(model, inputs))
        # Each axis alone was seen to run, so a program that fails here is as wrong as one
        # that gives other numbers: it differs without end.
        try:
            found = tensors(run(written, inputs))
        except Exception:
            found = []
        same_shapes = [one.shape for one in wanted] == [one.shape for one in found]
        if same_shapes:
            difference = max(map(_difference, wanted, found))
        else:
            difference = float("inf")
        # Below 1 the bound is absolute: rounding near 0 is no difference that counts. The
        # comparison is turned round so that NaN fails it.
        most = tolerance * max(1.0, *(float(tensor.abs().max()) for tensor in wanted))
        if not difference <= most:
            at = ", ".join(f"{name}={size}" for name, size in sizes.items())
            message = f"the exported model differs from the graph by {difference:.2g} at {at}, so it is not written"
            facts = [("allowed", f"{most:.2g}")]
            raise GraphError(
                message,
                code="E712",
                facts=facts,
                help="please report it with the graph",
            )
        yield sizes, difference


def _difference(wanted: Tensor, found: Tensor) -> float:
    """The largest absolute difference; NaN beside NaN is none."""
    both = wanted.isnan() & found.isnan()
    return float((wanted - found).masked_fill(both, 0).abs().max())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's notes about itself, which nobody who exports a graph can act on."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
