"""Blocks by family: what a musician or an engineer looks for them under, in the order of a signal's way."""

from __future__ import annotations

from collections.abc import Iterable

from ..registry import Spec

FAMILIES = {  # family: the files of blocks/ whose blocks are of it
    "waveform front-ends": "sincnet gabor leaf",
    "spectral front-ends": "spectrogram mel cqt chroma fourier_2d pcen",
    "convolution": "convolution circular separable spectralnorm",
    "convolutional blocks": "convblock samplecnn residual convnext tcn",
    "U-Nets": "unet",
    "waveform models": "wavenet samplernn mulaw",
    "recurrent": "recurrent subband",
    "attention and transformers": "attention transformer",
    "tokens and positions": "tokens positions",
    "linear": "linear",
    "activations": "activation piecewise softmax",
    "normalisation": "normalisation whitening",
    "dropout": "dropout",
    "pooling": "pooling",
    "many to one": "autopool",
    "bottlenecks": "vae vq rvq fsq",
    "conditioning": "conditioning",
    "upsampling": "upsampling",
    "shape": "shape",
}
APART = {  # blocks that share a file with those of another family
    "ClassTokenPool": "many to one",
    "ConditionedResidualBlock1d": "convolutional blocks",
    "ConditionedResidualBlock2d": "convolutional blocks",
    "Max": "many to one",
    "Mean": "many to one",
    "StatisticsPooling": "many to one",
    "Upsample": "upsampling",
}
_FAMILY_OF_FILE = {file: family for family, files in FAMILIES.items() for file in files.split()}


def family_of(spec: Spec) -> str:
    """The family of a block; of a file that has none here, such as a plugin's, the name of the file."""
    return APART.get(spec.name) or _FAMILY_OF_FILE.get(spec.family) or spec.family.replace("_", " ")


def by_family(specs: Iterable[Spec]) -> dict[str, list[Spec]]:
    """Families with their blocks: ours in the order above, then others by name; blocks by name."""
    found: dict[str, list[Spec]] = {}
    for spec in sorted(specs, key=lambda one: one.name):
        found.setdefault(family_of(spec), []).append(spec)
    ours = [family for family in FAMILIES if family in found]
    return {family: found[family] for family in [*ours, *sorted({*found} - {*ours})]}
