"""The words that may stand in a graph file, each with its fields and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..compiler.language.forms import Branch, Repeat, SubGraph
from ..compiler.language.graph import TOP_KEYS
from ..compiler.language.nodes import Join
from ..compiler.language.words import JOINS
from ..features.base import features
from ..features.kinds import DEFAULT
from ..fields import default_words, expected, union_parts
from ..registry import INFER, Spec, blocks
from ..tasks.finding import tasks
from ..training.optimization import TrainConfig
from ..workflows.experiment import DatasetConfig

# Words of the language that are no blocks: what each does.
WORDS: Mapping[str, str] = {
    "StoreAs": "keep the tensor under a name",
    "StartFrom": "go on from a stored tensor or an input",
    "CatWith": "put the channels of a stored tensor behind those of this one",
    "AddWith": "add a stored tensor",
    "MulWith": "multiply by a stored tensor",
    "Reuse": "run a named node again, with the same weights",
    "repeat": "layers several times, `${i}` counts from 0",
    "branch": "paths side by side, then joined",
    "graph": "another graph file as one block",
}
TOP: Mapping[str, str] = {
    "name": "name of the graph; else that of the file",
    "extends": "path of the graph that this one changes",
    "vars": "values for `${...}`",
    "input": "named axes, the batch first: `B C=6 F=360 T`",
    "outputs": "the tensors that a graph of several outputs gives",
    "layers": "the blocks, in the order in which they run",
    "feature": "what the graph reads of a recording",
    "dataset": "how a corpus is split and cut",
    "task": "what the graph is trained for",
    "train": "how it is trained",
}
FORMS: Mapping[str, type[BaseModel]] = {
    "repeat": Repeat,
    "branch": Branch,
    "graph": SubGraph,
    **dict.fromkeys(JOINS, Join),
}
NODE_FIELDS: Mapping[str, str] = {
    "name": "name of the node: its weights go by it",
    "with": "stored tensors, further inputs",
}


def top_keys() -> dict[str, str]:
    return {key: TOP.get(key, "") for key in TOP_KEYS}


def layer_words() -> dict[str, str]:
    """Every block and every other word that may begin a layer, with a sentence."""
    return {
        **{name: spec.summary for name, spec in _blocks().items()},
        **WORDS,
    }


def block(name: str) -> Spec | None:
    return _blocks().get(name)


@cache
def _blocks() -> Mapping[str, Spec]:
    return blocks()


def config_of(owner: str, kind: str = "") -> type[BaseModel] | None:
    """The config of a block, a form or a section; `kind` is the section's `type`."""
    if owner in FORMS:
        return FORMS[owner]
    spec = block(owner)
    if spec is not None:
        return spec.cls.Config
    if owner == "train":
        return TrainConfig
    if owner == "dataset":
        return DatasetConfig
    if owner == "feature":
        found = features().get(kind)
        return found.Config if found else DEFAULT
    if owner == "task" and kind in tasks():
        config: type[BaseModel] = tasks()[kind].Config
        return config
    return None


def kinds_of(section: str) -> list[str]:
    """The values of `type` in a section."""
    if section == "feature":
        return sorted(features())
    if section == "task":
        return sorted(tasks())
    return []


def choices_of(info: FieldInfo) -> list[str]:
    """The few values that a field takes, as YAML writes them."""
    found: list[str] = []
    for part in union_parts(info.annotation):
        if part is bool:
            found += ["true", "false"]
        elif get_origin(part) is Literal:
            found += [str(choice) for choice in get_args(part)]
    return found


def field_text(info: FieldInfo) -> str:
    """What a field takes, its default, and what it is."""
    text = f"{expected(info)}; {default_words(info, INFER)}"
    if info.description:
        text = f"{text}. {info.description}"
    return text
