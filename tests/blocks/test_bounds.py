"""Every integer of a config has an upper bound, told at its line before memory is asked for."""

from __future__ import annotations

import time
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import annotated_types
import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError

HUGE = 10**9


def integers(annotation: Any, limits: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The limits of every integer in a type, of those in lists and unions too."""
    origin = get_origin(annotation)
    if origin is Annotated:
        kind, *more = get_args(annotation)
        yield from integers(kind, (*limits, *more))
    elif origin in (types.UnionType, typing.Union, tuple, dict):
        for part in get_args(annotation):
            yield from integers(part, limits)
    elif annotation is int:
        yield limits


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every field of every block whose value a graph chooses; sizes of axes must be those of the input."""
    for name, spec in registry.blocks().items():
        for field, info in spec.cls.Config.model_fields.items():
            if field not in spec.cls.Config.inferred():
                yield name, field, info


def is_upper(limit: Any) -> bool:
    flat = getattr(limit, "metadata", [limit])
    return any(isinstance(one, annotated_types.Le | annotated_types.Lt) for one in flat)


def test_every_integer_has_an_upper_bound() -> None:
    found = 0
    for name, field, info in fields():
        for limits in integers(info.annotation, tuple(info.metadata)):
            found += 1
            assert any(map(is_upper, limits)), f"{name}.{field} has no upper bound"
    assert found > 300


def test_a_huge_integer_is_refused_in_every_field() -> None:
    tried = 0
    for name, field, info in fields():
        if not list(integers(info.annotation, ())):
            continue
        whole: Any = info.annotation
        for limit in info.metadata:
            whole = Annotated[whole, limit]
        adapter: TypeAdapter[Any] = TypeAdapter(whole)
        for value in (HUGE, (HUGE,), (HUGE, HUGE), {"C": HUGE}):
            tried += 1
            with pytest.raises(ValidationError):
                print(name, field, adapter.validate_python(value, strict=True))
    assert tried > 1000


@pytest.mark.parametrize(
    ("axes", "layer", "message"),
    [
        (
            "B T D=8",
            {"GRU": {"hidden_size": 8, "num_layers": 1_000_000}},
            "GRU: 'num_layers' must be an integer from 1 to 256, got 1000000",
        ),
        (
            "B C=64 F=400 T",
            {"ResidualBlock": {"out_channels": 64, "kernel_size": 1000}},
            "ResidualBlock: 'kernel_size' must be an integer "
            "or 2 integers, each from 1 to 512, got 1000",
        ),
        (
            "B C=1 T",
            {"STFT": {"n_fft": 2**30}},
            "STFT: 'n_fft' must be an integer from 2 to 65536, got 1073741824",
        ),
    ],
)
def test_what_no_model_needs_is_told_at_its_line(
    axes: str, layer: dict[str, Any], message: str
) -> None:
    started = time.process_time()
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": axes, "layers": [layer]})
    assert message in str(caught.value)
    assert caught.value.where is not None
    assert time.process_time() - started < 2


def test_the_deepest_stack_is_checked_in_bounded_time() -> None:
    started = time.process_time()
    mb.compile_graph(
        {"input": "B T D=2", "layers": [{"GRU": {"hidden_size": 2, "num_layers": 256}}]}
    )
    assert time.process_time() - started < 20


# Numbers that mean something wherever they lie: places on an axis of values.
ANY_NUMBER = {
    ("AutoPool", "alpha_init"),
    ("AutoPoolSplit", "alpha_init"),
    ("Hardtanh", "min_val"),
    ("Hardtanh", "max_val"),
    ("Threshold", "threshold"),
    ("Threshold", "value"),
}


def floats(annotation: Any, limits: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The limits of every floating-point number in a type that is one, or may be."""
    if get_origin(annotation) is Annotated:
        kind, *more = get_args(annotation)
        yield from floats(kind, (*limits, *more))
    elif get_origin(annotation) in (types.UnionType, typing.Union):
        for part in get_args(annotation):
            yield from floats(part, limits)
    elif annotation is float:
        yield limits


def is_lower(limit: Any) -> bool:
    flat = getattr(limit, "metadata", [limit])
    return any(isinstance(one, annotated_types.Ge | annotated_types.Gt) for one in flat)


def test_every_floating_point_number_has_the_bounds_that_its_meaning_has() -> None:
    found = 0
    free = set()
    for name, field, info in fields():
        for limits in floats(info.annotation, tuple(info.metadata)):
            found += 1
            if not any(map(is_lower, limits)):
                free.add((name, field))
            # A share, a probability, and what keeps a division from zero.
            words = ("eps", "momentum", "dropout", "drop_path", "decay", "slope")
            if any(field == word or field.endswith(f"_{word}") for word in words):
                assert any(map(is_upper, limits)), f"{name}.{field} has no upper bound"
    assert found > 60
    assert free == ANY_NUMBER


@pytest.mark.parametrize(
    ("layer", "wrong"),
    [
        ("BatchNorm1d", {"eps": -1e-5}),
        ("BatchNorm1d", {"eps": 0.0}),
        ("BatchNorm1d", {"eps": 1e5}),
        ("BatchNorm1d", {"momentum": 1.5}),
        ("InstanceNorm1d", {"momentum": -0.1}),
        ("Dropout", {"p": 1.5}),
        ("LeakyReLU", {"negative_slope": 20.0}),
        ("RReLU", {"upper": 2.0}),
        ("ELU", {"alpha": -1.0}),
    ],
)
def test_a_number_without_meaning_is_refused_at_its_line(
    layer: str, wrong: dict[str, float]
) -> None:
    graph = {"input": "B C=2 T", "layers": [{layer: wrong}]}
    with pytest.raises(GraphError) as caught:
        mb.compile_graph(graph)
    (field,) = wrong
    assert f"{layer}: '{field}' must be a number" in str(caught.value)
    assert caught.value.code == "E106"
