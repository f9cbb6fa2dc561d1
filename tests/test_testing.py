"""`check_block` finds every kind of broken block: one broken on purpose for each property, and names it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from pydantic import field_validator
from torch import Tensor, nn

from mirbricks import registry
from mirbricks.registry import Block, BlockConfig, from_axis, register
from mirbricks.testing import BlockCheckError, check_block
from mirbricks.testing.checks import CHECKS, EXPORTS

EXAMPLE = ((2, 3, 5), {"out_channels": 4})


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


class LosesAFrame(Sound):
    """Promises T frames, makes T - 1."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)[..., 1:]


class LosesAnOddFrame(Sound):
    """Keeps the contract at the example's size only."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)[..., : x.shape[-1] // 5 * 5]


class RefusesOddSizes(Sound):
    """Cannot run at another size than the example's."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.reshape(-1, 3, 5))


class TwoOutputs(Sound):
    """Promises one output, makes two."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.conv(x), x


class OtherOnMeta(Sound):
    """Makes another shape on the meta device."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y[..., 1:] if x.is_meta else y


class NeedsValues(Sound):
    """Reads a value, which the meta device has not."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * (x.max().item() + 1)


class UnusedWeight(Sound):
    """Has a weight that does nothing."""

    def __init__(self, config: Sound.Config) -> None:
        super().__init__(config)
        self.unused = nn.Parameter(torch.ones(3))


class Detached(Sound):
    """Cuts the gradient of everything."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).detach()


class InfiniteGradient(Sound):
    """The square root of zero has an infinite slope."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + (x - x).abs().sum(1, keepdim=True).sqrt()


class SeesTheBatch(Sound):
    """Takes the mean over the batch away, in eval() too."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y - y.mean(0, keepdim=True)


class NotInTheState(Sound):
    """Draws a constant that the state_dict does not hold."""

    def __init__(self, config: Sound.Config) -> None:
        super().__init__(config)
        self.gain = random.random()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.gain


class StateMisses(Sound):
    """Its buffer is not saved, and training changes it."""

    def __init__(self, config: Sound.Config) -> None:
        super().__init__(config)
        self.count: Tensor
        self.register_buffer("count", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.count.add_(1)
        return self.conv(x) + self.count


class DriftingConfig(Sound):
    """A config that grows each time it is read."""

    class Config(Sound.Config):
        width: int = 1

        @field_validator("width")
        @classmethod
        def _one_more(cls, value: int) -> int:
            return value + 1


class NoJson(Sound):
    """A config that JSON cannot carry."""

    class Config(Sound.Config):
        ceiling: float = float("inf")


class NoDouble(Sound):
    """Makes its constants in float32, whatever comes in."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv1d(self.conv(x), torch.ones(4, 4, 1))


class BackToFloat(Sound):
    """Puts out float32, whatever comes in."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).float()


class PlainConstant(Sound):
    """A constant that is no buffer and stays behind on .to(device)."""

    def __init__(self, config: Sound.Config) -> None:
        super().__init__(config)
        self.gain = torch.tensor(2.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.gain


class TakesAnyKey(Sound):
    """A config that swallows typing errors."""

    class Config(Sound.Config, extra="ignore"):
        pass


class WritesIntoItsInput(Sound):
    """Rectifies in place."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.relu_() if not x.requires_grad else x.relu())


class WritesInEval(Sound):
    """Rectifies in place in eval() only."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x if self.training or x.is_meta else x.relu_())


class Noisy(Sound):
    """Adds noise in eval() too."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + torch.randn_like(x[:, :1])


class ForgetsOnCopy(Sound):
    """A deep copy starts anew."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ForgetsOnCopy:
        return type(self)(type(self).Config(in_channels=self.conv.in_channels)).eval()


class NoCopy(Sound):
    """Holds something that cannot be copied."""

    def __init__(self, config: Sound.Config) -> None:
        super().__init__(config)
        self.rows = (i for i in range(3))


class NoPickle(Sound):
    """Holds a local function, which deepcopy takes and pickle does not."""

    def __init__(self, config: Sound.Config) -> None:
        super().__init__(config)
        self.activation = lambda y: y

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.conv(x))


class NoExport(Sound):
    """Branches on values."""

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta and x.abs().sum() < 0:
            return x
        return self.conv(x)


class NotANumber(Sound):
    """Takes logarithms of negative numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).log()


class InfiniteInEval(Sound):
    """Divides by zero where it does not train."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.training:
            return y
        scale = torch.ones_like(y)
        scale[0, 0, 0] = 0
        return y / scale


BROKEN = [
    (
        LosesAFrame,
        r"shape is the contract: the contract promises \(2, 4, 5\), forward made \(2, 4, 4\)",
    ),
    (
        LosesAnOddFrame,
        r"\(2, 3, 6\) .*shape is the contract: .* forward made \(2, 4, 5\)",
    ),
    (RefusesOddSizes, r"\(2, 4, 5\) .*shape is the contract: RuntimeError"),
    (
        TwoOutputs,
        r"shape is the contract: the contract promises 1 outputs, forward made 2",
    ),
    (
        OtherOnMeta,
        r"shape is the contract: forward made \(2, 4, 5\), the meta device \(2, 4, 4\)",
    ),
    (
        NeedsValues,
        r"shape is the contract: RuntimeError: Tensor.item\(\) cannot be called on meta tensors",
    ),
    (
        NotANumber,
        r"output is finite: output is not finite: \d+ of 40 values in training are NaN or infinite",
    ),
    (
        InfiniteInEval,
        r"output is finite: output is not finite: 1 of 40 values in eval\(\) are NaN",
    ),
    (UnusedWeight, r"gradients reach every parameter: no gradient reaches 'unused'"),
    (
        Detached,
        r"gradients reach every parameter: no gradient reaches 'conv.bias', 'conv.weight'",
    ),
    (
        InfiniteGradient,
        r"gradients reach every parameter: the gradient of 'input 0' is not finite",
    ),
    (
        SeesTheBatch,
        r"items of a batch are independent: item 0 alone gives another output",
    ),
    (
        NotInTheState,
        r"state dict round trip: a block that loads the weights of another gives another output",
    ),
    (
        StateMisses,
        r"state dict round trip: a block that loads the weights of another gives another output",
    ),
    (DriftingConfig, r"config round trip: config .*width=1 comes back as .*width=2"),
    (NoJson, r"config round trip: ValidationError: ceiling"),
    (NoDouble, r"runs in float64 and bfloat16: RuntimeError"),
    (BackToFloat, r"runs in float64 and bfloat16: torch.float64 in, torch.float32 out"),
    (PlainConstant, r"constants are buffers: 'gain' would not follow"),
    (TakesAnyKey, r"unknown key is refused: the config took an unknown key"),
    (WritesIntoItsInput, r"input is not changed: forward wrote into its input"),
    (WritesInEval, r"input is not changed: forward wrote into its input"),
    (Noisy, r"same input gives the same output: two calls in eval\(\) differ"),
    (ForgetsOnCopy, r"copies are equal: a deep copy gives another output"),
    (NoCopy, r"copies are equal: TypeError: cannot pickle 'generator' object"),
    (NoPickle, r"copies are equal: .*local object"),
    (NoExport, r"exports: "),
]


def registered(
    cls: type[Block], shape: str = "B C T -> B {out_channels} T", **more: Any
) -> type[Block]:
    examples = more.pop("examples", [EXAMPLE])
    return register(
        cls.__name__,
        shape=shape,
        source="made for this test",
        examples=examples,
        **more,
    )(cls)


def test_a_sound_block_passes_by_class_and_by_name() -> None:
    check_block(registered(Sound))
    check_block("Sound", export=False)


@pytest.mark.parametrize(
    ("cls", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_broken_block_is_found_and_named(cls: type[Block], message: str) -> None:
    random.seed(0)
    with pytest.raises(BlockCheckError, match=f"^{cls.__name__} on .*?{message}"):
        check_block(registered(cls))


def test_the_message_names_block_example_and_property() -> None:
    with pytest.raises(BlockCheckError) as caught:
        check_block(registered(UnusedWeight))
    where, rule = (
        'UnusedWeight on (2, 3, 5) with {"out_channels": 4}',
        "gradients reach every parameter",
    )
    assert str(caught.value) == (
        f"{where}: {rule}: no gradient reaches 'unused'\n"
        "  help: use the parameter in forward, or name it in `unreached` of @register     [E310]"
    )
    assert isinstance(caught.value, AssertionError)


def test_every_property_has_a_help_of_its_own() -> None:
    helps = [*CHECKS.values(), EXPORTS]
    assert len(set(helps)) == len(helps) == 14


def test_a_declared_exemption_is_accepted() -> None:
    check_block(registered(UnusedWeight, unreached=["unused"]))
