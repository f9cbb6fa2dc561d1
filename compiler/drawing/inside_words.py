"""How an operation of torch reads in the picture of a block: its family, its details, the place of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .inside_values import Call, Value, sized

FAMILIES = {
    "convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d convolution",
    "normalisation": "batch_norm layer_norm group_norm instance_norm rms_norm",
    "activation": "relu relu6 gelu silu elu selu celu mish tanh sigmoid softmax log_softmax leaky_relu prelu softplus "
    "softsign hardtanh hardswish hardsigmoid log_sigmoid glu threshold hardshrink softshrink logit",
    "pooling": "max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_max_pool1d adaptive_max_pool2d mean amax sum std var var_mean max logsumexp",
    "recurrent": "lstm gru rnn_tanh rnn_relu",
    "attention": "dot_product_attention",
    "linear": "linear matmul bmm mm addmm einsum baddbmm",
}
FAMILY_OF = {
    name: family for family, names in FAMILIES.items() for name in names.split()
}
SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "pow": "^"}
JOINS = {"add": "+", "mul": "×", "cat": "cat", "concat": "cat"}
ORDER = {
    "self": "first",
    "other": "second",
    "input": "first",
    "exponent": "second",
    "mat2": "second",
    "tensors": "",
}
# Arguments that say nothing of what is computed, or that are shown in another way.
UNSAID = {
    "memory_format", "layout", "device", "pin_memory", "dtype", "cudnn_enabled", "cudnn_enable", "training", "train",
    "use_input_stats", "momentum", "eps", "has_biases", "batch_first", "normalized_shape", "half_to_float",
    "padding_idx",
}  # fmt: skip
# Torch has no defaults for these, so they come with every call.
USUAL = {("num_layers", 1), ("dropout", 0.0), ("bidirectional", False)}
LONGEST_NAME = 20  # characters
FEW = 10  # operations on a weight that are named


def is_join(call: Call) -> bool:
    """Whether it only brings several tensors together, in any order."""
    return (
        call.name in JOINS
        and len(call.data) > 1
        and not call.weights
        and not dict(call.given).get("alpha")
    )


def detail(call: Call) -> str:
    """What matters of an operation beside its name: "4, 3×3, stride 2"."""
    if call.note:
        return call.note
    given = {
        name: value
        for name, value in call.given
        if name not in UNSAID and (name, value) not in USUAL
    }
    words = [
        *_weight_sizes(call),
        *_scalar(call, given),
        *(_words(name, given[name]) for name in given),
    ]
    made = [value for value in call.values if value.made_by]
    return ", ".join(filter(None, [*words, *map(_made, made)]))


def _weight_sizes(call: Call) -> list[str]:
    """Output channels and kernel of a convolution, outputs of a linear map, hidden size of a recurrent layer."""
    # A weight that another operation made has that one's shape, and tells less.
    own = [value for value in call.values if value.maker is None]
    weight = next((value.size for value in own if value.role == "weight"), ())
    if call.name == "linear" and weight:
        return [str(weight[0])]
    # The second weight of a recurrent layer leads from hidden to hidden, so its second
    # size is the hidden one whatever the cell; the first has a gate's multiple of it.
    if FAMILY_OF.get(call.name) == "recurrent":
        sizes = [value.size for value in call.values if value.role == "params"]
        return [f"hidden {sizes[1][1]}"]
    if "conv" not in call.name or len(weight) < 3:
        return []
    # A transposed convolution keeps its weight as (in, out per group, ...).
    groups = dict(call.given).get("groups", 1)
    channels = weight[0]
    if "transpose" in call.name and isinstance(weight[1], int):
        channels = weight[1] * groups
    kernel = "×".join(map(str, weight[2:]))
    # "3×3" is read as a kernel; a lone 3 could be anything.
    if len(weight) == 3:
        kernel = f"kernel {kernel}"
    return [str(channels), kernel]


def _scalar(call: Call, given: dict[str, Any]) -> list[str]:
    """The number of "× 2" and "1 − x", taken out of `given`."""
    if call.name == "rsub":
        return [f"{_value(given.pop('other', 0))} − this"]
    name = next((name for name in ("other", "exponent", "self") if name in given), None)
    if call.name not in SIGNS or name is None:
        return []
    number = _value(given.pop(name))
    # The order counts: `2 ÷ this` is not `÷ 2`.
    if name == "self":
        return [f"{number} {SIGNS[call.name]} this"]
    return [f"{SIGNS[call.name]} {number}"]


def _words(name: str, value: Any) -> str:
    if value is True or value is False:
        if value:
            return name
        return f"no {name}"
    if name == "pad":
        if len(value) == 2:
            return f"{value[0]} before, {value[1]} after"
        return _value(value, ", ")
    if name == "shape":
        return f"to {_value(sized(value))}"
    words = name.replace("num_", "").replace("_size", "").replace("_", " ")
    # Axes are a list; sizes multiply.
    if words.startswith("dim"):
        return f"{words} {_value(value, ', ')}"
    return f"{words} {_value(value)}"


def _value(value: Any, between: str = "×") -> str:
    if isinstance(value, (tuple, list)):
        return between.join(map(_value, value))
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e6:
            return str(int(value))
        return f"{value:.4g}"
    return str(value)


def _made(value: Value) -> str:
    """How a weight is computed."""
    more = len(value.made_by) - FEW
    steps = ", ".join(value.made_by[:FEW])
    if more > 0:
        steps += f", … {more} more"
    if value.role in ("weight", "bias"):
        return f"{value.role} by {steps}"
    return f"by {steps}"


def place(call: Call, group: str = "") -> str:
    """Where the weights of an operation are in the module, seen from `group`: "conv1", "gamma"."""
    if call.note:
        return _seen_from(group, call.path)
    names = list(dict.fromkeys(map(_plain, call.weights)))
    # Of a pair such as q_proj_weight and q_proj_bias, `q_proj` says it all.
    paired = all(name.endswith(("_weight", "_bias")) for name in names)
    if len(names) > 1 and paired:
        weights = [name for name in names if name.endswith("_weight")]
        names = [name.removesuffix("_weight") for name in weights] or names
    # So does `conv` for conv.weight and conv.bias; a parameter of another name, alone in
    # its module, is what a reader looks for, and keeps its name.
    parents = {name.rpartition(".")[0] for name in names}
    leaves = {name.rpartition(".")[2] for name in names}
    usual = len(names) > 1 or leaves <= {"weight", "bias"}
    if len(parents) == 1 and "" not in parents and usual:
        names = list(parents)
    if len(names) > 3:
        return f"{len(names)} weights"
    return ", ".join(_seen_from(group, name) for name in names)


def _seen_from(group: str, name: str) -> str:
    """A path without what it shares with `group`, and of a long one the end, which tells most."""
    if group:
        name = name.removeprefix(f"{group}.")
    path = name.split(".")
    start = 0
    while len(path) > start + 1 and len(".".join(path[start:])) > LONGEST_NAME:
        start += 1
    short = ".".join(path[start:])
    if start > 0:
        return f"…{short}"
    return short


def _plain(weight: str) -> str:
    """conv.weight for conv.parametrizations.weight.original0."""
    before, mark, after = weight.partition("parametrizations.")
    if mark:
        return before + after.partition(".")[0]
    return weight


def outer(calls: Sequence[Call]) -> tuple[list[str], str]:
    """For each operation the part of the block that it stands in ("levels.0"), and the path that all have in common.

    An operation that stands alone in its part has none.
    """
    # Inputs belong to no module: they are outside of every part.
    paths = [_path_of(call) for call in calls]
    used = [
        path for path, call in zip(paths, calls, strict=True) if call.name != "input"
    ]
    # What all have in common is the block itself, and says nothing beside one of them.
    depth = _common_depth(used)
    common = ".".join(used[0][:depth]) if used else ""
    # `levels.0` is a part where several operations are in it; else `levels` is, so that
    # a list of single layers reads as one part.
    numbered = [_part_of(path, depth, numbers=True) for path in paths]
    short = [_part_of(path, depth, numbers=False) for path in paths]
    groups = []
    for one, shorter in zip(numbered, short, strict=True):
        if numbered.count(one) > 1:
            groups.append(one)
        else:
            groups.append(shorter)
    # A frame around one operation would only repeat its name.
    around = zip(groups, ["", *groups], [*groups[1:], ""], strict=False)
    shared = [group if group in beside else "" for group, *beside in around]
    return shared, common


def _path_of(call: Call) -> list[str]:
    if call.name == "input" or not call.path:
        return []
    return call.path.split(".")


def _common_depth(paths: Sequence[list[str]]) -> int:
    """How many steps all paths begin with."""
    depth = 0
    while paths and all(
        len(path) > depth and path[depth] == paths[0][depth] for path in paths
    ):
        depth += 1
    return depth


def _part_of(path: list[str], depth: int, numbers: bool) -> str:
    """The part below `depth` that a path leads into, with the number behind it on demand."""
    if len(path) <= depth:
        return ""
    end = depth + 1
    if numbers and len(path) > end and path[end].isdigit():
        end += 1
    return ".".join(path[:end])
