"""A feature in Python: `feature("hcqt", sr_hz=22050)(wave)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from ..errors import DataError
from ..settings import first_mistake
from .base import FEATURES, Feature, FeatureConfig
from .hcqt import HCQTFeatureConfig, to_scale
from .kinds import feature_of

Wave = Tensor | NDArray[np.floating[Any]]


def feature(
    name: str | FeatureConfig, *, complex: bool = False, **settings: Any
) -> Transform:
    """The transform of a feature, for tensors and arrays: what a model reads of a recording.

    Parameters
    ----------
    name : str or FeatureConfig
        The feature, such as "hcqt", "logmel" or "chroma"; `mirbricks.list_features()` has them all. Or settings that
        there are already, such as `model.feature`, for the very input of a model.
    complex : bool
        Whether "hcqt" and "cqt" give complex values; by default they give real ones in the setting `scale`. The other
        features are real, and refuse it.
    **settings
        The settings of its section `feature:` in a graph file, such as `sr_hz` in Hz or `hop_length` in samples.
        `mirbricks explain NAME` shows them with their defaults. `sr_hz` is 44100 by default for "nnls_chroma" and
        "given", 22050 for the others; audio is not resampled here, so it must be the rate of the audio. Beside a
        FeatureConfig they take the place of its own.

    Returns
    -------
    Transform
        Called with a waveform, it gives the feature.

    Raises
    ------
    DataError
        E457 for an unknown name, E448 for a setting that is unknown or wrong.

    Notes
    -----
    Training and prediction read features that were kept in half precision, which changes a value by at most 2^-11
    (0.05 %) of itself: 0.00006 on the 0 … 1 of the scale "db", 0.03 dB of a log-mel value at -60 dB. `dtype="float32"`
    keeps the real features exactly. Predictions also cut long recordings into patches, and fill up short ones with
    silence (`task.predict_frames` or `task.patch_frames`); on one whole patch, `model.module` on this input gives
    what `model.predict` gives. The task "chords" does not read the scale: it compresses magnitudes by its own setting.

    Examples
    --------
    >>> import torch
    >>> from mirbricks.features import feature
    >>> logmel = feature("logmel", sr_hz=16000, n_mels=64, hop_length=160)
    >>> logmel(torch.zeros(2, 16000)).shape  # a batch: two recordings of a second
    torch.Size([2, 64, 101])
    >>> logmel(torch.zeros(16000)).shape  # one recording
    torch.Size([64, 101])
    >>> logmel.frame_times_s(101)[-1].item()
    1.0
    >>> cqt = feature("cqt", scale="log")
    >>> cqt(torch.zeros(22050)).dtype, feature(cqt.config, complex=True)(torch.zeros(22050)).dtype
    (torch.float32, torch.complex64)
    """
    if isinstance(name, FeatureConfig):
        config = type(name)
        given = {**name.model_dump(), **settings}
        word = name.type
    else:
        config = FEATURES.get(name).Config
        given = settings
        word = name
    try:
        module = feature_of(config.model_validate(given))
    except ValidationError as error:
        message = first_mistake(f"the feature '{word}'", config, error)
        raise DataError(
            message, code="E448", help=f"`mirbricks explain {word}` shows its settings"
        ) from None
    if complex and not isinstance(module.config, HCQTFeatureConfig):
        raise DataError(
            f"the feature '{word}' is real: it has no complex values",
            code="E448",
            help="leave `complex` out; hcqt and cqt have complex values",
        )
    return Transform(module, complex=complex)


class Transform:
    """A feature that takes tensors and arrays, with or without a batch; made by `feature`.

    Attributes
    ----------
    config : FeatureConfig
        Its settings: `config.sr_hz`, `config.hop_s`, `config.shape` (the sizes of a frame) and its own.
    module : Feature
        The transform as a `torch.nn.Module`, for streams; that of "hcqt" and "cqt" gives complex values.
    complex : bool
        Whether calls give the complex values of "hcqt" and "cqt".
    """

    def __init__(self, module: Feature, *, complex: bool = False) -> None:
        self.module = module
        self.complex = complex

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
            Mono audio in floating point at `config.sr_hz`. (3, N) is three recordings, each for itself, and not three
            channels, as it is for `model.predict`: mix channels down with `wave.mean(0)`. Of "waveform" with
            `channels=2` and more (C, N) or (B, C, N), which are channels there.

        Returns
        -------
        Tensor, shape (*config.shape, T) or (B, *config.shape, T)
            On the waveform's device. Of "hcqt" and "cqt" (H, F, T) or (B, H, F, T), as models see it: magnitudes in
            `config.scale`, relative to the largest of the recording. With `complex` the values of `module`.

        Raises
        ------
        DataError
            E450 for other shapes or types, and for audio without a sample.
        """
        wave = _as_tensor(wave, self.config)
        # The kernels follow the audio: a notebook moves its waveforms, not the transform.
        module = self.module.to(wave.device)
        one = wave.ndim == len(_axes(self.config))
        batch: Tensor = module(wave[None] if one else wave)
        seen = self._as_seen(batch)
        return seen[0] if one else seen

    def _as_seen(self, batch: Tensor) -> Tensor:
        """A constant-Q transform in its scale; any other feature as it is."""
        config = self.config
        if self.complex or not isinstance(config, HCQTFeatureConfig):
            return batch
        magnitude = batch.abs()
        # Each recording is its own reference, whatever else is in the batch.
        peak = magnitude.amax(dim=(1, 2, 3), keepdim=True)
        return to_scale(magnitude, config.scale, peak)

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
        if self.complex:
            words.append("complex=True")
        return words


def _axes(config: FeatureConfig) -> str:
    """The axes of one recording: N, or C and N of several channels."""
    return "N" if config.audio_channels == 1 else "CN"


def _as_tensor(wave: object, config: FeatureConfig) -> Tensor:
    """Audio as a tensor of one recording or a batch, in floating point. Raises DataError E450 for anything else."""
    if isinstance(wave, str | Path):
        came = f"the text {str(wave)!r}"
        help = "read the file first: wave, sr_hz = soundfile.read(path)"
        raise _not_audio(config, came, help)
    try:
        tensor = torch.as_tensor(wave)
    except (TypeError, ValueError, RuntimeError):
        came = type(wave).__name__
        help = "pass a tensor or an array of samples in -1 … 1"
        raise _not_audio(config, came, help) from None
    came = f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
    axes = len(_axes(config))
    if tensor.ndim not in (axes, axes + 1):
        raise _not_audio(config, came, _help(axes))
    if not tensor.is_floating_point():
        raise _not_audio(config, came, _to_floating_point(tensor))
    return tensor


def _to_floating_point(tensor: Tensor) -> str:
    """What to do with samples that are not in floating point."""
    if tensor.dtype in (torch.int16, torch.int32):
        most = torch.iinfo(tensor.dtype).max + 1
        return f"divide whole numbers by their range: wave / {most}"
    return "pass samples in floating point, in -1 … 1"


def _help(axes: int) -> str:
    """What to do with an array of other axes."""
    if axes == 1:
        return "pass one recording, wave[0], or a batch of mono recordings: mix channels down with wave.mean(1)"
    return "pass one recording with a row per channel, or a batch of them"


def _not_audio(config: FeatureConfig, came: str, help: str) -> DataError:
    if config.audio_channels == 1:
        shapes = "(N,) or (B, N)"
    else:
        channels = config.audio_channels
        shapes = f"({channels}, N) or (B, {channels}, N)"
    message = f"the feature '{config.type}' expects audio of shape {shapes} in floating point, got {came}"
    return DataError(message, code="E450", help=help)
