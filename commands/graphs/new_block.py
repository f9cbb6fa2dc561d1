"""The command `new-block`: a block that works, its test, and a graph that uses it."""

from __future__ import annotations

import importlib.util
import shlex
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from ...data.stores.atomic import written_whole
from ...printable import printable
from ...spelling import snake_case
from ...workflows.new_file import refuse_existing
from .block_names import refuse_name
from .block_plan import Plan, planned
from .block_templates import BLOCK, GRAPH, KINDS, TEST, Kind


def new_block(arguments: Namespace) -> int:
    """Write the three files, all or none; raises `RegistryError` E307 for a bad name, E191 where a file exists."""
    name = arguments.name
    kind = KINDS[arguments.kind]
    module = snake_case(name)
    folder = Path(arguments.dir)
    plan = planned(folder.resolve(), module, arguments.kind, arguments.family)
    refuse_name(name, module, plan)
    # As the user wrote the folder, not resolved: these paths can be pasted into the next command.
    shown = [folder / path.relative_to(folder.resolve()) for path in plan.paths]
    for path in shown:
        refuse_existing(str(path))
    texts = [
        _block(name, kind, plan),
        _test(name, kind, plan),
        _graph(name, module, kind, plan),
    ]
    # Three files that belong together: if one cannot be written, none appears.
    with ExitStack() as stack:
        for path, text in zip(plan.paths, texts, strict=True):
            stack.enter_context(written_whole(path)).write_text(text, encoding="utf-8")
    for path in shown:
        print(f"wrote {printable(path)}")
    print("\nnext:")
    for step in _next_steps(name, plan):
        print(f"  {step}")
    return 0


def _block(name: str, kind: Kind, plan: Plan) -> str:
    own = "import Block, BlockConfig, from_axis, register"
    torch = "from torch import Tensor, nn"
    pydantic = "from pydantic import Field, PositiveInt"
    if plan.inside:
        imports = [pydantic, torch, "", f"from ...registry {own}"]
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
        steps = f'.parents[3] / "graphs" / "{plan.graph.name}"'
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


def _next_steps(name: str, plan: Plan) -> Iterator[str]:
    """Commands that show that the block works; in a checkout of mirbricks also what else it needs there."""
    test = shlex.quote(str(plan.test.relative_to(plan.root)))
    graph = shlex.quote(str(plan.graph.relative_to(plan.root)))
    if plan.root != Path.cwd():
        yield f"cd {shlex.quote(str(plan.root))}"
    # Who only uses mirbricks need not have it: it comes with the extra `test`.
    if importlib.util.find_spec("pytest") is None:
        yield "python -m pip install pytest"
    yield f"python -m pytest {test}"
    if plan.inside:
        yield f"mirbricks check {graph}"
        yield f"make pictures  # writes its row in docs/blocks.md, and docs/blocks/{name}.svg"
        yield "make test"
    else:
        yield f"mirbricks check {graph} --plugin {plan.module}"
