"""`mirbricks explain`: a block, a word of the graph language, a task, a feature, a section, or a code."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from textwrap import indent

from pydantic.fields import FieldInfo

from ... import __file__ as package
from ...compiler.drawing.inside import draw_block
from ...compiler.language.example import example_yaml
from ...errors import RegistryError, codes, did_you_mean
from ...fields import expected, quoted
from ...registry import INFER, Spec
from ...registry import blocks as registered
from ...shapes import ContractError
from ...workflows.new_file import refuse_existing, write_new
from .explain_sections import section_of, sections

WORDS = {
    "StoreAs": "keep the tensor under a name: `- StoreAs: E1`.",
    "StartFrom": "go on from a stored tensor or an input: `- StartFrom: E1`.",
    "CatWith": "concatenate a stored tensor, or several, over axis 1: `- CatWith: {key: E1, fit: crop}`.",
    "AddWith": "add a stored tensor, or several: `- AddWith: E1`.",
    "MulWith": "multiply by a stored tensor, or several: `- MulWith: E1`.",
    "Reuse": "run a named node again, with the same weights: `- Reuse: encoder`.",
    "fit": "what a join does where sizes differ: `error`, `crop` the larger, `pad` the smaller with zeros.",
    "repeat": "layers several times, `${i}` counts from 0: `- repeat: 3`, below it `layers:`; also `index`, `share`.",
    "branch": "paths side by side, then joined: `- branch: [[Conv1d: {...}], []]`; also `join: cat|add|mul`, `fit`.",
    "graph": "another graph file as one block: `- graph: encoder.yaml`, `name`, `vars`, `with`.",
    "extends": "a variant of another file: `extends: base.yaml`, and below `layers:` the named nodes it changes.",
    "vars": "values for ${...}: `vars: {width: 16}`, then `out_channels: ${2 * width}`.",
    "outputs": "the tensors a graph gives back, as a dict: `outputs: [head, E1]`.",
    "input": "the named axes of the input: `input: B C=6 F=360 T`; of several: `{x: B C=64 T, t: B D=8}`.",
    "with": "the further inputs of a block that takes several: `- Block: {with: [E1]}`.",
}


def explain(arguments: Namespace) -> int:
    """Explain a block (example, contract, source, fields, picture), a word of the graph language, a section of
    a graph file with its settings, such as a task, or a code.
    """
    name = arguments.name
    known = registered()
    if arguments.picture and name not in known:
        hint = (
            did_you_mean(name, known)
            or "`mirbricks blocks` lists the blocks; `mirbricks draw` draws a graph"
        )
        raise RegistryError(
            f"there is a picture of blocks only, and '{name}' is none",
            code="E305",
            help=hint,
        )
    if name in known:
        _explain_block(known[name], arguments.picture)
    elif (explanation := _code(name.upper())) is not None:
        print(f"{name.upper()}: {explanation}")
    elif name in WORDS:
        print(f"{name}: {WORDS[name]}")
    elif (section := section_of(name)) is not None:
        print(section)
    else:
        near = did_you_mean(name, [*known, *WORDS, *codes(), *sections()])
        hint = near or "`mirbricks blocks` lists the blocks; codes look like E203"
        raise RegistryError(f"nothing is known as '{name}'", code="E305", help=hint)
    return 0


def _code(code: str) -> str | None:
    """The explanation of an error code, those of other packages among them."""
    if not code[-1:].isdigit():  # the names of blocks need no other room
        return None
    from ...data.importers.contract import kinds
    from ...tasks.finding import tasks  # takes a second to import

    # With the tasks and importers of other packages come their codes; those with blocks are in already.
    tasks()
    kinds()
    return codes().get(code)


def _explain_block(spec: Spec, picture: str | None) -> None:
    if picture:
        refuse_existing(picture)
        write_new(picture, draw_block(spec))
    doc = spec.description
    try:
        example = indent(example_yaml(spec), "  ")
    except ContractError as error:
        example = (
            f"  none, since the registered example does not fit the contract: {error}\n"
        )
    facts = [
        f"contract  {spec.contract.text}",
        f"source    {spec.source}",
        f"picture   {picture or _picture_of(spec)}",
    ]
    head = f"{spec.name} ({spec.family})"
    print(
        "\n".join(
            [head, "", doc, "", "a graph that runs:", example, *facts, "", "fields"]
        )
    )
    for field, info in spec.cls.Config.model_fields.items():
        if info.is_required():
            default = "required"
        else:
            if info.default == INFER:
                default = "inferred"
            else:
                default = _default(info)
        print(
            f"  {field:<18} {expected(info)}; {default}. {info.description or ''}".rstrip()
        )
    if not spec.cls.Config.model_fields:
        print("  none")


def _picture_of(spec: Spec) -> str:
    """Where the picture of a block is; those of plugins have none of ours."""
    if spec.own:
        path = Path(package).parent / "docs" / "blocks" / f"{spec.name}.svg"
        if path.is_file():
            return str(path)
        return f"docs/blocks/{spec.name}.svg in the repository"
    return f"write one: mirbricks explain {spec.name} --picture {spec.name}.svg"


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    return f"default {'none' if value is None else quoted(value)}"
