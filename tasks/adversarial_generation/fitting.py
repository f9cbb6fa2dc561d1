"""Whether the two graphs of a GAN fit each other and the task: told before any data is read."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...compiler.module import GraphModule
from ...errors import MirbricksError, TaskError
from ...shapes import show
from ..base import TaskShape
from ..conditions import Conditions, refuse_inputs
from ..modes import evaluating
from ..requirements import refuse_probabilities
from .figures import FEWEST


def noise_of(generator: GraphModule, conditions: Sequence[str]) -> str:
    """The name of the input that takes noise. Raises TaskError E564, E596."""
    where = generator.graph.where_input()
    others = [name for name in generator.input_shapes if name not in conditions]
    refuse_inputs(conditions, generator.input_shapes, others[:1], where)
    if not others:
        raise TaskError(
            "the generator has no input for noise",
            code="E596",
            where=where,
            help="write `input: {noise: B D=64, ...}`",
        )
    name = others[0]
    shape = generator.input_shapes[name]
    if len(shape) < 2 or not all(isinstance(size, int) for size in shape[1:]):
        raise TaskError(
            f"the generator's noise '{name}' has no fixed size",
            code="E596",
            where=where,
            facts=[("expected", "(B, D) or more axes, each with a size"),
                   ("got", show(shape))],
            help=f"write the size into `input:`, such as `{name}: B D=64`",
        )  # fmt: skip
    return name


def refuse_other_sounds(
    generator: GraphModule, frame: Sequence[int], patch_frames: int, feature: str
) -> None:
    """Raise TaskError E502 where the generator does not give an example of the feature, (B, ..., T)."""
    if generator.outputs:
        raise TaskError(
            f"the generator gives its outputs by name, {', '.join(map(repr, generator.outputs))}",
            code="E502",
            where=generator.graph.source.key(("outputs",)),
            help="leave `outputs:` out: the last layer's tensor is the sound",
        )
    shape = generator.output_shape
    wanted = (*frame, patch_frames)
    if tuple(shape[1:]) in (wanted, (1, *wanted)):
        return
    raise TaskError(
        f"the generator does not give {patch_frames} frames of the feature '{feature}'",
        code="E502",
        where=generator.graph.source.key(("layers",)),
        facts=[("expected", f"{show(('B', *wanted))} or {show(('B', 1, *wanted))}"),
               ("got", show(shape))],
        help="change the last layers, task.patch_frames or 'feature:'",
    )  # fmt: skip


def judged_input(
    discriminator: GraphModule, made: TaskShape, conditions: Sequence[str]
) -> str:
    """The name of the discriminator's input for sounds. Raises TaskError E502, E564, E595."""
    where = discriminator.graph.where_input()
    others = [name for name in discriminator.input_shapes if name not in conditions]
    refuse_inputs(conditions, discriminator.input_shapes, others[:1], where)
    shape = discriminator.input_shapes[others[0]] if others else ("B",)
    if not _reads(shape, made):
        raise TaskError(
            "the discriminator does not read what the generator gives",
            code="E595",
            where=where,
            facts=[("generator", show(made)), ("discriminator", show(shape))],
            help=f"write `{others[0] if others else 'x'}: {_written(made)}` in its `input:`",
        )
    _refuse_other_scores(discriminator)
    return others[0]


def _reads(shape: TaskShape, made: TaskShape) -> bool:
    """Whether axes that are not free have the sizes of what is made; the batch fits always."""
    if len(shape) != len(made):
        return False
    pairs = zip(shape[1:], made[1:], strict=True)
    return all(isinstance(size, str) or size == other for size, other in pairs)


def _written(shape: TaskShape) -> str:
    """A shape as `input:` of a graph writes it."""
    names = {2: "CT", 3: "CFT"}.get(len(shape) - 1, "CDEFGHIJ")
    sizes = [f"{name}={size}" for name, size in zip(names, shape[1:], strict=False)]
    return " ".join(["B", *sizes])


def _refuse_other_scores(discriminator: GraphModule) -> None:
    if discriminator.outputs:
        raise TaskError(
            "the discriminator gives its outputs by name",
            code="E502",
            where=discriminator.graph.source.key(("outputs",)),
            help="leave `outputs:` out: the last layer's tensor is the score",
        )
    refuse_probabilities(discriminator, "adversarial_generation")


def refuse_few_to_judge(items: Sequence[object]) -> None:
    """Raise TaskError E598 where there are too few recordings for a Fréchet distance of their halves."""
    if len(items) < FEWEST:
        raise TaskError(
            f"a GAN is validated on {FEWEST} recordings or more, got {len(items)}",
            code="E598",
            help="use a larger corpus or validation side, or `dataset: {validate_on: none}`",
        )


def refuse_classes(
    graphs: Sequence[GraphModule], conditions: Conditions, noise: Sequence[str]
) -> None:
    """Raise TaskError E597 where a graph has no vector for the last class of a condition.

    `noise` names the input of each graph that is not a condition.
    """
    last = {one.name: one.values[-1] for one in conditions.each}
    named = conditions.encode([last, last])
    for graph, other in zip(graphs, noise, strict=True):
        shape = [
            2 if isinstance(size, str) else size for size in graph.input_shapes[other]
        ]
        values = torch.zeros([2, *shape[1:]])
        device = next(graph.parameters()).device
        inputs = {other: values, **named}
        try:
            with evaluating(graph):
                graph(**{name: x.to(device) for name, x in inputs.items()})
        except (IndexError, MirbricksError) as error:
            counts = [
                f"'{one.name}' {len(one.values)}"
                for one in conditions.each
                if not one.is_scaled
            ]
            raise TaskError(
                f"the graph '{graph.graph.name}' cannot take every class of the conditions",
                code="E597",
                where=graph.graph.where_input(),
                facts=[("classes", ", ".join(counts)),
                       ("graph", str(error).splitlines()[0])],
                help="give its TokenEmbedding as many num_embeddings as the condition has classes",
            ) from error  # fmt: skip
