"""The graphs of separation: waveforms of any length, mono and stereo, with the sizes of their papers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.compiler.exporting.export import export
from mirbricks.compiler.module import GraphModule, count_parameters

GRAPHS = Path(mb.__file__).parent / "graphs"
# The smallest forms, where only shapes count.
SMALL = {
    "separation_unet": ["vars.width=2"],
    "separation_cunet": ["vars.width=2"],
    "separation_tutorial": ["vars.width=2"],
    "separation_small": ["vars.width=4", "vars.blocks=1"],
    "separation_tasnet": ["vars.filters=8", "vars.width=4", "vars.hidden=6"],
    "separation_waveunet": ["vars.step=2"],
}
PARAMETERS = {
    "separation_unet": 9_823_313,
    "separation_cunet": 12_026_371,
    "separation_tutorial": 3_540_588,
    "separation_small": 92_810,
    "separation_tasnet": 459_617,
    "separation_waveunet": 1_157_036,
}


def compiled(name: str, channels: int) -> GraphModule:
    overrides = [
        *SMALL[name],
        f"vars.channels={channels}",
        f"feature.channels={channels}",
    ]
    return mb.compile_graph(mb.load_graph(GRAPHS / f"{name}.yaml", overrides)).eval()


def asked(model: GraphModule, mix: Tensor, target: int = 0) -> list[Tensor]:
    """All that the graph gives for a mix."""
    inputs = {"mix": mix}
    if "target" in model.input_shapes:
        inputs["target"] = torch.eye(4)[[target] * len(mix)]
    outputs = model(**inputs)
    if isinstance(outputs, Tensor):
        return [outputs]
    return list(outputs.values())


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_as_many_samples_come_out_as_went_in(name: str, channels: int) -> None:
    model = compiled(name, channels)
    for samples in (1, 777, 5001, 24_576):
        mix = torch.randn(2, channels, samples)
        with torch.inference_mode():
            given = asked(model, mix)
        assert all(sound.shape == mix.shape for sound in given)
        assert all(sound.isfinite().all() for sound in given)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_as_counted(name: str) -> None:
    model = mb.compile_graph(GRAPHS / f"{name}.yaml")
    assert count_parameters(model) == PARAMETERS[name]


def test_the_parameters_of_the_tutorials_unet_one_by_one() -> None:
    """Twelve convolutions of 3 x 3 with a bias and a norm each; real and imaginary parts of two channels outside."""
    down = [4, 16, 32, 64, 128, 256, 512]
    # Above the first way up, half of what comes in is the skip.
    up = [(512, 256), (512, 128), (256, 64), (128, 32), (64, 16), (32, 4)]
    pairs = [*pairwise(down), *up]
    assert sum(9 * i * o + o + 2 * o for i, o in pairs) == 3_540_588


def test_wave_unet_has_the_papers_ten_million() -> None:
    """Stoller et al., section 3.1: 12 levels of 24 channels more each, filters of 15 and 5 samples."""
    path = GRAPHS / "separation_waveunet.yaml"
    model = mb.compile_graph(mb.load_graph(path, ["vars.levels=12", "vars.step=24"]))
    widths = [1, *[24 * i for i in range(1, 14)]]
    down = sum(15 * i * o + o for i, o in pairwise(widths))
    up = sum(5 * 24 * (2 * i + 1) * 24 * i + 24 * i for i in range(1, 13))
    ends = 4 * (25 + 1)
    assert count_parameters(model) == down + up + ends == 10_263_080


def test_the_networks_of_the_unets_have_the_papers_bins_and_frames() -> None:
    """512 bins and 128 frames, at each of which transposed convolutions meet their skips: nothing is cut."""
    for name in ("unet_mask", "cunet_mask"):
        path = GRAPHS / "parts" / f"{name}.yaml"
        model = mb.compile_graph(mb.load_graph(path, ["vars.width=2"]), sizes_of(name))
        fits = [node for node in model.nodes if node.block == "FitTo"]
        assert len(fits) == 5
        assert all(node.came == node.went for node in fits)


def sizes_of(name: str) -> dict[str, tuple[int | None, ...]]:
    sizes: dict[str, tuple[int | None, ...]] = {"x": (None, 1, 512, 128)}
    if name == "cunet_mask":
        sizes["source"] = (None, 4)
    return sizes


@pytest.mark.parametrize("name", ["separation_cunet", "separation_small"])
def test_film_starts_as_the_identity_and_then_answers_by_the_target(name: str) -> None:
    torch.manual_seed(0)
    model = compiled(name, 1)
    mix = torch.randn(1, 1, 12_288)
    with torch.inference_mode():
        (first,), (second,) = asked(model, mix, 0), asked(model, mix, 1)
        torch.testing.assert_close(first, second)
        for module in model.modules():
            if isinstance(module, mb.registry.get("FiLM").cls):
                torch.nn.init.normal_(module.last.weight, std=0.3)
        (first,), (second,) = asked(model, mix, 0), asked(model, mix, 1)
    assert not torch.allclose(first, second, rtol=1e-2)


@pytest.mark.parametrize("samples", [9001, 9215])
@pytest.mark.parametrize("name", ["separation_unet", "separation_tutorial"])
def test_a_mask_of_ones_gives_the_mix_back(name: str, samples: int) -> None:
    """What is around the masks loses nothing, at lengths that are no multiple of the hop either."""
    model = compiled(name, 1)
    (last,) = [node.name for node in model.nodes if node.block in ("Sigmoid", "Tanh")]
    owner, _, leaf = last.rpartition(".")
    setattr(model.get_submodule(owner), leaf, Ones())
    mix = torch.randn(1, 1, samples)
    with torch.inference_mode():
        (sound,) = asked(model, mix)
    torch.testing.assert_close(sound, mix, atol=1e-4, rtol=0)


class Ones(torch.nn.Module):
    """A mask that lets everything through."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_graphs_are_exported(name: str) -> None:
    exported = export(compiled(name, 1), "torch-export")
    assert exported.differences
    assert all(difference < 1e-4 for _, difference in exported.differences)
