"""Blocks and their registration: what a user writes to add a brick, and where the compiler finds it.

    @register("GLUConv1d", shape="B C T -> B {out_channels} T", source="arXiv:1612.08083",
              examples=[((2, 4, 50), {"out_channels": 8})])
    class GLUConv1d(Block):
        ...

Blocks of other packages come in by the entry-point group ``mirbricks.blocks`` (each entry names a module that
registers on import) or by `load_plugin`; never by a path inside a graph file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import Field
from torch import nn

from .catalogue import Catalogue
from .catalogue import load_plugin as load_plugin
from .errors import RegistryError
from .fields import with_parameters, without_parameters
from .settings import Settings
from .shapes import Axes, Contract, ContractError, Shape, parse

INFER = -1
# Mark of a field that names a stored tensor: that tensor is the block's optional input.
STORED: dict[str, Any] = {"stored": True}
OWN_BLOCKS = f"{__package__}.blocks"


@dataclass(frozen=True)
class FromAxis:
    """Mark of a field whose value is the size of an axis of the contract (several axes: a tuple of sizes)."""

    axis: str


def from_axis(axis: str, description: str | None = None) -> Any:
    """A field of a block's Config whose value is a size of the input, when a graph leaves it out or writes -1.

    Parameters
    ----------
    axis : str
        An axis of the block's contract, such as "C"; "..." gives a tuple of sizes.
    description : str, optional
        What the field is, for `explain` and editors; by default "size of axis C".

    Returns
    -------
    Any
        The default of the field.

    Examples
    --------
    >>> class Config(BlockConfig):
    ...     in_channels: int = from_axis("C")
    >>> Config().resolve({"B": 2, "C": 3}).in_channels
    3
    """
    text = description or f"size of axis {axis}"
    return Field(default=INFER, description=text, json_schema_extra={"from_axis": axis})


class BlockConfig(Settings):
    """Base of every block's Config: strict types, no unknown keys, immutable; lists of YAML become tuples.

    Examples
    --------
    >>> class Config(BlockConfig):
    ...     kernel_size: int | tuple[int, int] = 3
    >>> Config(kernel_size=[5, 3]).kernel_size
    (5, 3)
    """

    @classmethod
    @cache
    def inferred(cls) -> Mapping[str, FromAxis]:
        """Fields that the compiler fills from the input's axes."""
        # The mark lies in the JSON schema's extras, where pydantic keeps what it does not read itself.
        marks = {}
        for name, info in cls.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and "from_axis" in extra:
                marks[name] = FromAxis(str(extra["from_axis"]))
        return marks

    @classmethod
    @cache
    def stored_fields(cls) -> tuple[str, ...]:
        """Fields that name a stored tensor, which comes as an optional input."""
        found = []
        for name, info in cls.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and "stored" in extra:
                found.append(name)
        return tuple(found)

    def stored(self) -> dict[str, str]:
        """The stored tensors that are named, by field."""
        named = {name: getattr(self, name) for name in self.stored_fields()}
        return {name: key for name, key in named.items() if key is not None}

    def resolve(self, axes: Axes) -> BlockConfig:
        """A copy with every -1 replaced by the size of its axis.

        Parameters
        ----------
        axes : dict of str to int
            The sizes of the contract's axes; a -1 whose axis is not among them stays.

        Returns
        -------
        BlockConfig
            Of the same class.
        """
        found = {}
        for name, mark in self.inferred().items():
            if getattr(self, name) == INFER and mark.axis in axes:
                found[name] = axes[mark.axis]
        if not found:
            return self
        return self.model_copy(update=found)


class Block(nn.Module):
    """Base of every brick: a `torch.nn.Module` built from its own `Config`.

    Parameters
    ----------
    config : BlockConfig
        An instance of the class's `Config`, with every size of the input filled in.

    Examples
    --------
    >>> class Double(Block):
    ...     "Twice its input."
    ...     def forward(self, x):
    ...         return 2 * x
    """

    Config: ClassVar[type[BlockConfig]] = BlockConfig
    spec: ClassVar[Spec]
    # True where an output depends on more frames than kernels, strides and dilations show.
    sees_all_frames = False

    def __init__(self, config: BlockConfig | None = None) -> None:  # noqa: ARG002  # blocks without weights need no more
        super().__init__()


class TorchLayer(Block):
    """Base of a block that is a layer of torch itself: same weights, same keys, no wrapper.

    `class Tanh(TorchLayer, nn.Tanh)` is all of the code: the fields of its Config are the layer's arguments, and
    `fixed` holds those that a graph cannot choose.
    """

    fixed: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: BlockConfig) -> None:
        # Behind Block, in the order of inheritance, comes the layer of torch; Block's own __init__ takes a config.
        super(Block, self).__init__(**config.model_dump(), **self.fixed)


@dataclass(frozen=True)
class Spec:
    """What the registry knows of a block.

    family  the folder below blocks/ that it lies in; of a block of another package, the name of its module
    """

    name: str
    cls: type[Block]
    contract: Contract
    source: str
    examples: tuple[Example, ...]
    unreached: tuple[str, ...] = ()  # parameters that no gradient reaches, by design

    @property
    def module(self) -> str:
        """The last name of the module that defines the block."""
        return self.cls.__module__.rpartition(".")[2]

    @property
    def own(self) -> bool:
        """Whether it is one of mirbricks' own, and not of a plugin."""
        return self.cls.__module__.startswith(f"{OWN_BLOCKS}.")

    @property
    def family(self) -> str:
        if not self.own:
            return self.module.replace("_", " ")
        inside = self.cls.__module__.removeprefix(f"{OWN_BLOCKS}.")
        return inside.partition(".")[0]

    @property
    def summary(self) -> str:
        """First sentence of the docstring."""
        return self.description.split("\n")[0]

    @property
    def description(self) -> str:
        """The docstring as its author wrote it, without the list of fields that `register` adds."""
        return without_parameters(self.cls.__doc__ or "")


@dataclass(frozen=True)
class Example:
    """Input shapes and a config that `check_block` runs."""

    shapes: tuple[Shape, ...]
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Any, config: Mapping[str, Any]) -> Example:
        """From one input shape, or a list of several."""
        if given and isinstance(given[0], (tuple, list)):
            return cls(tuple(map(tuple, given)), config)
        return cls((tuple(given),), config)


BLOCKS: Catalogue[Spec] = Catalogue(
    "block",
    package=OWN_BLOCKS,
    group="mirbricks.blocks",
    error=RegistryError,
    code="E305",
    listing="`mirbricks blocks` lists all",
    families=True,
    base=Block,
)
B = TypeVar("B", bound=type[Block])


def register(
    name: str,
    *,
    shape: str,
    source: str,
    examples: Sequence[tuple[Any, Mapping[str, Any]]],
    unreached: Sequence[str] = (),
) -> Callable[[B], B]:
    """Make a block known under `name`; its docstring is completed with the fields of its Config.

    Parameters
    ----------
    name : str
        What a graph calls the block: the name of its class.
    shape : str
        The contract, such as "B C T -> B {out_channels} T"; see `mirbricks.shapes`.
    source : str
        Where it is published: an arXiv id, a DOI, a page of documentation.
    examples : list of (input shape, config) or (list of input shapes, config)
        What `check_block` runs.
    unreached : list of str
        Names of parameters that get no gradient by design.

    Returns
    -------
    callable
        A decorator of the class.

    Raises
    ------
    RegistryError
        For a name that another class has (E301), what is not a Block (E302), a missing docstring, source or example
        (E303), a contract that cannot be read (E304), a name that is not text (E313).

    Examples
    --------
    >>> @register("Twice", shape="B ... -> B ...", source="none", examples=[((2, 3), {})])
    ... class Twice(Block):
    ...     "Twice its input."
    ...     def forward(self, x):
    ...         return 2 * x
    >>> get("Twice").summary
    'Twice its input.'
    """

    BLOCKS.refuse_name(name)

    def add(cls: B) -> B:
        # Everything is checked before the name is taken, so that a refused block leaves no trace.
        # The class first: the other checks read attributes that only a Block has.
        BLOCKS.refuse_class(name, cls)
        spec = Spec(
            name=name,
            cls=cls,
            contract=_contract(name, shape),
            source=source,
            examples=tuple(Example.of(given, config) for given, config in examples),
            unreached=tuple(unreached),
        )
        _refuse_incomplete(spec)
        BLOCKS.register(name, spec, cls)
        cls.spec = spec
        _show_fields(cls)
        return cls

    return add


def _show_fields(cls: type[Block]) -> None:
    """Complete the docstrings of a block and of its Config, for `help()`."""
    config = cls.Config
    cls.__doc__ = with_parameters(cls.__doc__ or "", config, INFER)
    if config is not BlockConfig:
        text = config.__dict__.get("__doc__") or f"Fields of {cls.__name__}."
        config.__doc__ = with_parameters(text, config, INFER)


def _contract(name: str, shape: str) -> Contract:
    try:
        return parse(shape)
    except ContractError as error:
        raise RegistryError(
            f"block '{name}': {error}", code="E304", help="see mirbricks.shapes"
        ) from None


def _refuse_incomplete(spec: Spec) -> None:
    cls = spec.cls
    path = f"{cls.__module__}.{cls.__qualname__}"
    # Its documentation and its test; a docstring that it inherits describes another block.
    parts = {
        "docstring": cls.__dict__.get("__doc__"),
        "source": spec.source,
        "example": spec.examples,
    }
    missing = [part for part, value in parts.items() if not value]
    if missing:
        articles = {"docstring": "a", "source": "a", "example": "an"}
        needed = [f"{articles[part]} {part}" for part in missing]
        raise RegistryError(
            f"block '{spec.name}' ({path}) has no {' and no '.join(missing)}",
            code="E303",
            help=f"give it {', '.join(needed)}",
        )


def blocks() -> dict[str, Spec]:
    """Every registered block by name, sorted: mirbricks' own and those of plug-ins.

    Returns
    -------
    dict of str to Spec
        Class, contract, source and examples of each.

    Examples
    --------
    >>> blocks()["GLU"].contract.text == get("GLU").contract.text
    True
    """
    return BLOCKS.all()


def by_family(specs: Iterable[Spec]) -> dict[str, list[Spec]]:
    """Families with their blocks: mirbricks' own first, then those of plugins, each sorted by name."""
    families: dict[str, list[Spec]] = {}
    for spec in sorted(specs, key=lambda one: (not one.own, one.family, one.name)):
        families.setdefault(spec.family, []).append(spec)
    return families


def get(name: str) -> Spec:
    """The block registered under `name`. Raises RegistryError E305 with the nearest names."""
    return BLOCKS.get(name)


def find(name: str) -> Spec | None:
    """The block registered under `name`, or None; blocks of other names need not be imported for it."""
    return BLOCKS.find(name)


def build(spec: Spec, config: BlockConfig) -> Block:
    """The module of a resolved config."""
    return spec.cls(config)
