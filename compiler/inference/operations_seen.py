"""What torch's own functions made of meta tensors before, so that no shape is computed twice.

Torch finds many shapes in Python, at up to a millisecond each, and a transformer asks for those of its six equal layers
six times over. Within one search for sizes the answer to the same question is the same. Asked are the shapes, the
strides and the kinds of all tensors and every other argument; whatever is not a plain value goes to torch itself.

Of some functions less is asked, as their answer to one size says what it is at every size: of those that act on each
value alone how the axes of their tensors are spread over one another, of norms the axes that their weights belong to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Each makes one new tensor of its arguments and changes none of them. Views and functions
# that may hand back what they were given, such as dropout, are left to torch.
# fmt: off
NAMES = frozenset((
    "addmm", "amax", "amin", "argmax", "argmin", "baddbmm", "batch_norm", "bmm", "cat", "conv1d", "conv2d",
    "conv_transpose1d", "conv_transpose2d", "embedding", "fold", "gather", "group_norm", "hann_window", "instance_norm",
    "interpolate", "layer_norm", "linalg_vector_norm", "linear", "logsumexp", "matmul", "mean", "pad", "prelu",
    "scaled_dot_product_attention", "stack", "std", "sum", "unfold", "var",
))
# Those that act on each value alone, once their tensors are spread over one another: if they make the shape that all
# have together of one size, they do of every size. Of a number only the kind counts.
POINTWISE = frozenset((
    "abs", "add", "ceil", "clamp", "clamp_max", "clamp_min", "complex", "cos", "div", "elu", "exp", "floor",
    "full_like", "ge", "gelu", "gt", "le", "leaky_relu", "log", "log1p", "logaddexp", "lt", "maximum", "minimum", "mul",
    "neg", "ones_like", "polar", "reciprocal", "relu", "remainder", "round", "rsqrt", "sigmoid", "silu", "sin", "sinc",
    "softplus", "sqrt", "square", "sub", "tanh", "true_divide", "where", "zeros_like", "__add__", "__and__", "__ge__",
    "__gt__", "__le__", "__lt__", "__mul__", "__neg__", "__or__", "__radd__", "__rmul__", "__rsub__", "__rtruediv__",
    "__sub__", "__truediv__",
))
# The same, but that their numbers count too: an axis, and an exponent that integers may not have.
KEEPING = frozenset(("cumsum", "normalize", "pow", "softmax", "__pow__", "__rpow__"))
# fmt: on
# Interpolations by neighbours, and the axes of the tensors that they take. Torch finds their shapes by computing the
# weights of the neighbours in Python; that of the nearest one has the same shape, and costs nothing.
INTERPOLATED = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
_OF_INTERPOLATE = tuple(inspect.signature(functional.interpolate).parameters)
_HOMES = (torch, Tensor, functional, torch._C._nn, torch.linalg)
_TENSORS = (Tensor, nn.Parameter)
_NUMBERS = (int, float)
_PLAIN = (int, float, bool, str, type(None), torch.dtype, torch.device)
MOST_ANSWERS = 20_000

# The shape, or what of it stands behind the sizes that may vary; there strides are in order.
Answer = tuple[torch.Size, tuple[int, ...] | None, torch.dtype]


def _functions(names: Iterable[str]) -> frozenset[Callable[..., Any]]:
    """Every function of these names; `x + y` and `torch.add` are two of them. `Tensor.unfold` is a view."""
    found = [getattr(home, name, None) for home in _HOMES for name in names]
    return frozenset(one for one in found if one) - {Tensor.unfold}


ON_EACH_VALUE = _functions(POINTWISE)
KEEPING_SHAPES = _functions(KEEPING)
FUNCTIONS = _functions(NAMES) | ON_EACH_VALUE | KEEPING_SHAPES

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
            or named.get("out") is not None
            or torch.is_grad_enabled()
            or torch._C._functorch.maybe_current_level() is not None
        ):
            return func(*args, **named)
        try:
            lead, asked = _question(func, args, named)
        except _Unknown:
            return func(*args, **named)
        answer = _ANSWERS.get(asked)
        if answer is None:
            made = _made(func, args, named)
            _remember(asked, made, lead)
            return made
        return _new(answer, lead)


def forget() -> None:
    """Begin with an empty memory, as a new process does."""
    _ANSWERS.clear()


def _remember(asked: object, made: Any, lead: torch.Size | None) -> None:
    if type(made) is not Tensor or not made.is_meta:
        return
    if len(_ANSWERS) >= MOST_ANSWERS:
        forget()
    if lead is None:
        _ANSWERS[asked] = (made.shape, made.stride(), made.dtype)
    elif made.shape[: len(lead)] == lead and made.is_contiguous():
        _ANSWERS[asked] = (made.shape[len(lead) :], None, made.dtype)


def _new(answer: Answer, lead: torch.Size | None) -> Tensor:
    """A tensor as torch made it before; behind `lead`, where that is given, the sizes that it made."""
    shape, strides, dtype = answer
    if strides is None:
        assert lead is not None
        return torch.empty(lead + shape, dtype=dtype, device="meta")
    return torch.empty_strided(shape, strides, dtype=dtype, device="meta")


def _made(
    func: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]
) -> Any:
    """What torch makes of these arguments; of interpolations, what the quickest of the same shape makes."""
    if func is functional.interpolate:
        given = dict(zip(_OF_INTERPOLATE, args, strict=False)) | dict(named)
        x = given["input"]
        fits = INTERPOLATED.get(given.get("mode", "")) == x.ndim
        # Of images the order of the axes in memory comes back too.
        plain = x.is_floating_point() and (x.ndim == 3 or x.is_contiguous())
        if fits and plain and not given.get("antialias"):
            given |= {"mode": "nearest", "align_corners": None}
            return func(**given)
    return func(*args, **named)


def _question(
    func: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[torch.Size | None, object]:
    """The sizes that the answer begins with, whatever they are, and all that counts beside them.

    The sizes are None where those of all tensors count. Raises `_Unknown` for what is not a plain value.
    """
    kind = (func, torch.get_default_dtype())
    lead = None
    if func in ON_EACH_VALUE or func in KEEPING_SHAPES:
        lead = _together((*args, *named.values()))
        how = _How(spread=lead, numbers=func in KEEPING_SHAPES)
        # Operations that do not add up over places keep the order even where it has gaps.
        if lead is not None and (func in ON_EACH_VALUE or args[0].is_contiguous()):
            return lead, (*kind, _key(args, how), _key(named, how))
    elif args and isinstance(args[0], Tensor) and args[0].is_contiguous():
        lead, counting, how = _behind(func, args, named)
        if lead is not None:
            given = (_key(args[1:], how), _key(named, how))
            return lead, (*kind, len(args[0].shape), args[0].dtype, counting, given)
    return None, (*kind, _key(args, _PLAINLY), _key(named, _PLAINLY))


def _behind(
    func: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[torch.Size | None, tuple[int, ...], _How]:
    """The sizes of the first argument that come back, whatever they are, those that count, and how the others count."""
    if not args[0].is_meta:
        raise _Unknown
    shape = args[0].shape
    if func is functional.linear:
        return shape[:-1], tuple(shape[-1:]), _PLAINLY
    # With statistics that are kept a batch norm acts on each value of a channel alone.
    if func is functional.batch_norm and named.get("training") is False:
        return shape, (), _How(channels=shape[1:2])
    # Torch refuses to normalise a single value, so that there have to be two per channel.
    if func is functional.group_norm and shape.numel() > shape[1]:
        return shape, tuple(shape[1:2]), _PLAINLY
    if func is functional.layer_norm and len(args) > 1:
        return shape, tuple(shape[len(shape) - len(args[1]) :]), _PLAINLY
    return None, (), _PLAINLY


def _together(values: Iterable[object]) -> torch.Size | None:
    """The shape of all tensors among these once they are spread over one another; None where one does not lie in order
    or where they do not fit.
    """
    shapes = []
    for value in values:
        if isinstance(value, Tensor):
            if not _in_order(value):
                return None
            shapes.append(value.shape)
    if not shapes:
        return None
    first = shapes[0]
    # Nearly always all are equal, which is quickly seen.
    if all(shape == first for shape in shapes):
        return first
    try:
        return torch.Size(np.broadcast_shapes(*shapes))
    except ValueError:
        return None


def _in_order(tensor: Tensor) -> bool:
    """Whether the axes of a tensor lie in memory in their own order, maybe with gaps, as those of a chunk do."""
    if tensor.is_contiguous():
        return True
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    strides = [stride for size, stride in pairs if size != 1]
    return 0 not in strides and strides == sorted(strides, reverse=True)


def _spread_axes(shape: torch.Size, together: torch.Size) -> tuple[int, ...]:
    """The axes, counted from the last, along which a single value stands for all."""
    if shape == together:
        return ()
    pairs = zip(reversed(shape), reversed(together), strict=False)
    return tuple(axis for axis, (one, all) in enumerate(pairs) if one != all)


class _How(NamedTuple):
    """What counts of the values in a question.

    spread    the shape that tensors are spread to: of each only the axes along which it is
    channels  the shape of one value per channel: of a tensor that has it, no size counts
    numbers   whether numbers count; else only their kind
    """

    spread: torch.Size | None = None
    channels: torch.Size | None = None
    numbers: bool = True


_PLAINLY = _How()


def _key(value: Any, how: _How) -> object:
    """A value as part of a key of a dict; 1, 1.0 and True are three."""
    kind = type(value)
    if kind in _TENSORS:
        if not value.is_meta:
            raise _Unknown
        own = value.shape
        if how.spread is not None:
            return (len(own), _spread_axes(own, how.spread), value.dtype)
        if own == how.channels and value.is_contiguous():
            return value.dtype
        return (own, value.stride(), value.dtype)
    if kind in _NUMBERS and not how.numbers:
        return kind
    if kind in _PLAIN:
        return (kind, value)
    if kind in (tuple, list, torch.Size):
        return tuple([_key(one, how) for one in value])
    if kind is dict:
        return tuple([(name, _key(one, how)) for name, one in value.items()])
    raise _Unknown
