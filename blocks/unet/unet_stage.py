"""The stage of a U-Net: any registered block that keeps the sizes, found by its name in the U-Net's config."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from ...errors import GraphError, RegistryError, did_you_mean
from ...registry import INFER, Block, BlockConfig, Spec, build, get
from ...shapes import Axes, ContractError, show
from .conditioning import FiLM, FiLMConfig

OWN = ("in_channels", "out_channels", "cond_channels")  # fields that the U-Net gives
AXES = {1: "B C T", 2: "B C F T"}
# Of frames and bins where a stage's fields are looked at; none may depend on it.
LENGTH = 64


def find_stage(name: str) -> Spec:
    """The registered block; raises `ValueError` in the words of a config's rule."""
    try:
        return get(name)
    except RegistryError as error:
        raise ValueError(f"{error.message}; {error.help}") from None


def check_stage(
    name: str, given: Mapping[str, Any], dims: int, conditioned: bool
) -> None:
    """Hold a stage's name and config against what a U-Net needs; raises `ValueError`, its text for the user.

    A stage has a field `out_channels` and takes (B, C, T) or (B, C, F, T); in a conditioned U-Net it may take the
    condition (B, D) as its second input.
    """
    spec = find_stage(name)
    fields = spec.cls.Config.model_fields
    if "out_channels" not in fields:
        raise ValueError(
            f"stage '{name}' has no field out_channels, so its width cannot be set"
        )
    for key in OWN:
        if key in given:
            raise ValueError(
                f"stage_config has '{key}', which the U-Net gives: leave it out, see 'widths'"
            )
    try:
        # Any width will do: what is looked at is whether its fields fit together.
        config = spec.cls.Config(**{**given, "out_channels": 4})
    except ValidationError as error:
        raise ValueError(
            f"stage_config: {name} {_first_problem(error, fields)}"
        ) from None
    shapes = [
        (2, 4, *[LENGTH] * dims),
        *[(2, 4)] * (conditioned and len(spec.contract.inputs) == 2),
    ]
    try:
        spec.contract.bind(shapes)
    except ContractError:
        takes = spec.contract.text.partition("->")[0].strip()
        raise ValueError(
            f"stage '{name}' must take '{AXES[dims]}', but takes '{takes}'"
        ) from None
    _refuse_fixed_sizes(spec, config)


def _refuse_fixed_sizes(spec: Spec, config: BlockConfig) -> None:
    mine = {tokens[1].axis for tokens in spec.contract.inputs}
    for field, mark in config.inferred().items():
        if mark.axis not in mine and getattr(config, field) == INFER:
            raise ValueError(
                f"stage_config: '{field}' of {spec.name} must be given, each level has another size"
            )


def _first_problem(error: ValidationError, fields: Mapping[str, Any]) -> str:
    """The first of pydantic's findings, as the end of a sentence that begins with the block's name."""
    detail = error.errors()[0]
    if detail["loc"]:
        key = str(detail["loc"][0])
    else:
        key = ""
    if detail["type"] == "extra_forbidden":
        return f"has no key '{key}'; {did_you_mean(key, fields) or 'it has ' + ', '.join(set(fields) - set(OWN))}"
    if detail["type"] == "missing":
        return f"needs '{key}'"
    text = str(detail["msg"]).removeprefix("Value error, ")
    return f"{repr(key) + ': ' if key else ''}{text[:1].lower()}{text[1:]}"


class Stage(nn.Module):
    """Blocks, the first of which changes the channels, then FiLM where they do not take the condition themselves."""

    def __init__(
        self, config: Any, channels: tuple[int, int], cond_channels: int, film: bool
    ) -> None:
        super().__init__()
        spec = get(config.stage)
        given = config.stage_fields
        self.name = spec.name
        self.takes_condition = len(spec.contract.inputs) == 2
        widths = (channels[0], *[channels[1]] * config.stage_repeats)
        pairs = pairwise(widths)
        self.blocks = nn.ModuleList(
            _block(spec, given, pair, cond_channels) for pair in pairs
        )
        self.film: FiLM | None = None
        if cond_channels and film and not self.takes_condition:
            film_config = FiLMConfig(
                in_channels=channels[1], cond_channels=cond_channels
            )
            self.film = FiLM(film_config)

    def forward(self, x: Tensor, cond: Tensor | None) -> Tensor:
        for block in self.blocks:
            if self.takes_condition:
                y = block(x, cond)
            else:
                y = block(x)
            # Skips are joined by size, so a stage that changes it would fail at the other end of the U-Net.
            if y.shape[2:] != x.shape[2:]:
                message = f"stage '{self.name}' must keep sizes, but made {show(y.shape)} of {show(x.shape)}"
                raise GraphError(
                    message,
                    code="E210",
                    help="give it a stride of 1 and `padding: same` in stage_config",
                )
            x = y
        if self.film is None:
            return x
        scaled: Tensor = self.film(x, cond)
        return scaled


def _block(
    spec: Spec, given: dict[str, Any], channels: tuple[int, int], cond_channels: int
) -> Block:
    # The widths of its inputs are known here, before any tensor is, and fill its open sizes.
    names = [tokens[1].axis for tokens in spec.contract.inputs]
    sizes: Axes = dict(zip(map(str, names), (channels[0], cond_channels), strict=False))
    return build(
        spec, spec.cls.Config(**{**given, "out_channels": channels[1]}).resolve(sizes)
    )
