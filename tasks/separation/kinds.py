"""The three kinds of separation graph, found from the names of a graph's inputs and outputs.

conditioned   an input `target` says which of the targets the one output is to be
dedicated     one input and one output, for one target
several       an output by the name of each target
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...compiler.module import GraphModule
from ...errors import TaskError, did_you_mean
from ..lengths import on_meta
from ..requirements import NeedsByName

Kind = Literal["conditioned", "dedicated", "several"]
MIX = "mix"
TARGET = "target"


def kind_of(model: GraphModule, targets: Sequence[str]) -> Kind:
    """Which kind a graph is. Raises TaskError E802 where it is none that fits these targets."""
    if model.outputs:
        _refuse_other_outputs(model, targets)
        return "several"
    if TARGET in model.input_shapes:
        return "conditioned"
    if len(targets) > 1:
        inputs = ", ".join(model.input_shapes)
        raise TaskError(
            f"the graph gives one estimate, and task.targets are {len(targets)}: nothing says which it is to be",
            code="E802",
            where=model.graph.where_input(),
            facts=[("targets", ", ".join(targets)), ("inputs", inputs)],
            help=f'add `{TARGET}: "B K={len(targets)}"` to `input:`, or name an output for each target in `outputs:`',
        )
    return "dedicated"


def _refuse_other_outputs(model: GraphModule, targets: Sequence[str]) -> None:
    """Raise E802 where the names of the outputs are not the targets."""
    where = model.graph.source.key(("outputs",))
    facts = [("targets", ", ".join(targets)), ("outputs", ", ".join(model.outputs))]
    if TARGET in model.input_shapes:
        raise TaskError(
            f"the graph has an input '{TARGET}' and outputs by name: one of them says what is separated, not both",
            code="E802",
            where=where,
            help=f"leave `outputs:` out, or the input '{TARGET}'",
        )
    for name in model.outputs:
        if name not in targets:
            raise TaskError(
                f"the graph has an output '{name}', which is not one of task.targets",
                code="E802",
                where=where,
                facts=facts,
                help=did_you_mean(name, targets) or "add it to task.targets",
            )
    for name in targets:
        if name not in model.outputs:
            raise TaskError(
                f"the graph has no output '{name}', which task.targets name",
                code="E802",
                where=where,
                facts=facts,
                help="add it to `outputs:` with a `StoreAs` of that name, or leave it out of task.targets",
            )


def needs_of(
    kind: Kind, targets: Sequence[str], n_channels: int, patch_frames: int
) -> NeedsByName:
    """What a graph of a kind must read and give."""
    wave = ("B", n_channels, "T")
    inputs: dict[str, tuple[int | str, ...]] = {MIX: wave}
    outputs: dict[str, tuple[int | str, ...]] = {"estimate": wave}
    if kind == "conditioned":
        inputs[TARGET] = ("B", len(targets))
    if kind == "several":
        outputs = dict.fromkeys(targets, wave)
    return NeedsByName(
        inputs,
        outputs,
        reads="a mix and what to separate from it",
        gives="a waveform per target",
        frames={"task.patch_frames": patch_frames},
    )


class Separator:
    """A model behind one call: chunks of a mix in, an estimate of each target out.

    Parameters
    ----------
    model : GraphModule
        The graph.
    kind : Kind
        What it is.
    targets : sequence of str
        The targets that it was trained for, in the order of `target`.
    names : mapping of str to str
        The graph's names of its inputs, by the task's.
    only_samples : int or None
        How many samples the graph reads; None where it reads any number.
    """

    def __init__(
        self,
        model: GraphModule,
        kind: Kind,
        targets: Sequence[str],
        names: Mapping[str, str],
        only_samples: int | None = None,
    ) -> None:
        self.model = model
        self.kind = kind
        self.targets = tuple(targets)
        self.names = names
        self.only_samples = only_samples

    def on_meta(self) -> Separator:
        """A copy without numbers: it gives the sizes of what comes out, in no time."""
        return Separator(
            on_meta(self.model), self.kind, self.targets, self.names, self.only_samples
        )

    def __call__(self, mix: Tensor, asked: Sequence[str]) -> Tensor:
        """Estimates (K, C, T) of the targets that are asked for in a mix (C, T)."""
        n_samples = mix.shape[-1]
        if self.only_samples is not None:
            mix = functional.pad(mix, (0, self.only_samples - n_samples))
        device = next(self.model.parameters()).device
        return self._estimates(mix[None].to(device), asked)[..., :n_samples]

    def _estimates(self, mix: Tensor, asked: Sequence[str]) -> Tensor:
        """(K, C, T) of (1, C, T)."""
        name = self.names[MIX]
        if self.kind != "conditioned":
            outputs = self.model(**{name: mix})
            if isinstance(outputs, Tensor):
                return outputs
            return torch.cat([outputs[target] for target in asked])
        # One after another: as a batch, the targets of a long chunk would need several times the memory.
        rows = torch.eye(len(self.targets), device=mix.device)
        estimates = []
        for target in asked:
            row = rows[self.targets.index(target)][None]
            estimates.append(self.model(**{name: mix, self.names[TARGET]: row}))
        return torch.cat(estimates)
