"""What the papers say of the graphs that follow them: receptive fields, least sizes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.inference.receptive_field import receptive_fields
from mirbricks.compiler.inference.sizes import free_sizes
from mirbricks.compiler.inference.summary import count_macs
from mirbricks.compiler.module import count_parameters

GRAPHS = Path(mb.__file__).parent / "graphs"


@pytest.mark.parametrize(
    ("name", "node", "frames"),
    [
        (
            "move",
            "conv5",
            1 + 179 + 4 + 4 * 20 + 4 + 4 * 13,
        ),  # section 3.2: kernels 180, 5, 5, 5, 5
        (
            "wavenet",
            "logits",
            1 + 1 + 3 * 1023,
        ),  # a first causal convolution; section 2.1: each stack sees 1,024
    ],
)
def test_receptive_field_is_the_papers(name: str, node: str, frames: int) -> None:
    model = mb.compile_graph(GRAPHS / f"{name}.yaml")
    field = receptive_fields(model)[[info.name for info in model.nodes].index(node)]
    assert field is not None
    assert field.frames == frames


def test_move_needs_as_many_frames_as_its_last_convolution_sees() -> None:
    model = mb.compile_graph(GRAPHS / "move.yaml")
    base = {**model.free_sizes, "B": 2}
    assert [
        str(sizes) for sizes in free_sizes(model.graph, model.graph.inputs, base)
    ] == ["any B", "T ≥ 320"]


def test_samplecnn_ends_in_one_frame() -> None:
    """Table 1: 59,049 = 3^10 samples, and ten times a third of them."""
    model = mb.compile_graph(GRAPHS / "samplecnn.yaml")
    sizes = [node.went[2] for node in model.nodes if node.block == "SampleCNNBlock"]
    assert sizes == [3 ** (9 - i) for i in range(10)] + [1]


def test_the_chord_crnn_sees_five_frames_before_its_recurrent_layers() -> None:
    """McFee & Bello, section 3: one filter of 5 x 5, 36 of full height, then GRUs of 128 in both directions."""
    model = mb.compile_graph(GRAPHS / "chord_crnn.yaml")
    fields = dict(
        zip([info.name for info in model.nodes], receptive_fields(model), strict=True)
    )
    assert fields["pitches"] is not None
    assert fields["pitches"].frames == 5
    assert fields["recurrent"] is not None
    assert fields["recurrent"].frames is None
    gru = sum(
        2 * 3 * 128 * (came + 128 + 2) for came in (36, 256)
    )  # two directions, three gates, torch's two biases
    norm, filters, head = 2, (5 * 5 + 1) + 36 * (216 + 1), 25 * (256 + 1)
    assert sum(p.numel() for p in model.parameters()) == norm + filters + gru + head


def test_the_autoregressive_transformer_has_twelve_squares_a_layer() -> None:
    """Kaplan et al., "Scaling Laws for Neural Language Models", 2020, table 1: 12 layers · width² without biases."""
    model = mb.compile_graph(GRAPHS / "ar_transformer.yaml")
    assert (
        sum(p.numel() for p in model.decoder.parameters() if p.ndim == 2)
        == 12 * 6 * 256**2
    )
    assert model.output_shapes["y"] == ("B", "2T", 1024)
    # The tutorial's, to the parameter: one embedding for both codebooks, logits without a bias.
    assert count_parameters(model) == 5_253_888
    assert (model.decoder.stack.heads, model.decoder.stack.dim_head) == (4, 64)
    assert (model.decoder.stack.rotary, model.decoder.stack.rotary_dim) == (True, 32)


def test_the_tutorials_diffusion_unet_to_the_parameter() -> None:
    model = mb.compile_graph(GRAPHS / "diffusion_unet_tutorial.yaml")
    assert count_parameters(model) == 2_235_008
    x, t = torch.randn(2, 64, 24), torch.rand(2)
    assert model(x, t).shape == x.shape
    # The time reaches every frame.
    moved = (model(x, t + 1) != model(x, t)).any(1)
    assert bool(moved.all())


def test_wavegan_by_the_sizes_of_its_tables() -> None:
    """Donahue et al., tables 4 and 5, at d = 64: kernels of 25 taps, dense layers at the noise and at the logit."""
    generator = mb.compile_graph(GRAPHS / "wavegan_generator.yaml")
    assert count_parameters(generator) == 19_065_345
    widths = [1024, 512, 256, 128, 64, 1]
    kernels = sum(25 * a * b + b for a, b in pairwise(widths))
    assert 100 * 16_384 + 16_384 + kernels == 19_065_345
    assert generator.output_shapes["y"] == ("B", 1, 16_384)

    discriminator = mb.compile_graph(GRAPHS / "wavegan_discriminator.yaml")
    kernels = sum(25 * a * b + b for a, b in pairwise(reversed(widths[:-1])))
    assert count_parameters(discriminator) == 25 * 64 + 64 + kernels + 16_384 + 1
    assert discriminator.output_shapes["y"] == ("B", 1)
    shuffles = [node for node in discriminator.nodes if node.block == "PhaseShuffle"]
    assert [node.went[1:] for node in shuffles] == [
        (64, 4096),
        (128, 1024),
        (256, 256),
        (512, 64),
    ]

    # A smaller pair of them fits together, and the logit's gradient reaches the noise.
    small = ["vars.width=2"]
    maker = mb.compile_graph(mb.load_graph(GRAPHS / "wavegan_generator.yaml", small))
    judge = mb.compile_graph(
        mb.load_graph(GRAPHS / "wavegan_discriminator.yaml", small)
    )
    z = torch.randn(2, 100, requires_grad=True)
    judge(maker(z)).sum().backward()
    assert z.grad is not None
    assert bool((z.grad != 0).any(1).all())


def test_the_multi_scale_discriminator_names_logits_and_features_of_each_scale() -> (
    None
):
    model = mb.compile_graph(GRAPHS / "parts" / "multi_scale_discriminator.yaml")
    x = torch.randn(2, 1, 1024)
    outputs = model(x)
    assert [name for name in outputs if name.startswith("logits")] == [
        "logits_0",
        "logits_1",
        "logits_2",
    ]
    for scale in range(3):
        frames = 1024 // 2**scale
        maps = [outputs[f"features_{scale}_{i}"].shape for i in range(4)]
        assert maps == [
            (2, 8, frames),
            (2, 32, frames // 4),
            (2, 128, frames // 16),
            (2, 128, frames // 16),
        ]
        assert outputs[f"logits_{scale}"].shape == (2, 1, frames // 16)
    # The scales have weights of their own, and each hears the wave at its own rate.
    assert not torch.equal(model.scale0.first.weight, model.scale1.first.weight)
    half = torch.nn.functional.avg_pool1d(x, 4, 2, 1)
    alone = mb.compile_graph(GRAPHS / "parts" / "scale_discriminator.yaml")
    alone.load_state_dict(model.scale1.state_dict())
    torch.testing.assert_close(alone(half), outputs["logits_1"])


@pytest.mark.parametrize(
    ("overrides", "conditions"),
    [
        ([], 2 * 16 * (2**6 - 1)),
        (["vars.simple=true", "vars.control=[16,64,256]"], 2 * 6),
    ],
)
def test_the_conditioned_unet_is_the_unet_and_its_control(
    overrides: list[str], conditions: int
) -> None:
    """C-U-Net: as many γ and β as the paper counts, and at most 1.1 times the U-Net's multiply-adds."""
    path = GRAPHS / "parts" / "cunet_mask.yaml"
    model = mb.compile_graph(
        mb.load_graph(path, overrides), {"x": (None, 1, 512, 128), "source": (None, 4)}
    )
    plain = mb.compile_graph(GRAPHS / "parts" / "unet_mask.yaml", (None, 1, 512, 128))
    films = [module for name, module in model.named_children() if "film" in name]
    assert sum(film.last.out_features for film in films) == conditions
    control = [
        module
        for name, module in model.named_children()
        if "control" in name or "batchnorm1d" in name or "film" in name
    ]
    extra = sum(map(count_parameters, control))
    # The norm behind the mask is the C-U-Net's own.
    assert count_parameters(model) == count_parameters(plain) + extra + 2
    cost = sum(count_macs(model, model.free_sizes)) / sum(
        count_macs(plain, plain.free_sizes)
    )
    assert 1 <= cost <= 1.1


def test_the_conditioned_unet_starts_as_the_unet_and_answers_by_the_source() -> None:
    model = mb.compile_graph(GRAPHS / "parts" / "cunet_mask.yaml").eval()
    x = torch.rand(1, 1, 512, 64)
    violin, bassoon = torch.eye(4)[:1], torch.eye(4)[1:2]
    # FiLM starts as the identity, whatever is asked for.
    torch.testing.assert_close(model(x, violin), model(x, bassoon))
    for film in (model.film0, model.film5):
        torch.nn.init.normal_(film.last.weight, std=0.1)
    assert not torch.allclose(model(x, violin), model(x, bassoon), atol=1e-3)


def test_the_patch_transformer_has_asts_patches_and_deits_layers() -> None:
    model = mb.compile_graph(GRAPHS / "patch_transformer.yaml").eval()
    seconds = 10
    patches = 12 * -(
        -(100 * seconds - 16) // 10
    )  # AST, section 2.1: 12 ⌈(100 t - 16) / 10⌉
    found = model.patches(torch.zeros(1, 1, 128, 100 * seconds))
    assert found.shape == (1, patches, 192)
    deit_ti, classes, embedding = (
        5_717_416,
        1000 * (192 + 1),
        192 * (3 * 16 * 16 + 1),
    )  # as released; its ends
    tokens, norms, attention = (
        192 * (1 + 197),
        192 * (1 + 2 * 12),
        12 * 192 * (3 + 1),
    )  # and biases that it has
    layers = deit_ti - classes - embedding - tokens - norms - attention
    assert sum(p.numel() for p in model.encoder.parameters()) == layers
    base = {"B": 2, "T": 1000}
    assert [
        str(sizes) for sizes in free_sizes(model.graph, model.graph.inputs, base)
    ] == [
        "any B",
        "T ≥ 16 and T ≤ 1005",
    ]
