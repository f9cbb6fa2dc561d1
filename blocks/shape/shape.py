"""Blocks that only move axes, and Upsample."""

from __future__ import annotations

import re
from typing import Annotated

from einops import EinopsError
from einops.layers.torch import Rearrange as EinopsRearrange
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ...registry import STORED, Block, BlockConfig, TorchLayer, register
from ...shapes import show
from ..bounds import Width
from ..pointwise.axis import Dim, OwnAxes, OwnAxis, refuse_axis

ANY = "B ... -> B ...'"
ELLIPSIS = ("...", "…")  # einops takes both
DOCS = "https://docs.pytorch.org/docs/stable/tensor_view.html"


@register(
    "Permute", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dims": [0, 2, 1]})]
)
class Permute(Block):
    """Axes in another order: axis i of the output is axis dims[i] of the input.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.permute
    """

    class Config(BlockConfig):
        dims: tuple[Dim, ...] = Field(
            description="the input's axes in the order of the output, the batch 0 first"
        )

        @model_validator(mode="after")
        def _each_once(self) -> Permute.Config:
            n = len(self.dims)
            # Axes from the end are brought to the front's numbers before they are compared.
            is_inside = all(-n <= dim < n for dim in self.dims)
            if not is_inside or len({dim % n for dim in self.dims}) < n:
                raise ValueError(
                    f"'dims' must name each of {n} axes once, 0 to {n - 1}, got {list(self.dims)}"
                )
            if self.dims and self.dims[0] % n:
                raise ValueError(
                    f"'dims' must begin with 0, the batch, got {list(self.dims)}"
                )
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dims = config.dims

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != len(self.dims):
            raise ValueError(
                f"Permute orders {len(self.dims)} axes, but the tensor has {x.ndim}"
            )
        return x.permute(self.dims)


@register(
    "Squeeze",
    shape=ANY,
    source=DOCS,
    examples=[((2, 3, 1, 4), {"dim": 2}), ((2, 3, 1, 1), {"dim": [2, 3]})],
)
class Squeeze(Block):
    """Takes away axes of size 1. An axis of another size is an error here; torch would silently keep it.

    Shape:   (B, ...) -> (B, ...) without `dim`
    Source:  torch.squeeze
    """

    class Config(BlockConfig):
        dim: OwnAxes = Field(
            description="axis or axes to take away; not axis 0, the batch"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = (config.dim,) if isinstance(config.dim, int) else config.dim

    def forward(self, x: Tensor) -> Tensor:
        refuse_axis(self.dim, x.ndim)
        for dim in self.dim:
            if x.shape[dim] != 1:
                raise ValueError(
                    f"Squeeze takes away axes of size 1, but axis {dim} has size {x.shape[dim]}"
                )
        return x.squeeze(self.dim)


@register("UnSqueeze", shape=ANY, source=DOCS, examples=[((2, 3, 4), {"dim": 2})])
class UnSqueeze(Block):
    """Adds an axis of size 1.

    Shape:   (B, ...) -> (B, ...) with size 1 at `dim`
    Source:  torch.unsqueeze
    """

    class Config(BlockConfig):
        dim: OwnAxis = Field(
            description="where the new axis stands in the output; the batch stays first"
        )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = config.dim

    def forward(self, x: Tensor) -> Tensor:
        refuse_axis(self.dim, x.ndim + 1)
        return x.unsqueeze(self.dim)


@register(
    "Flatten",
    shape=ANY,
    source=DOCS,
    examples=[((2, 3, 4, 5), {}), ((2, 3, 4, 5), {"start_dim": 2})],
)
class Flatten(TorchLayer, nn.Flatten):
    """Axes start_dim to end_dim as one.

    Shape:   (B, ...) -> (B, ...)
    Source:  torch.nn.Flatten
    """

    class Config(BlockConfig):
        start_dim: OwnAxis = Field(
            1, description="first axis to join; not axis 0, the batch"
        )
        end_dim: Dim = Field(-1, description="last axis to join")

        @model_validator(mode="after")
        def _in_order(self) -> Flatten.Config:
            same_side = (self.start_dim < 0) == (self.end_dim < 0)
            if same_side and self.end_dim < self.start_dim:
                raise ValueError(
                    f"'end_dim' {self.end_dim} comes before 'start_dim' {self.start_dim}"
                )
            return self

    def forward(self, input: Tensor) -> Tensor:  # torch's own word for it
        refuse_axis(self.start_dim, input.ndim, "start_dim")
        refuse_axis(self.end_dim, input.ndim, "end_dim")
        return super().forward(input)


def axes_of(side: str) -> list[str]:
    """The axes of one side of a pattern of einops, "b (f k) t" -> ["b", "(f k)", "t"]."""
    return re.findall(r"\([^)]*\)|[^\s()]+", side)


def reason(error: EinopsError) -> str:
    """The last line of the message of einops; those above repeat the pattern."""
    return str(error).splitlines()[-1].strip()


def refuse_sizes(sizes: dict[str, int], pattern: str, batch: str) -> None:
    """Raises ValueError for a size of the batch, of an axis that no pattern has, or of one that einops cannot name."""
    for name in sizes:
        if name == batch:
            raise ValueError(f"'sizes' cannot fix '{name}', the batch")
        if name not in re.findall(r"\w+", pattern):
            raise ValueError(
                f"'sizes' names '{name}', which pattern '{pattern}' has not"
            )
        if name in ("self", "pattern"):
            raise ValueError(
                f"'sizes' names '{name}', a word that einops needs: rename the axis"
            )


@register(
    "Rearrange",
    shape=ANY,
    source="Rogozhnikov, Einops, ICLR 2022",
    examples=[
        ((2, 3, 4, 5), {"pattern": "b c f t -> b t (c f)"}),
        ((2, 3, 4, 5), {"pattern": "b c ... -> b ... c"}),
        ((2, 6, 5), {"pattern": "b (h d) t -> b h t d", "sizes": {"d": 1}}),
    ],
)
class Rearrange(Block):
    """Moves, joins and parts axes by a pattern that names them, such as "b c f t -> b t (c f)".

    Shape:   (B, ...) -> (B, ...); the batch stays first and by itself
    Source:  Rogozhnikov, "Einops: Clear and Reliable Tensor Manipulations", ICLR 2022; einops.rearrange
    """

    class Config(BlockConfig):
        pattern: str = Field(
            description="einops' notation: axes by name, joined ones in brackets, ... for the others"
        )
        sizes: dict[str, Width] = Field(
            {}, description="sizes of named axes that are parted from a joined one"
        )

        @model_validator(mode="after")
        def _readable(self) -> Rearrange.Config:
            sides = [axes_of(side) for side in self.pattern.split("->")]
            if len(sides) != 2:
                raise ValueError(
                    f"pattern '{self.pattern}' must have one '->', as in 'b c t -> b t c'"
                )
            batch = sides[0][:1]
            if sides[1][:1] != batch or not "".join(batch).isidentifier():
                raise ValueError(
                    f"pattern '{self.pattern}': the batch must come first on both sides, by itself"
                )
            refuse_sizes(self.sizes, self.pattern, batch[0])
            try:
                # einops reads the pattern here, at its line in the file, and not at the first batch.
                EinopsRearrange(self.pattern, **self.sizes)
            except EinopsError as error:
                raise ValueError(f"pattern '{self.pattern}': {reason(error)}") from None
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.pattern, self.axes = config.pattern, axes_of(config.pattern.split("->")[0])
        self.rearrange = EinopsRearrange(config.pattern, **config.sizes)

    def forward(self, x: Tensor) -> Tensor:
        named = [axis for axis in self.axes if axis not in ELLIPSIS]
        several = len(named) < len(self.axes)
        if x.ndim < len(named) or (x.ndim > len(named) and not several):
            wanted = f"{'at least ' if several else ''}{len(named)} axes"
            raise ValueError(
                f"pattern '{self.pattern}' takes {wanted}, but the tensor has {x.ndim}"
            )
        try:
            y: Tensor = self.rearrange(x)
        except EinopsError as error:
            sizes = show(tuple(x.shape[1:]))
            raise ValueError(
                f"pattern '{self.pattern}' does not fit {sizes} behind the batch: {reason(error)}"
            ) from None
        return y


@register(
    "FitTo",
    shape="B C ..., [B ...'] -> B C ...'",
    source="https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html",
    examples=[
        ([(2, 3, 9), (2, 1, 7)], {"size_of": "y"}),
        ([(2, 3, 4, 5), (2, 2, 6, 3)], {"size_of": "y"}),
        ((2, 3, 4, 5), {"multiple_of": 4}),
        ((2, 3, 10), {"multiple_of": 8, "plus": 1}),
    ],
)
class FitTo(Block):
    """As many bins and frames as a stored tensor has, or the next multiple of a number: cut or filled at the end.

    For transposed convolutions, which give a few frames more than their skip has, and for what ends a graph that gives
    back as many samples as it took; what is filled in is zero. The next multiple is for graphs that halve their maps
    a few times and double them again: then every size on the way is met exactly, whatever the recording's length.

    Shape:   (B, C, ...), (B, ...') -> (B, C, ...'): the axes from 2 on are those of the other tensor;
             with `multiple_of`, (B, C, ...) -> (B, C, ...')
    Source:  torch.nn.functional.pad with negative and positive sizes
    """

    class Config(BlockConfig):
        size_of: str | None = Field(
            None,
            description="the stored tensor or input whose bins and frames the output gets",
            json_schema_extra=STORED,
        )
        multiple_of: Width | None = Field(
            None,
            description="bins and frames become the next multiple of it; or give size_of",
        )
        plus: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
            0,
            description="with multiple_of, so many more than a multiple: halving 8 n + 1 samples leaves 4 n + 1",
        )

        @model_validator(mode="after")
        def _one_size(self) -> FitTo.Config:
            if self.size_of is None and self.multiple_of is None:
                raise ValueError(
                    "give 'size_of' with the name of a stored tensor, or 'multiple_of'"
                )
            if self.size_of is not None and self.multiple_of is not None:
                raise ValueError(
                    "'size_of' and 'multiple_of' both say how large the output is: give one of them"
                )
            if self.plus >= (self.multiple_of or 1):
                raise ValueError("'plus' must be less than 'multiple_of'")
            return self

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.multiple_of = config.multiple_of
        self.plus = config.plus

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        # The last axis comes first in what `pad` takes.
        sides = []
        for lacks in reversed(self._lacking(x, like)):
            sides += [0, lacks]
        return functional.pad(x, sides)

    def _lacking(self, x: Tensor, like: Tensor | None) -> list[int]:
        """How many values each axis from 2 on lacks; below 0 where it has too many."""
        if like is None:
            assert self.multiple_of is not None
            return [(self.plus - size) % self.multiple_of for size in x.shape[2:]]
        if like.ndim != x.ndim:
            raise ValueError(
                f"the tensor has {x.ndim} axes, and that of 'size_of' {like.ndim}: there is no size for each axis"
            )
        sizes = zip(x.shape[2:], like.shape[2:], strict=True)
        return [wanted - size for size, wanted in sizes]
