"""From a compiled graph to the parts of its picture: the chain, and an arc for every tensor that leaves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...errors import Where
from ...registry import get
from ...shapes import show
from ..module import GraphModule, count_parameters
from ..operations import NodeInfo, Op
from .parts import (
    FAMILY_OF_MODULE,
    JOIN_SIGNS,
    STEPS_OF_A_RUN,
    Arc,
    Kind,
    Part,
    Size,
    config_text,
    size_text,
)

# The keys under which the compiler stores in a branch: its beginning and its ends.
BRANCH_KEY = re.compile(r"(?P<branch>.*\bbranch_\d+)/(?P<end>in|\d+)")


def parts_and_arcs(model: GraphModule) -> tuple[list[Part], list[Arc]]:
    """Everything to draw; the inputs come first, the first input last of them, since the chain starts there."""
    walk = Walk(model)
    nodes = iter(model.nodes)
    for op in model.ops:
        if op.kind == "run":
            walk.run(op, next(nodes))
        elif op.kind == "StoreAs":
            walk.store(op)
        elif op.kind == "StartFrom":
            walk.start(op)
        else:
            walk.join(op)
    walk.end()
    return _in_runs(walk.parts), walk.arcs


class Walk:
    """What is drawn so far; `stored` is the index of the part that made a stored tensor."""

    def __init__(self, model: GraphModule) -> None:
        self.model = model
        self.parts: list[Part] = []
        self.arcs: list[Arc] = []
        self.stored: dict[str, int] = {}
        # A StartFrom, drawn only with the next thing on the chain: an empty path has none.
        self.pending: Op | None = None
        # The end of a branch from which the chain goes on into the join that comes next.
        self.joining: str | None = None
        (first, shape), *others = model.input_shapes.items()
        for name, size in [*others, (first, shape)]:
            tooltip = f"input '{name}'\n{show(size)}"
            if others:
                label = name
            else:
                label = "input"
            self.stored[name] = len(self.parts)
            self.parts.append(
                Part("input", size_text(size), tooltip, size, name=label, cut=True)
            )

    def run(self, op: Op, info: NodeInfo) -> None:
        """A block, with arcs to it from its further inputs."""
        self._go_on()
        self._saw(info.came)
        for key in op.extra:
            self._arc(key, len(self.parts))
        self.parts.append(replace(_row(self.model, info), rounds=op.rounds))

    def store(self, op: Op) -> None:
        """A dot on the chain; none where a path of a branch is empty."""
        found = BRANCH_KEY.fullmatch(op.name)
        # Between the beginning of a branch and this end nothing was drawn: the path is
        # empty, and its end is the beginning itself.
        if found and found["end"] != "in":
            begin = f"{found['branch']}/in"
            waits = self.pending is not None and self.pending.name == begin
            if waits or self.stored[begin] == len(self.parts) - 1:
                self.pending = None
                self.stored[op.name] = self.stored[begin]
                return
        self._go_on()
        self.stored[op.name] = len(self.parts)
        self.parts.append(self._skip("store", "", op, self.parts[-1].size))

    def start(self, op: Op) -> None:
        """The chain goes on elsewhere; after the last path of a branch it goes on where it is, into the join."""
        found = BRANCH_KEY.fullmatch(op.name)
        if not found or found["end"] == "in":
            self.pending = op
            return
        self.joining = op.name
        # The dot of the last path's end goes: the chain runs from it straight into the
        # join. -1 marks what has no part any more, and so gets no arc.
        last = len(self.parts) - 1
        if (
            self.parts[-1].kind == "store"
            and last != self.stored[f"{found['branch']}/in"]
        ):
            ended = [key for key, i in self.stored.items() if i == last]
            self.stored |= dict.fromkeys(ended, -1)
            self.parts.pop()

    def join(self, op: Op) -> None:
        """A sign on the chain, with an arc from each tensor that is joined to it."""
        keys = [op.name, *op.extra]
        if self.joining:
            keys = [self.joining, *keys]
        self._go_on()
        # The join of a branch takes its ends and nothing else; any other join takes the
        # tensor of the chain as well.
        sizes = [self.parts[self.stored[key]].size for key in keys]
        if not self.joining:
            sizes = [self.parts[-1].size, *sizes]
        size = _joined(op, sizes)
        for key in keys:
            self._arc(key, len(self.parts))
        self.joining = None
        self.parts.append(self._skip("join", JOIN_SIGNS[op.kind], op, size))

    def end(self) -> None:
        """The outputs; the one that the chain ends in comes first."""
        self._go_on()
        shapes = self.model.output_shapes
        if not self.model.outputs:
            (size,) = shapes.values()
            self._saw(size)
            tooltip = f"output\n{show(size)}"
            self.parts.append(
                Part("output", size_text(size), tooltip, size, name="output")
            )
            return
        # A dot just before the output it stands for says nothing: the chain leads into
        # the output itself.
        end = len(self.parts) - 1
        is_output = any(self.stored[key] == end for key in shapes)
        if self.parts[-1].kind == "store" and is_output:
            self.parts.pop()
            moved = [key for key, i in self.stored.items() if i == end]
            end -= 1
            self.stored |= dict.fromkeys(moved, end)
        # Only one output can be the end of the chain; arcs lead to all others.
        last = next((key for key in shapes if self.stored[key] == end), None)
        for key in sorted(shapes, key=lambda key: key != last):
            size = shapes[key]
            part = Part(
                "output",
                size_text(size),
                f"output '{key}'\n{show(size)}",
                size,
                name=key,
                cut=key != last,
            )
            if key != last:
                self._arc(key, len(self.parts))
            self.parts.append(part)

    def _go_on(self) -> None:
        """Draw the StartFrom that waits."""
        if self.pending:
            self._arc(self.pending.name, len(self.parts))
            size = self.parts[self.stored[self.pending.name]].size
            self.parts.append(
                replace(self._skip("start", "", self.pending, size), cut=True)
            )
            self.pending = None

    def _arc(self, key: str, end: int) -> None:
        """An arc from a stored tensor; those of branches have no key that the user knows."""
        start = self.stored[key]
        if BRANCH_KEY.fullmatch(key):
            shown = ""
        else:
            shown = key
        arc = Arc(start, end, shown)
        if start >= 0 and arc not in self.arcs:
            self.arcs.append(arc)

    def _saw(self, size: Size) -> None:
        """Put `size`, what the next layer saw, on the skips just before it: `fit` may have changed F and T."""
        # Stores hand their tensor on unchanged, so the size holds for all of them, up to
        # the join whose `fit` may have made it.
        i = len(self.parts)
        while i and self.parts[i - 1].kind == "store":
            i -= 1
        i -= i > 0 and self.parts[i - 1].kind == "join"
        self.parts[i:] = [replace(part, size=size) for part in self.parts[i:]]

    def _skip(self, kind: Kind, label: str, op: Op, size: Size) -> Part:
        if op.where:
            where = f", {_line(self.model, op.where)}"
        else:
            where = ""
        words = {
            "StoreAs": "a branch begins",
            "StartFrom": "next path of the branch",
        }.get(op.kind, f"{op.kind} of the branch")
        if BRANCH_KEY.fullmatch(op.name):
            tooltip = words
        else:
            tooltip = f"{op.kind} '{', '.join([op.name, *op.extra])}'"
        if "." in op.name:
            group = op.name.partition(".")[0]
        else:
            group = ""
        return Part(kind, label, tooltip + where, size, group=group, rounds=op.rounds)


def _joined(op: Op, sizes: Sequence[Size]) -> Size:
    """What comes out of a join, as far as the shapes tell: CatWith adds the channels, "64+C" where one is free."""
    if op.kind != "CatWith":
        return sizes[0]
    batch, _, *places = sizes[0]
    channels = [size[1] for size in sizes]
    whole = sum(one for one in channels if isinstance(one, int))
    free = [one for one in channels if isinstance(one, str)]
    # Free channels have no number to add: they stay words behind the sum of the others.
    joined: int | str = whole
    if free and whole:
        joined = "+".join([str(whole), *free])
    elif free:
        joined = "+".join(free)
    return (batch, joined, *places)


def _line(model: GraphModule, where: Where) -> str:
    """A line of the graph; that of a part with its file, since the graph has a line of that number too."""
    if where.file != model.graph.source.file:
        return f"{where.file.rpartition('/')[2]} line {where.line}"
    return f"line {where.line}"


def _row(model: GraphModule, info: NodeInfo) -> Part:
    count = count_parameters(model.get_submodule(info.name))
    # A second run has no parameters of its own: a number there would count them twice.
    if info.reused and count:
        weights = f"the weights of '{info.name}' again"
    elif count:
        weights = f"{count:,} parameters"
    else:
        weights = "no parameters"
    line = _line(model, info.where)
    tooltip = f"{info.block} '{info.name}', {line}\n{show(info.came)} → {show(info.went)}\n{weights}"
    module = get(info.block).module
    group, _, inner = info.name.rpartition(".")
    # The outermost sub-graph is drawn as a bar, so only those in it need words.
    group, _, outer = group.partition(".")
    # A name that the compiler gave (conv2d_3) says nothing beside the block's own, except
    # of which node the weights are used again.
    numbered = re.fullmatch(rf"{re.escape(info.block.lower())}_\d+", inner)
    if numbered and not info.reused:
        names = [outer]
    else:
        names = [outer, inner]
    return Part(
        "row",
        info.block,
        tooltip,
        info.went,
        detail=config_text(info.config, rank=len(info.came)),
        name=".".join(filter(None, names)),
        family=FAMILY_OF_MODULE.get(module, module),
        group=group,
        again=info.reused,
    )


def _in_runs(parts: Sequence[Part]) -> list[Part]:
    """Number the runs: layers such as convolution, norm and activation that belong together, up to an activation.

    Dropout and pooling right after the activation still belong to its run; a block that is a small network by itself
    stands alone.
    """
    numbered: list[Part] = []
    run = 0
    closed = True
    for part in parts:
        belongs = part.kind == "row" and part.family in STEPS_OF_A_RUN
        # After an activation only what acts on its output without learning stays with it.
        alone = closed and part.family not in ("dropout", "pooling")
        # A skip between two layers ends the run, and so does the border of a sub-graph or
        # of a round of a repeat: a card must not reach over any of them.
        last = numbered[-1] if numbered else part
        apart = last.kind != "row" or last.group != part.group
        apart = apart or last.rounds != part.rounds
        if not belongs or alone or apart:
            run += 1
            closed = not belongs
        closed = closed or part.family == "activation"
        numbered.append(replace(part, run=run))
    return numbered
