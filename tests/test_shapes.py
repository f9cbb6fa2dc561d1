"""Shape contracts: what they bind, what they predict, what they refuse, in whose words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.shapes import ContractError, meets, parse, show


@pytest.mark.parametrize(
    ("contract", "shapes", "axes"),
    [
        ("B C T -> B C T", [(2, 3, 5)], {"B": 2, "C": 3, "T": 5}),
        ("B C*2 T -> B C T", [(2, 6, 5)], {"B": 2, "C": 3, "T": 5}),
        ("B 1 T -> B T", [(2, 1, 5)], {"B": 2, "T": 5}),
        ("B ... -> B ...", [(2,)], {"B": 2, "...": ()}),
        ("B ... -> B ...", [(2, 3, 4)], {"B": 2, "...": (3, 4)}),
        ("B ... D -> B ... D", [(2, 3, 4, 5)], {"B": 2, "...": (3, 4), "D": 5}),
        ("... D -> ...", [(7,)], {"...": (), "D": 7}),
        ("B C T, B C -> B C T", [(2, 3, 5), (2, 3)], {"B": 2, "C": 3, "T": 5}),
        ("B {width} T -> B T", [(2, 9, 5)], {"B": 2, "T": 5}),
        ("B C1 C2 -> B C1", [(2, 3, 5)], {"B": 2, "C1": 3, "C2": 5}),
    ],
)
def test_binds_axes(
    contract: str, shapes: list[tuple[int, ...]], axes: dict[str, Any]
) -> None:
    assert parse(contract).bind(shapes) == axes


@pytest.mark.parametrize(
    ("contract", "shape", "config", "predicted"),
    [
        ("B C T -> B {out} T", (2, 3, 5), {"out": 8}, (2, 8, 5)),
        ("B C T -> B {sizes} T", (2, 3, 5), {"sizes": (8, 9)}, (2, 8, 9, 5)),
        ("B C F T -> B C F' T'", (2, 3, 4, 5), {}, (2, 3, None, None)),
        ("B C T -> B C*2 T", (2, 3, 5), {}, (2, 6, 5)),
        ("B C*2 F T -> B C F 1", (2, 6, 4, 5), {}, (2, 3, 4, 1)),
        ("B ... D -> B ... {out}", (2, 3, 4, 5), {"out": 7}, (2, 3, 4, 7)),
        ("B ... -> B ...'", (2, 3), {}, None),
    ],
)
def test_predicts_the_output(
    contract: str, shape: tuple[int, ...], config: dict[str, Any], predicted: Any
) -> None:
    read, values = parse(contract), SimpleNamespace(**config)
    assert read.predict(read.bind([shape], values), values) == (predicted,)


def test_predicts_several_outputs() -> None:
    read = parse("B T D, B C -> B T, B {out}")
    config = SimpleNamespace(out=9)
    assert read.predict(read.bind([(2, 3, 4), (2, 5)], config), config) == (
        (2, 3),
        (2, 9),
    )


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("B C T", "a contract is 'inputs -> outputs', got 'B C T'"),
        ("B -> C -> D", "a contract is 'inputs -> outputs', got 'B -> C -> D'"),
        (
            "B c T -> B T",
            "'c' is not a token of a contract (an axis C, C', C*2, a number, {field} or ...)",
        ),
        (
            "B C+1 -> B",
            "'C+1' is not a token of a contract (an axis C, C', C*2, a number, {field} or ...)",
        ),
        ("B ... ... -> B", "'...' can stand once in an input, got 'B ... ... -> B'"),
        (
            "B C -> B T",
            "axis 'T' of the output is not an axis of the input; write T' if torch decides",
        ),
        (
            "[B C], B T -> B T",
            "inputs that may be left out come last, got '[B C], B T -> B T'",
        ),
        ("[B C] -> B C", "inputs that may be left out come last, got '[B C] -> B C'"),
        (
            "B C -> B ...",
            "axis '...' of the output is not an axis of the input; write ...' if torch decides",
        ),
    ],
)
def test_a_malformed_contract_is_refused(contract: str, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse(contract)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("contract", "shapes", "message"),
    [
        ("B C T -> B T", [(2, 3)], "expected 3 axes (B C T), got 2: (2, 3)"),
        (
            "B C T -> B T",
            [(2, 3, 4, 5)],
            "expected 3 axes (B C T), got 4: (2, 3, 4, 5)",
        ),
        ("B C ... -> B C", [(2,)], "expected at least 2 axes (B C ...), got 1: (2,)"),
        ("B 1 T -> B T", [(2, 3, 4)], "axis 1 must be 1, got 3 in (2, 3, 4)"),
        ("B {width} -> B", [(2, 3)], "axis {width} must be 9, got 3 in (2, 3)"),
        ("B C*2 -> B C", [(2, 3)], "axis C*2 must be a multiple of 2, got 3 in (2, 3)"),
        (
            "B C T, B C -> B T",
            [(2, 3, 4), (2, 5)],
            "axis C is 3 in one input and 5 in (2, 5)",
        ),
        ("B C, B C -> B", [(2, 3)], "takes 2 inputs, got 1"),
        ("B C, [B T] -> B", [(2, 3)] * 3, "takes 1 to 2 inputs, got 3"),
        (
            "B C, [B ...'] -> B",
            [(2, 3), (3, 4, 5)],
            "axis B is 2 in one input and 3 in (3, 4, 5)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    contract: str, shapes: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ContractError) as caught:
        parse(contract).bind(shapes, SimpleNamespace(width=9))
    assert str(caught.value) == message


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_contract_that_changes_nothing_predicts_its_input(sizes: list[int]) -> None:
    read = parse("B ... -> B ...")
    shape = tuple(sizes)
    assert read.predict(read.bind([shape])) == (shape,)


@given(st.lists(st.integers(1, 9), min_size=3, max_size=6), st.integers(1, 4))
def test_multiples_bind_and_predict_alike(sizes: list[int], times: int) -> None:
    read = parse(f"B C*{times} ... T -> B C*{times} ... T")
    shape = (sizes[0], sizes[1] * times, *sizes[2:])
    axes = read.bind([shape])
    assert axes["C"] == sizes[1]
    assert read.predict(axes) == (shape,)


@pytest.mark.parametrize(
    ("shape", "prediction", "met"),
    [
        ((2, 3), (2, 3), True),
        ((2, 3), (2, None), True),
        ((2, 3), None, True),
        ((2, 3), (2, 4), False),
        ((2, 3), (2, 3, 1), False),
    ],
)
def test_meets(shape: tuple[int, ...], prediction: Any, met: bool) -> None:
    assert meets(shape, prediction) is met


def test_show() -> None:
    assert (show((2, "T", 3)), show((2,)), show(())) == ("(2, T, 3)", "(2,)", "()")


def test_an_input_in_brackets_may_be_left_out_and_may_have_axes_of_its_own() -> None:
    contract = parse("B C ..., [B ...'] -> B C ...")
    assert (contract.required, contract.optional) == (1, 1)
    alone = contract.bind([(2, 3, 4, 5)])
    assert contract.bind([(2, 3, 4, 5), (2, 9)]) == alone
    assert contract.predict(alone) == ((2, 3, 4, 5),)
