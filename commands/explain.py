"""`mirbricks explain`: a block, a word of the graph language, or a code."""

from __future__ import annotations

import json
from argparse import Namespace

from ..compiler.configs import expected, quoted
from ..errors import CODES, RegistryError, did_you_mean
from ..registry import INFER, Spec
from ..registry import blocks as registered
from ..shapes import show

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
    """Explain a block (contract, fields, source, example), a word of the graph language or a code."""
    name, known = arguments.name, registered()
    if name.upper() in CODES:
        print(f"{name.upper()}: {CODES[name.upper()]}")
    elif name in known:
        print(_explain_block(known[name]))
    elif name in WORDS:
        print(f"{name}: {WORDS[name]}")
    else:
        hint = did_you_mean(name, [*known, *WORDS, *CODES])
        hint = hint or "`mirbricks blocks` lists the blocks; codes look like E203"
        raise RegistryError(f"nothing is known as '{name}'", code="E305", help=hint)
    return 0


def _explain_block(spec: Spec) -> str:
    example = spec.examples[0]
    config = ", ".join(f"{key}: {json.dumps(value)}" for key, value in example.config.items())
    lines = [
        f"{spec.name} ({spec.family})",
        "",
        (spec.cls.__doc__ or "").strip(),
        "",
        f"contract  {spec.contract.text}",
    ]
    lines += [f"source    {spec.source}", "", "fields"]
    for key, info in spec.cls.Config.model_fields.items():
        default = "required" if info.is_required() else "inferred" if info.default == INFER else _default(info.default)
        lines.append(f"  {key:<18} {expected(info)}; {default}. {info.description or ''}".rstrip())
    if not spec.cls.Config.model_fields:
        lines.append("  none")
    yaml = f"- {spec.name}: {{{config}}}" if config else f"- {spec.name}"
    return "\n".join([*lines, "", f"example   on {', '.join(map(show, example.shapes))}", f"  {yaml}"])


def _default(value: object) -> str:
    return "none" if value is None else quoted(value)
