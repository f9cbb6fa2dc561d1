"""How long the chunks of a model are, and how far they overlap: so that nothing is heard of where they meet."""

from __future__ import annotations

import math

from ...compiler.inference.receptive_field import receptive_fields
from ...compiler.module import GraphModule
from .inference import FADE_SHARE, context_of, whole_steps


def reach_of(model: GraphModule) -> tuple[int | None, int]:
    """How far a graph from waveform to waveform sees, and where its frames lie alike.

    Parameters
    ----------
    model : GraphModule
        Of any number of outputs, which are as long as the input.

    Returns
    -------
    reach : int or None
        Samples that an output sample depends on, to either side at most; None where it is all of them, as after a
        recurrent layer, attention or a norm over time, or where it is not known.
    step : int
        The graph gives the same of a recording that begins a multiple of so many samples later, but for its ends. Not
        quite so where layers bring frames to the size of others (`size_of`) that is not a whole multiple: how far apart
        they lie depends on how many there are.
    """
    # What is as long as the input is an output, or on the way to one.
    fields = [
        field
        for field in receptive_fields(model)
        if field is not None and field.stride == 1
    ]
    step = math.lcm(*(field.advance for field in fields))
    if not fields or any(field.whole for field in fields):
        return None, step
    reach = 0
    for field in fields:
        places = range(len(field.first))
        before = max(place - int(field.first[place]) for place in places)
        after = max(int(field.last[place]) - place for place in places)
        reach = max(reach, before, after)
    return reach, step


def chunks_of(model: GraphModule, chunk: int, overlap: int) -> tuple[int, int]:
    """The chunk and the overlap to separate with.

    The overlap grows to what the graph sees, where that is no more than half a chunk: then chunks give what one pass
    over the whole recording does. Both grow to whole steps of the graph's frames, where a step is no more than half a
    chunk.

    Parameters
    ----------
    model : GraphModule
        The graph.
    chunk, overlap : int
        Samples that are asked for.

    Returns
    -------
    chunk, overlap : int
    """
    reach, step = reach_of(model)
    if reach is not None:
        needed = overlap_for(reach)
        if needed <= chunk // 2:
            overlap = max(overlap, needed)
    if step > chunk // 2:
        return chunk, overlap
    return whole_steps(chunk, overlap, step)


def overlap_for(reach: int) -> int:
    """The least overlap whose context is so many samples.

    Examples
    --------
    >>> overlap_for(700), context_of(overlap_for(700))
    (1599, 700)
    """
    # The context is (1 - 1 / FADE_SHARE) / 2 of it, but for rounding.
    overlap = 2 * reach * FADE_SHARE // (FADE_SHARE - 1)
    while context_of(overlap) < reach:
        overlap += 1
    while overlap and context_of(overlap - 1) >= reach:
        overlap -= 1
    return overlap
