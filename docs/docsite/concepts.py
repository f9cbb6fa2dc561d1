"""Pictures of what a block is about: filters, and which frames of the input reach which of the output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mirbricks.compiler.drawing.inside_curve import curve
from mirbricks.registry import Example, Spec, build

from .drawings import curves, function, grid

FRAMES = 32  # of the input of a picture of influence
LEAST = 1e-4  # of the strongest: what is weaker counts as none
DRAWS = 6  # inputs of a picture of influence
BANDS = 12  # filters of a picture of filters
POINTS = 512
SR_HZ = 16000.0
FAMILIES = (
    "convolution",
    "pooling",
    "sequence",
    "unet",
    "generative",
    "pointwise",
    "shape",
)


class Concept(NamedTuple):
    """A picture and what it shows."""

    svg: str
    caption: str


def concept(spec: Spec) -> Concept | None:
    """The picture of a block whose idea can be drawn; None where the traced operations say all."""
    if spec.name in FILTERS:
        return FILTERS[spec.name](spec)
    points = curve(spec)
    if points:
        words = "The output over the input, value by value."
        return Concept(function(points, spec.name), words)
    if spec.family not in FAMILIES:
        return None
    reached = influence(spec)
    return None if reached is None else _influence_picture(spec.name, reached)


def influence(spec: Spec) -> Tensor | None:
    """How much each frame of the input changes each frame of the output, (outputs, inputs), the most being 1."""
    tokens = spec.contract.inputs[0]
    names = [token.axis for token in tokens]
    given = spec.examples[0]
    # "..." stands for any number of axes, here for none.
    if len(given.shapes[0]) == len(names) - 1:
        names = [name for name in names if name != "..."]
    ending = [names.index(one) for one in ("T", "N") if one in names]
    # Positions are counted from the end on the way out: (B, C, F, T) may become (B, F, T).
    if not ending or len(given.shapes) != 1 or len(names) != len(given.shapes[0]):
        return None
    at = ending[0]
    shape = list(given.shapes[0])
    shape[at] = max(FRAMES, shape[at])
    example = replace(given, shapes=(tuple(shape),))
    try:
        block = _block(spec, example)
        return _most_reach(block, shape, at)
    except (RuntimeError, ValueError, IndexError, TypeError):
        # A block of other sizes, of whole numbers, or with several outputs has no such picture.
        return None


def _most_reach(block: torch.nn.Module, shape: list[int], at: int) -> Tensor | None:
    """The most over some inputs: a ReLU lets none of one input through, and all of another."""
    drawn = _drawn()
    found = []
    for _ in range(DRAWS):
        x = torch.randn(1, *shape[1:], generator=drawn)
        reached = _reach(block, x, at, at - len(shape))
        if reached is not None:
            found.append(reached)
    return torch.stack(found).amax(0) if found else None


def _reach(block: torch.nn.Module, x: Tensor, at: int, back: int) -> Tensor | None:
    x.requires_grad_()
    y = block(x)
    is_sequence = isinstance(y, Tensor) and y.is_floating_point() and y.dim() >= 2
    if not is_sequence or not y.requires_grad or -back > y.dim():
        return None
    # Of each frame of the output one random sum, so that nothing cancels by symmetry.
    summed = (y * torch.randn(y.shape, generator=_drawn())).movedim(back, 0).flatten(1)
    rows = []
    for frame in summed.sum(1):
        (slope,) = torch.autograd.grad(frame, x, retain_graph=True)
        rows.append(slope.movedim(at, 0).flatten(1).norm(dim=1))
    found = torch.stack(rows)
    most = float(found.max())
    # Where nothing counts there is nothing to draw.
    return found / most if most > 0.0 else None


def _influence_picture(name: str, reached: Tensor) -> Concept | None:
    if len(reached) == 1:
        return _weights_picture(name, reached[0])
    strong = reached > LEAST
    # From the first frame that reaches an output to the last, over the widest.
    first = strong.int().argmax(1)
    last = strong.shape[1] - 1 - strong.flip(1).int().argmax(1)
    widest = int((last - first).max()) + 1
    # Frame by frame: nothing that a picture would explain.
    if widest <= 1:
        return None
    row, column = torch.nonzero(strong, as_tuple=True)
    is_causal = reached.shape[0] == reached.shape[1] and bool((column <= row).all())
    words = (
        "A row is a frame of the output, a column one of the input: coloured where "
        f"one reaches the other. An output spans up to {widest} of these {strong.shape[1]} frames"
    )
    if is_causal:
        words += ", none of them later"
    return Concept(grid(reached.tolist(), name), f"{words}.")


def _weights_picture(name: str, reached: Tensor) -> Concept:
    """Of one output the share of each frame: all alike of a mean, the last ones of what remembers."""
    points = [(float(i), value) for i, value in enumerate(reached.tolist())]
    words = "How much each frame of the input moves the one output, the most being 1."
    return Concept(curves([points], name, "frames"), words)


def _drawn() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _block(spec: Spec, example: Example) -> torch.nn.Module:
    """The block of an example in eval(), with the same weights every time."""
    config = spec.cls.Config(**example.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = spec.contract.bind(example.shapes)
        return build(spec, config.resolve(sizes)).eval()


def _with(spec: Spec, config: Mapping[str, Any], n: int = 4096) -> Any:
    return _block(spec, Example(((1, 1, n),), config))


def _responses(filters: Tensor, name: str) -> Concept:
    """How much each filter lets through, over frequency."""
    size = 2 * POINTS
    taps = filters.detach().reshape(-1, filters.shape[-1])
    strength = torch.fft.fft(taps, size, dim=-1).abs()[:, :POINTS]
    strength = strength / strength.amax(1, keepdim=True)
    hz = torch.linspace(0.0, SR_HZ / 2.0, POINTS)
    lines = [list(zip(hz.tolist(), one.tolist(), strict=True)) for one in strength]
    words = f"What {len(lines)} of its filters let through at the start, over frequency in Hz."
    return Concept(curves(lines, name, "Hz"), words)


def _sincnet(spec: Spec) -> Concept:
    config = {"out_channels": BANDS, "kernel_size": 251, "sr_hz": int(SR_HZ)}
    return _responses(_with(spec, config).filters(), spec.name)


def _gabor(spec: Spec) -> Concept:
    config = {"out_channels": BANDS, "kernel_size": 401, "sr_hz": int(SR_HZ)}
    block = _with(spec, config)
    bank = block.bank if hasattr(block, "bank") else block.filterbank
    real, imaginary = bank.parts()
    return _responses(torch.complex(real, imaginary), spec.name)


def _mel(spec: Spec) -> Concept:
    from mirbricks.blocks.frontends.mel import mel_filters

    config = spec.cls.Config(sr_hz=int(SR_HZ), n_fft=1024, n_mels=BANDS)
    weights = mel_filters(config).detach()
    if weights.shape[0] != BANDS:
        weights = weights.T
    weights = weights / weights.amax(1, keepdim=True)
    hz = torch.linspace(0.0, SR_HZ / 2.0, weights.shape[1])
    lines = [list(zip(hz.tolist(), one.tolist(), strict=True)) for one in weights]
    words = f"Its triangles, here {BANDS} of them, over frequency in Hz: equally wide to the ear."
    return Concept(curves(lines, spec.name, "Hz"), words)


def _constant_q(spec: Spec) -> Concept:
    """A bin per semitone: its band is as wide as it is high, here over two octaves."""
    lines = []
    hz = torch.linspace(200.0, 900.0, POINTS)
    quality = 1.0 / (2.0 ** (1.0 / 12.0) - 1.0)
    for i in range(25):
        middle = 220.0 * 2.0 ** (i / 12.0)
        # The spectrum of a Hann window whose length is `quality` periods of the bin.
        off = (hz - middle) * quality / middle
        response = torch.sinc(off) / (1.0 - off.square())
        response = torch.where((off.abs() - 1.0).abs() < 1e-3, 0.5, response).abs()
        lines.append(list(zip(hz.tolist(), response.tolist(), strict=True)))
    words = "Bins of a constant-Q transform, a semitone apart: all equally wide in pitch, so wider the higher."
    return Concept(curves(lines, spec.name, "Hz"), words)


FILTERS: dict[str, Callable[[Spec], Concept]] = {
    "SincNet": _sincnet,
    "GaborConv1d": _gabor,
    "LEAF": _gabor,
    "LogMel": _mel,
    "CQT": _constant_q,
    "HCQT": _constant_q,
}
