"""StoreAs, StartFrom and the joins on the meta device, and the next step where tensors cannot be joined."""

from __future__ import annotations

from torch import Tensor

from ...errors import Edit
from ...shapes import Shape
from ...where import edit_at
from ..join import fits, misfit
from ..language.nodes import Layer, Skip
from .walk import Run, Stored

# Axes along which a tensor may be cut or continued: sequences. The others count things that have no order, or whose
# place means something, such as channels.
SEQUENCES = ("F", "T", "N")


def skip(walk: Run, node: Skip, x: Tensor) -> tuple[Tensor, tuple[Shape, ...]]:
    """The tensor after a skip, and the shapes of the stored tensors that it joined."""
    key = node.keys[0]
    if node.op == "StoreAs":
        line = walk.line(node.where)
        origin = walk.origin if node.made else f"by StoreAs, {line}"
        walk.stored[key] = Stored(x, origin, walk.axes, line)
        return x, ()
    if node.op == "StartFrom":
        stored = walk.stored[key]
        walk.origin = stored.origin
        walk.axes = stored.axes
        return stored.tensor, ()
    others = [walk.stored[key].tensor for key in node.keys]
    _refuse_misfits(walk, node, x)
    try:
        joined = walk.remembered.joined(node.op, [x, *others], node.fit)
    except RuntimeError as error:
        # The sizes fit, so what is left is a tensor larger than torch can count.
        words = (str(error).splitlines() or [type(error).__name__])[0]
        here = ("here", f"{walk.shape(x.shape)}   {walk.origin}")
        message = f"{node.op} cannot make this tensor"
        facts = [here, ("torch", words)]
        raise walk.error("E204", node, message, facts, "let it join less") from None
    return joined, tuple(tuple(other.shape) for other in others)


def _refuse_misfits(walk: Run, node: Skip, x: Tensor) -> None:
    for key in node.keys:
        other = walk.stored[key]
        problem = fits(node.op, tuple(x.shape), tuple(other.tensor.shape), node.fit)
        if not problem:
            continue
        facts = [
            ("here", f"{walk.shape(x.shape)}   {walk.origin}"),
            ("stored", f"{walk.shape(other.tensor.shape)}   {other.origin}"),
        ]
        if node.made:
            label = "branch"
            hint = _branch_remedy(node, walk, x, other)
            edits = []
        else:
            label = f"{node.op} '{_own(node, key)}'"
            hint = _remedy(walk, node, x, key, other)
            edits = _edits(walk, node, x, key, other)
        failed = walk.error(
            "E203", node, f"{label}: {problem}", facts, hint, None, edits
        )
        failed.misfit = misfit(
            node.op, tuple(x.shape), tuple(other.tensor.shape), node.fit
        )
        raise failed


def _edits(walk: Run, node: Skip, x: Tensor, key: str, other: Stored) -> list[Edit]:
    """The remedy as a change of the file, where it is one of a few words on the line of the skip."""
    if len(node.keys) > 1:
        return []
    own = _own(node, key)
    short = node.source.value(node.steps)
    place = node.source.value((*node.steps, "key"))
    fitting = _that_fits(walk, node, x)
    found = None
    if fitting:
        name = _own(node, fitting)
        found = edit_at(place, own, name, f"join '{name}', which fits")
    elif _may_be_fitted(node, walk, x, other) and short == place:
        # The short form has the key alone; a mapping in braces stays on its line.
        longer = f"{{key: {own}, fit: crop}}"
        found = edit_at(short, own, longer, "cut the longer one: fit: crop")
    return [found] if found else []


def _branch_remedy(node: Skip, walk: Run, x: Tensor, other: Stored) -> str:
    """The next step where the ends of a branch do not fit."""
    if x.ndim != other.tensor.ndim:
        return "let its paths end with the same number of axes"
    if x.shape[2:] == other.tensor.shape[2:]:
        return (
            "let its paths end with the same number of channels, or write `join: cat`"
        )
    if _may_be_fitted(node, walk, x, other):
        return "add `fit: crop` or `fit: pad` below it, or let its paths keep the sizes"
    return "let its paths keep the sizes"


def _remedy(walk: Run, node: Skip, x: Tensor, key: str, other: Stored) -> str:
    """The next step: a tensor that fits, another place to store, a fit, or equal channels."""
    fitting = _that_fits(walk, node, x)
    if fitting:
        line = walk.stored[fitting].line
        own = _own(node, fitting)
        return f"'{own}', stored on {line}, fits: write `{node.op}: {own}`"
    stored = other.tensor
    if x.ndim != stored.ndim:
        return "store before the layer that changed the number of axes"
    if x.shape[2:] == stored.shape[2:]:
        conv = {3: "Conv1d", 4: "Conv2d"}.get(x.ndim)
        if conv:
            return f"put a {conv} with out_channels: {stored.shape[1]} before it, or use CatWith"
        return "use CatWith"
    may_be_fitted = _may_be_fitted(node, walk, x, other)
    elsewhere = _elsewhere(walk, x, stored)
    if elsewhere and may_be_fitted:
        return f"add `fit: crop`, or {elsewhere}"
    if elsewhere:
        return elsewhere
    resized = _resized(walk, _own(node, key))
    if resized:
        return resized
    if may_be_fitted:
        return "add `fit: crop` or `fit: pad`"
    return "store a tensor of the same sizes, or change the layers between the two"


def _resized(walk: Run, key: str) -> str | None:
    """Where the tensor at hand comes from an Upsample by a factor: it can have the size of the stored one instead."""
    if not walk.steps:
        return None
    last = walk.steps[-1].node
    if not isinstance(last, Layer) or last.spec.name != "Upsample" or last.further:
        return None
    return f"write `size_of: {key}` in place of scale_factor, in the Upsample on {walk.line(last.where)}"


def _elsewhere(walk: Run, x: Tensor, stored: Tensor) -> str | None:
    """Where to store or to join instead, on the other side of a layer."""
    # A layer that leads from the one size to the other is what came in between.
    here = x.shape[2:]
    there = stored.shape[2:]
    for step in walk.steps:
        if not isinstance(step.node, Layer):
            continue
        layer = f"{step.node.spec.name} on {walk.line(step.node.where)}"
        if (step.came[2:], step.went[2:]) == (here, there):
            return f"store before the {layer}"
        if (step.went[2:], step.came[2:]) == (here, there):
            return f"join before the {layer}"
    return None


def _that_fits(walk: Run, node: Skip, x: Tensor) -> str | None:
    """A stored tensor that fits as it is: one that nothing asks for if there is one, else the latest.

    Inputs and what the compiler stored itself are not proposed, and no tensor that would only be broadcast.
    """
    asked = set(walk.graph.outputs)
    for other in walk.graph.nodes:
        if isinstance(other, Layer):
            asked.update(other.further)
        elif other.op != "StoreAs":
            asked.update(other.keys)
    # Only names that stand in the user's file can be written there.
    own = {
        other.keys[0]
        for other in walk.graph.nodes
        if isinstance(other, Skip) and other.op == "StoreAs" and not other.made
    }
    own -= _at_hand(walk, node)
    fitting = []
    for key, stored in walk.stored.items():
        if key not in own or key in node.keys:
            continue
        first = 2 if node.op == "CatWith" else 1
        if stored.tensor.ndim == x.ndim and (
            stored.tensor.shape[first:] == x.shape[first:]
        ):
            fitting.append(key)
    unused = [key for key in fitting if key not in asked]
    # The latest: in a U-Net the skips are taken back in the opposite order.
    candidates = unused or fitting
    if candidates:
        return candidates[-1]
    return None


def _at_hand(walk: Run, node: Skip) -> set[str]:
    """The names under which the tensor that comes to a skip is stored itself.

    Not found by identity: two layers of one kind and one size give the same remembered tensor.
    """
    keys: set[str] = set()
    nodes = walk.graph.nodes
    place = next(i for i in range(len(nodes)) if nodes[i] is node)
    for other in reversed(nodes[:place]):
        if isinstance(other, Layer) or other.op not in ("StoreAs", "StartFrom"):
            break
        keys.add(other.keys[0])
        if other.op == "StartFrom":
            break
    return keys


def _may_be_fitted(node: Skip, walk: Run, x: Tensor, other: Stored) -> bool:
    """Whether cutting or padding gives what a user can mean: only sequences differ, and neither is a single value."""
    first = 2 if node.op == "CatWith" else 1
    for i in range(first, x.ndim):
        here = x.shape[i]
        stored = other.tensor.shape[i]
        if here == stored:
            continue
        names = {axes[i] for axes in (walk.axes, other.axes) if len(axes) > i}
        if i < 2 or 1 in (here, stored) or not names <= set(SEQUENCES):
            return False
    return True


def _own(node: Skip, key: str) -> str:
    """The key as the file of the node writes it."""
    return key.removeprefix(node.prefix)
