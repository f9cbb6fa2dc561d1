"""A feature in Python: `feature("hcqt", sr_hz=22050)(wave)`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from ..errors import DataError
from ..settings import first_mistake
from .base import FEATURES, Feature, FeatureConfig
from .kinds import feature_of

Wave = Tensor | NDArray[np.floating[Any]]


def feature(name: str, **settings: Any) -> Transform:
    """The transform of a feature, for tensors and arrays.

    Parameters
    ----------
    name : str
        The feature, such as "hcqt", "logmel" or "chroma"; `features()` has them all.
    **settings
        The settings of its section `feature:` in a graph file, such as `sr_hz` in Hz or `hop_length` in samples.
        `mirbricks explain NAME` shows them with their defaults.

    Returns
    -------
    Transform
        Called with a waveform, it gives the feature.

    Raises
    ------
    DataError
        E457 for an unknown name, E448 for a setting that is unknown or wrong.

    Examples
    --------
    >>> import torch
    >>> from mirbricks.features import feature
    >>> logmel = feature("logmel", sr_hz=16000, n_mels=64, hop_length=160)
    >>> logmel(torch.zeros(2, 16000)).shape  # a batch of two seconds of audio
    torch.Size([2, 64, 101])
    >>> logmel(torch.zeros(16000)).shape  # one recording
    torch.Size([64, 101])
    >>> logmel.frame_times_s(101)[-1].item()
    1.0
    """
    config = FEATURES.get(name).Config
    try:
        return Transform(feature_of(config.model_validate(settings)))
    except ValidationError as error:
        message = first_mistake(f"the feature '{name}'", config, error)
        raise DataError(
            message, code="E448", help=f"`mirbricks explain {name}` shows its settings"
        ) from None


class Transform:
    """A feature that takes tensors and arrays, with or without a batch; made by `feature`.

    Attributes
    ----------
    config : FeatureConfig
        Its settings: `config.sr_hz`, `config.hop_s`, `config.shape` (the sizes of a frame) and its own.
    module : Feature
        The transform as a `torch.nn.Module`, for models and streams.
    """

    def __init__(self, module: Feature) -> None:
        self.module = module

    def __repr__(self) -> str:
        return f"feature({', '.join(self._words())})"

    @property
    def config(self) -> FeatureConfig:
        return self.module.config

    def __call__(self, wave: Wave) -> Tensor:
        """The feature of one waveform or of a batch of them.

        Parameters
        ----------
        wave : Tensor or ndarray, shape (N,) or (B, N)
            Mono audio in floating point at `config.sr_hz`.

        Returns
        -------
        Tensor, shape (*config.shape, T) or (B, *config.shape, T)
            On the waveform's device. Complex for "hcqt" and "cqt", whose magnitudes are the absolute values.

        Raises
        ------
        DataError
            E450 for other shapes or types, and for audio without a sample.
        """
        wave = torch.as_tensor(wave)
        # The kernels follow the audio: a notebook moves its waveforms, not the transform.
        module = self.module.to(wave.device)
        one = wave.ndim == 1
        batch: Tensor = module(wave[None] if one else wave)
        return batch[0] if one else batch

    def frame_times_s(self, n_frames: int) -> Tensor:
        """The times of the frames' centres.

        Parameters
        ----------
        n_frames : int
            How many frames there are: the last size of what the transform gives.

        Returns
        -------
        Tensor, shape (n_frames,)
            In seconds, float64. Beats come at other times: "beat_chroma" gives those of the likeliest tempo.
        """
        return self.module.frame_times_s(n_frames)

    def frequencies_hz(self) -> Tensor:
        """The centre frequencies of the bins.

        Returns
        -------
        Tensor, shape (F,)
            In Hz, float64; (0,) where a bin is not one frequency, as in chroma.
        """
        return self.module.frequencies_hz()

    def _words(self) -> list[str]:
        """The name, and each setting that is not the default."""
        config = self.config
        words = [f"'{config.type}'"]
        for field, info in type(config).model_fields.items():
            value = getattr(config, field)
            if field != "type" and value != info.default:
                words.append(f"{field}={value!r}")
        return words
