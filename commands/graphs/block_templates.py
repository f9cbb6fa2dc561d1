"""What `new-block` writes: a gated layer that works, to be changed into the user's own.

`str.format` fills the templates in. A kind says what differs between time, frequency and time, and sequences.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """The parts of the templates that depend on the axes of the input."""

    axes: str  # of the contract's left side, and in the same order in `shape`
    size: str  # the axis that the layer changes
    field: str  # torch's name of its size before the layer
    out: str  # and after it
    fields: str  # of the config, below the two sizes
    layer: str  # the expression that makes it
    over: str  # what it goes over, for the docstring
    dim: int  # of the axis `size`
    shape: tuple[int, ...]  # of the example's input
    given: str  # further fields of the example, as Python
    layer_given: str  # the same, as YAML
    reference: str  # lines of the test that compute the layer in another way


_CONV_FIELDS = (
    '        kernel_size: PositiveInt = Field(3, description="{what} of a filter")\n'
)
KINDS = {
    "1d": Kind(
        axes="B C T",
        size="C",
        field="in_channels",
        out="out_channels",
        fields=_CONV_FIELDS.format(what="frames"),
        layer='nn.Conv1d(c.in_channels, width, c.kernel_size, padding="same")',
        over="over time",
        dim=1,
        shape=(2, 4, 9),
        given=', "kernel_size": 3',
        layer_given=", kernel_size: 3",
        reference="""\
    padded = torch.nn.functional.pad(x, (1, 1))
    windows = padded.unfold(2, 3, 1)  # (B, C, T, taps)
    y = torch.einsum("bctk,ock->bot", windows, weight) + bias[:, None]
""",
    ),
    "2d": Kind(
        axes="B C F T",
        size="C",
        field="in_channels",
        out="out_channels",
        fields=_CONV_FIELDS.format(what="bins and frames"),
        layer='nn.Conv2d(c.in_channels, width, c.kernel_size, padding="same")',
        over="over frequency and time",
        dim=1,
        shape=(2, 4, 6, 9),
        given=', "kernel_size": 3',
        layer_given=", kernel_size: 3",
        reference="""\
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    windows = padded.unfold(2, 3, 1).unfold(3, 3, 1)  # (B, C, F, T, taps, taps)
    y = torch.einsum("bcftjk,ocjk->boft", windows, weight) + bias[:, None, None]
""",
    ),
    "seq": Kind(
        axes="B T D",
        size="D",
        field="in_features",
        out="out_features",
        fields="",
        layer="nn.Linear(c.in_features, width)",
        over="of each frame",
        dim=2,
        shape=(2, 9, 4),
        given="",
        layer_given="",
        reference="""\
    y = torch.einsum("btd,od->bto", x, weight) + bias
""",
    ),
}

BLOCK = '''\
"""The block {name}. Put your own layers and source in."""

from __future__ import annotations

{imports}


@register(
    "{name}",
    shape="{axes} -> {after}",
    source="arXiv:1612.08083",
    examples=[({shape}, {{"{out}": 6{given}}})],
)
class {name}(Block):
    """A linear layer {over}, gated by a sigmoid of another.

    Shape:   ({comma_axes}) -> ({comma_after})
    Source:  Dauphin et al., "Language Modeling with Gated Convolutional Networks",
             ICML 2017, eq. 1
    """

    class Config(BlockConfig):
        {field}: int = from_axis("{size}")
        {out}: PositiveInt = Field(description="size of axis {size} of the output")
{fields}
    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config
        width = 2 * c.{out}  # the values, then their gates
        self.layer = {layer}

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.layer(x).chunk(2, dim={dim})
        return value * gate.sigmoid()
'''

TEST = '''\
"""The block {name} against its contract and its definition."""

from __future__ import annotations

from pathlib import Path

{test_imports}

GRAPH = Path(__file__){graph_steps}


def test_meets_its_contract() -> None:
    mirbricks.check_block({name})


def test_by_its_definition() -> None:
    torch.manual_seed(0)
    fields = {{{fields}}}
    block = {name}({name}.Config(**fields)).double()
    x = torch.randn{shape}.double()
    weight, bias = block.layer.weight, block.layer.bias
{reference}\
    expected = y{first} / (1 + torch.exp(-y{second}))
    torch.testing.assert_close(block(x), expected)


def test_its_graph_compiles() -> None:
    model = mirbricks.compile_graph(GRAPH)
    assert isinstance(model.head, {name})
'''

GRAPH = """\
# {comment}
name: {module}
input: {input}
layers:
  - {name}: {{name: head, {out}: 8{layer_given}}}
"""
