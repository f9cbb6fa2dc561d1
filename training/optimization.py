"""How the weights move: the settings of a training, its optimizer, learning rate and moving average."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from torch import nn

from ..errors import RunError, Where
from ..settings import Settings
from ..tasks.turns import Beta, OptimizerConfig
from .sharding import local

LAST_LR = 0.01  # where the cosine ends, as a part of lr
MOMENTUM = 0.9


class TrainConfig(Settings):
    """The section `train:` of an experiment."""

    steps: PositiveInt = Field(1000, description="training steps, one batch each")
    batch_size: PositiveInt = Field(8, description="items in a batch")
    lr: PositiveFloat = Field(1e-3, description="the highest learning rate")
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        "adamw", description="sgd has a momentum of 0.9"
    )
    betas: tuple[Beta, Beta] = Field(
        (0.9, 0.999),
        description="of adam and adamw: how slowly their means of gradients move",
    )
    weight_decay: NonNegativeFloat = Field(
        1e-2, description="decoupled for adamw, an L2 penalty for adam and sgd"
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="cosine falls to 1 % of lr at the last step"
    )
    warmup_steps: NonNegativeInt = Field(
        50, description="steps in which the learning rate rises linearly to lr"
    )
    clip_norm: PositiveFloat | None = Field(
        1.0, description="upper limit of the gradient's norm; null: no limit"
    )
    average_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="validate and keep a moving average of the weights with this decay; null: no average",
    )
    freeze: tuple[str, ...] = Field(
        (),
        description="nodes whose weights and statistics stay as they are, by name; encoder stands for all within a "
        "sub-graph, conv* for all that begin so",
    )
    lr_scales: dict[str, PositiveFloat] = Field(
        {},
        description="factors of lr by the names of nodes, as in freeze; of several for a node the last",
    )
    validate_every: PositiveInt = Field(
        100, description="steps from one validation to the next"
    )
    patience: PositiveInt | None = Field(
        None,
        description="stop after this many validations without a better figure; null: never",
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="of the first weights, the batches and dropout"
    )
    bf16: bool = Field(
        False,
        description="run the model in bfloat16 where torch's autocast considers it safe",
    )
    compile: bool = Field(False, description="train through torch.compile")
    channels_last: bool = Field(
        False,
        description="keep 4-D tensors channels-last, faster for some convolutions",
    )
    sharding: Literal["none", "full"] = Field(
        "none",
        description="with 'full' each process under torchrun holds a share of weights, gradients and means, for graphs "
        "too large for one device (FSDP); with 'none' each holds them whole",
    )

    order: Literal["anywhere", "parts"] = Field(
        "anywhere",
        description="parts: recordings come as they lie in their HDF5 files, one file after another, for corpora that "
        "no memory holds; anywhere: each batch draws from all",
    )
    buffer: PositiveInt = Field(
        256,
        description="of order parts: neighbours that are shuffled together",
    )

    @model_validator(mode="after")
    def _goes_with_shares(self) -> TrainConfig:
        if self.sharding == "none":
            return self
        for name in ("compile", "channels_last"):
            if getattr(self, name):
                raise ValueError(
                    f"sharding: full does not go with {name}: true; set one of them only"
                )
        return self


def learning_rate(config: TrainConfig, step: int) -> float:
    """The learning rate of step 0, 1, ...: a linear rise, then constant or half a cosine."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.lr
    done = (step - config.warmup_steps) / max(1, config.steps - 1 - config.warmup_steps)
    # At the end a small rate remains, so that the last steps still move the weights.
    falling = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return config.lr * (LAST_LR + (1 - LAST_LR) * falling)


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that receive gradients."""
    return [p for p in model.parameters() if p.requires_grad]


def refuse_no_weights(model: nn.Module, where: Where | None = None) -> None:
    """Raise E621 where there is nothing to train."""
    if not trainable(model):
        help = "add a layer with weights, such as Conv2d or Linear"
        raise RunError(
            "the graph has no weights to train", code="E621", where=where, help=help
        )


def settings_of(config: TrainConfig, own: OptimizerConfig | None) -> TrainConfig:
    """The settings of a turn: its own, and those of `train:` for what it leaves open."""
    if own is None:
        return config
    given = {
        name: value for name, value in own.model_dump().items() if value is not None
    }
    return config.model_copy(update=given)


def make_optimizer(
    modules: Sequence[nn.Module],
    config: TrainConfig,
    device: torch.device,
    own: nn.Module | None = None,
    lr_scale: float = 1.0,
    scales: Mapping[int, float] | None = None,
) -> torch.optim.Optimizer:
    """The optimizer of all trainable weights. Raises E621 if there are none.

    own     a learner's own weights, at `lr_scale` times the learning rate and without decay
    scales  factors of the learning rate for some weights, by their ids
    """
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for module in modules:
        refuse_no_weights(module)
        for weight in trainable(module):
            scale = (scales or {}).get(id(weight), 1.0)
            groups.setdefault(scale, []).append(weight)
    weights: list[dict[str, Any]] = [{"params": groups.pop(1.0)}]
    weights += [{"params": some, "lr_scale": scale} for scale, some in groups.items()]
    if own is not None:
        weights.append(
            {"params": trainable(own), "weight_decay": 0.0, "lr_scale": lr_scale}
        )
    # One fused kernel instead of several per weight, where torch has it.
    common: dict[str, Any] = {
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        "fused": device.type in ("cpu", "cuda") or None,
    }
    if config.optimizer == "sgd":
        return torch.optim.SGD(weights, momentum=MOMENTUM, **common)
    if config.optimizer == "adam":
        return torch.optim.Adam(weights, betas=config.betas, **common)
    return torch.optim.AdamW(weights, betas=config.betas, **common)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move weights and float buffers of `average` towards `model`; other buffers are copied."""
    # One call for all weights: a loop over them costs more than the average itself.
    mine = [local(weight) for weight in average.parameters()]
    theirs = [local(weight) for weight in model.parameters()]
    torch._foreach_lerp_(mine, theirs, 1 - decay)
    for old, new in zip(average.buffers(), model.buffers(), strict=True):
        if old.is_floating_point():
            # Between two -inf, as in a mask, lies NaN: equal values are taken as they are.
            old.copy_(torch.where(old == new, new, old.lerp(new, 1 - decay)))
        else:
            old.copy_(new)
