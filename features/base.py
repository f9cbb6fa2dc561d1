"""What every feature of a recording is: settings, and a transform that is batched, exact in time and streaming."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar, Literal, TypeVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ..catalogue import Catalogue
from ..errors import DataError, RegistryError
from ..settings import Settings
from .feature_file import ARRAY_FORMAT

Storage = Literal["complex", "float16", "float32"]

# Words of an older version that stay in the hashes of the cache.
OLD_WORDS = {"hop_length": "hop_samples", "win_length": "window_samples"}
STREAM_FRAMES = 2048  # frames a step of a stream computes


class FeatureConfig(Settings):
    """Base of the section `feature:`; a feature adds `type: Literal[its name]` and its settings."""

    type: str
    sr_hz: PositiveInt

    @property
    @abc.abstractmethod
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Sizes of one frame: (bins,), or (channels, bins)."""

    @property
    def audio_channels(self) -> int:
        """Channels of the audio that it is computed from: 1 is the mean of a recording's channels."""
        return 1

    @property
    def t0_s(self) -> float:
        """Time of the centre of frame 0."""
        return 0.0

    @property
    def silence(self) -> float:
        """The value of silence, which patches that reach over the ends of a recording are filled up with."""
        return 0.0

    @property
    def evenly_spaced(self) -> bool:
        """Whether frames are `hop_s` apart; False where they come at other times, such as beats."""
        return True

    @property
    @abc.abstractmethod
    def storage(self) -> Storage:
        """How the cache keeps the values."""

    def settings(self) -> dict[str, object]:
        """All that changes what the cache keeps; two configs with equal settings share their cache files."""
        return {"format": ARRAY_FORMAT, **in_the_words_of_the_cache(self.model_dump())}


def in_the_words_of_the_cache(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings under the words that name cache files: a new word must not make computed features useless."""
    return {OLD_WORDS.get(name, name): value for name, value in settings.items()}


class ArrayConfig(FeatureConfig):
    """Base of the real features."""

    dtype: Literal["float16", "float32"] = Field(
        "float16", description="how the cache keeps the values"
    )

    @property
    def storage(self) -> Storage:
        return self.dtype


class Feature(nn.Module, abc.ABC):
    """Waveforms (B, N) at `config.sr_hz` -> (B, *config.shape, T), on the device and in the precision of its buffers.

    A feature whose `config.audio_channels` are several is given (B, C, N), wherever (B, N) stands here. What lies
    outside a waveform is silence. Raises DataError E450 for any other shape and for audio without a sample.
    A class of your own has a `Config` and is made known by `register_feature`.
    """

    Config: ClassVar[type[FeatureConfig]]
    config: FeatureConfig
    counted: bool = True  # whether n_frames is exact; else the frames depend on what sounds, as beats do

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config

    @abc.abstractmethod
    def forward(self, wave: Tensor) -> Tensor:
        """(B, N) -> (B, *config.shape, T), T = n_frames(N)."""

    @abc.abstractmethod
    def n_frames(self, n_samples: int) -> int:
        """Frames of a waveform of so many samples, at least one."""

    @abc.abstractmethod
    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """The feature of a waveform that comes in (B, n) chunks of any size.

        Yields (B, *config.shape, t) pieces; put together along the frames they equal `forward` on the whole waveform.
        """

    def frame_times_s(self, n_frames: int) -> Tensor:
        """(T,) times of the frames' centres, float64."""
        return (
            self.config.t0_s
            + torch.arange(n_frames, dtype=torch.float64) * self.config.hop_s
        )

    def frequencies_hz(self) -> Tensor:
        """(F,) centre frequencies of the bins, float64; (0,) where a bin is not one frequency."""
        return torch.empty(0, dtype=torch.float64)


FEATURES: Catalogue[type[Feature]] = Catalogue(
    "feature",
    package=__package__ or "",
    group="mirbricks.features",
    error=DataError,
    code="E457",
    base=Feature,
)
F = TypeVar("F", bound=type[Feature])


def register_feature(name: str) -> Callable[[F], F]:
    """Make a feature known as `feature: {type: NAME}`.

    Parameters
    ----------
    name : str
        What a graph file writes; the field `type` of the class's `Config` has it as its default.

    Returns
    -------
    callable
        A decorator of `Feature` classes, which gives the class back.

    Raises
    ------
    RegistryError
        E301 for a name that another class has, E302 for a class that is not a Feature, E313 for a name that is not
        text, E449 for a class without a docstring or a `Config` of that type.

    Examples
    --------
    >>> from typing import Literal
    >>> from mirbricks.features import WaveformFeature, WaveformFeatureConfig, register_feature
    >>> class HalvedConfig(WaveformFeatureConfig):
    ...     type: Literal["halved"] = "halved"
    >>> @register_feature("halved")
    ... class Halved(WaveformFeature):
    ...     "The waveform at half its level."
    ...     Config = HalvedConfig
    ...     def forward(self, wave):
    ...         return super().forward(wave) / 2
    """

    FEATURES.refuse_name(name)

    def add(cls: F) -> F:
        FEATURES.refuse_class(name, cls)
        config = getattr(cls, "Config", None)
        written = None
        if config is not None and "type" in config.model_fields:
            written = config.model_fields["type"].default
        if written != name:
            raise RegistryError(
                f"the feature '{name}' has no Config whose 'type' is '{name}'",
                code="E449",
                help=f'add `type: Literal["{name}"] = "{name}"` to its Config',
            )
        if not cls.__doc__:
            raise RegistryError(
                f"the feature '{name}' has no docstring",
                code="E449",
                help="say in a sentence what it gives, with its shape",
            )
        FEATURES.register(name, cls)
        return cls

    return add


def features() -> dict[str, type[Feature]]:
    """Every feature by name, those of installed packages with them, sorted."""
    return FEATURES.all()


def check_wave(wave: Tensor, name: str) -> None:
    """Raise DataError E450 unless `wave` is (B, N) in floating point; `name` is the feature's."""
    if wave.ndim != 2 or not wave.is_floating_point():
        came = f"{wave.dtype} of shape {tuple(wave.shape)}"
        raise DataError(
            f"the feature '{name}' expects audio of shape (B, N) in floating point, got {came}",
            code="E450",
            help="mix to mono and add the batch axis: wave[None]",
        )


def refuse_empty(wave: Tensor, name: str) -> None:
    """Raise DataError E450 for (B, 0) and (B, C, 0)."""
    if not wave.shape[-1]:
        raise DataError(
            f"the feature '{name}' got audio without a single sample",
            code="E450",
            help="leave empty recordings out",
        )


def stream_frames(
    transform: Callable[[Tensor], Tensor],
    chunks: Iterable[Tensor],
    *,
    name: str,
    hop_length: int,
    context_samples: int,
    step_frames: int,
) -> Iterator[Tensor]:
    """Pieces of `transform`, frame t centred on sample t · hop_length, in memory that does not grow with the audio.

    context_samples  what can change a frame, on either side of its centre: a multiple of hop_length
    """
    held: list[Tensor] = []
    n_held = done = 0  # samples held; frames of them that were given out already
    for chunk in chunks:
        check_wave(chunk, name)
        # Samples are held until all that a step's frames can see is there.
        held.append(chunk)
        n_held += chunk.shape[1]
        while n_held >= (stop := (done + step_frames) * hop_length + context_samples):
            if len(held) > 1:
                wave = torch.cat(held, dim=1)
            else:
                wave = held[0]
            yield transform(wave[:, :stop])[..., done : done + step_frames]
            # Samples that no later frame can see are given up, by whole hops.
            drop = max(0, done + step_frames - context_samples // hop_length)
            held = [wave[:, drop * hop_length :]]
            n_held -= drop * hop_length
            done += step_frames - drop
    # What is left ends with the audio: its last frames
    # see silence, as those of the whole do.
    yield transform(torch.cat(held, dim=1) if held else torch.zeros(1, 0))[..., done:]
