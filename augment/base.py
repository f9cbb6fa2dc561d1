"""What an augmentation is, and how one is known by name.

Everything drawn comes from a `numpy.random.Generator`, so that a batch is a pure function of (seed, step) on any
device. An augmentation draws first and applies then: a task whose targets move with the sound (transposition, time
stretch) calls `draw`, and uses the numbers for both.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

import torch
from numpy.random import Generator
from pydantic import Field, model_validator
from torch import Tensor

from ..catalogue import Catalogue
from ..errors import DataError
from ..settings import Settings

Drawn = Mapping[
    str, Tensor
]  # one value for each example, on the CPU, under the name of what was drawn
Domain = Literal["waveform", "spectrum"]


class AugmentationConfig(Settings):
    """Base of the settings of an augmentation."""

    probability: float = Field(
        1.0, ge=0, le=1, description="share of the examples that are changed"
    )

    @model_validator(mode="after")
    def _ranges(self) -> AugmentationConfig:
        for name, least in self:
            if name.startswith("min_"):
                most: Any = getattr(self, f"max_{name[4:]}", None)
            else:
                most = None
            if most is not None and least > most:
                raise ValueError(
                    f"'{name}' {least} is greater than 'max_{name[4:]}' {most}"
                )
        return self


class Augmentation(abc.ABC):
    """Changes each example of a batch in its own way.

    domain   waveform: (B, C, N), audio at `sr_hz`; spectrum: (B, C, F, T)
    moves    whether what sounds comes at another time or pitch, which targets a frame or a bin would have to follow
    """

    Config: ClassVar[type[AugmentationConfig]]
    domain: ClassVar[Domain]
    moves: ClassVar[bool] = False

    def __init__(self, config: Any, sr_hz: int | None = None) -> None:
        """`config` is a `Config` of the class; `sr_hz` is needed where settings are in Hz or seconds."""
        self.config = config
        self._sr_hz = sr_hz

    @property
    def sr_hz(self) -> int:
        """Raises ValueError where the sample rate was not given."""
        if self._sr_hz is None:
            raise ValueError(
                f"{type(self).__name__} needs 'sr_hz', the sample rate of the waveform"
            )
        return self._sr_hz

    @abc.abstractmethod
    def draw(self, batch_size: int, rng: Generator) -> Drawn:
        """What happens to each example: tensors (batch_size,) or (batch_size, ...)."""

    @abc.abstractmethod
    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        """`x` changed as drawn: same shape, type and device."""

    def __call__(self, x: Tensor, rng: Generator) -> Tensor:
        """A changed copy of `x`; of the share 1 - probability of the examples an unchanged one."""
        # Numbers are drawn for all examples, chosen or not: what one gets does not depend on the others.
        chosen = torch.from_numpy(rng.random(len(x)) < self.config.probability)
        drawn = self.draw(len(x), rng)
        if chosen.all():
            return self.apply(x, drawn)
        rows = chosen.nonzero()[:, 0]
        y = x.clone()
        if len(rows):
            y[rows.to(x.device)] = self.apply(
                x[rows.to(x.device)],
                {name: value[rows] for name, value in drawn.items()},
            )
        return y


def uniform(rng: Generator, least: float, most: float, batch_size: int) -> Tensor:
    """(batch_size,) numbers in [least, most), float32."""
    return torch.from_numpy(rng.uniform(least, most, batch_size)).float()


def seeds(rng: Generator, batch_size: int) -> Tensor:
    """(batch_size,) seeds for what is drawn on the device."""
    return torch.from_numpy(rng.integers(2**62, size=batch_size))


def per_example(values: Tensor, x: Tensor) -> Tensor:
    """(B,) values in the type and on the device of x, with an axis of size 1 for each further axis of x."""
    return values.to(x.device, x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def noise_like(x: Tensor, seed: Tensor) -> Tensor:
    """White Gaussian noise in the shape of x; example b is drawn from seed[b], whatever stands beside it."""
    made = []
    for example, number in zip(x, seed.tolist(), strict=True):
        generator = torch.Generator(x.device).manual_seed(number)
        made.append(
            torch.randn(
                example.shape, generator=generator, device=x.device, dtype=x.dtype
            )
        )
    return torch.stack(made)


AUGMENTATIONS: Catalogue[type[Augmentation]] = Catalogue(
    "augmentation",
    package=__package__ or "",
    group="mirbricks.augmentations",
    error=DataError,
    code="E490",
    base=Augmentation,
)
A = TypeVar("A", bound=type[Augmentation])


def register_augmentation(name: str) -> Callable[[A], A]:
    """Make an augmentation known under a name, as lists below `augment:` write it.

    Parameters
    ----------
    name : str
        The name, in CapWords.

    Returns
    -------
    callable
        A decorator of `Augmentation` classes, which gives the class back.

    Raises
    ------
    RegistryError
        E301 for a name that another class has, E302 for a class that is not an Augmentation, E313 for a name that
        is not text.

    Examples
    --------
    >>> import torch
    >>> from mirbricks.augment import Augmentation, AugmentationConfig, register_augmentation
    >>> @register_augmentation("Reverse")
    ... class Reverse(Augmentation):
    ...     "The waveform backwards."
    ...     Config = AugmentationConfig
    ...     domain = "waveform"
    ...     moves = True
    ...     def draw(self, batch_size, rng):
    ...         return {}
    ...     def apply(self, x, drawn):
    ...         return x.flip(-1)
    """

    AUGMENTATIONS.refuse_name(name)

    def add(cls: A) -> A:
        AUGMENTATIONS.register(name, cls)
        return cls

    return add


def augmentations() -> dict[str, type[Augmentation]]:
    """Every augmentation by name, those of installed packages with them, sorted."""
    return AUGMENTATIONS.all()
