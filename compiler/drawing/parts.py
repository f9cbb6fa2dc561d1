"""What stands in the picture of a graph: parts in the order of the chain, arcs of skips, and their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...registry import BlockConfig
from ..operations import Round

Kind = Literal["input", "row", "store", "start", "join", "output"]
Size = tuple["int | str", ...]

FAMILY_OF_MODULE = {
    "convolution": "convolution",
    "separable": "convolution",
    "sincnet": "convolution",
    "gabor": "convolution",
    "spectralnorm": "convolution",
    "residual": "compound",
    "convnext": "compound",
    "tcn": "compound",
    "unet": "compound",
    "convblock": "compound",
    "samplecnn": "compound",
    "wavenet": "compound",
    "normalisation": "normalisation",
    "activation": "activation",
    "piecewise": "activation",
    "softmax": "activation",
    "pooling": "pooling",
    "autopool": "pooling",
    "recurrent": "recurrent",
    "transformer": "attention",
    "attention": "attention",
    "linear": "linear",
}
STEPS_OF_A_RUN = (
    "convolution",
    "normalisation",
    "activation",
    "pooling",
    "linear",
    "dropout",
)
JOIN_SIGNS = {"CatWith": "cat", "AddWith": "+", "MulWith": "×"}
FIRST_FIELDS = (
    "out_channels",
    "out_features",
    "channels",
    "hidden_size",
    "kernel_size",
)


@dataclass(frozen=True)
class Part:
    """One thing on the chain; `size` is what comes out of it.

    `run` is the number of the card it stands in, `group` the sub-graph it belongs to ("enc.down"); `again` marks a
    further run of the same weights, `cut` what the chain does not lead into; `edge` are the words on the line that
    leaves it, where these are not its size; `rounds` are the repeats that it stands in, the outermost first.
    """

    kind: Kind
    label: str
    tooltip: str
    size: Size
    detail: str = ""
    name: str = ""
    family: str = "other"
    run: int = -1
    group: str = ""
    again: bool = False
    cut: bool = False
    edge: str = ""
    rounds: tuple[Round, ...] = ()


@dataclass(frozen=True)
class Arc:
    """A tensor that leaves the chain: from the part at `start` to that at `end`, both indices; `key` may be empty."""

    start: int
    end: int
    key: str


def size_text(size: Size) -> str:
    """(B, 64, 360, T) as "64 × 360 × T": the batch is always there and says nothing."""
    return " × ".join(str(axis) for axis in size[1:]) or "scalar"


def config_text(config: BlockConfig, rank: int) -> str:
    """What matters in a config, short: "32, 5×5, same"; sizes first, then what differs from the defaults."""
    fields = type(config).model_fields
    given = {}
    for name, value in config.model_dump().items():
        default = fields[name].default
        # (1, 1) is the default as well where that is 1 for every axis.
        is_default = value == default
        if isinstance(value, tuple):
            is_default = is_default or set(value) == {default}
        if name not in config.inferred() and not is_default:
            given[name] = value
    first = [name for name in FIRST_FIELDS if name in given]
    names = [*first, *(name for name in given if name not in FIRST_FIELDS)]
    return ", ".join(_field_text(name, given[name], rank) for name in names)


def _field_text(name: str, value: object, rank: int) -> str:
    words = name.replace("_", " ").removesuffix(" size")
    if value is None or isinstance(value, bool):
        if value:
            return words
        return f"no {words}"
    # The sizes that stand first are known by their places and need no word.
    if name in ("out_channels", "out_features", "channels", "hidden_size"):
        return _numbers(value, ", ")
    if name.endswith("kernel_size") and isinstance(value, int):
        value = (value,) * max(1, rank - 2)
    if name == "kernel_size" or value == "same":
        return _numbers(value, "×")
    if name == "dims":
        return f"{words} {_numbers(value, ', ')}"
    return f"{words} {_numbers(value, '×')}"


def _numbers(value: object, between: str) -> str:
    # As the file has it, not as Python does.
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, tuple | list):
        return between.join(_numbers(item, "×") for item in value)
    # {'third': 3} is the field's value in Python; in the file it stands as YAML has it.
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_numbers(item, '×')}" for key, item in value.items())
    return f"{value}"
