"""Blocks that move axes, against numpy, and what they say of axes and patterns that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]


@pytest.mark.parametrize("dims", [[0, 2, 1, 3], [0, 3, 2, 1]])
def test_permute(make: Make, dims: list[int]) -> None:
    x = torch.randn(2, 3, 4, 5)
    assert np.array_equal(
        make("Permute", x.shape, dims=dims)(x).numpy(), np.transpose(x.numpy(), dims)
    )


@pytest.mark.parametrize("dim", [2, -2, [2, 4], [-1, 2]])
def test_squeeze(make: Make, dim: int | list[int]) -> None:
    x = torch.randn(2, 3, 1, 4, 1)
    if dim == -2:
        with pytest.raises(
            ValueError,
            match="Squeeze takes away axes of size 1, but axis -2 has size 4",
        ):
            make("Squeeze", x.shape, dim=dim)(x)
        return
    axis = tuple(dim) if isinstance(dim, list) else dim
    assert np.array_equal(
        make("Squeeze", x.shape, dim=dim)(x).numpy(), np.squeeze(x.numpy(), axis)
    )


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_squeeze_never_keeps_an_axis_silently(make: Make, device: str) -> None:
    with pytest.raises(ValueError, match="axis 3 has size 5"):
        make("Squeeze", (2, 3, 1, 5), dim=[2, 3])(
            torch.randn(2, 3, 1, 5, device=device)
        )


@pytest.mark.parametrize("dim", [1, 2, -1])
def test_unsqueeze(make: Make, dim: int) -> None:
    x = torch.randn(2, 3, 4)
    assert np.array_equal(
        make("UnSqueeze", x.shape, dim=dim)(x).numpy(), np.expand_dims(x.numpy(), dim)
    )


@pytest.mark.parametrize(
    ("start", "end", "shape"),
    [(1, -1, (2, 60)), (2, 3, (2, 3, 20)), (1, 2, (2, 12, 5))],
)
def test_flatten(make: Make, start: int, end: int, shape: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, 4, 5)
    y = make("Flatten", x.shape, start_dim=start, end_dim=end)(x)
    assert np.array_equal(y.numpy(), x.numpy().reshape(shape))


def test_upsample_repeats(make: Make) -> None:
    x = torch.randn(2, 3, 4, 5)
    y = make("Upsample", x.shape, scale_factor=2)(x)
    assert np.array_equal(y.numpy(), x.numpy().repeat(2, axis=2).repeat(2, axis=3))


Moved = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
PATTERNS: list[tuple[str, dict[str, int], Moved]] = [
    ("b c f t -> b t (c f)", {}, lambda x: x.reshape(2, 12, 5).swapaxes(1, 2)),
    ("b c f t -> b (f c) t", {}, lambda x: x.swapaxes(1, 2).reshape(2, 12, 5)),
    (
        "b (g c) f t -> b c g f t",
        {"g": 3},
        lambda x: x.reshape(2, 3, 1, 4, 5).swapaxes(1, 2),
    ),
    ("b (g c) f t -> b (c g) f t", {"g": 3}, lambda x: x),
    (
        "b c (f n) t -> b (c n) f t",
        {"n": 2},
        lambda x: x.reshape(2, 3, 2, 2, 5).swapaxes(2, 3).reshape(2, 6, 2, 5),
    ),
    ("b c ... -> b ... c", {}, lambda x: np.moveaxis(x, 1, -1)),
    ("b ... t -> b t (...)", {}, lambda x: x.reshape(2, 12, 5).swapaxes(1, 2)),
    ("b c f t -> b c 1 f t ()", {}, lambda x: x[:, :, None, :, :, None]),
    ("b ... -> b ...", {}, lambda x: x),
]


@pytest.mark.parametrize(("pattern", "sizes", "moved"), PATTERNS)
def test_rearrange(
    make: Make, pattern: str, sizes: dict[str, int], moved: Moved
) -> None:
    x = torch.randn(2, 3, 4, 5)
    block = make("Rearrange", x.shape, pattern=pattern, sizes=sizes)
    assert np.array_equal(block(x).numpy(), moved(x.numpy()))


def test_rearrange_compiles_without_a_graph_break(make: Make) -> None:
    x = torch.randn(2, 6, 5)
    block = make(
        "Rearrange", x.shape, pattern="b (h d) ... -> b ... h d", sizes={"h": 2}
    )
    assert torch.equal(
        torch.compile(block, fullgraph=True, backend="eager")(x), block(x)
    )


def test_rearrange_and_back(make: Make) -> None:
    x = torch.randn(2, 6, 5)
    there = make("Rearrange", x.shape, pattern="b (h d) t -> b t h d", sizes={"h": 2})(
        x
    )
    assert torch.equal(
        make("Rearrange", there.shape, pattern="b t h d -> b (h d) t")(there), x
    )


def refusal(axes: str, layer: dict[str, Any]) -> str:
    with pytest.raises(GraphError) as caught:
        mb.compile_graph({"input": axes, "layers": [layer]})
    return str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "sizes", "message"),
    [
        ("b c t", {}, "@ must have one '->', as in 'b c t -> b t c'"),
        ("b -> b -> b", {}, "@ must have one '->', as in 'b c t -> b t c'"),
        ("c b -> b c", {}, "@: the batch must come first on both sides, by itself"),
        (
            "(b c) t -> (b c) t",
            {},
            "@: the batch must come first on both sides, by itself",
        ),
        ("... t -> ... t", {}, "@: the batch must come first on both sides, by itself"),
        (" -> ", {}, "@: the batch must come first on both sides, by itself"),
        (
            "b c t -> b t",
            {},
            "@: Identifiers only on one side of expression (should be on both): {'c'}",
        ),
        ("b (c t -> b c t", {}, '@: Imbalanced parentheses in expression: "b (c t "'),
        (
            "b c -> b c 3",
            {},
            "@: Non-unitary anonymous axes are not supported in rearrange (exception is length 1)",
        ),
        ("b c -> b c", {"d": 2}, "'sizes' names 'd', which @ has not"),
        ("b c -> b c", {"b": 2}, "'sizes' cannot fix 'b', the batch"),
        *(
            (
                f"b ({word} c) -> b c {word}",
                {word: 2},
                f"'sizes' names '{word}', a word that einops needs: rename the axis",
            )
            for word in ("self", "pattern")
        ),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(
    pattern: str, sizes: dict[str, int], message: str
) -> None:
    config, message = (
        {"pattern": pattern, "sizes": sizes},
        message.replace("@", f"pattern '{pattern}'"),
    )
    with pytest.raises(ValidationError) as caught:
        registry.get("Rearrange").cls.Config(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]
    assert refusal("B C=6 T", {"Rearrange": config}) == (
        f"<dict>:3:3: Rearrange: {message}\n    3 | - Rearrange:\n      |   ^^^^^^^^^\n  [E106]"
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"Rearrange": {"pattern": "b c f t -> b t (c f)"}},
            "pattern 'b c f t -> b t (c f)' takes 4 axes, but the tensor has 3",
        ),
        (
            {"Rearrange": {"pattern": "b t -> b t 1"}},
            "pattern 'b t -> b t 1' takes 2 axes, but the tensor has 3",
        ),
        (
            {"Rearrange": {"pattern": "b c f ... t -> b t ... c f"}},
            "pattern 'b c f ... t -> b t ... c f' takes at least 4 axes, but the tensor has 3",
        ),
        (
            {"Rearrange": {"pattern": "b (h d) t -> b h d t", "sizes": {"h": 4}}},
            "pattern 'b (h d) t -> b h d t' does not fit (6, 64) behind the batch: "
            "Shape mismatch, can't divide axis of length 6 in chunks of 4",
        ),
        (
            {"Rearrange": {"pattern": "b 1 t -> b t"}},
            "pattern 'b 1 t -> b t' does not fit (6, 64) behind the batch: Shape mismatch, 6 != 1",
        ),
        ({"Permute": {"dims": [0, 1]}}, "Permute orders 2 axes, but the tensor has 3"),
        (
            {"Squeeze": {"dim": 1}},
            "Squeeze takes away axes of size 1, but axis 1 has size 6",
        ),
        ({"Squeeze": {"dim": 9}}, "'dim' is 9, but the tensor has 3 axes, 0 to 2"),
        (
            {"Squeeze": {"dim": -3}},
            "'dim' is -3, which of 3 axes is the batch: its items do not mix",
        ),
        ({"UnSqueeze": {"dim": 4}}, "'dim' is 4, but the tensor has 4 axes, 0 to 3"),
        (
            {"UnSqueeze": {"dim": -4}},
            "'dim' is -4, which of 4 axes is the batch: its items do not mix",
        ),
        (
            {"Flatten": {"end_dim": 9}},
            "'end_dim' is 9, but the tensor has 3 axes, 0 to 2",
        ),
        (
            {"Flatten": {"start_dim": -3}},
            "'start_dim' is -3, which of 3 axes is the batch: its items do not mix",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_told(
    layer: dict[str, Any], message: str
) -> None:
    (name,) = layer
    assert refusal("B C=6 T", layer) == (
        f"<dict>:3:3: {name} cannot run on this tensor\n"
        f"    3 | - {name}:\n"
        f"      |   {'^' * len(name)}\n"
        "  here   (B, 6, 64)   the input\n"
        f"  torch  {message}\n"
        "  sizes  tried with T=64\n"
        "  help: change its config or the sizes     [E204]"
    )


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "Permute",
            {"dims": [1, 0, 2]},
            "'dims' must begin with 0, the batch, got [1, 0, 2]",
        ),
        (
            "Permute",
            {"dims": [-1, 1, 2]},
            "'dims' must name each of 3 axes once, 0 to 2, got [-1, 1, 2]",
        ),
        (
            "Permute",
            {"dims": [0, 3, 1]},
            "'dims' must name each of 3 axes once, 0 to 2, got [0, 3, 1]",
        ),
        ("Squeeze", {"dim": [2, 2]}, "'dim' names an axis twice: [2, 2]"),
        ("UnSqueeze", {"dim": 0}, "'dim' cannot be 0, the batch: its items do not mix"),
        (
            "Flatten",
            {"start_dim": 0},
            "'start_dim' cannot be 0, the batch: its items do not mix",
        ),
        (
            "Flatten",
            {"start_dim": 2, "end_dim": 1},
            "'end_dim' 1 comes before 'start_dim' 2",
        ),
        (
            "Flatten",
            {"start_dim": -1, "end_dim": -2},
            "'end_dim' -2 comes before 'start_dim' -1",
        ),
        (
            "Upsample",
            {"scale_factor": 2.0, "align_corners": True},
            "'align_corners' needs a mode that interpolates; mode is 'nearest'",
        ),
    ],
)
def test_what_no_tensor_could_meet_is_refused_by_the_config(
    name: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.get(name).cls.Config(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]


@pytest.mark.parametrize("sizes", [(4, 7), (6, 3), (5, 5), (1, 1)])
def test_fit_to_cuts_and_fills_at_the_ends_by_naive_loops(
    sizes: tuple[int, int],
) -> None:
    block = registry.get("FitTo").cls
    x = torch.randn(2, 3, 5, 4)
    found = block(block.Config(size_of="like"))(x, torch.zeros(2, 1, *sizes))
    expected = torch.zeros(2, 3, *sizes)
    for bin in range(min(5, sizes[0])):
        for frame in range(min(4, sizes[1])):
            expected[:, :, bin, frame] = x[:, :, bin, frame]
    assert torch.equal(found, expected)


def test_fit_to_refuses_a_tensor_of_other_axes() -> None:
    block = registry.get("FitTo").cls
    with pytest.raises(ValueError, match="no size for each axis"):
        block(block.Config(size_of="like"))(
            torch.zeros(1, 1, 2), torch.zeros(1, 1, 2, 2)
        )


@pytest.mark.parametrize(
    ("multiple_of", "plus", "sizes"),
    [(4, 0, (8, 4)), (4, 1, (5, 5)), (8, 1, (9, 9)), (5, 0, (5, 5)), (1, 0, (5, 4))],
)
def test_fit_to_fills_up_to_the_next_multiple(
    multiple_of: int, plus: int, sizes: tuple[int, int]
) -> None:
    block = registry.get("FitTo").cls
    x = torch.randn(2, 3, 5, 4)
    found = block(block.Config(multiple_of=multiple_of, plus=plus))(x)
    assert found.shape == (2, 3, *sizes)
    assert torch.equal(found[:, :, :5, :4], x)
    assert int(found.count_nonzero()) == x.numel()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "give 'size_of' with the name of a stored tensor, or 'multiple_of'"),
        (
            {"size_of": "y", "multiple_of": 2},
            "'size_of' and 'multiple_of' both say how large the output is: give one of them",
        ),
        ({"multiple_of": 2, "plus": 2}, "'plus' must be less than 'multiple_of'"),
        ({"size_of": "y", "plus": 1}, "'plus' must be less than 'multiple_of'"),
    ],
)
def test_fit_to_has_one_size(config: dict[str, Any], message: str) -> None:
    block = registry.get("FitTo").cls
    with pytest.raises(ValidationError) as caught:
        block.Config(**config)
    assert [error["msg"] for error in caught.value.errors()] == [
        f"Value error, {message}"
    ]
