"""Weights in a file: what is written, and whether what was read fits a graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..errors import RunError

MOST_FACTS = 6  # lines of a message about tensors


def packed(state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file of these tensors."""
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in state.items()
    }
    return safetensors.torch.save(tensors, dict(metadata))


def unpacked(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file, and its metadata."""
    with safetensors.safe_open(path, framework="pt") as file:
        names = list(file.keys())
        tensors = {name: file.get_tensor(name) for name in names}
        return tensors, dict(file.metadata() or {})


def refuse_misfit(
    saved: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    folder: Path,
    graph: Path,
) -> None:
    """Raise E607 where names, shapes or kinds of tensors differ, E606 where a weight is not a finite number.

    Floating-point numbers of another precision fit, as those of `pack --half` do.
    """
    facts = _misfits(saved, wanted)
    if facts:
        raise RunError(
            f"the weights of '{folder}' do not fit the graph",
            code="E607",
            facts=_shortened(facts),
            help=f"use the run's own graph, '{graph}'",
        )
    # A NaN in the weights makes every prediction NaN, which a user would blame on the audio.
    broken = [name for name in wanted if not _is_finite(saved[name])]
    if broken:
        raise RunError(
            f"the weights of '{folder}' are not finite numbers",
            code="E606",
            facts=_shortened([("weight", f"'{name}'") for name in broken]),
            help="train again: with a lower train.lr, or train.clip_norm",
        )


def _misfits(
    saved: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> list[tuple[str, str]]:
    # Every difference is collected, as one alone seldom shows which graph the weights are of.
    facts = []
    for name in wanted.keys() - saved.keys():
        facts.append(("missing", f"'{name}' {tuple(wanted[name].shape)}"))
    for name in saved.keys() - wanted.keys():
        facts.append(("unknown", f"'{name}' {tuple(saved[name].shape)}"))
    for name in wanted.keys() & saved.keys():
        given = saved[name]
        needed = wanted[name]
        if given.shape != needed.shape:
            sizes = (
                f"{tuple(given.shape)} in the run, {tuple(needed.shape)} in the graph"
            )
            facts.append(("size", f"'{name}' {sizes}"))
        elif given.is_floating_point() != needed.is_floating_point():
            kinds = f"{_kind(given)} in the run, {_kind(needed)} in the graph"
            facts.append(("type", f"'{name}' {kinds}"))
    return sorted(facts)


def _shortened(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(facts) <= MOST_FACTS:
        return facts
    return [*facts[:MOST_FACTS], ("...", f"and {len(facts) - MOST_FACTS} more")]


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
