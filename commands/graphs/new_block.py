"""The command `new-block`: a block that works, its test, and a graph that uses it."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
import sys
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ...compiler.language.words import SKIPS
from ...data.stores.atomic import written_whole
from ...errors import RegistryError
from ...registry import blocks
from ...workflows.new_file import refuse_existing
from .block_templates import BLOCK, GRAPH, KINDS, TEST, Kind

IMPORTED = ("Block", "BlockConfig", "Config", "Field", "Path", "PositiveInt", "Tensor")
CHECKOUT = (
    "setup.cfg",
    "registry.py",
    "blocks/__init__.py",
    "tests/blocks",
    "graphs",
)  # what tells a mirbricks checkout


@dataclass(frozen=True)
class Plan:
    """Where the three files go, and how they are reached from `root`."""

    root: Path  # the folder to be in for the next commands
    block: Path
    test: Path
    graph: Path
    module: str  # what --plugin and the test import; in a checkout of mirbricks the test does
    inside: bool  # whether `root` is a checkout of mirbricks

    @classmethod
    def of(cls, folder: Path, module: str) -> Plan:
        """Side by side, as part of the package of that folder, if any; a checkout of mirbricks has its own folders."""
        if all((folder / part).exists() for part in CHECKOUT):
            test = folder / "tests" / "blocks" / f"test_{module}.py"
            graph = folder / "graphs" / f"{module}.yaml"
            return cls(
                folder,
                folder / "blocks" / f"{module}.py",
                test,
                graph,
                f"mirbricks.blocks.{module}",
                True,
            )
        root = folder
        dotted = module
        while (root / "__init__.py").exists() and root != root.parent:
            root, dotted = root.parent, f"{root.name}.{dotted}"
        block, test, graph = (
            folder / name
            for name in (f"{module}.py", f"test_{module}.py", f"{module}.yaml")
        )
        return cls(root, block, test, graph, dotted, False)

    @property
    def paths(self) -> tuple[Path, Path, Path]:
        return self.block, self.test, self.graph


def new_block(arguments: Namespace) -> int:
    """Write the three files, all or none; raises `RegistryError` E307 for a bad name, E191 where a file exists."""
    name = arguments.name
    kind = KINDS[arguments.kind]
    module = snake_case(name)
    folder = Path(arguments.dir)
    plan = Plan.of(folder.resolve(), module)
    _refuse(name, module, plan)
    shown = [folder / path.relative_to(folder.resolve()) for path in plan.paths]
    for path in shown:
        refuse_existing(str(path))
    with ExitStack() as stack:
        texts = [
            _block(name, kind, plan),
            _test(name, kind, plan),
            _graph(name, module, kind, plan),
        ]
        for path, text in zip(plan.paths, texts, strict=True):
            stack.enter_context(written_whole(path)).write_text(text, encoding="utf-8")
    print("\n".join([*(f"wrote {path}" for path in shown), "", "next:", *_next(plan)]))
    return 0


def snake_case(name: str) -> str:
    """GLUConv1d -> glu_conv1d."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _refuse(name: str, module: str, plan: Plan) -> None:
    """Raise where the name cannot be that of a block, or its file's cannot be that of a module."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        words = "".join(
            word[:1].upper() + word[1:]
            for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", name)
        )
        if len(words) > 1:
            hint = f"write {words}"
        else:
            hint = "write a name such as GatedConv1d"
        raise RegistryError(
            f"'{name}' is no name of a class in CapWords", code="E307", help=hint
        )
    known = blocks()
    if name in known:
        cls = known[name].cls
        facts = [("registered", f"{cls.__module__}.{cls.__qualname__}")]
        raise RegistryError(
            f"the name '{name}' is taken by another block",
            code="E301",
            facts=facts,
            help="choose another name",
        )
    if name in (*SKIPS, *IMPORTED) or keyword.iskeyword(name):
        if name in SKIPS:
            kind = "a word of the graph language"
        else:
            kind = "a word that the file of a block needs itself"
        raise RegistryError(
            f"'{name}' is {kind}", code="E307", help="choose another name"
        )
    hidden = (
        not plan.inside
        and plan.module == module
        and (module in sys.stdlib_module_names or _installed(module, plan))
    )
    if hidden or keyword.iskeyword(module):
        if hidden:
            problem = f"would hide the module '{module}'"
        else:
            problem = f"could not be imported: '{module}' is Python's"
        raise RegistryError(
            f"the file {module}.py {problem}",
            code="E307",
            help=f"choose a longer name: {name}Block",
        )


def _installed(module: str, plan: Plan) -> bool:
    """Whether another module of that name can be imported; the files to be written are told of by themselves."""
    spec = importlib.util.find_spec(module)
    return spec is not None and Path(spec.origin or "") != plan.block


def _block(name: str, kind: Kind, plan: Plan) -> str:
    own = "import Block, BlockConfig, from_axis, register"
    torch = "from torch import Tensor, nn"
    pydantic = "from pydantic import Field, PositiveInt"
    if plan.inside:
        imports = [pydantic, torch, "", f"from ..registry {own}"]
    else:
        imports = [f"from mirbricks {own}", pydantic, torch]
    after = _after(kind, f"{{{kind.out}}}")
    return BLOCK.format(
        **vars(kind),
        name=name,
        imports="\n".join(imports),
        after=after,
        comma_axes=kind.axes.replace(" ", ", "),
        comma_after=_after(kind, kind.out).replace(" ", ", "),
    )


def _after(kind: Kind, size: str) -> str:
    return " ".join(size if axis == kind.size else axis for axis in kind.axes.split())


def _test(name: str, kind: Kind, plan: Plan) -> str:
    own = f"from {plan.module} import {name}"
    if plan.inside:
        imports = ["import torch", "", "import mirbricks", own]
    else:
        imports = ["import mirbricks", "import torch", "", own]
    size = kind.shape[kind.axes.split().index(kind.size)]
    fields = f'"{kind.field}": {size}, "{kind.out}": 6{kind.given}'
    if plan.inside:
        steps = f'.parents[2] / "graphs" / "{plan.graph.name}"'
    else:
        steps = f'.with_name("{plan.graph.name}")'
    before = ", ".join([":"] * kind.dim)
    return TEST.format(
        name=name,
        test_imports="\n".join(imports),
        graph_steps=steps,
        fields=fields,
        shape=kind.shape,
        reference=kind.reference,
        first=f"[{before}, :6]",
        second=f"[{before}, 6:]",
    )


def _graph(name: str, module: str, kind: Kind, plan: Plan) -> str:
    path = plan.graph.relative_to(plan.root)
    sizes = " ".join(
        f"{axis}=4" if axis == kind.size else axis for axis in kind.axes.split()
    )
    if plan.inside:
        comment = f"Uses the block {name}."
    else:
        comment = f"run with: mirbricks check {path} --plugin {plan.module}"
    return GRAPH.format(
        comment=comment,
        module=module,
        input=sizes,
        name=name,
        out=kind.out,
        layer_given=kind.layer_given,
    )


def _next(plan: Plan) -> list[str]:
    test, graph = (
        shlex.quote(str(path.relative_to(plan.root)))
        for path in (plan.test, plan.graph)
    )
    if plan.inside:
        plugin = ""
    else:
        plugin = f" --plugin {plan.module}"
    if plan.root == Path.cwd():
        enter = []
    else:
        enter = [f"  cd {shlex.quote(str(plan.root))}"]
    return [*enter, f"  python -m pytest {test}", f"  mirbricks check {graph}{plugin}"]
