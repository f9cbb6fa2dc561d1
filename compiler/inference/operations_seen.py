"""What torch's own functions made of meta tensors before, so that no shape is computed twice.

Torch finds many shapes in Python, at up to a millisecond each, and a transformer asks for those of its six equal layers
six times over. Within one search for sizes the answer to the same question is the same. Asked are the shapes, the
strides and the kinds of all tensors and every other argument; whatever is not a plain value goes to torch itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Each makes one new tensor of its arguments and changes none of them. Views and functions
# that may hand back what they were given, such as dropout, are left to torch.
# fmt: off
NAMES = frozenset((
    "abs", "add", "addmm", "amax", "amin", "argmax", "argmin", "baddbmm", "batch_norm", "bmm", "cat", "clamp",
    "clamp_max", "clamp_min", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "cos", "cumsum", "div",
    "elu", "embedding", "exp", "fold", "gather", "gelu", "group_norm", "hann_window", "instance_norm", "interpolate",
    "layer_norm", "leaky_relu", "linalg_vector_norm", "linear", "log", "log1p", "logaddexp", "logsumexp", "matmul",
    "maximum", "mean", "minimum", "mul", "neg", "pad", "pow", "prelu", "reciprocal", "relu", "remainder", "rsqrt",
    "scaled_dot_product_attention", "sigmoid", "silu", "sin", "softmax", "softplus", "sqrt", "square", "stack",
    "std", "sub", "sum", "tanh", "true_divide", "unfold", "var", "where", "__add__", "__mul__", "__neg__", "__pow__",
    "__radd__", "__rmul__", "__rpow__", "__rsub__", "__rtruediv__", "__sub__", "__truediv__",
))
# Those that act on each value alone: if they keep one shape, they keep every shape.
POINTWISE = frozenset((
    "abs", "add", "clamp", "clamp_max", "clamp_min", "cos", "div", "elu", "exp", "gelu", "leaky_relu", "log", "log1p",
    "mul", "neg", "pow", "reciprocal", "relu", "rsqrt", "sigmoid", "silu", "sin", "softplus", "sqrt", "square", "sub",
    "tanh", "true_divide", "where", "__add__", "__mul__", "__neg__", "__pow__", "__radd__", "__rmul__", "__rpow__",
    "__rsub__", "__rtruediv__", "__sub__", "__truediv__",
))
# fmt: on
_HOMES = (torch, Tensor, functional, torch._C._nn, torch.linalg)
_TENSORS = (Tensor, nn.Parameter)
_PLAIN = (int, float, bool, str, type(None), torch.dtype, torch.device)
MOST_ANSWERS = 20_000

Answer = tuple[torch.Size | None, tuple[int, ...], torch.dtype]


def _functions(names: Iterable[str]) -> frozenset[Callable[..., Any]]:
    """Every function of these names; `x + y` and `torch.add` are two of them. `Tensor.unfold` is a view."""
    found = [getattr(home, name, None) for home in _HOMES for name in names]
    return frozenset(one for one in found if one) - {Tensor.unfold}


FUNCTIONS = _functions(NAMES)
ON_EACH_VALUE = _functions(POINTWISE)

_ANSWERS: dict[object, Answer] = {}


class _Unknown(Exception):
    """An argument that is neither a meta tensor nor a plain value."""


class OperationsSeen(TorchFunctionMode):
    """While this holds, torch's functions are asked once for each kind of arguments.

    All share one memory: a command looks for the sizes of the same graph several times over, and what torch answers
    depends on the question only.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        # A gradient would need the path to the answer, a vmap hides axes of its tensors, and
        # `out=` is changed.
        if (
            func not in FUNCTIONS
            or "out" in named
            or torch.is_grad_enabled()
            or torch._C._functorch.maybe_current_level() is not None
        ):
            return func(*args, **named)
        shape = None
        channels = None
        if func in ON_EACH_VALUE:
            shape = _one_shape((*args, *named.values()))
        elif func is functional.batch_norm and _is_fixed(args, named):
            # Its statistics are kept, so that it acts on each value of a channel alone.
            shape = _one_shape(args[:1])
            channels = args[0].shape[1:2]
        try:
            given = (_key(args, shape), _key(named, shape))
        except _Unknown:
            return func(*args, **named)
        asked = (func, torch.get_default_dtype(), channels, given)
        answer = _ANSWERS.get(asked)
        if answer is None:
            made = func(*args, **named)
            _remember(asked, made, shape)
            return made
        return _new(answer, shape)


def forget() -> None:
    """Begin with an empty memory, as a new process does."""
    _ANSWERS.clear()


def _remember(asked: object, made: Any, shape: torch.Size | None) -> None:
    if type(made) is not Tensor or not made.is_meta:
        return
    if len(_ANSWERS) >= MOST_ANSWERS:
        forget()
    if shape is None:
        _ANSWERS[asked] = (made.shape, made.stride(), made.dtype)
    elif made.shape == shape and made.is_contiguous():
        _ANSWERS[asked] = (None, (), made.dtype)


def _new(answer: Answer, given: torch.Size | None) -> Tensor:
    """A tensor as torch made it before; without a shape, that of what was given."""
    shape, strides, dtype = answer
    if shape is None:
        assert given is not None
        return torch.empty(given, dtype=dtype, device="meta")
    return torch.empty_strided(shape, strides, dtype=dtype, device="meta")


def _is_fixed(args: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Whether a batch norm, as torch hands it on, normalises by the statistics that it has kept."""
    return named.get("training") is False and isinstance(args[0], Tensor)


def _one_shape(values: Iterable[object]) -> torch.Size | None:
    """The shape of all tensors among these, where they have one in common and lie in order; else None."""
    found: torch.Size | None = None
    for value in values:
        if isinstance(value, Tensor):
            if found is None:
                found = value.shape
            if value.shape != found or not value.is_contiguous():
                return None
    return found


def _key(value: Any, shape: torch.Size | None) -> object:
    """A value as part of a key of a dict; 1, 1.0 and True are three. Of a tensor of `shape` only its rank counts."""
    kind = type(value)
    if kind in _TENSORS:
        if not value.is_meta:
            raise _Unknown
        if value.shape == shape:
            return (len(value.shape), value.dtype)
        return (value.shape, value.stride(), value.dtype)
    if kind in _PLAIN:
        return (kind, value)
    if kind in (tuple, list, torch.Size):
        return tuple([_key(one, shape) for one in value])
    if kind is dict:
        return tuple([(name, _key(one, shape)) for name, one in value.items()])
    raise _Unknown
