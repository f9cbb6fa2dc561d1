"""What a written file holds above its model: the classes of blocks, and all that these use, wherever it is defined."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator, Mapping

from ...registry import Block, BlockConfig, Spec
from .blocks import is_torch_layer, plain
from .lookup import RESOLVED, STAND_INS, configs, get_text
from .text import (
    CannotCarry,
    Code,
    Import,
    ModuleText,
    global_names,
    module_text,
    renamed,
)

PACKAGE = __name__.split(".")[0]
ADDED = {
    "dataclass": Import("dataclasses", "dataclass"),
    **{
        name: Import("dataclasses", name)
        for name in ("asdict", "field", "fields", "replace")
    },
    "Any": Import("typing", "Any"),
    "nn": Import("torch", "nn"),
}
NO_FIELDS = '@dataclass(frozen=True)\nclass BlockConfig:\n    """No fields."""'
# What blocks are made of besides torch, by the names of its modules.
BESIDE_TORCH = {
    "numpy": "numpy",
    "einops": "einops",
    "x_transformers": "x-transformers",
}
# A module and a name in it, "" for the module itself.
Key = tuple[str, str]
# What these words mean in every file.
TORCHS: dict[str, Key] = {
    "torch": ("torch", ""),
    "nn": ("torch", "nn"),
    "Tensor": ("torch", "Tensor"),
    "functional": ("torch.nn", "functional"),
}


class Carried:
    """The imports and definitions of one file, collected block by block; no two have the same name."""

    def __init__(self, taken: Iterable[str], specs: Mapping[str, Spec]) -> None:
        """`specs`: the blocks that others look up by name."""
        self._specs = specs
        self._resolving = configs(specs.values())
        self._taken: dict[str, Key] = {name: ("", name) for name in taken} | TORCHS
        self._names: dict[Key, str] = {}
        self._imports: dict[Key, None] = {}
        self._packages: set[str] = set()
        # In the order in which they are needed: Python reads the file from its top.
        self.definitions: dict[Key, str] = {}

    def block(self, cls: type[Block], config: BlockConfig) -> str:
        """What makes a block in the file: `nn.Conv2d`, or the name of its class, which is carried.

        Raises `CannotCarry` where it uses what is neither torch's nor Python's and has no source.
        """
        module = module_text(cls.__module__)
        node = module.definitions.get(cls.__name__)
        if not isinstance(node, ast.ClassDef):
            raise CannotCarry(f"its class is not at the top level of {cls.__module__}")
        if is_torch_layer(cls, node, config):
            return f"nn.{cls.__bases__[-1].__name__}"
        return self._definition(module, cls.__name__)

    def use(self, word: str) -> None:
        """Import `torch`, `nn`, `Tensor` or `functional`."""
        self._import(Import(*TORCHS[word]), word)

    def _definition(self, module: ModuleText, name: str) -> str:
        """Carry a definition and all it uses; returns its name in the file."""
        key = (module.module.__name__, name)
        if key in self._names:
            return self._names[key]
        # One statement may bind several names; all of them are known before what they use
        # is carried, since a class may use itself.
        node = module.definitions[name]
        bound = [other for other, at in module.definitions.items() if at is node]
        for other in bound:
            self._named((key[0], other), other)
        text = plain(module, node, self._resolving)
        self._packages.update(_imported_late(text, name))
        # What it uses is carried first, and so comes to stand above it.
        words = {word: self._word(module, word) for word in global_names(text)}
        words |= {other: self._names[key[0], other] for other in bound}
        text = renamed(text, words)
        self.definitions[key] = text
        return self._shared(key, text) or self._names[key]

    def _named(self, key: Key, wanted: str) -> str:
        """A name that nothing else in the file has."""
        name = wanted
        number = 1
        while self._taken.setdefault(name, key) != key:
            number += 1
            name = f"{wanted}_{number}"
        self._names[key] = name
        return name

    def _shared(self, key: Key, text: str) -> str | None:
        """The name of the same constant of another module, which then stands for this one."""
        name = self._names[key]
        wanted = key[1]
        owner = self._taken.get(wanted, key)
        # Two modules may each have `EPSILON = 1e-8`: a reader wants it once. Functions of
        # one text may still differ in what their names mean, so only constants are shared.
        same = (
            owner in self.definitions
            and renamed(text, {name: wanted}) == self.definitions[owner]
        )
        if owner == key or not same or not is_constant(text):
            return None
        del self.definitions[key]
        del self._taken[name]
        self._names[key] = wanted
        return wanted

    def _word(self, module: ModuleText, word: str) -> str:
        """Make a global name of a module mean the same in the file; returns its name there."""
        if word in module.definitions:
            return self._definition(module, word)
        if word in module.imports:
            return self._imported(module.imports[word], word, module)
        if word == "BlockConfig":
            return self._base()
        if word in ADDED:
            return self._import(ADDED[word], word)
        if hasattr(builtins, word) or word.startswith("__"):
            return word
        raise CannotCarry(
            f"'{word}' is not defined at the top level of {module.module.__name__}"
        )

    def _imported(self, what: Import, word: str, module: ModuleText) -> str:
        # What the file may import stays an import; everything else must be carried.
        if what.package in {"torch", *BESIDE_TORCH, *sys.stdlib_module_names}:
            return self._import(what, word)
        if module.value(ast.Name(word)) is BlockConfig:
            return self._base()
        if what.home == Block.__module__ and callable(module.value(ast.Name(word))):
            return self._of_registry(what.original, module)
        if what.package not in (PACKAGE, module.module.__name__.split(".")[0]):
            raise CannotCarry(f"it uses '{what.package}', in {module.module.__name__}")
        home = module_text(what.home)
        # A module as a whole would have to be carried whole: only names can be followed.
        if what.original not in {**home.definitions, **home.imports}:
            raise CannotCarry(
                f"it uses the module '{word}' as a whole: import names from it"
            )
        return self._word(home, what.original)

    def _base(self) -> str:
        # Sizes are resolved in the file only where a block builds others by their names.
        if self._specs:
            text = RESOLVED
        else:
            text = NO_FIELDS
        return self._text("BlockConfig", text)

    def _of_registry(self, name: str, module: ModuleText) -> str:
        """What stands for a function or class of the registry."""
        if name == "get" and self._specs:
            makers = {
                name: self._definition(
                    module_text(spec.cls.__module__), spec.cls.__name__
                )
                for name, spec in self._specs.items()
            }
            return self._text(name, get_text(self._specs, makers))
        if name in ("Spec", "build"):
            return self._text(name, STAND_INS[name])
        raise CannotCarry(
            f"it calls the registry's '{name}', in {module.module.__name__}"
        )

    def _text(self, name: str, text: str) -> str:
        """Carry a definition that is written here, and the others that it uses."""
        key = (PACKAGE, name)
        if key not in self._names:
            own = self._named(key, name)
            words = {
                word: self._written_word(word)
                for word in global_names(text)
                if word != name
            }
            self.definitions[key] = renamed(text, {**words, name: own})
        return self._names[key]

    def _written_word(self, word: str) -> str:
        if word in STAND_INS:
            return self._text(word, STAND_INS[word])
        if word in ADDED:
            return self._import(ADDED[word], word)
        return word

    @property
    def packages(self) -> list[str]:
        """What the file imports besides torch and Python's own, by the names under which it is installed."""
        used = {home.split(".")[0] for home, _ in self._imports} | self._packages
        return [BESIDE_TORCH[name] for name in sorted(used & BESIDE_TORCH.keys())]

    def _import(self, what: Import, word: str) -> str:
        key = (what.home, what.original)
        if key not in self._names:
            self._named(key, word)
            self._imports[key] = None
        return self._names[key]

    def import_lines(self) -> list[str]:
        """Python's own, then the others, each sorted as tools do it."""
        pythons: list[str] = []
        others: list[str] = []
        for home in sorted({home for home, _ in self._imports}):
            if home.split(".")[0] in {"torch", *BESIDE_TORCH}:
                others += self._import_lines(home)
            else:
                pythons += self._import_lines(home)
        # In each section `import` comes before `from`, as sorters of imports have it.
        written = []
        for section in filter(None, (pythons, others)):
            written += ["", *sorted(section, key=lambda line: line[0] == "f")]
        return written

    def _import_lines(self, home: str) -> Iterator[str]:
        names = {
            name: self._names[home, name] for at, name in self._imports if at == home
        }
        if "" in names:
            alias = names.pop("")
            if alias == home:
                yield f"import {home}"
            else:
                yield f"import {home} as {alias}"
        same = sorted(
            (name for name in names if names[name] == name), key=_kind_and_name
        )
        if same:
            yield f"from {home} import {', '.join(same)}"
        yield from (
            f"from {home} import {name} as {alias}"
            for name, alias in sorted(names.items())
            if alias != name
        )


def _kind_and_name(name: str) -> tuple[int, str]:
    """Constants before classes before functions."""
    if name.isupper():
        return 0, name
    if name[0].isupper():
        return 1, name
    return 2, name


def is_constant(text: str) -> bool:
    return isinstance(Code(text).tree.body[0], ast.Assign | ast.AnnAssign)


def _imported_late(text: str, name: str) -> Iterator[str]:
    """Packages that a function imports when it runs; raises `CannotCarry` where they cannot be imported."""
    for node in ast.walk(Code(text).tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("import_module")
            and node.args
        ):
            yield str(getattr(node.args[0], "value", ""))
        # An import with dots comes from the block's own package, which the file must not
        # need.
        inside = isinstance(node, ast.ImportFrom) and node.level
        homes: list[str] = []
        if isinstance(node, ast.Import):
            homes = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            homes = [node.module or ""]
        packages = {home.split(".")[0] for home in homes}
        yield from packages
        foreign = sorted(packages - {"torch", *BESIDE_TORCH, *sys.stdlib_module_names})
        if inside or foreign:
            raise CannotCarry(
                f"'{name}' imports '{(foreign or homes)[0]}' when it runs"
            )
