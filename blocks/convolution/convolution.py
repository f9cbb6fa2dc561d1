"""Convolutions. Each plain layer is the torch module itself: same weights, same keys, no wrapper."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import BlockConfig, TorchLayer, from_axis, register
from ..bounds import Count, Pair, Taps, Width
from .causal_taps import CausalTaps, each_sample, side_by_side

Counts = Count | tuple[Count, Count]
Padding = Literal["same", "valid"]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
# torch warns once that an even kernel with padding "same" copies its input: nothing a reader of a graph can act on
warnings.filterwarnings(
    "ignore", message="Using padding='same' with even kernel lengths"
)
CAUSAL = "causal"
DOCS = "https://docs.pytorch.org/docs/stable/nn.html#convolution-layers"


class ConvConfig(BlockConfig):
    """What every convolution has, and the rules torch holds it to."""

    in_channels: int = from_axis("C")
    out_channels: Width = Field(description="channels of the output")

    @model_validator(mode="after")
    def _possible(self) -> ConvConfig:
        groups = getattr(self, "groups", 1)
        for name in ("out_channels", "in_channels"):
            channels = getattr(self, name)
            # Channels that are still to be inferred are negative.
            if channels > 0 and channels % groups:
                raise ValueError(
                    f"'{name}' is {channels}, which {groups} groups do not divide"
                )
        is_strided = any(step > 1 for step in sides(getattr(self, "stride", 1)))
        if getattr(self, "padding", 0) == "same" and is_strided:
            raise ValueError(
                "with a stride, padding cannot be 'same': give the bins or frames to add on both sides"
            )
        return self


def sides(value: Any) -> tuple[int, ...]:
    """One size, or the sizes of both axes, as a tuple."""
    if isinstance(value, tuple):
        return value
    return (value,)


class _TransposedConfig(ConvConfig):
    @model_validator(mode="after")
    def _reachable(self) -> _TransposedConfig:
        stride, dilation, extra = (
            sides(getattr(self, name))
            for name in ("stride", "dilation", "output_padding")
        )

        # One size holds for both axes, so fields of one and of two are compared place by place.
        axes = range(max(map(len, (stride, dilation, extra))))
        for i in axes:
            most = max(stride[i % len(stride)], dilation[i % len(dilation)])
            if extra[i % len(extra)] >= most:
                raise ValueError(
                    "output_padding must be smaller than the stride or the dilation"
                )
        return self


class PlainConv1dConfig(ConvConfig):
    """Fields of torch's Conv1d, its names and defaults."""

    kernel_size: Taps = Field(description="frames a filter spans")
    stride: Taps = Field(1, description="frames between outputs")
    padding: Count | Padding = Field(
        0, description="frames added on both sides; 'same' keeps T"
    )
    dilation: Taps = Field(1, description="frames between the taps of a filter")
    groups: Width = Field(1, description="channel groups that do not see each other")
    bias: bool = Field(True, description="whether a bias is added")
    padding_mode: PaddingMode = Field("zeros", description="what the padding holds")


class Conv1dConfig(PlainConv1dConfig):
    """Fields of Conv1d: those of torch, and one padding more."""

    padding: Count | Padding | Literal["causal"] = Field(  # type: ignore[assignment]  # one word more
        0,
        description="frames added on both sides; 'same' keeps T; 'causal' adds all of them before the first",
    )

    @property
    def is_torchs(self) -> bool:
        """Whether torch's layer does all of it; a causal padding is added here."""
        return self.padding != CAUSAL

    @property
    def lead(self) -> int:
        """Frames that a causal padding adds before the first one."""
        if self.is_torchs:
            return 0
        # The last tap of output t lies on the last frame of its stride, t · stride + stride - 1.
        return (self.kernel_size - 1) * self.dilation - (self.stride - 1)

    @model_validator(mode="after")
    def _can_be_causal(self) -> Conv1dConfig:
        if self.is_torchs:
            return self
        refuse_gaps(self)
        if self.padding_mode in ("reflect", "circular"):
            raise ValueError(
                f"padding 'causal' cannot be filled by '{self.padding_mode}', which takes later frames: "
                "use 'zeros' or 'replicate'"
            )
        return self


def refuse_gaps(config: Any) -> None:
    """Raises ValueError where a causal filter is shorter than its stride, and frames would be passed over."""
    span = (config.kernel_size - 1) * config.dilation + 1
    if span < config.stride:
        raise ValueError(
            f"with padding 'causal' a filter must span its stride of {config.stride} frames, but it spans {span}"
        )


class Conv2dConfig(ConvConfig):
    """Fields of Conv2d, torch's names and defaults."""

    kernel_size: Pair = Field(description="bins and frames a filter spans")
    stride: Pair = Field(1, description="bins and frames between outputs")
    padding: Counts | Padding = Field(
        0, description="bins and frames added on both sides, or 'same'"
    )
    dilation: Pair = Field(
        1, description="bins and frames between the taps of a filter"
    )
    groups: Width = Field(1, description="channel groups that do not see each other")
    bias: bool = Field(True, description="whether a bias is added")
    padding_mode: PaddingMode = Field("zeros", description="what the padding holds")


@register(
    "Conv1d",
    shape="B C T -> B {out_channels} T'",
    source=DOCS,
    examples=[
        (
            (2, 3, 12),
            {
                "out_channels": 4,
                "kernel_size": 3,
                "stride": 2,
                "dilation": 2,
                "padding": 1,
            },
        ),
        (
            (2, 4, 9),
            {
                "in_channels": 4,
                "out_channels": 6,
                "kernel_size": 4,
                "padding": "same",
                "groups": 2,
            },
        ),
        ((2, 3, 12), {"out_channels": 4, "kernel_size": 3, "padding": "causal"}),
    ],
)
class Conv1d(TorchLayer, nn.Conv1d):
    """Convolution over time.

    With padding 'causal' output t sees no frame after t · stride + stride - 1, the last of its stride, so that a
    stream can be worked off stride by stride; frames that do not fill a stride at the end give no output.

    Shape:   (B, C, T) -> (B, out_channels, T')
    Source:  torch.nn.Conv1d; T' = T with padding 'same', T // stride with 'causal', which is placed as in Zeghidour et
             al., "SoundStream", IEEE/ACM TASLP 2022, section III.
    """

    Config = Conv1dConfig

    def __init__(self, config: Conv1dConfig) -> None:
        lead = config.lead
        if not config.is_torchs:
            config = config.model_copy(update={"padding": 0})
        super().__init__(config)
        self.lead = lead

    def forward(self, input: Tensor) -> Tensor:  # torch's own word for it
        if self.lead:
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            input = functional.pad(input, (self.lead, 0), mode=mode)
        return super().forward(input)

    @property
    def can_step(self) -> bool:
        """Whether output t is of the frames up to t, and of one before t at least."""
        return self.lead > 0 and self.stride[0] == 1

    def new_cache(self, max_places: int, batch_size: int) -> CausalTaps:  # noqa: ARG002  # its reach is one size
        """What `step` needs, before the first frame."""
        return CausalTaps.of(self, batch_size)

    def step(self, x: Tensor, cache: CausalTaps) -> Tensor:
        """The next frames, (B, C, n) -> (B, out_channels, n), as a causal forward gives them after those that came."""
        each = [cache(frame) for frame in each_sample(x)]
        return side_by_side(each, x, self.out_channels)


@register(
    "Conv2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=DOCS,
    examples=[
        (
            (2, 3, 10, 8),
            {
                "out_channels": 4,
                "kernel_size": [5, 3],
                "stride": [2, 1],
                "padding": [2, 1],
            },
        ),
        (
            (2, 4, 7, 9),
            {
                "in_channels": 4,
                "out_channels": 6,
                "kernel_size": 4,
                "dilation": 2,
                "groups": 2,
            },
        ),
        (
            (2, 3, 4, 5),
            {
                "out_channels": 2,
                "kernel_size": [4, 3],
                "padding": "same",
                "bias": False,
            },
        ),
    ],
)
class Conv2d(TorchLayer, nn.Conv2d):
    """Convolution over frequency and time.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T')
    Source:  torch.nn.Conv2d; F' = F and T' = T with padding 'same'.
    """

    Config = Conv2dConfig


class ConvTranspose1dConfig(_TransposedConfig):
    """Fields of ConvTranspose1d: those of torch, and one padding more."""

    kernel_size: Taps = Field(description="frames a filter spans")
    stride: Taps = Field(1, description="frames of output per frame of input")
    padding: Count | Literal["causal"] = Field(
        0,
        description="frames cut on both sides of the output; 'causal' cuts its end, so that T' is stride · T",
    )
    output_padding: Count = Field(
        0, description="frames added at the end of the output"
    )
    dilation: Taps = Field(1, description="frames between the taps of a filter")
    groups: Width = Field(1, description="channel groups that do not see each other")
    bias: bool = Field(True, description="whether a bias is added")

    @property
    def is_torchs(self) -> bool:
        """Whether torch's layer does all of it; the end is cut here."""
        return self.padding != CAUSAL

    @property
    def tail(self) -> int:
        """Frames that a causal padding cuts at the end of the output."""
        if self.is_torchs:
            return 0
        return (self.kernel_size - 1) * self.dilation + 1 - self.stride

    @model_validator(mode="after")
    def _can_be_causal(self) -> ConvTranspose1dConfig:
        if self.is_torchs:
            return self
        refuse_gaps(self)
        if self.output_padding:
            raise ValueError(
                "padding 'causal' cuts the end, so output_padding must be 0"
            )
        return self


@register(
    "ConvTranspose1d",
    shape="B C T -> B {out_channels} T'",
    source=DOCS,
    examples=[
        ((2, 3, 5), {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": 1}),
        (
            (2, 3, 5),
            {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": "causal"},
        ),
    ],
)
class ConvTranspose1d(TorchLayer, nn.ConvTranspose1d):
    """Transposed convolution over time: the gradient of a Conv1d, used to go up in resolution.

    Shape:   (B, C, T) -> (B, out_channels, T')
    Source:  torch.nn.ConvTranspose1d; T' = stride · T with padding 'causal', where output t sees no frame after
             t // stride, as in SoundStream (see Conv1d).
    """

    Config = ConvTranspose1dConfig

    def __init__(self, config: ConvTranspose1dConfig) -> None:
        tail = config.tail
        if not config.is_torchs:
            config = config.model_copy(update={"padding": 0})
        super().__init__(config)
        self.tail = tail

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        y = super().forward(input, output_size)
        if self.tail:
            return y[..., : -self.tail]
        return y


@register(
    "ConvTranspose2d",
    shape="B C F T -> B {out_channels} F' T'",
    source=DOCS,
    examples=[
        ((2, 3, 4, 5), {"out_channels": 4, "kernel_size": 2, "stride": 2}),
        (
            (2, 3, 4, 5),
            {
                "out_channels": 1,
                "kernel_size": [11, 3],
                "stride": [5, 1],
                "padding": [3, 1],
            },
        ),
    ],
)
class ConvTranspose2d(TorchLayer, nn.ConvTranspose2d):
    """Transposed convolution over frequency and time: the gradient of a Conv2d, used to go up in resolution.

    Shape:   (B, C, F, T) -> (B, out_channels, F', T')
    Source:  torch.nn.ConvTranspose2d
    """

    class Config(_TransposedConfig):
        kernel_size: Pair = Field(description="bins and frames a filter spans")
        stride: Pair = Field(
            1, description="bins and frames of output per bin and frame of input"
        )
        padding: Counts = Field(
            0, description="bins and frames cut on both sides of the output"
        )
        output_padding: Counts = Field(
            0, description="bins and frames added at the end of the output"
        )
        dilation: Pair = Field(
            1, description="bins and frames between the taps of a filter"
        )
        groups: Width = Field(
            1, description="channel groups that do not see each other"
        )
        bias: bool = Field(True, description="whether a bias is added")
