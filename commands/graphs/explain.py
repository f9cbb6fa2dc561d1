"""`mirbricks explain`: a block, a word of the graph language, a task, a feature, a section, or a code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from ... import __file__ as package
from ...compiler.drawing.inside import draw_block
from ...compiler.language.example import example_yaml
from ...errors import RegistryError, codes, did_you_mean
from ...registry import Spec
from ...registry import blocks as registered
from ...shapes import ContractError
from .explain_sections import section_of, sections
from .field_lines import field_lines
from .graph_words import WORDS
from .picture_files import refuse_picture, write_picture


def explain(arguments: Namespace) -> int:
    """Explain a block (example, contract, source, fields, picture), a word of the graph language, a section of
    a graph file with its settings, such as a task, or a code.
    """
    name = arguments.name
    known = registered()
    if arguments.picture:
        refuse_picture(arguments.picture)
        if name not in known:
            raise _no_picture(name, known)
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


def _no_picture(name: str, known: Iterable[str]) -> RegistryError:
    other = "`mirbricks blocks` lists the blocks; `mirbricks draw` draws a graph"
    message = f"there are pictures of blocks only, and '{name}' is not a block"
    hint = did_you_mean(name, known) or other
    return RegistryError(message, code="E305", help=hint)


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
        write_picture(picture, draw_block(spec))
    lines = [
        f"{spec.name} ({spec.family})",
        "",
        spec.description,
        "",
        "a graph that runs:",
        _example(spec),
        f"contract  {spec.contract.text}",
        f"source    {spec.source}",
        f"picture   {picture or _picture_of(spec)}",
        "",
        "fields",
        *(list(field_lines(spec.cls.Config)) or ["  none"]),
    ]
    print("\n".join(lines))


def _example(spec: Spec) -> str:
    """A graph of the block's first example; of a plugin's block that example may be wrong."""
    try:
        return indent(example_yaml(spec), "  ")
    except ContractError as error:
        problem = "the registered example does not fit the contract"
        return f"  none, since {problem}: {error}\n"


def _picture_of(spec: Spec) -> str:
    """Where the picture of a block is; for a block of a plugin, how to draw it."""
    if spec.own:
        path = Path(package).parent / "docs" / "blocks" / f"{spec.name}.svg"
        if path.is_file():
            return str(path)
        return f"docs/blocks/{spec.name}.svg in the repository"
    return f"write one: mirbricks explain {spec.name} --picture {spec.name}.svg"
