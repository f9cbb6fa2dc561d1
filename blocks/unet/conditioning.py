"""What a condition scales and shifts: FiLM, and residual blocks with it."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...registry import Block, BlockConfig, from_axis, register
from ..bounds import Pair, Taps, Width
from ..convolution.convblock import groups_of

ADM = "arXiv:2105.05233"


class FiLMConfig(BlockConfig):
    """Fields of FiLM."""

    in_channels: int = from_axis("C")
    cond_channels: int = from_axis("D", "features of the condition")
    hidden_features: Width | None = Field(
        None,
        description="width of a hidden layer with SiLU between the condition and γ, β; default: a linear layer",
    )
    shared: bool = Field(
        False,
        description="whether all channels have one γ and one β (the C-U-Net's 'simple' form)",
    )


@register(
    "FiLM",
    shape="B C ..., B D -> B C ...",
    source="arXiv:1709.07871",
    examples=[
        ([(2, 3, 5), (2, 4)], {}),
        ([(2, 3, 4, 5), (2, 4)], {"hidden_features": 6, "shared": True}),
        ([(2, 3), (2, 4)], {}),
    ],
    unreached=(
        "hidden.weight",
        "hidden.bias",
    ),  # until the first step has moved the last layer away from zero
)
class FiLM(Block):
    """γ(condition) · x + β(condition), per channel; starts as the identity, γ = 1 and β = 0.

    Shape:   (B, C, ...), (B, D) -> (B, C, ...); in a graph the condition comes by `with: [name]`
    Source:  Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018, eq. 2, with γ = 1 + Δγ
             (section 7.2 there). `shared`: Meseguer-Brocal & Peeters, "Conditioned-U-Net", ISMIR 2019, section 3.2.
             The last layer's weights start at zero.
    """

    Config = FiLMConfig

    def __init__(self, config: FiLMConfig) -> None:
        super().__init__()
        c = config
        # γ and β of all channels, or of each.
        if config.shared:
            out = 2
        else:
            out = 2 * config.in_channels
        self.hidden = (
            nn.Linear(c.cond_channels, c.hidden_features) if c.hidden_features else None
        )
        # Zeros make the block the identity at the start, whatever the condition.
        self.last = nn.Linear(c.hidden_features or c.cond_channels, out)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        if self.hidden is not None:
            cond = functional.silu(self.hidden(cond))
        # eq. 2: γ x + β, with γ = 1 + Δγ, so that zeros leave x as it is.
        scale, shift = self.last(cond).chunk(2, dim=1)
        # One number per channel holds for all that lies behind the channels.
        shape = (*scale.shape, *[1] * (x.ndim - 2))
        moved: Tensor = x * (1 + scale.reshape(shape)) + shift.reshape(shape)
        return moved


class _ConditionedConfig(BlockConfig):
    in_channels: int = from_axis("C")
    cond_channels: int = from_axis("D", "features of the condition")
    out_channels: Width = Field(description="channels of the output")
    num_groups: Width = Field(
        32,
        description="groups of the norms; fewer where they do not divide the channels",
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout before the second convolution"
    )
    zero_init: bool = Field(
        True, description="whether the second convolution starts at zero"
    )


class _Conditioned(Block):
    """GroupNorm, SiLU, convolution; GroupNorm moved by FiLM, SiLU, convolution; the shortcut."""

    def __init__(
        self,
        config: _ConditionedConfig,
        convs: list[nn.Conv1d] | list[nn.Conv2d],
        shortcut: nn.Module,
    ):
        super().__init__()
        c = config
        # GroupNorm takes each item by itself: those of a batch may be at different times of a diffusion.
        self.norm1 = nn.GroupNorm(groups_of(c.in_channels, c.num_groups), c.in_channels)
        self.conv1 = convs[0]
        self.norm2 = nn.GroupNorm(
            groups_of(c.out_channels, c.num_groups), c.out_channels
        )
        self.film = FiLM(
            FiLMConfig(in_channels=c.out_channels, cond_channels=c.cond_channels)
        )
        self.dropout = nn.Dropout(c.dropout)
        self.conv2 = convs[1]
        if c.in_channels != c.out_channels:
            self.shortcut = shortcut
        else:
            self.shortcut = nn.Identity()
        # With zeros the block starts as its shortcut, which keeps deep stacks trainable.
        if c.zero_init:
            nn.init.zeros_(self.conv2.weight)
            nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        y = self.conv1(functional.silu(self.norm1(x)))
        # AdaGN(h, y) = y_s GroupNorm(h) + y_b, with (y_s, y_b) from the condition.
        y = functional.silu(self.film(self.norm2(y), functional.silu(cond)))
        added: Tensor = self.shortcut(x) + self.conv2(self.dropout(y))
        return added


@register(
    "ConditionedResidualBlock1d",
    shape="B C T, B D -> B {out_channels} T",
    source=ADM,
    examples=[
        ([(2, 3, 7), (2, 4)], {"out_channels": 6, "num_groups": 2, "zero_init": False}),
        ([(2, 4, 7), (2, 4)], {"out_channels": 4, "dropout": 0.1, "zero_init": False}),
    ],
)
class ConditionedResidualBlock1d(_Conditioned):
    """Residual block over time whose second group norm a condition scales and shifts: the stage of a diffusion U-Net.

    Shape:   (B, C, T), (B, D) -> (B, out_channels, T)
    Source:  Dhariwal & Nichol, "Diffusion Models Beat GANs on Image Synthesis", NeurIPS 2021, section 3.1 ("AdaGN") and
             appendix A. FiLM starts as the identity; the second convolution starts at zero, as there.
    """

    class Config(_ConditionedConfig):
        kernel_size: Taps = Field(3, description="frames of both convolutions")

    def __init__(self, config: Config) -> None:
        c = config
        out = config.out_channels
        first = nn.Conv1d(c.in_channels, out, c.kernel_size, padding="same")
        second = nn.Conv1d(out, out, c.kernel_size, padding="same")
        super().__init__(c, [first, second], nn.Conv1d(c.in_channels, out, 1))


@register(
    "ConditionedResidualBlock2d",
    shape="B C F T, B D -> B {out_channels} F T",
    source=ADM,
    examples=[
        (
            [(2, 3, 5, 6), (2, 4)],
            {"out_channels": 6, "kernel_size": [5, 3], "zero_init": False},
        )
    ],
)
class ConditionedResidualBlock2d(_Conditioned):
    """Residual block over frequency and time whose second group norm a condition scales and shifts.

    Shape:   (B, C, F, T), (B, D) -> (B, out_channels, F, T)
    Source:  Dhariwal & Nichol, "Diffusion Models Beat GANs on Image Synthesis", NeurIPS 2021, section 3.1 ("AdaGN") and
             appendix A. FiLM starts as the identity; the second convolution starts at zero, as there.
    """

    class Config(_ConditionedConfig):
        kernel_size: Pair = Field(3, description="bins and frames of both convolutions")

    def __init__(self, config: Config) -> None:
        c = config
        out = config.out_channels
        first = nn.Conv2d(c.in_channels, out, c.kernel_size, padding="same")
        second = nn.Conv2d(out, out, c.kernel_size, padding="same")
        super().__init__(c, [first, second], nn.Conv2d(c.in_channels, out, 1))
