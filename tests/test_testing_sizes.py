"""What `check_block` runs: examples, the sizes that grow, ranks, several inputs, blocks that nobody registered."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirbricks import registry
from mirbricks.errors import RegistryError
from mirbricks.registry import Block, BlockConfig, from_axis, register
from mirbricks.testing import BlockCheckError, check_block


@pytest.fixture(autouse=True)
def _no_trace_in_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.blocks()
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())


class Sound(Block):
    """A 1x1 convolution over time, with nothing wrong."""

    class Config(BlockConfig):
        in_channels: int = from_axis("C")
        out_channels: int = 4

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.conv = nn.Conv1d(config.in_channels, config.out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class LosesAnOddFrame(Sound):
    """Keeps the contract at multiples of five frames only."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)[..., : x.shape[-1] // 5 * 5]


SEEN: list[tuple[int, ...]] = []


class Anything(Block):
    """Takes a scalar too."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Grouped(Sound):
    """Runs with an even number of channels only."""

    def __init__(self, config: Sound.Config) -> None:
        Block.__init__(self)
        self.conv = nn.Conv1d(config.in_channels, config.out_channels, 1, groups=2)


class Halves(Block):
    """Takes its channels two by two."""

    def forward(self, x: Tensor) -> Tensor:
        SEEN.append(tuple(x.shape))
        return x[:, ::2]


class Film(Block):
    """Scales and shifts channels by another input."""

    def forward(self, x: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        return x * gain[..., None], gain


class Centred(Block):
    """Takes the mean over frames away."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


def registered(
    cls: type[Block], shape: str = "B C T -> B {out_channels} T", **more: Any
) -> type[Block]:
    examples = more.pop("examples", [((2, 3, 5), {})])
    return register(
        cls.__name__, shape=shape, source="made for this test", examples=examples
    )(cls)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([((2, 3), {})], r"the example fits the contract: expected 3 axes"),
        (
            [((2, 3, 5), {"out_chanels": 4})],
            r"the example fits the contract: out_chanels Extra inputs are not",
        ),
        (
            [((2, 3, 5), {"in_channels": 2})],
            r"the example fits the contract: 'in_channels' is 2, but C is 3",
        ),
        ([], r"there is no example"),
    ],
)
def test_an_example_that_does_not_fit_is_told(
    examples: list[Any], message: str
) -> None:
    with pytest.raises(BlockCheckError, match=message):
        check_block(registered(Sound), examples=examples)


def test_own_examples_replace_the_registered_ones() -> None:
    cls = registered(LosesAnOddFrame)
    with pytest.raises(BlockCheckError, match=r"on \(2, 3, 7\)"):
        check_block(cls, examples=[((2, 3, 7), {})])


def test_a_size_the_config_fixes_does_not_grow() -> None:
    cls = registered(Grouped)
    with pytest.raises(BlockCheckError, match="divisible by groups"):
        check_block(cls, examples=[((2, 4, 5), {})])
    check_block(cls, examples=[((2, 4, 5), {"in_channels": 4})])


def test_sizes_grow_by_the_contracts_steps() -> None:
    SEEN.clear()
    check_block(
        registered(Halves, "B C*2 1 T -> B C 1 T", examples=[((2, 4, 1, 3), {})]),
        export=False,
    )
    assert set(SEEN) >= {
        (2, 4, 1, 3),
        (3, 4, 1, 3),
        (2, 6, 1, 3),
        (2, 4, 1, 4),
        (3, 6, 1, 4),
    }
    assert {shape[2] for shape in SEEN} == {1}


def test_several_inputs_and_outputs() -> None:
    check_block(
        registered(
            Film, "B C T, B C -> B C T, B C", examples=[([(2, 3, 5), (2, 3)], {})]
        )
    )


def test_a_contract_without_a_batch_skips_its_independence() -> None:
    check_block(registered(Centred, "T D -> T D", examples=[((4, 3), {})]))
    with pytest.raises(BlockCheckError, match="items of a batch"):
        check_block(registered(Centred, "B D -> B D", examples=[((4, 3), {})]))


def test_what_is_not_registered_is_refused() -> None:
    class Child(registered(Sound)):  # type: ignore[misc]  # not registered, though its parent is
        pass

    with pytest.raises(RegistryError, match="Child' is not registered") as caught:
        check_block(Child)
    assert caught.value.code == "E305"
    with pytest.raises(RegistryError, match="there is no block 'Snd'"):
        check_block("Snd")


def test_the_random_state_of_the_caller_is_left_alone() -> None:
    cls = registered(Sound)
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    check_block(cls)
    assert torch.equal(torch.randn(4), expected)


def test_a_contract_that_takes_any_rank_is_found() -> None:
    with pytest.raises(
        BlockCheckError, match="wrong rank is refused: the contract takes any rank"
    ):
        check_block(registered(Anything, "... -> ...", examples=[((2, 3), {})]))


def test_a_contract_that_takes_a_wrong_rank_is_found() -> None:
    cls = registered(Sound)
    contract = copy.copy(cls.spec.contract)
    object.__setattr__(
        contract,
        "bind",
        lambda shapes, _config=None: {"B": 2, "C": 3, "T": shapes[0][2]},
    )
    object.__setattr__(cls.spec, "contract", contract)
    with pytest.raises(
        BlockCheckError,
        match=r"wrong rank is refused: the contract took \(2, 3, 5, 1\)",
    ):
        check_block(cls)
