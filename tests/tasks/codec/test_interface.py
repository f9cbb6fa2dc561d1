"""The codec interface over compiled graphs: halves, lengths, codes, fingerprints, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import mirbricks as mb
from mirbricks.errors import TaskError
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.codec.graph_codec import GraphCodec, refuse_no_waves
from mirbricks.tasks.codec.halves import frames_per_latent, halves_of
from mirbricks.tasks.codec.interface import Codec, codec_of

WAVEFORM = WaveformFeatureConfig(sr_hz=16000)
QUANTIZERS = {
    "ResidualVectorQuantizer": {"n_codebooks": 3, "n_codes": 8},
    "GroupedResidualVectorQuantizer": {
        "channels": [1, 3],
        "n_codebooks": [1, 2],
        "n_codes": 8,
    },
    "VectorQuantizer": {"n_codes": 8},
    "FiniteScalarQuantizer": {"levels": [3, 4, 5, 3]},
}


def graph_of(bottleneck: Any, *, latent: int = 4) -> mb.GraphModule:
    """Samples in frames of 8, a bottleneck, and back."""
    torch.manual_seed(0)
    model = mb.compile_graph(
        {
            "name": "small_codec",
            "input": "B C=1 T",
            "layers": [
                {"Conv1d": {"out_channels": latent, "kernel_size": 8, "stride": 8}},
                bottleneck,
                {
                    "ConvTranspose1d": {
                        "name": "wave",
                        "out_channels": 1,
                        "kernel_size": 8,
                        "stride": 8,
                    }
                },
            ],
        }
    )
    return model.eval()


def codec_with(block: str, **settings: Any) -> GraphCodec:
    latent = 8 if block == "VAEBottleneck" else 4
    return GraphCodec(graph_of({block: settings}, latent=latent), WAVEFORM)


@pytest.mark.parametrize("block", QUANTIZERS)
@pytest.mark.parametrize("n_samples", [1, 8, 801])
def test_codes_come_back_as_the_whole_graph_gives_it(
    block: str, n_samples: int
) -> None:
    codec = codec_with(block, **QUANTIZERS[block])
    waves = torch.randn(2, 1, n_samples)
    codes = codec.encode(waves)

    n_frames = -(-n_samples // codec.hop_length)
    assert codec.hop_length == 8
    assert codes.dtype == torch.int64
    assert codes.shape == (2, codec.n_codebooks, n_frames)
    padded = torch.nn.functional.pad(waves, (0, n_frames * 8 - n_samples))
    with torch.no_grad():
        expected = codec.model(padded)
    torch.testing.assert_close(codec.decode(codes), expected)
    torch.testing.assert_close(
        codec.decode_latent(codec.encode_latent(waves)), expected
    )


@pytest.mark.parametrize("block", QUANTIZERS)
def test_it_knows_its_codebooks(block: str) -> None:
    codec = codec_with(block, **QUANTIZERS[block])
    assert isinstance(codec, Codec)
    expected = {
        "ResidualVectorQuantizer": (3, 8),
        "GroupedResidualVectorQuantizer": (3, 8),
        "VectorQuantizer": (1, 8),
    }
    assert (codec.n_codebooks, codec.n_codes) == expected.get(block, (1, 180))
    assert codec.latent_channels == 4


def test_the_first_codebooks_of_a_residual_codec_decode_alone() -> None:
    codec = codec_with("ResidualVectorQuantizer", n_codebooks=3, n_codes=8)
    codes = codec.encode(torch.randn(1, 1, 80))
    rvq = codec.halves.bottleneck
    expected = codec.halves.leave(rvq.decode(codes[:, :2]))
    torch.testing.assert_close(codec.decode(codes[:, :2]), expected)
    assert not torch.allclose(codec.decode(codes[:, :2]), codec.decode(codes))


def test_a_vae_has_the_mean_as_its_latents_and_no_codes() -> None:
    codec = codec_with("VAEBottleneck")
    waves = torch.randn(2, 1, 64)
    reached = codec.halves.reach(waves)
    latents = codec.encode_latent(waves)
    torch.testing.assert_close(latents, reached[:, :4])
    assert codec.n_codebooks == codec.n_codes == 0
    with pytest.raises(TaskError, match="has no codebooks") as caught:
        codec.encode(waves)
    assert caught.value.code == "E583"


def test_any_layer_may_be_the_bottleneck() -> None:
    layer = {"Conv1d": {"name": "latents", "out_channels": 3, "kernel_size": 1}}
    codec = GraphCodec(graph_of(layer), WAVEFORM, bottleneck="latents")
    waves = torch.randn(2, 1, 40)
    assert codec.encode_latent(waves).shape == (2, 3, 5)
    with torch.no_grad():
        expected = codec.model(waves)
    torch.testing.assert_close(
        codec.decode_latent(codec.encode_latent(waves)), expected
    )


@pytest.mark.parametrize("name", ["vae", "vq_vae"])
def test_a_graph_of_spectra_is_a_codec_of_sound(name: str) -> None:
    model = mb.compile_graph(name)
    feature = LogMelFeatureConfig(sr_hz=8000, n_fft=512, hop_length=128, n_mels=128)
    codec = GraphCodec(model, feature)
    waves = 0.1 * torch.randn(1, 1, 8192)
    latents = codec.encode_latent(waves)
    assert codec.hop_length == 128 * codec.feature_frames
    assert latents.shape == (1, codec.latent_channels, 8192 // codec.hop_length)
    assert codec.decode_latent(latents).shape == waves.shape
    if codec.n_codebooks:
        codes = codec.encode(waves)
        assert codes.shape == (1, codec.n_codebooks, 8192 // codec.hop_length)
        assert codec.decode(codes).shape == waves.shape


def test_the_fingerprint_is_that_of_weights_rate_and_steps() -> None:
    one = codec_with("VectorQuantizer", n_codes=8)
    same = codec_with("VectorQuantizer", n_codes=8)
    other_rate = GraphCodec(one.model, WaveformFeatureConfig(sr_hz=8000))
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other_rate.fingerprint
    with torch.no_grad():
        same.model.get_parameter("wave.bias").add_(1e-6)
    moved = GraphCodec(same.model, WAVEFORM)
    assert one.fingerprint != moved.fingerprint


def test_settings_that_stand_in_no_weight_are_in_the_fingerprint() -> None:
    """Codes of one codec, decoded by another with the same weights, would be noise."""

    def codec(slope: float) -> GraphCodec:
        layers = [
            {"Conv1d": {"out_channels": 4, "kernel_size": 8, "stride": 8}},
            {"LeakyReLU": {"negative_slope": slope}},
            {"VectorQuantizer": {"name": "q", "n_codes": 8}},
            {"ConvTranspose1d": {"out_channels": 1, "kernel_size": 8, "stride": 8}},
        ]
        torch.manual_seed(0)
        model = mb.compile_graph({"input": "B C=1 T", "layers": layers})
        return GraphCodec(model, WAVEFORM)

    assert codec(0.1).fingerprint == codec(0.1).fingerprint
    assert codec(0.1).fingerprint != codec(0.2).fingerprint


def test_the_mode_of_the_model_stays() -> None:
    codec = codec_with("ResidualVectorQuantizer", n_codebooks=2, n_codes=4)
    codec.model.train()
    before = {name: value.clone() for name, value in codec.model.state_dict().items()}
    codec.decode(codec.encode(torch.randn(1, 1, 64)))
    assert codec.model.training
    for name, value in codec.model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_trained_model_and_a_published_one_are_both_opened() -> None:
    model = graph_of({"VectorQuantizer": {"n_codes": 8}})
    task = SimpleNamespace(config=SimpleNamespace(), feature=WAVEFORM)
    codec = codec_of(SimpleNamespace(module=model, task=task))
    assert codec.name == "small_codec"
    assert codec_of(SimpleNamespace(as_codec=lambda: codec)) is codec


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(1, 3, 4), "of whole numbers, got (1, 3, 4) of float32"),
        (torch.zeros(3, 4, dtype=torch.int64), "got (3, 4) of int64"),
        (torch.zeros(1, 4, 4, dtype=torch.int64), "got (1, 4, 4) of int64"),
        (torch.full((1, 3, 4), 8), "has codes 0 to 7, got 8 to 8"),
        (torch.full((1, 3, 4), -1), "has codes 0 to 7, got -1 to -1"),
    ],
)
def test_what_are_not_codes_is_refused(codes: torch.Tensor, message: str) -> None:
    codec = codec_with("ResidualVectorQuantizer", n_codebooks=3, n_codes=8)
    with pytest.raises(TaskError) as caught:
        codec.decode(codes)
    assert caught.value.code == "E584"
    assert message in str(caught.value)


def test_a_graph_without_a_bottleneck_is_refused() -> None:
    model = graph_of("ReLU")
    with pytest.raises(TaskError, match="the graph has no bottleneck") as caught:
        halves_of(model)
    assert caught.value.code == "E580"
    with pytest.raises(TaskError, match="no layer 'wav', which") as caught:
        halves_of(model, "wav")
    assert "'wave'" in str(caught.value)


def test_two_bottlenecks_are_refused_unless_one_is_named() -> None:
    layers: list[Any] = [
        {"VectorQuantizer": {"name": "first", "n_codes": 4}},
        {"VectorQuantizer": {"name": "second", "n_codes": 4}},
    ]
    model = mb.compile_graph({"input": "B D=3 T", "layers": layers})
    with pytest.raises(TaskError, match="the graph has 2 bottlenecks") as caught:
        halves_of(model)
    assert caught.value.code == "E580"
    assert halves_of(model, "second").node == "second"


@pytest.mark.parametrize("stored", ["StoreAs", "input"])
def test_a_skip_around_the_bottleneck_is_refused(stored: str) -> None:
    key = "kept" if stored == "StoreAs" else "x"
    layers: list[Any] = [
        {"VectorQuantizer": {"n_codes": 4}},
        "ReLU",
        {"AddWith": {"key": key}},
    ]
    if stored == "StoreAs":
        layers.insert(0, {"StoreAs": "kept"})
    model = mb.compile_graph({"input": {"x": "B D=3 T"}, "layers": layers})
    with pytest.raises(TaskError, match="passes around the bottleneck") as caught:
        halves_of(model)
    assert caught.value.code == "E581"


@pytest.mark.filterwarnings("ignore:.*hides that of")
def test_a_name_stored_again_behind_the_bottleneck_is_no_skip() -> None:
    layers: list[Any] = [
        {"StoreAs": "E"},
        {"AddWith": "E"},
        {"VectorQuantizer": {"n_codes": 4}},
        {"StoreAs": "E"},
        "ReLU",
        {"AddWith": "E"},
    ]
    model = mb.compile_graph({"input": "B D=3 T", "layers": layers}).eval()
    halves = halves_of(model)
    x = torch.randn(1, 3, 5)
    expected = model(x)
    torch.testing.assert_close(
        halves.leave(halves.bottleneck(halves.reach(x))), expected
    )


def test_frames_that_are_not_whole_are_refused() -> None:
    layers: list[Any] = [
        {"Conv1d": {"out_channels": 4, "kernel_size": 9, "stride": 8}},
        {"VectorQuantizer": {"n_codes": 4}},
        {"ConvTranspose1d": {"out_channels": 1, "kernel_size": 8, "stride": 8}},
    ]
    model = mb.compile_graph({"input": "B C=1 T", "layers": layers})
    with pytest.raises(TaskError, match="as many frames as it reads") as caught:
        frames_per_latent(halves_of(model))
    assert caught.value.code == "E582"


def test_the_shipped_codec_has_frames_of_320_samples() -> None:
    model = mb.compile_graph("codec_rvq")
    assert frames_per_latent(halves_of(model)) == 320


@pytest.mark.parametrize(
    ("name", "task"),
    # The second one reads a feature that no codec reads.
    [("zoo:tagging_esc10", "tagging"), ("zoo:mpe_bach10", "multi_pitch")],
)
def test_a_model_of_another_task_is_named_as_that(name: str, task: str) -> None:
    with pytest.raises(TaskError) as caught:
        codec_of(mb.load(name))
    assert str(caught.value) == (
        f"a codec is needed, and this model was trained for the task '{task}'\n"
        "  help: name a run of the task codec, or zoo:notes_codec     [E580]"
    )


@pytest.mark.parametrize(
    ("waves", "came"),
    [
        (np.zeros((1, 1, 8), np.float32), "'ndarray'"),
        (torch.zeros(0, 1, 8), "(0, 1, 8)"),
        (torch.ones(1, 1, 8, dtype=torch.int16), "samples of int16"),
        (torch.full((1, 1, 8), torch.nan), "samples that are NaN or infinite"),
    ],
)
def test_what_is_no_waveform_is_refused(waves: Any, came: str) -> None:
    with pytest.raises(TaskError) as caught:
        refuse_no_waves(waves, "toy")
    assert caught.value.code == "E584"
    assert caught.value.message == f"codec 'toy' reads waveforms (B, 1, N), got {came}"
