"""No setting is ignored: another value of any field changes the weights, the output, the gradients or the losses."""

from __future__ import annotations

import types
import typing
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import torch
from torch import Tensor

from mirbricks import registry
from mirbricks.registry import Block, Example, Spec, build
from mirbricks.shapes import ContractError

# What no example and no value drawn below can show: input shapes, a config and another value of the field.
GROUPED = ({"out_channels": 4, "kernel_size": 3}, 2)
STACKED = ({"hidden_size": 4, "num_layers": 2}, 0.5)
TRACKED = ({"track_running_stats": True}, 0.5)
HEADS = {"num_heads": 2, "dim_head": 4, "num_layers": 1}
PAIR = {"num_heads": 2, "dim_head": 4, "num_encoder_layers": 1, "num_decoder_layers": 1}
LEARNED = {"positions": "learned", "max_frames": 30}
T5 = {"positions": "t5", "num_buckets": 8, "max_distance": 9}
FRAMES = (1, 20, 8)
BINS = {"sr_hz": 64, "hop_length": 4}
FILTERS = {"out_channels": 3, "kernel_size": 21}
DECIBELS = {"n_fft": 128, "n_mels": 5, "sr_hz": 8000, "scale": "db"}
TRIES = 4  # values of a field that run
SPECIAL: dict[tuple[str, str], tuple[Any, Mapping[str, Any], Any]] = {
    ("ConditionedResidualBlock2d", "num_groups"): (
        [(2, 4, 5, 6), (2, 3)],
        {"out_channels": 4, "num_groups": 2},
        1,
    ),
    ("ConvTranspose1d", "groups"): ((2, 4, 9), *GROUPED),
    ("ConvTranspose2d", "groups"): ((2, 4, 9, 8), *GROUPED),
    ("SpectralNormConv1d", "groups"): ((2, 4, 9), *GROUPED),
    ("SpectralNormConv2d", "groups"): ((2, 4, 9, 8), *GROUPED),
    ("InstanceNorm1d", "momentum"): ((2, 3, 9), *TRACKED),
    ("InstanceNorm2d", "momentum"): ((2, 3, 9, 8), *TRACKED),
    ("GaborConv1d", "fmax_hz"): ((2, 1, 90), FILTERS, 2000.0),
    ("NotePitch", "fmax_hz"): (
        (2, 1, 256),
        {"sr_hz": 2000, "hop_length": 64, "frame_length": 128, "fmin_hz": 50.0},
        60.0,
    ),
    # Settings with which there are as many bins as before, so that the same input fits.
    ("InverseCQT", "hop_length"): (
        (2, 2, 13, 7),
        {**BINS, "fmin_hz": 2.0, "n_octaves": 2, "bins_per_octave": 4},
        5,
    ),
    ("InverseCQT", "bins_per_octave"): (
        (2, 2, 8, 7),
        {**BINS, "fmin_hz": 5.0, "n_octaves": 1, "bins_per_octave": 3},
        4,
    ),
    ("LEAF", "fmax_hz"): ((2, 1, 90), FILTERS, 2000.0),
    ("LogMel", "top_db"): ((2, 1, 300), DECIBELS, 1.0),
    ("Permute", "dims"): ((2, 3, 4), {"dims": [0, 2, 1]}, (0, 1, 2)),
    ("Rearrange", "pattern"): (
        (2, 3, 4),
        {"pattern": "b c t -> b t c"},
        "b c t -> b c t",
    ),
    ("Rearrange", "sizes"): (
        (2, 4, 3),
        {"pattern": "b (c d) t -> b c d t", "sizes": {"d": 2}},
        {"d": 4},
    ),
    ("Softplus", "threshold"): ((2, 3, 4), {}, 0.0),
    ("GroupedResidualVectorQuantizer", "channels"): (
        (2, 4, 9),
        {"channels": [1, 3], "n_codebooks": [1, 2], "n_codes": 8},
        [2, 2],
    ),
    ("L2Normalize", "eps"): ((9, 1), {}, 1.0),
    ("SubbandLSTM", "dropout"): ((2, 3, 4, 5), *STACKED),
    **{
        (name, "dropout"): ((2, 5, 3), *STACKED)
        for name in ("GRU", "GRULast", "LSTM", "LSTMLast", "RNN", "RNNLast")
    },
    **{
        (name, field): (shapes, {**sizes, **positions}, other)
        for name, shapes, sizes in (
            ("TransformerEncoder", FRAMES, HEADS),
            ("TransformerDecoder", FRAMES, HEADS),
            ("TransformerCrossDecoder", [FRAMES, (1, 5, 6)], HEADS),
            ("TransformerEncoderDecoder", [FRAMES, FRAMES], PAIR),
        )
        for field, positions, other in (
            ("max_frames", LEARNED, 40),
            ("rotary_dim", {"positions": "rotary", "rotary_dim": 2}, 4),
            ("num_buckets", T5, 12),
            ("max_distance", T5, 16),
        )
    },
    **{
        (name, field): (shapes, {"depth": 1, "widths": 4, "out_channels": 2}, other)
        for name, shapes, stage in (
            ("UNet1d", (2, 3, 8), "ConvNeXtBlock1d"),
            ("UNet2d", (2, 3, 8, 8), "ConvNeXtBlock"),
            ("ConditionedUNet1d", [(2, 3, 8), (2, 4)], "ConvNeXtBlock1d"),
            ("ConditionedUNet2d", [(2, 3, 8, 8), (2, 4)], "ConvNeXtBlock"),
        )
        for field, other in (("stage", stage), ("stage_config", {"norm": "none"}))
    },
}
# Fields that act from the second batch on; a test of their own holds them.
LATER = {
    ("ResidualVectorQuantizer", "balance"),  # generative/test_rvq.py
}
# Fields with one value that runs: the input is mono, or its sizes say how large the field is.
ONE_VALUE = {
    ("GaborConv1d", "in_channels"),
    ("InverseCQT", "n_octaves"),
    ("LEAF", "in_channels"),
    ("SincNet", "in_channels"),
    ("ConditionedSampleRNNTier", "hidden_size"),
}


def others(annotation: Any, value: Any) -> Iterator[Any]:
    """Values of a type that are not `value`."""
    origin = get_origin(annotation)
    parts = get_args(annotation)
    if origin is Annotated:
        yield from others(parts[0], value)
    elif origin in (types.UnionType, typing.Union):
        for part in parts:
            yield from others(part, value)
    elif origin is Literal:
        yield from (choice for choice in parts if choice != value)
    elif origin is tuple and isinstance(value, tuple):
        yield from others_of_a_list(parts[0], value)
    elif annotation is bool:
        yield not value
    elif annotation in (int, float):
        yield from others_of_a_number(annotation, value)
    elif annotation is type(None):
        yield None


def others_of_a_list(kind: Any, value: tuple[Any, ...]) -> Iterator[Any]:
    """The list with another value in one place."""
    for i, item in enumerate(value):
        for other in others(kind, item):
            yield (*value[:i], other, *value[i + 1 :])


def others_of_a_number(kind: type, value: Any) -> Iterator[Any]:
    if not isinstance(value, int | float):
        value = 2
    changes = [value + 1, value + 2, 2 * value, value - 1, value / 2, 3 * value + 1]
    for change in [*changes, 0.3, 5]:
        if kind is float:
            yield float(change)
        elif change == int(change) and change != value:
            yield int(change)


def seen(spec: Spec, shapes: tuple[Any, ...], config: Any) -> dict[str, Any]:
    """All that a user could tell two blocks apart by, from the same seeds."""
    torch.manual_seed(0)
    block = build(spec, config)
    inputs = [torch.randn(shape) for shape in shapes]
    for x in inputs:
        x.requires_grad_()
    told: dict[str, Any] = {}
    for mode in ("train", "eval"):
        torch.manual_seed(1)
        outputs = getattr(block, mode)()(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        told |= {f"{mode} {i}": y.detach() for i, y in enumerate(outputs)}
        for inside, module in block.named_modules():
            losses: Mapping[str, Tensor] = getattr(module, "losses", {})
            told |= {f"{mode} {inside} {n}": one.detach() for n, one in losses.items()}
        torch.manual_seed(2)
        scores = [(y * torch.randn_like(y)).sum() for y in outputs if y.requires_grad]
        if scores:
            torch.stack(scores).sum().backward()
    told |= {f"state {name}": tensor for name, tensor in block.state_dict().items()}
    told |= {f"gradient {name}": p.grad for name, p in block.named_parameters()}
    return told


def differ(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    if one.keys() != two.keys():
        return True
    for name, value in one.items():
        other = two[name]
        if (value is None) != (other is None):
            return True
        if value is None:
            continue
        if value.shape != other.shape or not torch.equal(value, other):
            return True
    return False


def resolved(spec: Spec, shapes: tuple[Any, ...], config: Mapping[str, Any]) -> Any:
    given = spec.cls.Config(**config)
    return given.resolve(spec.contract.bind(shapes, given))


def is_seen(
    spec: Spec, field: str, example: Example, values: Iterable[Any] | None = None
) -> bool:
    """Whether another value of the field changes anything at this example; a few are tried."""
    base = resolved(spec, example.shapes, example.config)
    before = seen(spec, example.shapes, base)
    annotation = spec.cls.Config.model_fields[field].annotation
    tried = 0
    for value in values or others(annotation, getattr(base, field)):
        try:
            config = resolved(spec, example.shapes, {**example.config, field: value})
            after = seen(spec, example.shapes, config)
        except (ContractError, ValueError, RuntimeError, AssertionError):
            continue  # not a value for this example
        if differ(before, after):
            return True
        tried += 1
        if tried == TRIES:
            break
    return False


def chosen(block: type[Block]) -> list[str]:
    """The settings; which stored tensor comes is seen in a graph (compiler/language/test_size_of.py)."""
    given = {*block.Config.inferred(), *block.Config.stored_fields()}
    return [f for f in block.Config.model_fields if f not in given]


BLOCKS = [name for name, spec in registry.blocks().items() if chosen(spec.cls)]


@pytest.mark.parametrize("name", BLOCKS)
def test_no_setting_is_ignored(name: str) -> None:
    spec = registry.get(name)
    ignored = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for field in chosen(spec.cls):
            if (name, field) in ONE_VALUE | LATER:
                continue
            if (name, field) in SPECIAL:
                shapes, config, other = SPECIAL[name, field]
                found = is_seen(spec, field, Example.of(shapes, config), [other])
            else:
                found = any(is_seen(spec, field, one) for one in spec.examples)
            if not found:
                ignored.append(field)
    assert not ignored, f"{name} ignores {', '.join(ignored)}"


def test_an_ignored_setting_is_found() -> None:
    spec = registry.get("LeakyReLU")
    one = resolved(spec, ((2, 3),), {})
    assert not differ(seen(spec, ((2, 3),), one), seen(spec, ((2, 3),), one))
    other = resolved(spec, ((2, 3),), {"negative_slope": 0.3})
    assert differ(seen(spec, ((2, 3),), one), seen(spec, ((2, 3),), other))
