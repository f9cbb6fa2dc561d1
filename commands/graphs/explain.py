"""`mirbricks explain`: a block, a word of the graph language, a task, a feature, a section, or a code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from textwrap import indent

from ...compiler.drawing.inside import draw_block
from ...compiler.language.example import example_yaml
from ...errors import RegistryError, codes, did_you_mean
from ...registry import Spec
from ...registry import blocks as registered
from ...shapes import ContractError
from ...zoo import PREFIX, graphs, names
from ..wrapping import wrapped, wrapped_text
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
        print(wrapped_text(f"{name.upper()}: {explanation}"))
    elif name in WORDS:
        print(wrapped_text(f"{name}: {WORDS[name]}"))
    elif (section := section_of(name)) is not None:
        print(section)
    else:
        # One list of everything that has an explanation: users need not know which kind a word is.
        raise _unknown(name, [*known, *WORDS, *codes(), *sections()])
    return 0


def _unknown(name: str, explained: Iterable[str]) -> RegistryError:
    """The error for a word that is not explained: a pointer where another command knows it, or the nearest words."""
    from ..table import COMMANDS  # which leads to this module

    if name in COMMANDS:
        message = f"'{name}' is a command"
        hint = f"`mirbricks {name} --help` explains it"
    elif name in graphs():
        message = f"'{name}' is a graph that comes with mirbricks"
        hint = f"`mirbricks summary {name}` lists its layers, `mirbricks draw {name}` draws it"
    elif name.removeprefix(PREFIX) in names():
        model = name.removeprefix(PREFIX)
        message = f"'{name}' is a trained model of the zoo"
        hint = f"`mirbricks zoo {model}` prints its card"
    else:
        message = f"nothing is known as '{name}'"
        # The nearest of all words: a short name of a block is near to much.
        others = [*COMMANDS, *graphs(), *(f"{PREFIX}{one}" for one in names())]
        hint = (
            did_you_mean(name, [*explained, *others])
            or _near_setting(name)
            or "`mirbricks blocks` lists the blocks; codes look like E203"
        )
    return RegistryError(message, code="E305", help=hint)


def _near_setting(name: str) -> str | None:
    """The hint for a setting of the section `train:`, or another library's word for one, such as epochs."""
    from ...training.optimization import TrainConfig

    settings = TrainConfig.model_fields
    if name in settings:
        return f"it is a setting of the section `train:`: `mirbricks explain train` explains '{name}'"
    near = did_you_mean(name, settings)
    return near and f"{near} `mirbricks explain train` lists the settings of a training"


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
    indent = len("contract  ")
    drawing = f"mirbricks explain {spec.name} --picture {spec.name}.svg"
    lines = [
        f"{spec.name} ({spec.family})",
        "",
        wrapped_text(spec.description),
        "",
        "a graph that runs:",
        _example(spec),
        wrapped(f"contract  {spec.contract.text}", indent),
        wrapped(f"source    {spec.source}", indent),
        wrapped(f"picture   {picture or drawing}", indent),
        "",
        *(list(field_lines("field", spec.cls.Config)) or ["no fields"]),
    ]
    print("\n".join(lines))


def _example(spec: Spec) -> str:
    """A graph of the block's first example; of a plugin's block that example may be wrong."""
    try:
        text = indent(example_yaml(spec), "  ")
        # A mapping in braces may go on on the next line, deeper than it began.
        lines = [wrapped(line, _begin(line)) for line in text.splitlines()]
        return "\n".join([*lines, ""])
    except ContractError as error:
        problem = "the registered example does not fit the contract"
        return f"  none, since {problem}: {error}\n"


def _begin(line: str) -> int:
    """Where the first word of a line begins, behind the dash of a list, and two more."""
    return len(line) - len(line.lstrip(" -")) + 2
