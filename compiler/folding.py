"""Batch norms folded into the convolutions beside them: the same outputs with fewer passes over the tensors.

With kept statistics a batch norm is a scale s and a shift b per channel, y -> s y + b. Right behind a convolution both
go into its weights (Jacob et al., "Quantization and Training of Neural Networks", CVPR 2018, section 3.2). Between a
ReLU and a convolution the scale goes into the weights of the latter. The shift cannot, as zeros are padded behind the
batch norm; but s max(y, 0) + b = s max(y + b/s, b/s), so that b/s goes into the bias of the convolution before, and
the ReLU gets a floor of b/s in place of 0.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..errors import GraphError
from .inference.trial import run, tensors, trial_inputs
from .language.nodes import Layer
from .module import GraphModule

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
# A channel whose scale is next to 0 would need a floor far above all values of the
# tensor, in whose rounding they would be lost.
MOST_FLOOR = 100.0
TOLERANCE = 1e-5

Fold = Callable[[nn.Module], None]


class Floor(nn.Module):
    """A ReLU whose least value is another one per channel."""

    def __init__(self, least: Tensor) -> None:
        super().__init__()
        self.least: Tensor
        self.register_buffer("least", least)

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(x, self.least)


class FoldedGraph(GraphModule):
    """A compiled graph for use only: its batch norms are folded away, and it stays in eval mode.

    Its weights are stored and loaded as those of the graph as it is written; they are folded again when they come.

    Raises
    ------
    GraphError
        E212 where it is put in training mode.
    """

    def __init__(self, plain: GraphModule) -> None:
        super().__init__(
            plain.graph,
            _copies(plain),
            plain.ops,
            plain.nodes,
            input_shapes=plain.input_shapes,
            output_shapes=plain.output_shapes,
            free_sizes=plain.free_sizes,
            drawn=plain._drawn,
        )
        # In a tuple, so that its weights do not count as those of this module.
        self._plain = (plain.eval(),)
        self._settle()

    def _settle(self) -> None:
        """Fold, and lay out the weights as convolutions over two axes read them fastest on a CPU."""
        super().train(False)
        _fold(self, self._plain[0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def train(self, mode: bool = True) -> FoldedGraph:
        """Stay in eval mode; raises GraphError E212 for `mode=True`."""
        if mode:
            raise GraphError(
                "a graph compiled with optimize=True cannot be trained: its batch norms keep the statistics they have",
                code="E212",
                help="compile it without optimize=True, train it, and load the weights into an optimized one",
            )
        super().train(False)
        return self

    def state_dict(self, *args: Any, **more: Any) -> dict[str, Any]:  # type: ignore[override]  # torch overloads it
        """The weights of the graph as it is written."""
        return self._plain[0].state_dict(*args, **more)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take the weights of the graph as it is written, and fold them."""
        plain = self._plain[0]
        came = plain.load_state_dict(state_dict, strict, assign)
        for name, block in _copies(plain):
            self.set_submodule(name, block)
        self._settle()
        return came


def _copies(plain: GraphModule) -> list[tuple[str, nn.Module]]:
    """The blocks of a graph, each a copy, in the order of the file."""
    names = [
        node.name
        for node in plain.graph.nodes
        if isinstance(node, Layer) and not node.first
    ]
    return [(name, copy.deepcopy(plain.get_submodule(name))) for name in names]


def _fold(model: GraphModule, plain: GraphModule) -> None:
    """Fold what can be folded, each fold being kept only if the outputs stay those of `plain`."""
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    inputs = tuple(x.to(device) for x in trial_inputs(model, model.free_sizes))
    expected = run(plain, inputs)
    folds = _Seen(model, inputs).folds()
    kept = _children(model)
    for fold in folds:
        fold(model)
    # A tensor that something else reads too cannot be seen from outside of a block:
    # then the outputs differ, and the folds are tried one by one.
    if not folds or _equal(run(model, inputs), expected):
        return
    _take(model, kept)
    for fold in folds:
        before = _children(model)
        fold(model)
        if not _equal(run(model, inputs), expected):
            _take(model, before)


def _children(model: nn.Module) -> dict[str, nn.Module]:
    return {name: copy.deepcopy(child) for name, child in model.named_children()}


def _take(model: nn.Module, children: Mapping[str, nn.Module]) -> None:
    for name, child in children.items():
        model.add_module(name, child)


def _equal(a: Any, b: Any) -> bool:
    for x, y in zip(tensors(a), tensors(b), strict=True):
        if not x.is_floating_point():
            if not torch.equal(x, y):
                return False
        elif not torch.allclose(x, y, rtol=TOLERANCE, atol=TOLERANCE):
            return False
    return True


class _Seen:
    """Which module made what another one read, in one run of the model."""

    def __init__(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.names = {module: name for name, module in model.named_modules()}
        # Module and input by the output; tensors are kept, as an identity is given again once its tensor is gone.
        self.made: dict[int, tuple[nn.Module, Tensor, Tensor]] = {}
        self.read: dict[int, list[nn.Module]] = {}
        self.runs: dict[nn.Module, int] = {}
        leaves = [module for module in self.names if not list(module.children())]
        hooks = [module.register_forward_hook(self._note) for module in leaves]
        try:
            run(model, inputs)
        finally:
            for hook in hooks:
                hook.remove()

    def _note(self, module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        self.runs[module] = self.runs.get(module, 0) + 1
        if (
            len(given) == 1
            and isinstance(given[0], Tensor)
            and isinstance(made, Tensor)
        ):
            self.made[id(made)] = (module, given[0], made)
            self.read.setdefault(id(given[0]), []).append(module)

    def folds(self) -> list[Fold]:
        found: list[Fold] = []
        for norm, given, made in list(self.made.values()):
            if not isinstance(norm, NORMS) or not self._simple(norm):
                continue
            before = self._before(given)
            if before is None or norm.running_mean is None:
                continue
            maker, source = before
            if isinstance(maker, CONVOLUTIONS):
                if self._can_scale_outputs(maker):
                    found.append(_behind(self.names[maker], self.names[norm]))
            elif isinstance(maker, nn.ReLU) and self._simple(maker):
                fold = self._around(maker, source, norm, made)
                if fold is not None:
                    found.append(fold)
        return found

    def _around(
        self, relu: nn.ReLU, source: Tensor, norm: nn.Module, made: Tensor
    ) -> Fold | None:
        """The fold of convolution, ReLU, batch norm, convolution; None where it is another chain."""
        first = self._before(source)
        readers = self.read.get(id(made), [])
        # A batch norm between convolution and ReLU is folded before this one.
        if first is not None and isinstance(first[0], NORMS):
            first = self._before(first[1])
        if first is None or len(readers) != 1 or relu.inplace:
            return None
        conv = first[0]
        behind = readers[0]
        plain = isinstance(behind, (nn.Conv1d, nn.Conv2d)) and self._simple(behind)
        if not plain or behind.groups != 1 or not isinstance(conv, CONVOLUTIONS):
            return None
        if not self._can_scale_outputs(conv):
            return None
        scale, shift = _scale_and_shift(norm)
        if not bool((shift.abs() <= MOST_FLOOR * scale.abs()).all()):
            return None
        return _between(*(self.names[one] for one in (conv, relu, norm, behind)))

    def _before(self, tensor: Tensor) -> tuple[nn.Module, Tensor] | None:
        """The module that made a tensor, and what it read; None where another module reads the tensor too."""
        if id(tensor) not in self.made or len(self.read[id(tensor)]) != 1:
            return None
        module, given, _ = self.made[id(tensor)]
        return module, given

    def _can_scale_outputs(self, conv: nn.Module) -> bool:
        grouped = isinstance(conv, TRANSPOSED) and conv.groups != 1
        return self._simple(conv) and not grouped

    def _simple(self, module: nn.Module) -> bool:
        """Whether a module runs once, with weights that are what it computes with.

        A convolution may pad its input in its own way; the others must be torch's.
        """
        kinds = (*NORMS, nn.ReLU)
        known = any(type(module).forward is kind.forward for kind in kinds)
        return (
            (known or isinstance(module, CONVOLUTIONS))
            and self.runs[module] == 1
            and not parametrize.is_parametrized(module)
            and not module._forward_pre_hooks
        )


def _scale_and_shift(norm: Any) -> tuple[Tensor, Tensor]:
    """What a batch norm with kept statistics does to each channel, in double precision: y -> s y + b."""
    mean = norm.running_mean.double()
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight.detach().double()
    shift = -mean * scale
    if norm.affine:
        shift = shift + norm.bias.detach().double()
    return scale, shift


def _along(values: Tensor, weight: Tensor, axis: int) -> Tensor:
    """(C,) made to broadcast along one axis of a weight."""
    shape = [1] * weight.ndim
    shape[axis] = -1
    return values.reshape(shape)


def _shifted(conv: Any, scale: Tensor, shift: Tensor) -> None:
    """Make a convolution give s y + b in place of y."""
    weight = conv.weight.detach()
    axis = 1 if isinstance(conv, TRANSPOSED) else 0
    bias = torch.zeros_like(shift)
    if conv.bias is not None:
        bias = conv.bias.detach().double()
    scaled = weight.double() * _along(scale, weight, axis)
    conv.weight = nn.Parameter(scaled.to(weight.dtype))
    conv.bias = nn.Parameter((bias * scale + shift).to(weight.dtype))


def _behind(conv: str, norm: str) -> Fold:
    """A batch norm right behind a convolution goes into it."""

    def fold(model: nn.Module) -> None:
        _shifted(
            model.get_submodule(conv), *_scale_and_shift(model.get_submodule(norm))
        )
        model.set_submodule(norm, nn.Identity())

    return fold


def _between(conv: str, relu: str, norm: str, behind: str) -> Fold:
    """A batch norm between a ReLU and a convolution goes into both convolutions."""

    def fold(model: nn.Module) -> None:
        scale, shift = _scale_and_shift(model.get_submodule(norm))
        first = model.get_submodule(conv)
        floor = shift / scale
        _shifted(first, torch.ones_like(scale), floor)
        weight: Tensor = first.weight  # type: ignore[assignment]  # of a convolution
        least = floor.to(weight.dtype).reshape(-1, *[1] * (weight.ndim - 2))
        model.set_submodule(relu, Floor(least))
        model.set_submodule(norm, nn.Identity())
        last: Any = model.get_submodule(behind)
        kernel = last.weight.detach()
        scaled = kernel.double() * _along(scale, kernel, 1)
        last.weight = nn.Parameter(scaled.to(kernel.dtype))

    return fold
