# ruff: noqa: ARG001, E501  # every breakage takes the graph; the table is readable with a line each
"""Ways to break a graph file: each takes the text and gives it broken, with the code, place and hint of the message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    """A broken text and what must be said of it: `line` and `column` of the mistake, `hint` a part of the message."""

    text: str
    code: str
    line: int
    column: int
    hint: str


@dataclass(frozen=True)
class Sound:
    """The text of a sound graph, with what the breakages need to know."""

    text: str
    rank: int  # axes of the first input
    free: bool  # whether an axis other than the batch is free

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def index(self, pattern: str) -> int:
        """Number of the first line, from 0, that begins with a pattern; -1 where none does."""
        return next(
            (i for i, line in enumerate(self.lines) if re.match(pattern, line)), -1
        )

    @property
    def first(self) -> int:
        """Number of the line after `layers:`."""
        return self.index("layers:") + 1

    def put(self, *layers: str) -> str:
        """The text with lines put in before the first layer."""
        return "\n".join(
            [*self.lines[: self.first], *layers, *self.lines[self.first :], ""]
        )

    def change(self, i: int, line: str) -> str:
        return "\n".join([*self.lines[:i], line, *self.lines[i + 1 :], ""])


Break = Callable[[Sound], "Broken | None"]
CONV = {3: "Conv1d", 4: "Conv2d"}
OTHER = {3: "Conv2d", 4: "Conv1d"}


def inserted(code: str, marked: str, hint: str, *layers: str) -> Break:
    """Lines put in before the first layer; the mistake is the first place of `marked` in the first line that has it."""

    def broken(sound: Sound) -> Broken | None:
        # A graph that begins with a vector has no place for a convolution.
        if sound.rank not in CONV:
            return None
        lines = [
            layer.format(conv=CONV[sound.rank], other=OTHER[sound.rank])
            for layer in layers
        ]
        word = marked.format(conv=CONV[sound.rank], other=OTHER[sound.rank])
        at = next(i for i, line in enumerate(lines) if word in line)
        return Broken(
            sound.put(*lines),
            code,
            sound.first + at + 1,
            lines[at].index(word) + 1,
            hint,
        )

    return broken


def typo_in_a_block(sound: Sound) -> Broken:
    i = sound.index(r"\s+- [A-Z]\w+")
    name = re.search(r"- (\w+)", sound.lines[i])
    assert name
    line = sound.lines[i].replace(name[1], f"{name[1]}x", 1)
    return Broken(
        sound.change(i, line), "E110", i + 1, name.start(1) + 1, f"'{name[1]}'"
    )


def typo_in_a_key(sound: Sound) -> Broken | None:
    """Some graphs have no key in braces."""
    i = sound.index(r"\s+- [A-Z]\w+: \{(?!name|key)\w+:")
    if i < 0:
        return None
    key = re.search(r"\{(\w+):", sound.lines[i])
    assert key
    line = sound.lines[i].replace(f"{{{key[1]}:", f"{{{key[1]}x:", 1)
    return Broken(sound.change(i, line), "E105", i + 1, key.start(1) + 1, f"'{key[1]}'")


def key_twice(sound: Sound) -> Broken | None:
    """Some graphs have no key in braces."""
    i = sound.index(r"\s+- [A-Z]\w+: \{\w+: [^,{}\[\]$]+[,}]")
    if i < 0:
        return None
    pair = re.search(r"\{(\w+: [^,{}\[\]]+)", sound.lines[i])
    assert pair
    line = sound.lines[i].replace(f"{{{pair[1]}", f"{{{pair[1]}, {pair[1]}", 1)
    return Broken(
        sound.change(i, line), "E104", i + 1, pair.end(1) + 3, "keep one of them"
    )


def tab(sound: Sound) -> Broken:
    line = "\t" + sound.lines[sound.first].strip()
    return Broken(
        sound.change(sound.first, line),
        "E102",
        sound.first + 1,
        1,
        "YAML takes no tabs",
    )


def indented_deeper(sound: Sound) -> Broken:
    text = sound.put("  - Tanh", "   - Dropout: {p: 0.5}")
    return Broken(text, "E102", sound.first + 2, 13, "does not line up")


def bracket_left_open(sound: Sound) -> Broken:
    text = sound.put("  - Conv2d: {out_channels: 2")
    return Broken(text, "E102", sound.first + 1, 13, "a `{` that is never closed")


def colon_left_out(sound: Sound) -> Broken:
    i = sound.index("layers:")
    return Broken(sound.change(i, "layers"), "E102", i + 1, 1, "colons")


def unknown_section(sound: Sound) -> Broken:
    text = f"{sound.text.rstrip()}\ntrian: {{lr: 1}}\n"
    return Broken(text, "E105", len(text.splitlines()), 1, "'train'")


def layers_misspelt(sound: Sound) -> Broken:
    i = sound.index("layers:")
    return Broken(sound.change(i, "layesr:"), "E105", i + 1, 1, "'layers'")


def no_layers(sound: Sound) -> Broken:
    return Broken("input: B C=2 T\n", "E108", 1, 1, "add `layers:`")


def empty(sound: Sound) -> Broken:
    return Broken("", "E108", 1, 1, "`layers:`")


def quote_left_open(sound: Sound) -> Broken:
    text = f'{sound.text.rstrip()}\ntask: "multi_pitch\n'
    return Broken(text, "E102", len(text.splitlines()), 7, "")


def second_document(sound: Sound) -> Broken:
    text = f"{sound.text.rstrip()}\n---\nlayers: [ReLU]\n"
    return Broken(text, "E102", len(text.splitlines()) - 1, 1, "")


def with_input(code: str, line: str, marked: str, hint: str) -> Break:
    """Another `input:` line."""

    def broken(sound: Sound) -> Broken:
        i = sound.index("input:")
        return Broken(sound.change(i, line), code, i + 1, line.index(marked) + 1, hint)

    return broken


def with_top(code: str, line: str, marked: str, hint: str) -> Break:
    """A line put in at the top, where the graph has no line of that key."""

    def broken(sound: Sound) -> Broken | None:
        if sound.index(line.partition(" ")[0]) >= 0:
            return None
        i = sound.index("input:")
        text = "\n".join([*sound.lines[:i], line, *sound.lines[i:], ""])
        return Broken(text, code, i + 1, line.index(marked) + 1, hint)

    return broken


def weights_of_a_free_size(sound: Sound) -> Broken | None:
    """A graph without free axes has no such mistake; outputs that name what is cut off would be another."""
    if not sound.free or "\noutputs:" in sound.text:
        return None
    text = "\n".join(
        [*sound.lines[: sound.first], "  - Linear: {out_features: 64}", ""]
    )
    return Broken(text, "E206", sound.first + 1, 5, "fix the size in `input:`")


JOINED = [
    "  - StoreAs: Early",
    "  - {conv}: {{out_channels: 3, kernel_size: 1, padding: 1}}",
    "  - AddWith: Early",
]
BREAKAGES: dict[str, Break] = {
    "typo in a block": typo_in_a_block,
    "typo in a key": typo_in_a_key,
    "key twice": key_twice,
    "tab": tab,
    "indented deeper": indented_deeper,
    "word indented deeper": inserted("E110", "Tanh", "indent every `-`", "  - Tanh", "   - Tanh"),
    "bracket left open": bracket_left_open,
    "quote left open": quote_left_open,
    "colon left out": colon_left_out,
    "second document": second_document,
    "unknown section": unknown_section,
    "layers misspelt": layers_misspelt,
    "no layers": no_layers,
    "empty file": empty,
    "axis with a colon": with_input("E113", "input: B C=6 F=x T", "B C", "named axes"),
    "no batch": with_input("E113", "input: C=6 T", "C=6", "the batch first"),
    "axis twice": with_input("E113", "input: B T T", "B T", "duplicate axis"),
    "axis of size 0": with_input("E113", "input: B C=0 T", "B C", "'C=0'"),
    "word for a number": inserted("E106", "many", "an integer from 1 to ", "  - {conv}: {{out_channels: many, kernel_size: 1}}"),
    "true for a number": inserted("E106", "true", "an integer from 1 to ", "  - {conv}: {{out_channels: true, kernel_size: 1}}"),
    "out of range": inserted("E106", "0", "got 0", "  - Tanh", "  - {conv}: {{out_channels: 0, kernel_size: 1}}"),
    "list too long": inserted("E106", "[1, 2, 3]", "got [1, 2, 3]", "  - Conv2d: {{out_channels: 2, kernel_size: [1, 2, 3]}}"),
    "key left out": inserted("E108", "{conv}", "add `out_channels: ...`", "  - {conv}: {{kernel_size: 1}}"),
    "typo in an enum": inserted(
        "E106", "smae", "'same'", "  - {conv}: {{out_channels: 2, kernel_size: 1, padding: smae}}"
    ),
    "no layer": inserted("E109", "[ReLU]", "write `- Block`", "  - [ReLU]"),
    "config no mapping": inserted("E106", "3", "expected a mapping", "  - Tanh: 3"),
    "skip to nothing": inserted("E112", "Zzz", "stored so far", "  - CatWith: Zzz"),
    "typo in a skip": inserted("E112", "Encodr", "'Encoder'", "  - StoreAs: Encoder", "  - CatWith: Encodr"),
    "skip backwards": inserted("E112", "Late", "leads forward only", "  - CatWith: Late", "  - StoreAs: Late"),
    "typo in fit": inserted("E106", "corp", "'crop'", "  - StoreAs: Q", "  - CatWith: {{key: Q, fit: corp}}"),
    "join without a name": inserted("E106", "CatWith", "write `- CatWith: E1`", "  - CatWith"),
    "two of one name": inserted("E111", "act2}}", "rename one", "  - Tanh: {{name: act2 }}", "  - Tanh: {{name: act2}}"),
    "reserved name": inserted("E106", "forward", "choose another name", "  - Tanh: {{name: forward}}"),
    "unknown var": inserted("E117", "${{wdth}}", "nothing is named 'wdth'", '  - Dropout: {{p: "${{wdth}}"}}'),
    "division by zero": inserted("E117", "${{1/0}}", "divides by zero", '  - Dropout: {{p: "${{1/0}}"}}'),
    "repeat of 0": inserted("E106", "0", "from 1 to 2000", "  - repeat: 0", "    layers: [Tanh]"),
    "repeat of nothing": inserted("E108", "repeat", "add `layers:`", "  - repeat: 2"),
    "typo in repeat": inserted("E109", "layers", "'repeat'", "  - repaet: 2", "    layers: [Tanh]"),
    "branch of one path": inserted("E106", "[[Tanh]]", "two or more lists", "  - branch: [[Tanh]]"),
    "branch of two ranks": inserted("E203", "branch", "axes", "  - branch: [[Tanh], [UnSqueeze: {{dim: 1}}]]"),
    "no such file": inserted("E101", "no.yaml", "there is no file", "  - graph: no.yaml"),
    "file outside": inserted("E114", "../x.yaml", "leads out", "  - graph: ../x.yaml"),
    "file in a circle": inserted("E115", "graph.yaml", "leads back to itself", "  - graph: graph.yaml"),
    "extends itself": with_top("E115", "extends: graph.yaml", "graph.yaml", "leads back to itself"),
    "vars no mapping": with_top("E106", "vars: 3", "3", "write `vars: {width: 16}`"),
    "unknown output": with_top("E112", "outputs: [nobody]", "nobody", "no node and no stored tensor"),
    "start from nothing": inserted("E112", "Zzz", "stored so far", "  - StartFrom: Zzz"),
    "reuse of nothing": inserted("E112", "zzz", "no node has that name", "  - Reuse: zzz"),
    "tag": inserted("E102", "!!python/name:os.system", "remove the word", "  - !!python/name:os.system x"),
    "merge key": inserted("E104", "<<", "write the keys out", "  - Tanh: {{<<: {{a: 1}}}}"),
    "wrong rank": inserted("E201", "{other}", "axes", "  - {other}: {{out_channels: 2, kernel_size: 1}}"),
    "wrong channels": inserted(
        "E202", "999", "leave 'in_channels' out", "  - {conv}: {{in_channels: 999, out_channels: 2, kernel_size: 1}}"
    ),
    "kernel too large": inserted(
        "E106", "9999999", " from 1 to ", "  - {conv}: {{out_channels: 2, kernel_size: 9999999}}"
    ),
    "join of other sizes": inserted("E203", "AddWith", "differ in", *JOINED),
    "reuse at other sizes": inserted(
        "E208", "Reuse", "has weights for",
        "  - {conv}: {{name: once, out_channels: 977, kernel_size: 1}}", "  - Reuse: once",
    ),
    "weights of a free size": weights_of_a_free_size,
}  # fmt: skip
