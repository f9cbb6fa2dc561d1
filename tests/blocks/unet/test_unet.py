"""U-Nets against the same in plain layers, at every size, and what they say of a stage that cannot be one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mirbricks as mb
from mirbricks import registry
from mirbricks.errors import GraphError
from mirbricks.registry import Block

Make = Callable[..., Block]
DORAS = Path(mb.__file__).parent / "graphs" / "mpe_doras_unet.yaml"
SMALL: dict[str, Any] = {"widths": 2, "stage_config": {"n_layers": 1}}
DOWN = ["max", "average", "strided"]
UP = ["transposed", "nearest", "linear"]
LAYOUTS = ["ronneberger", "doras"]
FITS = ["pad", "crop"]
# Every two settings meet in every two of their values; a third changes no way through the code.
PAIRWISE = [
    (down, up, LAYOUTS[(i + (j > 0)) % 2], FITS[(i + j) % 2])
    for i, down in enumerate(DOWN)
    for j, up in enumerate(UP)
]


def test_every_two_settings_meet() -> None:
    for one, other in combinations(range(4), 2):
        values = [DOWN, UP, LAYOUTS, FITS]
        met = {(case[one], case[other]) for case in PAIRWISE}
        assert met == set(product(values[one], values[other]))


def compiled(layers: list[Any], axes: str) -> nn.Module:
    return mb.compile_graph({"input": axes, "layers": layers})


def take_weights(target: nn.Module, source: nn.Module) -> None:
    """Weights by their order, which is that of the run in both."""
    mine, others = target.state_dict(), list(source.state_dict().values())
    assert [v.shape for v in mine.values()] == [v.shape for v in others]
    target.load_state_dict(dict(zip(mine, others, strict=True)))


def test_both_forms_of_the_doras_graph_agree_to_the_bit() -> None:
    plain = mb.compile_graph(DORAS)
    stage = {"norm": "none", "activate": "last"}
    unet = {
        "depth": 3,
        "widths": 64,
        "layout": "doras",
        "input_norm": True,
        "stage_config": stage,
    }
    conv = {"Conv2d": {"out_channels": 1, "kernel_size": 3, "padding": "same"}}
    block = compiled([{"UNet2d": unet}, "BatchNorm2d", conv, conv], "B C=6 F=360 T")
    assert sum(p.numel() for p in block.parameters()) == 7_093_591
    take_weights(block, plain)
    x = torch.randn(1, 6, 360, 8)
    one, two = (
        plain(x),
        block(x),
    )  # in training: batch statistics, which eval() then uses
    assert torch.equal(one, two)
    one.square().mean().backward()
    two.square().mean().backward()
    for p, q in zip(plain.parameters(), block.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)
    with torch.no_grad():
        assert torch.equal(plain.eval()(x), block.eval()(x))


def plain_layers(
    dims: int, down: str, up: str, fit: str, widths: list[int]
) -> list[Any]:
    """A U-Net of ConvBlocks with StoreAs and CatWith."""
    pool: dict[str, Any] = {
        "max": {f"MaxPool{dims}d": {"kernel_size": 2, "ceil_mode": fit == "crop"}},
        "average": {f"AvgPool{dims}d": {"kernel_size": 2, "ceil_mode": fit == "crop"}},
    }
    layers: list[Any] = []
    for i, width in enumerate(widths[:-1]):
        layers += [{f"ConvBlock{dims}d": {"out_channels": width}}, {"StoreAs": f"E{i}"}]
        strided = {
            f"Conv{dims}d": {
                "out_channels": width,
                "kernel_size": 3,
                "stride": 2,
                "padding": 1,
            }
        }
        layers.append(pool.get(down, strided))
    layers.append({f"ConvBlock{dims}d": {"out_channels": widths[-1]}})
    mode = "bilinear" if (up, dims) == ("linear", 2) else up
    for i, width in reversed(list(enumerate(widths[:-1]))):
        transposed = {
            f"ConvTranspose{dims}d": {
                "out_channels": width,
                "kernel_size": 2,
                "stride": 2,
            }
        }
        interpolated = {f"UpsampleConv{dims}d": {"out_channels": width, "mode": mode}}
        layers.append(transposed if up == "transposed" else interpolated)
        layers += [
            {"CatWith": {"key": f"E{i}", "fit": fit}},
            {f"ConvBlock{dims}d": {"out_channels": width}},
        ]
    return [*layers, {f"Conv{dims}d": {"out_channels": 3, "kernel_size": 1}}]


@pytest.mark.parametrize(
    ("dims", "down", "up", "fit"),
    [
        *((2, down, up, fit) for down, up, _, fit in PAIRWISE),
        (1, "max", "nearest", "crop"),
        (1, "average", "linear", "crop"),
        (1, "strided", "transposed", "pad"),
    ],
)
def test_is_the_same_as_plain_layers(dims: int, down: str, up: str, fit: str) -> None:
    config = {
        "depth": 2,
        "widths": [3, 5, 4],
        "out_channels": 3,
        "downsampling": down,
        "upsampling": up,
        "fit": fit,
    }
    axes = "B C=2 T" if dims == 1 else "B C=2 F T"
    block = compiled([{f"UNet{dims}d": config}], axes)
    plain = compiled(
        plain_layers(dims, down, up, "crop" if down == "strided" else fit, [3, 5, 4]),
        axes,
    )
    take_weights(block, plain)
    for sizes in ((8, 12), (11, 9), (5, 6)):  # multiples of 4, and odd on both levels
        x = torch.randn(2, 2, *sizes[:dims])
        assert torch.equal(block(x), plain(x))


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_any_depth_takes_any_size_from_its_minimum_on(
    make: Make, depth: int, fit: str
) -> None:
    block = make(
        "UNet1d",
        (1, 1, 64),
        depth=depth,
        fit=fit,
        **{**SMALL, "widths": [1] * (depth + 1)},
    ).eval()
    least = 2**depth if fit == "pad" else 1
    with torch.no_grad():
        for frames in (*range(least, least + 18), 2**depth + 1, 3 * 2**depth - 1):
            x = torch.randn(1, 1, frames, dtype=torch.float64)
            assert block(x).shape == x.shape
            assert block(x).isfinite().all()
        for frames in range(1, least):
            with pytest.raises(
                GraphError, match=f"takes T ≥ {least}, got T = {frames}\n"
            ):
                block(torch.randn(1, 1, frames, dtype=torch.float64))


@pytest.mark.parametrize(("down", "up", "layout", "fit"), PAIRWISE)
def test_however_it_goes_down_and_up_it_takes_any_size(
    make: Make, down: str, up: str, layout: str, fit: str
) -> None:
    config = {
        "downsampling": down,
        "upsampling": up,
        "layout": layout,
        "fit": fit,
        "stride": 3,
        "out_channels": 1,
    }
    block = make("UNet1d", (1, 1, 64), depth=2, **{**config, **SMALL}).eval()
    least = 9 if fit == "pad" and down != "strided" else 1
    with torch.no_grad():
        for frames in range(least, least + 12):
            y = block(torch.randn(1, 1, frames, dtype=torch.float64))
            assert y.shape == (1, 1, frames)
            assert y.isfinite().all()
        for frames in range(1, least):
            with pytest.raises(GraphError, match=f"takes T ≥ 9, got T = {frames}\n"):
                block(torch.randn(1, 1, frames, dtype=torch.float64))


@pytest.mark.parametrize("dims", [1, 2])
def test_a_conditioned_one_has_the_same_minimum(dims: int) -> None:
    block = made(
        f"ConditionedUNet{dims}d",
        [(1, 1, 64, 64)[: 2 + dims], (1, 2)],
        depth=3,
        **SMALL,
    ).eval()
    cond = torch.randn(1, 2, dtype=torch.float64)
    for frames in (8, 9, 15):
        x = torch.randn(1, 1, *[frames] * dims, dtype=torch.float64)
        assert block(x, cond).shape == (1, 2, *x.shape[2:])
    with pytest.raises(
        GraphError,
        match=f"^ConditionedUNet{dims}d of depth 3 takes .*T ≥ 8, got .*T = 7\n",
    ):
        block(torch.randn(1, 1, *[7] * dims, dtype=torch.float64), cond)


@pytest.mark.parametrize("layout", ["ronneberger", "doras"])
@pytest.mark.parametrize("stride", [2, [3, 1], [2, 3]])
def test_sizes_in_2d(make: Make, stride: int | list[int], layout: str) -> None:
    block = make(
        "UNet2d",
        (1, 2, 64, 64),
        depth=2,
        stride=stride,
        layout=layout,
        out_channels=1,
        **SMALL,
    ).eval()
    steps = stride if isinstance(stride, list) else [stride, stride]
    least = [step**2 for step in steps]
    for f, t in (
        (least[0], least[1]),
        (least[0] + 1, least[1] + 2),
        (least[0] + 5, least[1]),
    ):
        assert block(torch.randn(1, 2, f, t, dtype=torch.float64)).shape == (1, 1, f, t)
    with pytest.raises(GraphError, match="takes F ≥") as caught:
        block(torch.randn(1, 2, least[0] - 1, 9, dtype=torch.float64))
    assert caught.value.code == "E210"


def test_what_is_said_below_the_minimum(make: Make) -> None:
    block = make("UNet2d", (1, 2, 64, 64), depth=4, stride=[2, 1], **SMALL)
    with pytest.raises(GraphError) as caught:
        block(torch.randn(1, 2, 10, 3, dtype=torch.float64))
    assert str(caught.value) == (
        "UNet2d of depth 4 takes F ≥ 16 and T ≥ 1, got F = 10 and T = 3\n"
        "  help: give it more, or less depth, or `fit: crop`, which takes any size     [E210]"
    )


def test_the_compiler_says_it_too() -> None:
    with pytest.raises(GraphError, match="UNet1d cannot run on this tensor") as caught:
        compiled([{"UNet1d": SMALL}], "B C=2 T=9")
    assert ("torch", "UNet1d of depth 4 takes T ≥ 16, got T = 9") in caught.value.facts


@pytest.mark.parametrize(
    "name",
    ["ConvNeXtBlock", "ResidualBlock", "BottleneckBlock", "ConvBlock2d", "UNet2d"],
)
def test_blocks_may_be_the_stage(make: Make, name: str) -> None:
    stage_config = (
        {"depth": 1, "widths": 2} if name == "UNet2d" else {"kernel_size": [5, 3]}
    )
    shape = (2, 3, 9, 8)
    block = make(
        "UNet2d",
        shape,
        depth=1,
        widths=4,
        stage=name,
        stage_config=stage_config,
        stage_repeats=2,
    )
    found = [
        type(b).__name__
        for level in (*block.down, *block.up)
        for b in level.stage.blocks
    ]
    assert found == [name] * 6
    assert block(torch.randn(shape, dtype=torch.float64)).shape == (2, 4, 9, 8)


def test_kernel_size_is_that_of_every_stage(make: Make) -> None:
    for config in ({"kernel_size": [5, 3]}, {"stage_config": {"kernel_size": [5, 3]}}):
        block = make("UNet2d", (1, 2, 8, 8), depth=1, widths=2, **config)
        kernels = {
            m.kernel_size
            for n, m in block.named_modules()
            if isinstance(m, nn.Conv2d) and "stage" in n
        }
        assert kernels == {(5, 3)}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"stage": "ConvBlok2d"},
            "UNet2d: there is no block 'ConvBlok2d'; did you mean 'ConvBlock2d' or ",
        ),
        (
            {"stage": "ReLU"},
            "UNet2d: stage 'ReLU' has no field out_channels, so its width cannot be set",
        ),
        (
            {"stage": "ConvBlock1d"},
            "UNet2d: stage 'ConvBlock1d' must take 'B C F T', but takes 'B C T'",
        ),
        (
            {"stage": "ConditionedResidualBlock2d"},
            "UNet2d: stage 'ConditionedResidualBlock2d' must take 'B C F T', but takes 'B C F T, B D'",
        ),
        (
            {"stage_config": {"out_channels": 3}},
            "UNet2d: stage_config has 'out_channels', which the U-Net gives: leave it out, see 'widths'",
        ),
        (
            {"stage_config": {"activaton": "ELU"}},
            "UNet2d: stage_config: ConvBlock2d has no key 'activaton'; did you mean 'activation' or 'activate'?",
        ),
        ({"stage": "Conv2d"}, "UNet2d: stage_config: Conv2d needs 'kernel_size'"),
        (
            {"stage_config": {"n_layers": 0}},
            "UNet2d: stage_config: ConvBlock2d 'n_layers': input should be greater than 0",
        ),
        (
            {"stage": "ResidualBlock", "stage_config": {"stride": 2, "kernel_size": 2}},
            "UNet2d: stage_config: ResidualBlock with a stride, kernel_size must be odd: ",
        ),
        (
            {"depth": 2, "widths": [4, 8]},
            "UNet2d: 'widths' has 2 values, but depth 2 has 3 levels",
        ),
        (
            {"kernel_size": 3, "stage_config": {"kernel_size": 5}},
            "UNet2d: 'kernel_size' stands beside stage_config and in it: give it once",
        ),
    ],
)
def test_what_cannot_be_a_stage_is_told(config: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError) as caught:
        compiled([{"UNet2d": config}], "B C=2 F T")
    assert caught.value.message.startswith(message)
    assert caught.value.code == "E106"


def test_a_stage_that_changes_sizes_is_told(make: Make) -> None:
    block = make(
        "UNet2d", (1, 2, 16, 16), depth=1, widths=2, stage="Conv2d", kernel_size=3
    )
    with pytest.raises(GraphError) as caught:
        block(torch.randn(1, 2, 16, 16, dtype=torch.float64))
    assert str(caught.value) == (
        "stage 'Conv2d' must keep sizes, but made (1, 2, 14, 14) of (1, 2, 16, 16)\n"
        "  help: give it a stride of 1 and `padding: same` in stage_config     [E210]"
    )


def made(name: str, shapes: list[tuple[int, ...]], **config: Any) -> Block:
    spec = registry.get(name)
    given = spec.cls.Config(**config)
    return registry.build(spec, given.resolve(spec.contract.bind(shapes))).double()


@pytest.mark.parametrize("film", ["all", "down"])
@pytest.mark.parametrize(("dims", "shape"), [(1, (2, 3, 11)), (2, (2, 3, 6, 9))])
def test_a_conditioned_unet_starts_as_the_plain_one(
    make: Make, dims: int, shape: tuple[int, ...], film: str
) -> None:
    plain = make(f"UNet{dims}d", shape, depth=2, **SMALL)
    block = made(
        f"ConditionedUNet{dims}d", [shape, (2, 4)], depth=2, film=film, **SMALL
    )
    missing = block.load_state_dict(plain.state_dict(), strict=False)
    assert not missing.unexpected_keys
    levels = {key.rpartition(".stage.film")[0] for key in missing.missing_keys}
    assert levels == {f"down.{i}" for i in range(3)} | (
        {f"up.{i}" for i in range(2)} if film == "all" else set()
    )
    x, cond = (
        torch.randn(shape, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )
    assert torch.equal(block(x, cond), plain(x))
    for level in block.down:
        nn.init.normal_(level.stage.film.last.weight)
    assert not torch.allclose(block(x, cond), block(x, cond.flip(0)))


def test_film_stands_after_each_stage() -> None:
    block = made("ConditionedUNet1d", [(2, 3, 8), (2, 4)], depth=1, **SMALL).eval()
    for name, parameter in block.named_parameters():
        if "film" in name:
            nn.init.normal_(parameter)
    x, cond = (
        torch.randn(2, 3, 8, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )

    def staged(level: Any, x: Tensor) -> Tensor:
        y: Tensor = level.stage.film(level.stage.blocks[0](x), cond)
        return y

    skip = staged(block.down[0], x)
    y = block.up[0].upsample(staged(block.down[1], nn.functional.max_pool1d(skip, 2)))
    torch.testing.assert_close(
        block(x, cond), staged(block.up[0], torch.cat((y, skip), dim=1))
    )


def test_a_stage_that_hears_the_condition_gets_it_and_no_film() -> None:
    config = {
        "stage": "ConditionedResidualBlock1d",
        "stage_config": {"zero_init": False},
        "depth": 1,
        "widths": 4,
    }
    block = made("ConditionedUNet1d", [(2, 3, 8), (2, 4)], **config)
    assert all(level.stage.film is None for level in (*block.down, *block.up))
    for name, parameter in block.named_parameters():
        if "film" in name:
            nn.init.normal_(parameter)
    x, cond = (
        torch.randn(2, 3, 8, dtype=torch.float64),
        torch.randn(2, 4, dtype=torch.float64),
    )
    assert not torch.allclose(block(x, cond), block(x, cond.flip(0)))


def test_a_diffusion_unet_is_a_graph() -> None:
    layers = [
        {"StartFrom": "t"},
        {"TimeEmbedding": {"out_features": 6, "dim": 8, "scale": 1000.0}},
        {"StoreAs": "cond"},
        {"StartFrom": "x"},
        {"Conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}},
        {
            "ConditionedUNet1d": {
                "depth": 2,
                "widths": 4,
                "stage": "ConditionedResidualBlock1d",
                "with": ["cond"],
            }
        },
        {"Conv1d": {"out_channels": 3, "kernel_size": 1}},
    ]
    model = mb.compile_graph({"input": {"x": "B C=3 T", "t": "B"}, "layers": layers})
    assert model(torch.randn(2, 3, 13), torch.rand(2)).shape == (2, 3, 13)


def test_compiles_without_a_graph_break(make: Make) -> None:
    block = make("UNet1d", (2, 3, 11), depth=2, **SMALL).eval()
    x = torch.randn(2, 3, 11, dtype=torch.float64)
    fast = torch.compile(block, fullgraph=True, backend="eager")
    torch.testing.assert_close(fast(x), block(x))
