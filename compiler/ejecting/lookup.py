"""The registry in a written file: the blocks that another one looks up by name, such as the stage of a U-Net."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter

from ...registry import Block, BlockConfig, Spec
from ...settings import tuples
from ...shapes import Token
from ..module import GraphModule
from .calls import Call, lines

TOKEN = '''@dataclass(frozen=True)
class Token:
    """An axis of a shape."""

    axis: str'''
CONTRACT = '''@dataclass(frozen=True)
class Contract:
    """The axes of each input of a block."""

    inputs: tuple[tuple[Token, ...], ...]'''
SPEC = '''@dataclass(frozen=True)
class Spec:
    """A block that is looked up by its name."""

    name: str
    cls: Any
    contract: Contract'''
TAKES = '''def takes(*shapes: str) -> Contract:
    """The contract of a block with inputs such as "B C T"."""
    tokens = ([Token(axis) for axis in shape.split()] for shape in shapes)
    return Contract(tuple(map(tuple, tokens)))'''
BUILD = '''def build(spec: Spec, config: Any) -> nn.Module:
    """The block of a config."""
    return spec.cls(config)'''
RESOLVED = '''@dataclass(frozen=True)
class BlockConfig:
    """Fields of a block; those that are the size of an axis say of which."""

    def resolve(self, axes: dict[str, Any]) -> BlockConfig:
        """A copy in which every -1 is the size of its axis."""
        found = {}
        for item in fields(self):
            axis = item.metadata.get("axis")
            if axis in axes and getattr(self, item.name) == -1:
                found[item.name] = axes[axis]
        return replace(self, **found)'''
STAND_INS = {
    "Token": TOKEN,
    "Contract": CONTRACT,
    "Spec": SPEC,
    "takes": TAKES,
    "build": BUILD,
}


def looked_up(model: GraphModule) -> dict[str, Spec]:
    """The blocks inside of a node's block that its config names."""
    # A block inside of another is there either because its code makes it, and then it is
    # carried with that code, or because the config names it: only then it is looked up.
    found: dict[str, Spec] = {}
    for node in model.nodes:
        words = set(_words(node.config.model_dump()))
        inside = (
            part.spec
            for part in model.get_submodule(node.name).modules()
            if isinstance(part, Block)
        )
        found.update({spec.name: spec for spec in inside if spec.name in words})
    return dict(sorted(found.items()))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _words(item)


def configs(specs: Iterable[Spec]) -> frozenset[type]:
    """Their configs, and what these are derived from."""
    return frozenset(
        cls
        for spec in specs
        for cls in spec.cls.Config.__mro__
        if issubclass(cls, BlockConfig)
    )


def get_text(specs: Mapping[str, Spec], makers: Mapping[str, str]) -> str:
    """The function that finds a block; `makers` are the names of their classes in the file."""
    listed: list[str] = []
    for name, spec in specs.items():
        takes = Call("takes", tuple(map(_shape, spec.contract.inputs)))
        listed += lines(
            "        ", Call("Spec", (f'"{name}"', makers[name], takes)), ","
        )
    head = [
        "def get(name: str) -> Spec:",
        '    """The block of this name."""',
        "    blocks = [",
    ]
    tail = ["    ]", "    return next(spec for spec in blocks if spec.name == name)"]
    return "\n".join([*head, *listed, *tail])


def _shape(tokens: Iterable[Token]) -> str:
    """The axes of an input as a string of Python, such as "B C T"."""
    axes = " ".join(str(token.axis or token.text) for token in tokens)
    return f'"{axes}"'


def as_read(fields: Mapping[str, Any], specs: Iterable[Spec]) -> dict[str, Any]:
    """Fields of which those that are a config for a looked-up block hold what that reads: tuples, floats."""
    read = dict(fields)
    for name, value in fields.items():
        if isinstance(value, Mapping):
            read[name] = _read(value, specs)
    return read


def _read(given: Mapping[str, Any], specs: Iterable[Spec]) -> Mapping[str, Any]:
    # Which block a mapping is for, only its keys can show.
    fitting = (
        spec for spec in specs if given.keys() <= spec.cls.Config.model_fields.keys()
    )
    spec = next(fitting, None)
    if spec is None:
        return given
    # Field by field, since the fields that are not given would have to be inferred.
    infos = spec.cls.Config.model_fields
    strict = ConfigDict(strict=True)
    adapters: dict[str, TypeAdapter[Any]] = {
        key: TypeAdapter(Annotated[infos[key].annotation, infos[key]], config=strict)  # type: ignore[arg-type]
        for key in given
    }
    read = {
        key: adapters[key].validate_python(tuples(value))
        for key, value in given.items()
    }
    return as_read(read, specs)
