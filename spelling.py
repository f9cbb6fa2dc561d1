"""What a user may have meant by a word that nobody knows: a near miss, or a word of another library."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

LONGEST_WORD = 160  # characters that are compared

# Our word for words that people bring from torch, Keras, Lightning, transformers, librosa and the papers. Where there
# are several, the first that the place in question knows is proposed; a remark tells what differs in meaning.
_STEPS = ("steps",)
_LR = ("lr",)
_CLIP = ("clip_norm",)
_CHANNELS = ("out_channels", "out_features")
_INPUTS = ("in_channels", "in_features", "input_size")
_HIDDEN = ("hidden_size", "hidden_features", "dim")
_KERNEL = ("kernel_size",)
_DROPOUT = ("dropout", "p")
_HEADS = ("num_heads",)
_LAYERS = ("num_layers", "n_layers", "depth")
_RATE = ("sr_hz",)
_HOP = ("hop_length",)
_WINDOW = ("win_length", "frame_size")
_JOBS = ("jobs",)

BROUGHT: Mapping[str, tuple[str, ...]] = {
    # training
    "epochs": _STEPS,
    "epoch": _STEPS,
    "num_epochs": _STEPS,
    "n_epochs": _STEPS,
    "max_epochs": _STEPS,
    "num_train_epochs": _STEPS,
    "max_steps": _STEPS,
    "num_steps": _STEPS,
    "n_steps": _STEPS,
    "iterations": _STEPS,
    "num_iterations": _STEPS,
    "max_iter": _STEPS,
    "learning_rate": _LR,
    "learningrate": _LR,
    "base_lr": _LR,
    "init_lr": _LR,
    "initial_lr": _LR,
    "max_lr": _LR,
    "bs": ("batch_size",),
    "wd": ("weight_decay",),
    "l2": ("weight_decay",),
    "grad_clip": _CLIP,
    "gradient_clip_val": _CLIP,
    "max_grad_norm": _CLIP,
    "ema": ("average_decay",),
    "ema_decay": ("average_decay",),
    "early_stopping": ("patience",),
    "eval_every": ("validate_every",),
    "eval_steps": ("validate_every",),
    "val_check_interval": ("validate_every",),
    "random_seed": ("seed",),
    "random_state": ("seed",),
    "amp": ("bf16",),
    "fp16": ("bf16",),
    "mixed_precision": ("bf16",),
    # layers
    "filters": _CHANNELS,
    "n_filters": _CHANNELS,
    "num_filters": _CHANNELS,
    "channels": _CHANNELS,
    "units": ("out_features", "hidden_size", "out_channels"),
    "output_dim": _CHANNELS,
    "out_dim": _CHANNELS,
    "output_size": _CHANNELS,
    "input_dim": _INPUTS,
    "in_dim": _INPUTS,
    "hidden_dim": _HIDDEN,
    "hidden_units": _HIDDEN,
    "kernel": _KERNEL,
    "kernel_shape": _KERNEL,
    "filter_size": _KERNEL,
    "pool_size": _KERNEL,
    "dilation_rate": ("dilation",),
    "rate": ("p", "sr_hz"),
    "drop_rate": _DROPOUT,
    "dropout_rate": _DROPOUT,
    "use_bias": ("bias",),
    "epsilon": ("eps",),
    "n_heads": _HEADS,
    "heads": _HEADS,
    "layers": _LAYERS,
    "n_layers": _LAYERS,
    "d_ff": ("dim_feedforward",),
    # audio
    "sr": _RATE,
    "fs": _RATE,
    "samplerate": _RATE,
    "sample_rate": _RATE,
    "sampling_rate": _RATE,
    "hop": _HOP,
    "hop_size": _HOP,
    "hopsize": _HOP,
    "window_length": _WINDOW,
    "window_size": _WINDOW,
    "frame_length": _WINDOW,
    "fft_size": ("n_fft",),
    "nfft": ("n_fft",),
    "f_min": ("fmin_hz",),
    "f_max": ("fmax_hz",),
    "num_mels": ("n_mels",),
    "mel_bins": ("n_mels",),
    # the command line
    "fit": ("train",),
    "learn": ("train",),
    "eval": ("evaluate",),
    "test": ("evaluate",),
    "score": ("evaluate",),
    "infer": ("predict",),
    "inference": ("predict",),
    "transcribe": ("predict",),
    "list": ("blocks",),
    "info": ("summary",),
    "show": ("summary",),
    "plot": ("draw",),
    "visualize": ("draw",),
    "validate": ("check",),
    "lint": ("check",),
    "models": ("zoo",),
    "convert": ("export",),
    "download": ("data fetch",),
    "output": ("out",),
    "output_dir": ("out",),
    "workers": _JOBS,
    "num_workers": _JOBS,
    "n_jobs": _JOBS,
    "gpu": ("device",),
    "cuda": ("device",),
}
REMARKS: Mapping[str, str] = dict.fromkeys(
    (word for word in BROUGHT if "epoch" in word),
    ", which counts batches, not passes over the corpus",
)


class Suggestion(str):
    """A question that proposes names for a word; an editor can put one of the names in its place."""

    word: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, word: str, names: Iterable[str], remark: str = "") -> Suggestion:
        known = tuple(names)
        listed = " or ".join(f"'{name}'" for name in known)
        question = cls(f"did you mean {listed}{remark}?")
        question.word = word
        question.names = known
        return question


def did_you_mean(word: object, known: Iterable[str]) -> Suggestion | None:
    """A question that proposes up to two names.

    Parameters
    ----------
    word : object
        What the user wrote; to anything but text no name is near.
    known : iterable of str
        The names that there are.

    Returns
    -------
    Suggestion or None
        Text, with the names in it as `names`; None where no name is near.

    Examples
    --------
    >>> did_you_mean("Conv2D", ["Conv1d", "Conv2d", "ReLU"])
    "did you mean 'Conv2d' or 'Conv1d'?"
    >>> did_you_mean("learning_rate", ["lr", "steps"])
    "did you mean 'lr'?"
    """
    by_lower = {name.lower(): name for name in known}
    # YAML and Python hand over numbers too, which no name is near to.
    if not isinstance(word, str):
        return None
    asked = word[:LONGEST_WORD].lower()
    # A word of another library is nearer in meaning than any of the same letters.
    brought = BROUGHT.get(asked.replace("-", "_"), ())
    ours = next((name for name in brought if name in by_lower), None)
    if ours is not None:
        remark = REMARKS.get(asked.replace("-", "_"), "")
        return Suggestion.of(word, [by_lower[ours]], remark)
    near = difflib.get_close_matches(asked, by_lower, n=2, cutoff=0.6)
    if not near:
        return None
    return Suggestion.of(word, [by_lower[name] for name in near])


def snake_case(name: str) -> str:
    """GLUConv1d -> glu_conv1d."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
