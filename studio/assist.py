"""What an editor may propose at a place of a graph file, and what it shows for the word there.

The text is looked at line by line, not parsed: while one types it is seldom YAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from ..compiler.module import GraphModule
from ..shapes import show
from ..zoo import graphs
from . import vocabulary

_WORD = re.compile(r"[\w.]*$")
_OWNER_IN_BRACES = re.compile(r"([\w-]+):\s*$")
_OWNER_LINE = re.compile(r"^(\s*(?:- )?)([\w-]+):\s*(?:#.*)?$")
_KEY_BEFORE = re.compile(r"([\w-]+):\s*(?:\[[^\]]*)?[\"']?$")
_STORED = re.compile(r"\bStoreAs:\s*[\"']?([\w.]+)")
_NAMED = re.compile(r"\bname:\s*[\"']?([\w.]+)")
_INPUTS = re.compile(r"^input:\s*\{(.*)\}", re.MULTILINE)
# Fields whose value is the name of a stored tensor.
TAKES_STORED = ("CatWith", "AddWith", "MulWith", "StartFrom", "key", "with", "size_of")


@dataclass(frozen=True)
class Proposal:
    """One word that may stand at a place; `insert` is what is written, where it is more than the word."""

    label: str
    kind: str
    detail: str = ""
    insert: str = ""

    def as_dict(self) -> dict[str, str]:
        found: dict[str, str] = asdict(self)
        return found


def proposals(text: str, line: int, column: int) -> tuple[int, list[Proposal]]:
    """The words that may stand at a place, and the column at which the word there begins; both count from 1."""
    lines = text.split("\n")
    before = lines[line - 1][: column - 1] if line <= len(lines) else ""
    found = _WORD.search(before)
    word = found[0] if found else ""
    head = before[: len(before) - len(word)]
    return column - len(word), _at(text, lines, line, head)


def _at(text: str, lines: Sequence[str], line: int, head: str) -> list[Proposal]:
    if head.rfind("${") > head.rfind("}"):
        return [Proposal(name, "variable", value) for name, value in _vars(text)]
    key = _KEY_BEFORE.search(head)
    if key and not head.rstrip().endswith(","):
        return _values(text, lines, line, head, key[1])
    if key and "[" in head[key.start() :]:
        return _values(text, lines, line, head, key[1])
    if re.fullmatch(r"\s*(- \s*)+", head):
        return layer_proposals()
    owner = _owner(lines, line, head)
    if owner is None:
        if head.strip():
            return []
        return [
            Proposal(*one, f"{one[0]}: ")
            for one in _with_kind(vocabulary.top_keys(), "keyword")
        ]
    return _fields(owner, text)


def _with_kind(words: Mapping[str, str], kind: str) -> list[tuple[str, str, str]]:
    return [(name, kind, text) for name, text in words.items()]


@cache
def layer_proposals() -> list[Proposal]:
    """Every block and word that may begin a layer, with what has to be given."""
    found = []
    for name, text in vocabulary.layer_words().items():
        spec = vocabulary.block(name)
        insert = name if spec and not _required(name) else f"{name}: "
        if _required(name):
            # What must be given is written right away, for the author to fill in.
            insert = f"{name}: {{{', '.join(f'{one}: ' for one in _required(name))}}}"
        if spec is None:
            insert = f"{name}: "
        found.append(Proposal(name, "class" if spec else "keyword", text, insert))
    return found


def _required(name: str) -> list[str]:
    spec = vocabulary.block(name)
    if spec is None:
        return []
    fields = spec.cls.Config.model_fields
    return [field for field, info in fields.items() if info.is_required()]


def _fields(owner: str, text: str) -> list[Proposal]:
    if owner == "vars":
        return []
    config = vocabulary.config_of(owner, _kind_of(owner, text))
    found = []
    if vocabulary.kinds_of(owner):
        found.append(Proposal("type", "property", "which one", "type: "))
    if config is not None:
        for name, info in config.model_fields.items():
            if name == "type":
                continue
            detail = vocabulary.field_text(info)
            found.append(
                Proposal(
                    info.alias or name, "property", detail, f"{info.alias or name}: "
                )
            )
    if vocabulary.block(owner):
        own = {one.label for one in found}
        for name, detail in vocabulary.NODE_FIELDS.items():
            if name not in own:
                found.append(Proposal(name, "property", detail, f"{name}: "))
    return found


def _values(
    text: str, lines: Sequence[str], line: int, head: str, key: str
) -> list[Proposal]:
    if key in TAKES_STORED:
        names = [*_STORED.findall(text), *_input_names(text)]
        return [
            Proposal(name, "variable", "a stored tensor")
            for name in dict.fromkeys(names)
        ]
    if key == "Reuse":
        return [
            Proposal(name, "variable", "a node")
            for name in dict.fromkeys(_NAMED.findall(text))
        ]
    if key in ("extends", "graph"):
        return [Proposal(name, "text", "comes with mirbricks") for name in graphs()]
    owner = _owner(lines, line, head)
    if owner is None:
        return []
    if key == "type":
        return [Proposal(kind, "enum") for kind in vocabulary.kinds_of(owner)]
    config = vocabulary.config_of(owner, _kind_of(owner, text))
    if config is None or key not in config.model_fields:
        return []
    return [
        Proposal(one, "enum") for one in vocabulary.choices_of(config.model_fields[key])
    ]


def _owner(lines: Sequence[str], line: int, head: str) -> str | None:
    """The block, form or section whose fields stand at a place; None at the top of the file."""
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        if head[at] == "}":
            depth += 1
        elif head[at] == "{" and depth:
            depth -= 1
        elif head[at] == "{":
            found = _OWNER_IN_BRACES.search(head[:at])
            return found[1] if found else None
    indent = len(head) - len(head.lstrip())
    for above in reversed(lines[: line - 1]):
        if not above.strip() or above.lstrip().startswith("#"):
            continue
        found = _OWNER_LINE.match(above)
        # A block written as `- Conv2d:` has its fields deeper than its name.
        if found and len(found[1]) < indent:
            return found[2]
        if len(above) - len(above.lstrip()) < indent and not above.lstrip().startswith(
            "- "
        ):
            indent = len(above) - len(above.lstrip())
    return None


def _kind_of(section: str, text: str) -> str:
    """The `type` that a section has in the text."""
    found = re.search(rf"^{section}:(.*(?:\n[ \t]+.*)*)", text, re.MULTILINE)
    kind = re.search(r"\btype:\s*([\w.]+)", found[1]) if found else None
    return kind[1] if kind else ""


def _vars(text: str) -> list[tuple[str, str]]:
    """The names and values of `vars:`, in braces or on lines below it."""
    found = re.search(r"^vars:(.*(?:\n[ \t]+.*)*)", text, re.MULTILINE)
    if not found:
        return []
    return re.findall(r"([A-Za-z_]\w*):\s*([^,}\n]+)", found[1])


def _input_names(text: str) -> list[str]:
    found = _INPUTS.search(text)
    return re.findall(r"(\w+):", found[1]) if found else []


def hover(
    text: str, line: int, column: int, model: GraphModule | None = None
) -> str | None:
    """What is known of the word at a place, in Markdown; None for a word without a meaning of its own."""
    lines = text.split("\n")
    row = lines[line - 1] if line <= len(lines) else ""
    start = len(row[: column - 1]) - len(_WORD.search(row[: column - 1])[0])  # type: ignore[index]  # matches always
    word = re.match(r"[\w.]*", row[start:])[0]  # type: ignore[index]  # matches always
    if not word:
        return None
    spec = vocabulary.block(word)
    if spec is not None:
        parts = [
            f"**{word}**: {spec.summary}",
            f"`{spec.contract.text}`",
            *_sizes(line, model),
            f"Source: {spec.source}",
        ]
        return "\n\n".join(parts)
    owner = _owner(lines, line, row[:start])
    if owner is not None:
        config = vocabulary.config_of(owner, _kind_of(owner, text))
        fields: Mapping[str, Any] = config.model_fields if config else {}
        if word in fields:
            return f"**{word}** of {owner}: {vocabulary.field_text(fields[word])}"
    known = {**vocabulary.top_keys(), **vocabulary.WORDS, **vocabulary.NODE_FIELDS}
    if word in known:
        return f"**{word}**: {known[word]}"
    return None


def _sizes(line: int, model: GraphModule | None) -> list[str]:
    """What comes into the layer on a line, and what it makes."""
    if model is None:
        return []
    file = model.graph.source.file
    for node in model.nodes:
        if node.where.line == line and node.where.file == file:
            return [f"here: {show(node.came)} → {show(node.went)}"]
    return []
