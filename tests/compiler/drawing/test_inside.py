"""What is inside a block: which operations its picture shows, how they hang together, and how long ones are cut."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks import registry
from mirbricks.compiler.drawing.inside import draw_block
from mirbricks.compiler.drawing.inside_curve import curve
from mirbricks.compiler.drawing.inside_cut import MOST, shortened
from mirbricks.compiler.drawing.inside_trace import trace
from mirbricks.compiler.drawing.inside_values import Call, Value, sized
from mirbricks.compiler.drawing.inside_words import detail, outer, place
from mirbricks.registry import Block, Spec

Forward = Callable[[Any, Tensor], Tensor]


@pytest.fixture
def block_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Spec]:
    """block_of(forward, name=module, ...): the spec of a block on (2, 4, 9) with these children."""
    registry.blocks()  # all are loaded before the toys come, and stay
    monkeypatch.setattr(registry.BLOCKS, "known", registry.blocks())

    def made(forward: Forward, **children: Callable[[], nn.Module]) -> Spec:
        class Toy(Block):
            """A block of a test."""

            def __init__(self, config: registry.BlockConfig) -> None:
                super().__init__(config)
                for name, child in children.items():
                    self.add_module(name, child())

        Toy.forward = forward  # type: ignore[method-assign]
        decorate = mb.register(
            "Toy", shape="B ... -> B ...'", source="none", examples=[((2, 4, 9), {})]
        )
        return decorate(Toy).spec

    return made


def names(calls: list[Call]) -> list[str]:
    return [call.name for call in calls]


def texts(svg: str) -> list[str]:
    return [
        "".join(one.itertext())
        for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def conv(width: int = 4) -> Callable[[], nn.Module]:
    return lambda: nn.Conv1d(width, width, 3, padding=1)


def test_a_skip_is_an_operation_with_two_tensors(block_of: Callable[..., Spec]) -> None:
    calls, out = trace(block_of(lambda self, x: x + self.conv(x).relu(), conv=conv()))
    assert names(calls) == ["input", "conv1d", "relu", "add"]
    assert [[value.maker for value in call.data] for call in calls] == [
        [],
        [0],
        [1],
        [0, 2],
    ]
    assert out.maker == 3
    assert calls[1].weights == ("conv.weight", "conv.bias")
    assert (place(calls[1]), detail(calls[1])) == ("conv", "4, kernel 3, padding 1")


def test_what_only_moves_a_tensor_is_told_on_the_way(
    block_of: Callable[..., Spec],
) -> None:
    calls, out = trace(block_of(lambda _, x: x.transpose(1, 2).exp().unsqueeze(1)))
    assert names(calls) == ["input", "exp"]
    assert calls[1].data[0] == Value(0, ("B", 9, 4), moves=("transpose",), role="self")
    assert (out.size, out.moves) == (("B", 1, 9, 4), ("unsqueeze",))
    assert "4 × 9 → 9 × 4" in texts(draw_block(mb.registry.get("Toy")))


def test_a_block_that_only_moves_shows_that(block_of: Callable[..., Spec]) -> None:
    assert names(trace(block_of(lambda _, x: x.transpose(1, 2)))[0]) == [
        "input",
        "transpose",
    ]


def test_a_block_may_do_nothing_or_ignore_its_input(
    block_of: Callable[..., Spec],
) -> None:
    assert texts(draw_block(block_of(lambda _, x: x)))[2:] == [
        "x",
        "4 × 9",
        "output",
        "4 × 9",
    ]
    assert texts(draw_block(block_of(lambda _, x: torch.ones(x.shape))))[2:] == [
        "x",
        "4 × 9",
        "output",
        "4 × 9",
    ]


def test_halves_of_a_tensor_are_told_apart(block_of: Callable[..., Spec]) -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        value, gate = x.exp().chunk(2, dim=1)
        return value * gate.sigmoid()

    calls, _ = trace(block_of(forward))
    assert names(calls) == ["input", "exp", "sigmoid", "mul"]
    assert [[value.piece for value in call.data] for call in calls[2:]] == [
        ["part 2/2"],
        ["part 1/2", ""],
    ]


def test_what_comes_from_weights_alone_belongs_to_who_takes_it(
    block_of: Callable[..., Spec],
) -> None:
    norm = nn.utils.parametrizations.weight_norm
    calls, _ = trace(
        block_of(
            lambda self, x: self.conv(x) * torch.ones(1).exp(),
            conv=lambda: norm(conv()()),
        )
    )
    assert names(calls) == ["input", "conv1d", "mul"]
    assert (place(calls[1]), detail(calls[1])) == (
        "conv",
        "4, kernel 3, padding 1, weight by weight norm",
    )


def test_what_the_output_does_not_need_is_not_shown(
    block_of: Callable[..., Spec],
) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        self.seen = x.cos().detach()
        return x.sin()

    assert names(trace(block_of(forward))[0]) == ["input", "sin"]


def test_what_runs_without_gradients_is_seen_too(block_of: Callable[..., Spec]) -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = x.argmax(1, keepdim=True)
        return x + y

    assert names(trace(block_of(forward))[0]) == ["input", "argmax", "add"]


def test_the_batch_has_its_name() -> None:
    assert sized((101, 4, 9)) == ("B", 4, 9)
    assert sized((9, 101, 4)) == (9, "B", 4)
    assert sized((909, 4)) == ("B·9", 4)


def test_a_part_with_several_operations_has_a_bar(
    block_of: Callable[..., Spec],
) -> None:
    spec = block_of(
        lambda self, x: self.out(self.enc(x)),
        enc=lambda: nn.Sequential(conv()(), nn.ReLU()),
        out=conv(),
    )
    assert outer(trace(spec)[0]) == (["", "enc", "enc", ""], "")
    assert {"conv1d0", "conv1dout", "enc"} <= set(texts(draw_block(spec)))


def test_what_all_have_in_common_is_not_said(block_of: Callable[..., Spec]) -> None:
    spec = block_of(
        lambda self, x: self.stack(x), stack=lambda: nn.Sequential(chain(2)(), conv()())
    )
    assert outer(trace(spec)[0]) == (
        ["", *["stack.0.0"] * 2, *["stack.0.1"] * 2, ""],
        "stack",
    )
    words = texts(draw_block(spec))
    assert {"conv1d0", "0.0", "0.1", "conv1d1"} <= set(words)
    assert not [word for word in words if "stack" in word]


def test_a_long_name_keeps_its_end() -> None:
    call = Call(
        "linear",
        (Value(None, weights=("encoder.layers.0.attention.to_q.weight",)),),
        (),
    )
    assert place(call) == "…0.attention.to_q"
    assert place(call, "encoder.layers.0") == "attention.to_q"


def chain(length: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        *(nn.Sequential(conv()(), nn.ReLU()) for _ in range(length))
    )


def test_a_repetition_is_told_once(block_of: Callable[..., Spec]) -> None:
    calls, out = trace(block_of(lambda self, x: self.levels(x), levels=chain(40)))
    assert len(calls) == 81
    calls, out = shortened(calls, out)
    assert names(calls) == ["input", "conv1d", "relu", "… 39 more"]
    assert (detail(calls[-1]), out.maker) == ("each as above: conv1d, relu", 3)
    assert calls[-1].weights[0] == "levels.1.0.weight"


def test_short_blocks_stay_whole(block_of: Callable[..., Spec]) -> None:
    calls, out = trace(block_of(lambda self, x: self.levels(x), levels=chain(10)))
    assert shortened(calls, out) == (calls, out)


def test_parts_lose_their_insides_where_nothing_repeats(
    block_of: Callable[..., Spec],
) -> None:
    steps = [
        torch.sin,
        torch.cos,
        torch.exp,
        torch.abs,
        torch.tanh,
        torch.relu,
        torch.square,
        torch.sigmoid,
    ]

    class Part(nn.Module):
        def __init__(self, first: int) -> None:
            super().__init__()
            self.steps = [*steps[first:], *steps[:first]][: 3 + first % 3]

        def forward(self, x: Tensor) -> Tensor:
            for step in self.steps:
                x = step(x)
            return x

    def forward(self: Any, x: Tensor) -> Tensor:
        y = x
        for i in range(8):
            y = getattr(self, f"part{i}")(y)
        return x + y

    spec = block_of(forward, **{f"part{i}": lambda i=i: Part(i) for i in range(8)})
    calls, _ = shortened(*trace(spec))
    assert names(calls) == ["input", *["Part"] * 8, "add"]
    assert [value.maker for value in calls[-1].data] == [0, 8]
    assert [(place(call), detail(call)) for call in calls[1:3]] == [
        ("part0", "sin, cos, exp"),
        ("part1", "cos, exp, abs, tanh"),
    ]


class Stage(nn.Module):
    """Three operations in a Sequential that is all of it, or after one of its own."""

    def __init__(self, alone: bool) -> None:
        super().__init__()
        self.alone, self.layers = alone, nn.Sequential(conv()(), nn.ReLU(), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x if self.alone else x.sin())
        return y


@pytest.mark.parametrize(
    ("alone", "name", "path"),
    [(True, "Stage", "stage0"), (False, "Sequential", "stage0.layers")],
)
def test_a_sequential_that_is_all_of_a_module_has_its_name(
    alone: bool, name: str, path: str, block_of: Callable[..., Spec]
) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        for i in range(8):  # a different operation after each, so that nothing repeats
            x = [
                torch.cos,
                torch.exp,
                torch.abs,
                torch.square,
                torch.sigmoid,
                torch.log1p,
                torch.erf,
                torch.sign,
            ][i](getattr(self, f"stage{i}")(x))
        return x

    calls, _ = shortened(
        *trace(
            block_of(forward, **{f"stage{i}": lambda: Stage(alone) for i in range(8)})
        )
    )
    one = calls[1 if alone else 2]
    assert (one.name, one.path, detail(one)) == (name, path, "conv1d, relu, tanh")


def test_the_middle_goes_where_there_are_no_parts(
    block_of: Callable[..., Spec],
) -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        y = x
        for i in range(1, 7):  # 1 sine, 2 sines, ... with a cosine between: no period
            for _ in range(i * i % 7):
                y = y.sin()
            y = y.cos().exp() if i % 2 else y.abs()
        for one in (
            torch.tanh,
            torch.abs,
            torch.exp,
            torch.sigmoid,
            torch.cos,
            torch.relu,
            torch.square,
        ):
            y = one(y)
        return x * y

    calls, _ = shortened(*trace(block_of(forward)))
    assert len(calls) <= MOST
    assert any(name.startswith("… ") for name in names(calls))
    assert all(
        value.maker < i
        for i, call in enumerate(calls)
        for value in call.data
        if value.maker is not None
    )
    assert (names(calls)[-1], [value.maker for value in calls[-1].data]) == (
        "mul",
        [0, len(calls) - 2],
    )


def test_several_inputs_and_the_same_picture_twice() -> None:
    spec = mb.registry.get("FiLM")
    picture = draw_block(spec)
    assert picture == draw_block(spec)
    words = texts(picture)
    assert {"x", "cond", "output", "+", "×"} <= set(words)
    assert "4 operations, 30 parameters" in words


def test_the_config_has_lines_of_its_own() -> None:
    assert texts(draw_block(mb.registry.get("Conv2d")))[1:4] == [
        "1 operation, 184 parameters",
        "out_channels: 4, kernel_size: [5, 3], stride:",
        "[2, 1], padding: [2, 1]",
    ]


def test_sizes_in_arguments_name_the_batch() -> None:
    assert "to B×5×12" in texts(draw_block(mb.registry.get("Rearrange")))


def test_attention_is_called_so_and_its_weights_have_one_name() -> None:
    words = texts(draw_block(mb.registry.get("SelfAttention")))
    assert "dot_product_attention" in words
    assert "linearin_proj" in words
    assert "lineark_proj" in texts(draw_block(mb.registry.get("CrossAttention")))


def test_the_curve_of_a_block_that_treats_every_value_alone(
    block_of: Callable[..., Spec],
) -> None:
    points = curve(block_of(lambda _, x: x.clamp(-1, 2)))
    assert len(points) == 257
    assert points == tuple(
        (x, min(max(x, -1), 2)) for x in (i / 32 for i in range(-128, 129))
    )
    picture = draw_block(mb.registry.get("Toy"))
    assert picture.count("<polyline") == 1
    assert texts(picture)[-6:] == ["−3", "3", "−1", "1", "2", "other"]


@pytest.mark.parametrize(
    "forward",
    [
        lambda _, x: 2 * x + 1,
        lambda _, x: x.softmax(1),
        lambda _, x: x.relu().cumsum(2),
        lambda _, x: x.relu().transpose(1, 2),
        lambda _, x: x.relu() * torch.arange(9, dtype=x.dtype),
        lambda _, x: x.relu().flip(1),
    ],
)
def test_other_blocks_have_no_curve(
    forward: Forward, block_of: Callable[..., Spec]
) -> None:
    assert not curve(block_of(forward))
    assert "<polyline" not in draw_block(mb.registry.get("Toy"))


def test_a_curve_of_random_weights_is_the_same_twice(
    block_of: Callable[..., Spec],
) -> None:
    spec = block_of(
        lambda self, x: x.relu() * self.one.weight[0, 0], one=lambda: nn.Linear(1, 1)
    )
    torch.manual_seed(1)
    one, drawn = curve(spec), torch.rand(1)
    torch.manual_seed(1)
    assert drawn == torch.rand(1)
    torch.manual_seed(2)
    assert one == curve(spec)


def test_weights_do_not_matter_to_a_picture() -> None:
    torch.manual_seed(1)
    one = draw_block(mb.registry.get("ResidualBlock"))
    torch.manual_seed(2)
    assert one == draw_block(mb.registry.get("ResidualBlock"))


def test_a_block_that_torch_cannot_export_is_told(
    block_of: Callable[..., Spec],
) -> None:
    def forward(_: Any, __: Tensor) -> Tensor:
        raise ValueError("not today")

    with pytest.raises(mb.MirbricksError) as failed:
        draw_block(block_of(forward))
    assert str(failed.value) == (
        "block 'Toy' cannot be traced, so what is inside cannot be drawn\n"
        "  torch  not today\n"
        "  help: check_block('Toy') explains more     [E308]"
    )
