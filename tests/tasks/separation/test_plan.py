"""Chunks that give what one pass does; one pass where nothing else does; and what is said where it does not fit."""

from __future__ import annotations

import doctest
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.errors import MirbricksError
from mirbricks.tasks.separation import peak
from mirbricks.tasks.separation.config import SeparationConfig
from mirbricks.tasks.separation.estimating import estimates_of
from mirbricks.tasks.separation.kinds import Separator, kind_of
from mirbricks.tasks.separation.peak import peak_bytes
from mirbricks.tasks.separation.plan import (
    Plan,
    Seams,
    bytes_per_sample,
    plan_of,
    stretches_alike,
)

from .conftest import GRAPH

GRAPHS = Path(mb.__file__).parent / "graphs"
# The smallest forms: where frames lie does not depend on how many channels there are.
SMALL = {
    "separation_unet": ["vars.width=2"],
    "separation_cunet": ["vars.width=2"],
    "separation_tutorial": ["vars.width=2"],
    "separation_small": ["vars.width=4", "vars.blocks=5"],
    "separation_tasnet": [
        "vars.filters=8",
        "vars.width=4",
        "vars.hidden=6",
        "vars.blocks=3",
    ],
    "separation_waveunet": ["vars.step=2"],
}
QUICK = ("separation_tasnet", "separation_waveunet")
STFT = {"n_fft": 64, "hop_length": 16}
CONV = {"out_channels": 2, "kernel_size": 3, "padding": "same"}


def config_of(**more: Any) -> SeparationConfig:
    return SeparationConfig(targets=("low",), patch_frames=1024, **more)


def separator_of(model: Any, targets: tuple[str, ...] = ("low",)) -> Separator:
    names = {name: name for name in model.input_shapes}
    return Separator(model.eval(), kind_of(model, targets), targets, names)


def spectral(*layers: Any) -> Separator:
    """A graph of these layers between a transform and its inverse."""
    inverse = {"ISTFT": {**STFT, "size_of": "mix"}}
    graph = {"input": {"mix": "B C=1 T"}, "layers": [{"STFT": STFT}, *layers, inverse]}
    torch.manual_seed(0)
    return separator_of(mb.compile_graph(graph))


def halved_and(up: Any) -> list[Any]:
    """Frames that are halved, and brought back by a layer."""
    down = {"Conv2d": {**CONV, "padding": 1, "stride": 2}}
    mask = [{"Conv2d": CONV}, "Sigmoid", {"MulWith": {"key": "whole", "fit": "crop"}}]
    return [{"StoreAs": "whole"}, down, up, *mask]


UNEVEN = halved_and({"Upsample": {"size_of": "whole", "mode": "bilinear"}})
DOUBLED = halved_and({"Upsample": {"scale_factor": 2.0, "mode": "bilinear"}})
FILLED = [
    {"FitTo": {"multiple_of": 2}},
    *halved_and({"Upsample": {"size_of": "whole", "mode": "bilinear"}}),
    {"FitTo": {"size_of": "spectrum"}},
]
NORM = [{"Conv2d": CONV}, {"GroupNorm": {"num_groups": 1}}]


def filled() -> Separator:
    return spectral({"StoreAs": "spectrum"}, *FILLED)


def estimated(separator: Separator, mix: Tensor, config: SeparationConfig) -> Tensor:
    pieces = estimates_of(
        separator,
        mix.split(5000, dim=1),
        n_samples=mix.shape[-1],
        from_hz=8000,
        model_hz=8000,
        n_channels=len(mix),
        config=config,
    )
    with torch.inference_mode():
        return torch.cat(list(pieces), dim=-1)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in SMALL
    ],
)
def test_the_graphs_that_ship_give_in_chunks_what_they_give_in_one_pass(
    name: str,
) -> None:
    path = GRAPHS / f"{name}.yaml"
    graph = mb.load_graph(path, SMALL[name])
    torch.manual_seed(0)
    model = mb.compile_graph(graph)
    targets = tuple(graph.source.data["task"]["targets"])
    separator = separator_of(model, targets)
    n_channels = model.input_shapes["mix"][1]
    assert isinstance(n_channels, int)
    # Chunks of any length are asked for, and a recording that is longer than those that come of it.
    config = config_of(chunk_frames=1 << 14)
    chunk = plan_of(separator, config, n_channels, 10**6).chunk
    n_samples = 40_001 if chunk == 10**6 else 2 * chunk + 777
    mix = 0.1 * torch.randn(n_channels, n_samples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimated(separator, mix, config)
    with torch.inference_mode():
        whole = separator(mix, targets)
    assert found.shape == (len(targets), n_channels, n_samples)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "alike"), [(UNEVEN, False), (DOUBLED, True), (NORM, True)]
)
def test_sizes_that_depend_on_the_length_are_found(
    layers: list[Any], alike: bool
) -> None:
    assert stretches_alike(spectral(*layers), 1, 64) is alike


def test_frames_filled_up_to_a_multiple_are_stretched_alike() -> None:
    assert stretches_alike(filled(), 1, 64)


@pytest.mark.parametrize("layers", [UNEVEN, NORM])
def test_an_answer_that_depends_on_the_whole_comes_from_one_pass_where_it_fits(
    layers: list[Any],
) -> None:
    separator = spectral(*layers)
    mix = torch.randn(1, 20_001)
    with torch.inference_mode():
        whole = separator(mix, ("low",))
    small = {"chunk_frames": 4096, "overlap": 0.25}
    torch.testing.assert_close(
        estimated(separator, mix, config_of(**small)), whole, rtol=0, atol=1e-5
    )

    # Without memory for it in chunks, whose answers are others; and how far is said.
    with pytest.warns(UserWarning, match="depends on the whole recording") as caught:
        chunks = estimated(separator, mix, config_of(**small, one_pass_mb=0))
    assert not torch.allclose(chunks, whole, rtol=0, atol=1e-4)
    (message,) = [str(one.message) for one in caught]
    assert "in chunks of 0.5 s" in message
    assert "one_pass_mb is 0" in message
    said = -float(message.split("differ by -")[1].split()[0])
    differ = (chunks - whole).square().sum() / whole.square().sum()
    # Chunks differ from each other about as they do from the whole.
    assert abs(10 * float(differ.log10()) - said) < 12


def test_the_command_and_python_have_a_say_in_the_memory(
    duos: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    normed = GRAPH.replace(
        "  - MulWith: mask", "  - GroupNorm: {num_groups: 1}\n  - MulWith: mask"
    )
    settings = "losses: {snr: 1}, chunk_frames: 2048, bss_eval: false"
    (tmp_path / "graph.yaml").write_text(normed.replace("losses: {snr: 1}", settings))
    run = tmp_path / "run"
    more = {"cache": cache, "jobs": 1, "progress": False, "set": {"train.steps": 1}}
    mb.train(tmp_path / "graph.yaml", duos, run, **more)
    wav = tmp_path / "song.wav"
    soundfile.write(wav, 0.1 * np.random.default_rng(0).standard_normal(9001), 4000)
    words = [
        "separate",
        str(run),
        str(wav),
        "--replace",
        "--out",
        str(tmp_path / "out"),
    ]
    # A warning would be an error here.
    assert main(words) == 0
    with pytest.warns(UserWarning, match="depends on the whole recording"):
        assert main([*words, "--one-pass-mb", "0"]) == 0
    with pytest.raises(SystemExit):
        main([*words, "--one-pass-mb", "-1"])
    assert "expected 0 or more" in capsys.readouterr().err

    model = mb.load(run)
    with pytest.warns(UserWarning, match="one_pass_mb is 0"):
        model.separate(wav, one_pass_mb=0)
    with pytest.raises(MirbricksError, match="a whole number, 0 or more"):
        model.separate(wav, one_pass_mb=-1)


def test_chunks_grow_to_what_the_graph_sees_as_far_as_memory_allows() -> None:
    dilated = {"Conv2d": {**CONV, "dilation": [1, 40]}}
    separator = spectral(dilated, "ReLU", dilated)
    asked = {"chunk_frames": 1024, "overlap": 0.0}
    plan = plan_of(separator, config_of(**asked), 1, 50_000)
    assert plan.exact
    assert plan.chunk > 4 * 40 * 16
    small = plan_of(separator, config_of(**asked, one_pass_mb=0), 1, 50_000)
    assert small.chunk == 1024
    assert not small.exact
    assert small.needed_mb > 0
    # What is no longer than a chunk is a pass by itself.
    assert plan_of(separator, config_of(**asked, one_pass_mb=0), 1, 1024).exact


def test_a_graph_of_one_length_has_chunks_of_it() -> None:
    graph = {"input": {"mix": "B C=1 T=512"}, "layers": ["Tanh"]}
    model = mb.compile_graph(graph)
    separator = Separator(model, "dedicated", ("low",), {"mix": "mix"}, 512)
    assert plan_of(separator, config_of(overlap=0.25), 1, 5000) == Plan(512, 128, True)


def test_a_graph_that_cannot_run_without_numbers_is_separated_in_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(_: Separator) -> Separator:
        raise RuntimeError("no numbers")

    monkeypatch.setattr(Separator, "on_meta", refuses)
    config = config_of(chunk_frames=4096, overlap=0.25)
    separator = spectral(*NORM)
    assert plan_of(separator, config, 1, 20_000) == Plan(4096, 1024, False)
    with pytest.warns(UserWarning, match="one pass needs is not known"):
        estimated(separator, torch.randn(1, 20_000), config)
    # One of which enough is known without a run is not affected.
    assert plan_of(spectral({"Conv2d": CONV}), config, 1, 20_000).exact


def test_memory_is_what_all_tensors_hold_at_once() -> None:
    def run() -> Tensor:
        x = torch.zeros(1000, device="meta")
        kept = x + 1
        for _ in range(5):
            x = x * 2
        return x + kept

    # The sum, the product before it and its result: what nobody needs any more is gone.
    assert peak_bytes(run) == 3 * 4000
    # Views are not counted twice.
    assert peak_bytes(lambda: torch.zeros(1000, device="meta")[::2].view(-1)) == 4000


def test_a_graph_with_twice_the_channels_takes_about_twice_the_memory() -> None:
    wide = {"Conv2d": {**CONV, "out_channels": 32}}
    wider = {"Conv2d": {**CONV, "out_channels": 64}}
    back = {"Conv2d": CONV}
    one, two = (
        bytes_per_sample(spectral(layer, "ReLU", back), 1, 16)
        for layer in (wide, wider)
    )
    assert 1.7 < two / one < 2.0


def test_silence_has_no_difference() -> None:
    seams = Seams()
    seams.note(torch.zeros(1, 1, 8), torch.zeros(1, 1, 8))
    assert seams.difference_db is None
    seams.note(torch.ones(1, 1, 8), 1.1 * torch.ones(1, 1, 8))
    assert seams.difference_db == pytest.approx(-20.8, abs=0.1)


def test_the_examples_run() -> None:
    found = doctest.testmod(peak)
    assert found.attempted
    assert not found.failed
