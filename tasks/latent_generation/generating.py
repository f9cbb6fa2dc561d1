"""From a trained model to sounds: noise, the sampler, and the codec's decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..conditions import Conditions, Value
from ..modes import evaluating
from .config import LatentGenerationConfig
from .latents import Scale
from .learner import on
from .objectives import Diffusion, Model
from .sampling import OnStep, ddim, euler, guided, heun

SOUNDS_AT_ONCE = 16
STREAM = 19  # sets this noise apart from other draws of the same seed


class Decoder(Protocol):
    """The decoding half of a codec with latents."""

    @property
    def sr_hz(self) -> int: ...
    @property
    def latent_channels(self) -> int: ...
    def decode_latent(self, latents: Tensor) -> Tensor: ...


def generated(
    model: nn.Module,
    codec: Decoder,
    config: LatentGenerationConfig,
    scale: Scale,
    conditions: Conditions,
    rows: Sequence[Mapping[str, Value]],
    *,
    seed: int,
    on_share: Callable[[float], None],
) -> list[NDArray[np.float32]]:
    """A waveform (N,) for each row of conditions; sound i depends on the seed, i and its row only."""
    waves: list[NDArray[np.float32]] = []
    with evaluating(model):
        for first in range(0, len(rows), SOUNDS_AT_ONCE):
            some = rows[first : first + SOUNDS_AT_ONCE]
            places = range(first, first + len(some))
            noise = noise_of(places, (codec.latent_channels, config.frames), seed)

            def share(done: float, first: int = first, count: int = len(some)) -> None:
                on_share((first + done * count) / len(rows))

            values = sampled(
                model,
                config,
                conditions,
                some,
                noise,
                seed=(seed, first),
                on_step=share,
            )
            latents = scale.restored(values, some)
            decoded = codec.decode_latent(latents).float().cpu()
            for wave in decoded.numpy():
                waves.append(faded(wave[0], round(config.fade_s * codec.sr_hz)))
    return waves


def sampled(
    model: nn.Module,
    config: LatentGenerationConfig,
    conditions: Conditions,
    rows: Sequence[Mapping[str, Value]],
    noise: Tensor,
    *,
    seed: tuple[int, int],
    on_step: OnStep,
) -> Tensor:
    """Normalized latents (B, D, T) of noise (B, D, T), on the CPU."""
    device = next(model.parameters()).device
    encoded = conditions.encode(rows)
    asked = on(device, encoded)
    unknown = on(device, conditions.without(encoded, config.guided))

    def conditional(x: Tensor, t: Tensor) -> Tensor:
        output: Tensor = model(x=x, t=t, **asked)
        return output.float()

    def free(x: Tensor, t: Tensor) -> Tensor:
        output: Tensor = model(x=x, t=t, **unknown)
        return output.float()

    # Without conditions there is nothing to be guided by.
    scale = config.guidance if conditions.each else 1.0
    noise = noise.to(device)
    follow = partial(followed, config, noise=noise, seed=seed, on_step=on_step)
    values = follow(guided(conditional, free, scale))
    if config.pitch_latents and scale != 1.0:
        # Guidance exaggerates how an instrument is tuned, too, and a pitch must be exact: it comes from the model as
        # it is, from the same noise.
        plain = follow(conditional)
        values[:, : config.pitch_latents] = plain[:, : config.pitch_latents]
    return values.cpu()


def followed(
    config: LatentGenerationConfig,
    field: Model,
    *,
    noise: Tensor,
    seed: tuple[int, int],
    on_step: OnStep,
) -> Tensor:
    """Where a field leads from noise (B, D, T), by the sampler of the settings."""
    objective = config.made_objective()
    if isinstance(objective, Diffusion):
        generator = torch.Generator(noise.device).manual_seed(_seed_of(seed))
        return ddim(
            objective,
            field,
            noise,
            config.steps,
            eta=config.eta,
            generator=generator,
            on_step=on_step,
        )
    if config.sampler == "euler":
        return euler(field, noise, config.steps, on_step)
    return heun(field, noise, config.steps, on_step)


def noise_of(places: Sequence[int], shape: tuple[int, int], seed: int) -> Tensor:
    """The noise (B, D, T) that the sounds at these places begin in: each has its own, however many are made."""
    rows = []
    for place in places:
        rng = np.random.default_rng((seed, STREAM, place))
        rows.append(rng.standard_normal(shape, dtype=np.float32))
    return torch.from_numpy(np.stack(rows))


def faded(wave: NDArray[Any], samples: int) -> NDArray[np.float32]:
    """The same waveform, going to 0 over its last samples: a long note is cut off where its frames end."""
    faded = np.array(wave, np.float32)
    count = min(samples, len(faded))
    if count:
        faded[-count:] *= np.linspace(1.0, 0.0, count, dtype=np.float32)
    return faded


def _seed_of(numbers: tuple[int, int]) -> int:
    """One seed of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
