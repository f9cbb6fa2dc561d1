"""A compiled graph as a file of plain PyTorch: it imports torch and Python's own modules only, and reads as if written
by hand. Same state_dict keys, same outputs to the bit.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from ...errors import GraphError
from ...registry import Block, Spec, get
from ...shapes import show
from ..module import GraphModule
from ..operations import NodeInfo
from .calls import Call, lines, literal
from .forward import FIT_FUNCTIONS, Forward, child
from .lookup import as_read, looked_up
from .source import BESIDE_TORCH, Carried, is_constant
from .text import CannotCarry

# Arguments that a reader does not know by their values.
BY_NAME = {"kernel_size", "dim", "scale_factor"}


def eject(model: GraphModule) -> str:
    """The text of a Python file with a class `Model` that computes what `model` does.

    Torch's own layers stand as `nn.Conv2d(...)`; the classes of other blocks stand above the model, with what they use.
    `Model().load_state_dict(model.state_dict())` works. Raises `GraphError` E701 where a block uses a package that the
    file cannot do without, or has no source.
    """
    specs = looked_up(model)
    carried = Carried(["Model", *FIT_FUNCTIONS], specs)
    forward = Forward(model)
    # The class comes first, since it says what must stand above it.
    body = "\n".join(_class_lines(model, carried, specs, forward))
    head = [
        _docstring(model, carried.packages),
        "",
        "from __future__ import annotations",
        *carried.import_lines(),
    ]
    above = [*_spaced(carried), *(FIT_FUNCTIONS[name] for name in forward.fits)]
    # Constants follow the imports after one empty line, functions and classes after two.
    constants_first = bool(above) and is_constant(above[0])
    gap = "\n\n" if constants_first else "\n\n\n"
    return "\n".join(head) + gap + "\n\n\n".join([*above, body]) + "\n"


def _class_lines(
    model: GraphModule, carried: Carried, specs: Mapping[str, Spec], forward: Forward
) -> list[str]:
    """The class `Model`; what it uses is carried."""
    # A node that runs several times is made once.
    layers: list[str] = []
    for node in model.nodes:
        if not node.reused:
            layers += _layer(node, carried, specs)
    steps = list(forward.lines())
    carried.use("nn")
    carried.use("Tensor")
    if any("torch." in line for line in steps):
        carried.use("torch")
    if forward.fits:
        carried.use("functional")
    return [
        "class Model(nn.Module):",
        f'    """{_shapes(model)}"""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        *_containers(model),
        *layers,
        "",
        *steps,
    ]


def _docstring(model: GraphModule, packages: Sequence[str]) -> str:
    # A quotation mark or a backslash in the name would end or change the docstring.
    name = " ".join(model.graph.name.replace("\\", "/").replace('"', "'").split())
    if packages:
        needs = f" Beside torch it needs {' and '.join(packages)}."
    else:
        needs = ""
    return f'''"""{name}: plain PyTorch, written by `mirbricks eject`. With weights:

    model = Model()
    model.load_state_dict(safetensors.torch.load_file("weights.safetensors"))

The names of the weights are those of the graph's nodes.{needs}
"""'''


def _shapes(model: GraphModule) -> str:
    inputs = ", ".join(show(shape) for shape in model.input_shapes.values())
    outputs = [show(shape) for shape in model.output_shapes.values()]
    if model.outputs:
        outputs = [
            f"{name} {shape}"
            for name, shape in zip(model.outputs, outputs, strict=True)
        ]
    return f"{inputs} -> {', '.join(outputs)}"


def _spaced(carried: Carried) -> Iterator[str]:
    """The definitions, constants that follow one another together."""
    together: list[str] = []
    for text in carried.definitions.values():
        if is_constant(text):
            together.append(text)
            continue
        if together:
            yield "\n".join(together)
        together = []
        yield text
    if together:
        yield "\n".join(together)


def _containers(model: GraphModule) -> Iterator[str]:
    """A module for each "enc" of "enc.conv"."""
    outer: dict[str, None] = {}
    for node in model.nodes:
        parts = node.name.split(".")
        outer.update(dict.fromkeys(".".join(parts[:n]) for n in range(1, len(parts))))
    for name in outer:
        yield from lines(*_put(name, Call("nn.Module")))


def _put(name: str, call: Call) -> tuple[str, Call, str]:
    """The statement that makes a module a child: what is before the call, the call, what is behind it."""
    *_, last = name.split(".")
    place = child(name)
    if place.endswith(f".{last}"):
        return f"        {place} = ", call, ""
    holder = child(name.rpartition(".")[0])
    return f"        {holder}.add_module({literal(last)}, ", call, ")"


def _layer(node: NodeInfo, carried: Carried, specs: Mapping[str, Spec]) -> list[str]:
    spec = get(node.block)
    try:
        return lines(*_put(node.name, _call(spec.cls, node, carried, specs)))
    except CannotCarry as problem:
        message = f"{node.block} cannot be written without mirbricks: {problem}"
        also = ", ".join(BESIDE_TORCH.values())
        hint = f"a block can be written that uses torch, {also}, Python's own modules and its own package only"
        raise GraphError(message, code="E701", where=node.where, help=hint) from None


def _call(
    cls: type[Block], node: NodeInfo, carried: Carried, specs: Mapping[str, Spec]
) -> Call:
    """What makes the block of a node, with the arguments that are not the defaults."""
    maker = carried.block(cls, node.config)
    fields = as_read(node.config.model_dump(), list(specs.values()))
    if maker.startswith("nn."):
        return Call(maker, tuple(_torch_arguments(getattr(nn, maker[3:]), fields)))
    # Without an __init__ of its own a block reads no config.
    if cls.__init__ in (Block.__init__, nn.Module.__init__):
        return Call(maker)
    if cls.Config.model_fields or "Config" in vars(cls):
        config = f"{maker}.Config"
    else:
        config = "BlockConfig"
    own = {name: value for name, value in fields.items() if _needed(cls, name, value)}
    arguments = tuple(_keyword(name, value) for name, value in own.items())
    return Call(maker, (Call(config, arguments),))


def _needed(cls: type[Block], name: str, value: Any) -> bool:
    # An inferred size has a default too, -1, which nothing would fill in here.
    info = cls.Config.model_fields[name]
    return (
        info.is_required()
        or name in cls.Config.inferred()
        or value != info.get_default(call_default_factory=True)
    )


def _torch_arguments(
    layer: type[nn.Module], fields: dict[str, Any]
) -> Iterator[str | Call]:
    """Sizes first, without their names, as one writes them; kernel_size always by name."""
    for name, parameter in inspect.signature(layer).parameters.items():
        if name not in fields:
            continue
        is_first = (
            parameter.default is parameter.empty
            and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        )
        if is_first and name not in BY_NAME:
            yield _value(name, fields[name])
        elif is_first or fields[name] != parameter.default:
            yield _keyword(name, fields[name])


def _keyword(name: str, value: Any) -> str | Call:
    if isinstance(value, dict):
        return _dict(f"{name}=", name, value)
    # A tuple of one needs its comma, and fits on its line.
    if isinstance(value, list | tuple) and len(value) > 1:
        brackets = "[]" if isinstance(value, list) else "()"
        items = tuple(_value(name, item) for item in value)
        return Call(f"{name}=", items, brackets)
    return f"{name}={_value(name, value)}"


def _dict(before: str, name: str, values: dict[Any, Any]) -> Call:
    keys = [f"{_value(name, key)}: " for key in values]
    items = zip(keys, values.values(), strict=True)
    inside: list[str | Call] = []
    for key, value in items:
        if isinstance(value, dict):
            inside.append(_dict(key, name, value))
        else:
            inside.append(f"{key}{_value(name, value)}")
    return Call(before, tuple(inside), "{}")


def _value(name: str, value: Any) -> str:
    text = literal(value)
    if text is None:
        raise CannotCarry(f"'{name}' is {value!r}, which is not a number, word or list")
    return text
