"""The task codec from training to a file of codes: turns, resuming, figures, commands, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import DataError, MirbricksError, TaskError
from mirbricks.runs.folder import RunFolder
from mirbricks.tasks.codec import codec_of
from mirbricks.tasks.codec.judging import stage_figures
from mirbricks.tasks.codec.stored import Codes, decoded_wave, encoded_wave
from mirbricks.workflows.loading import load_experiment

GRAPH = """\
name: tiny_codec
input: B C=1 T
layers:
  - MDCT: {num_bands: 32}
  - Conv1d: {out_channels: 8, kernel_size: 3, padding: same}
  - BOTTLENECK
  - Conv1d: {out_channels: 32, kernel_size: 3, padding: same}
  - InverseMDCT: {num_bands: 32}
feature: {type: waveform, sr_hz: 8000}
task: {type: codec, patch_frames: 2048, MORE losses: {snr: .1, l1: 1, stft: .1, mel: .1}}
train: {steps: 6, validate_every: 3, batch_size: 2}
dataset: {folds: 3}
"""
RVQ = "ResidualVectorQuantizer: {name: quantizer, n_codebooks: 3, n_codes: 16}"
MORE = "quantize_from: 2, restart_until: 4, transpose_semitones: 2, few_codebooks: 1,"
ADVERSARY = """\
name: judge
input: B C=1 T
outputs: [score_high, first, score_low]
layers:
  - Conv1d: {out_channels: 4, kernel_size: 15, stride: 4}
  - LeakyReLU
  - StoreAs: first
  - Conv1d: {out_channels: 1, kernel_size: 3}
  - StoreAs: score_high
  - StartFrom: first
  - AvgPool1d: {kernel_size: 4}
  - Conv1d: {out_channels: 1, kernel_size: 3}
  - StoreAs: score_low
"""


def graph_text(bottleneck: str = RVQ, more: str = MORE) -> str:
    return GRAPH.replace("BOTTLENECK", bottleneck).replace("MORE", more)


def written(folder: Path, text: str) -> Path:
    path = folder / "codec.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=3, seconds=1.0, seed=1)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


def trained(graph: Path, corpus: Path, out: Path, cache: str, **more: Any) -> Any:
    return mb.train(graph, corpus, out, cache=cache, jobs=1, progress=False, **more)


@pytest.fixture(scope="module")
def run(corpus: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codec")
    trained(written(folder, graph_text()), corpus, folder / "run", cache)
    return folder / "run"


def tone(n_samples: int = 5001) -> np.ndarray:
    return np.float32(0.3 * np.sin(0.05 * np.arange(n_samples)))


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in (run / "metrics.jsonl").read_text().split("\n")
        if line
    ]


def test_each_part_of_the_loss_is_logged_by_name(run: Path) -> None:
    parts: set[str] = set()
    for line in lines_of(run):
        parts |= set(line.get("losses", {}))
    assert parts == {"snr", "l1", "stft", "mel"}


def test_the_figures_of_a_codec(run: Path, corpus: Path, cache: str) -> None:
    found = mb.load(run).evaluate(corpus, cache=cache, jobs=1, progress=False)
    figures = found.figures
    # 250 frames per second, 4 bits in each codebook.
    assert figures["bit_rate_bps"] == 3000
    assert figures["bit_rate_bps_1_codebooks"] == 1000
    for number in (1, 2, 3):
        assert 1 <= figures[f"perplexity_{number}"] <= 16
        assert 0 < figures[f"use_{number}"] <= 1
    assert figures["least_perplexity_share"] <= figures["perplexity_share"] <= 1
    for name in ("si_sdr_db", "log_mel_distance_db", "mr_stft_distance"):
        assert np.isfinite(figures[name])
        assert np.isfinite(figures[f"{name}_1_codebooks"])


def test_interrupted_and_resumed_is_never_interrupted(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    """Across the step at which k-means places the codes, and with the adversary's turn."""
    (tmp_path / "judge.yaml").write_text(ADVERSARY)
    more = f"{MORE} adversary: judge.yaml, adversary_from: 1,"
    graph = written(tmp_path, graph_text(more=more))
    constant = {"train.schedule": "constant", "train.validate_every": 1}
    trained(
        graph, corpus, tmp_path / "whole", cache, set={**constant, "train.steps": 4}
    )
    trained(
        graph,
        corpus,
        tmp_path / "parts",
        cache,
        set={**constant, "train.steps": 1},
    )
    trained(
        tmp_path / "parts" / "graph.yaml",
        corpus,
        tmp_path / "parts",
        cache,
        resume=True,
        set={**constant, "train.steps": 4},
    )
    whole = mb.load(tmp_path / "whole").module.state_dict()
    parts = mb.load(tmp_path / "parts").module.state_dict()
    for name, weight in whole.items():
        assert torch.equal(weight, parts[name]), name


def test_an_encoder_that_rests_stays_as_it_was_when_codes_were_placed(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    graph = written(tmp_path, graph_text(more=f"{MORE} encoder_rests: true,"))
    constant = {"train.schedule": "constant", "train.validate_every": 5}
    weights = {}
    for steps in (1, 2, 5):
        out = tmp_path / str(steps)
        trained(graph, corpus, out, cache, set={**constant, "train.steps": steps})
        weights[steps] = mb.load(out).module.state_dict()
    encoder = "conv1d_1.weight"
    decoder = "conv1d_2.weight"
    # It learns until step 2, the first with the quantizer; what comes behind goes on.
    assert not torch.equal(weights[1][encoder], weights[2][encoder])
    assert torch.equal(weights[2][encoder], weights[5][encoder])
    assert not torch.equal(weights[2][decoder], weights[5][decoder])


def test_an_encoder_that_never_learns_is_refused(tmp_path: Path) -> None:
    graph = written(tmp_path, graph_text(more="encoder_rests: true,"))
    with pytest.raises(MirbricksError, match="'encoder_rests' needs 'quantize_from'"):
        mb.train(graph, tmp_path, tmp_path / "run", progress=False)


def test_what_each_stage_leaves_over(run: Path, corpus: Path, cache: str) -> None:
    """Beside a loop over the stages; and the share of recordings that a stage does not serve."""
    model = mb.load(run)
    codec = codec_of(model)
    wave = torch.from_numpy(tone())
    codes = codec.encode(wave[None, None])
    found = stage_figures(codec, codes, wave[None])
    reached = codec.reached(wave[None, None])
    errors = [wave.square().sum()]
    left = [reached.square().sum()]
    for n in (1, 2, 3):
        decoded = codec.decode(codes[:, :n])[0, 0, : len(wave)]
        errors.append((decoded - wave).square().sum())
        latents = codec.halves.bottleneck.decode(codes[:, :n])
        left.append((latents - reached).square().sum())
    ratios = torch.stack(errors[1:]) / errors[0]
    np.testing.assert_allclose(found["stage_errors_db"], 10 * ratios.log10(), atol=1e-4)
    for name, values in (
        ("stage_raises_error", errors),
        ("stage_raises_latent_error", left),
    ):
        raises = any(after >= before for before, after in pairwise(values))
        assert found[name] == float(raises)

    # The mean of 0 and 1 over recordings is a share of them.
    judged = model.evaluate(corpus, cache=cache, jobs=1, progress=False)
    shares = [figures["stage_raises_error"] for figures in judged.tracks.values()]
    assert judged.figures["stage_raises_error"] == np.mean(shares)


def test_a_silent_recording_has_no_errors_of_stages(run: Path) -> None:
    codec = codec_of(mb.load(run))
    silence = torch.zeros(1, 4096)
    assert stage_figures(codec, codec.encode(silence[None]), silence) == {}


def test_fewer_codebooks_are_searched_by_themselves(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    """With a beam the codes of few codebooks are nearer than the first ones of many."""
    searching = RVQ.replace("n_codes: 16", "n_codes: 16, beam: 8")
    graph = written(tmp_path, graph_text(searching))
    trained(graph, corpus, tmp_path / "run", cache)
    model = mb.load(tmp_path / "run")
    codec = codec_of(model)
    noise = torch.randn(1, 1, 8192, generator=torch.Generator().manual_seed(0))
    few = codec.encode(noise, 2)
    many = codec.encode(noise)[:, :2]
    assert not torch.equal(few, many)
    assert codec.latent_errors(noise, few)[2] < codec.latent_errors(noise, many)[2]
    stored = model.encode(noise[0, 0].numpy(), sr_hz=8000, codebooks=2)
    assert torch.equal(stored.values, few[0])
    again = decoded_wave(codec, stored)
    assert torch.equal(again, decoded_wave(codec, stored))


def test_an_adversary_has_a_turn_of_its_own(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    (tmp_path / "judge.yaml").write_text(ADVERSARY)
    more = (
        "adversary: judge.yaml, adversary_from: 3, adversary_optimizer: {lr: 1.0e-4},"
    )
    trained(written(tmp_path, graph_text(more=more)), corpus, tmp_path / "run", cache)
    lines = [line for line in lines_of(tmp_path / "run") if "losses" in line]
    assert "adversary" in lines[-1]["turns"]
    assert {"adversary", "feature_matching"} <= set(lines[-1]["losses"])


@pytest.mark.parametrize(
    "bottleneck",
    [
        "VectorQuantizer: {n_codes: 16}",
        "FiniteScalarQuantizer: {levels: [3, 3, 3, 3, 3, 3, 3, 3]}",
        "VAEBottleneck: {kl_weight: 0.01}",
        "Conv1d: {name: latents, out_channels: 4, kernel_size: 1}",
    ],
)
def test_every_kind_of_bottleneck_learns(
    corpus: Path, cache: str, tmp_path: Path, bottleneck: str
) -> None:
    plain = "latents" in bottleneck
    more = "bottleneck: latents," if plain else ""
    graph = written(tmp_path, graph_text(bottleneck, more))
    trained(graph, corpus, tmp_path / "run", cache)
    model = mb.load(tmp_path / "run")
    heard = model.predict(tone(), sr_hz=8000)
    assert heard.samples.shape == (1, 5001)
    assert heard.sr_hz == 8000
    codes = model.encode(tone(), sr_hz=8000)
    decoded = model.decode(codes)
    np.testing.assert_allclose(decoded.samples, heard.samples, atol=1e-5)
    continuous = plain or "VAE" in bottleneck
    assert codes.values.is_floating_point() == continuous


def test_the_best_weights_may_be_those_of_the_least_loss(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    graph = written(tmp_path, graph_text(more=MORE + " watch: loss,"))

    trained(graph, corpus, tmp_path / "run", cache)

    losses = {
        line["step"]: line["valid"]["loss"]
        for line in lines_of(tmp_path / "run")
        if "valid" in line
    }
    with safe_open(tmp_path / "run" / "weights.safetensors", framework="pt") as file:
        about = file.metadata()
    assert about["figure"] == "loss"
    assert float(about["value"]) == min(losses.values())
    assert losses[int(about["step"])] == min(losses.values())


def test_a_codec_of_spectra_is_judged_in_their_domain(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    text = """\
name: spectra
input: B C=1 F=32 T
layers:
  - Conv2d: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}
  - VAEBottleneck: {kl_weight: 0.01}
  - ConvTranspose2d: {out_channels: 1, kernel_size: 4, stride: 2, padding: 1}
feature: {type: logmel, sr_hz: 8000, n_fft: 512, hop_length: 128, n_mels: 32}
task: {type: codec, patch_frames: 32, losses: {l2: 1}}
train: {steps: 4, validate_every: 2, batch_size: 2}
dataset: {folds: 3}
"""
    trained(written(tmp_path, text), corpus, tmp_path / "run", cache)
    model = mb.load(tmp_path / "run")
    figures = model.evaluate(corpus, cache=cache, jobs=1, progress=False).figures
    assert figures["spectrum_distance"] > 0
    assert "si_sdr_db" not in figures
    heard = model.predict(tone(8000), sr_hz=8000)
    assert np.isfinite(heard.samples).all()


def test_the_commands_come_back_to_the_bit(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "song.wav", tone(), 8000, subtype="FLOAT")
    codes = tmp_path / "song.codes"
    assert (
        main(["encode", str(run), str(tmp_path / "song.wav"), "--out", str(codes)]) == 0
    )
    for name in ("one.wav", "two.wav"):
        out = str(tmp_path / name)
        assert main(["decode", str(run), str(codes), "--out", out]) == 0
    one, rate_hz = soundfile.read(tmp_path / "one.wav", dtype="float32")
    assert rate_hz == 8000
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()

    # The same through Python, and what the file says of itself.
    model = mb.load(run)
    read = Codes.read(codes)
    assert torch.equal(read.values, model.encode(tone(), sr_hz=8000).values)
    np.testing.assert_array_equal(model.decode(codes).samples[0], one)
    assert (read.sr_hz, read.hop_length, read.n_samples) == (8000, 32, 5001)
    assert read.fingerprint == codec_of(model).fingerprint
    assert (
        main(
            [
                "encode",
                str(run),
                str(tmp_path / "song.wav"),
                "--out",
                str(codes),
                "--codebooks",
                "1",
            ]
        )
        == 1
    )
    assert "E191" in capsys.readouterr().err


def test_what_cannot_be_written_is_refused_before_a_codec_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    words = [["encode", "nowhere", "song.wav"], ["decode", "nowhere", "song.codes"]]
    for each in words:
        assert main([*each, "--out", str(tmp_path / "mine")]) == 1
        assert "already exists" in capsys.readouterr().err
        assert main([*each, "--out", str(tmp_path / "mine" / "out")]) == 1
        assert "is a file, not a folder" in capsys.readouterr().err
        assert main([*each, "--replace", "--out", str(tmp_path)]) == 1
        assert "is a folder" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "mine"


def test_codes_of_another_codec_are_refused(run: Path, tmp_path: Path) -> None:
    model = mb.load(run)
    codes = model.encode(tone(), sr_hz=8000)
    other = Codes.read(_file(tmp_path, codes))
    model.module.get_parameter("conv1d_1.bias").data.add_(1)
    with pytest.raises(TaskError, match="made by another codec") as caught:
        model.decode(other)
    assert caught.value.code == "E585"
    assert "'tiny_codec', fingerprint" in str(caught.value)


@pytest.mark.parametrize("codebooks", [0, 1.5, "2", True])
def test_codebooks_are_a_number(run: Path, codebooks: Any) -> None:
    with pytest.raises(DataError) as caught:
        mb.load(run).encode(tone(), sr_hz=8000, codebooks=codebooks)
    assert caught.value.code == "E437"


def test_codes_whose_sound_ends_elsewhere_are_refused(run: Path) -> None:
    model = mb.load(run)
    codes = dataclasses.replace(model.encode(tone(), sr_hz=8000), n_samples=-5)
    with pytest.raises(TaskError, match="do not end in a sound of -5 samples"):
        model.decode(codes)


def _file(folder: Path, codes: Codes) -> Path:
    path = folder / "x.codes"
    path.write_bytes(codes.to_bytes())
    return path


@pytest.mark.parametrize(
    "content", [b"", b"RIFF....WAVE", b"\x08\0\0\0\0\0\0\0{}      "]
)
def test_a_file_that_holds_no_codes_is_refused(
    run: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.codes").write_bytes(content)
    with pytest.raises(TaskError, match="no codes can be read") as caught:
        mb.load(run).decode(tmp_path / "x.codes")
    assert caught.value.code == "E586"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "there is no such file"),
        ("folder", "it is a folder"),
        ("cut", "it holds something else, or is cut off"),
    ],
)
def test_why_a_file_holds_no_codes_is_said_in_plain_words(
    run: Path, tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    codes = mb.load(run).encode(tone(), sr_hz=8000).to_bytes()
    (tmp_path / "cut").write_bytes(codes[:-3])
    with pytest.raises(TaskError) as caught:
        mb.load(run).decode(tmp_path / name)
    assert caught.value.message == (
        f"no codes can be read from '{tmp_path / name}': {why}"
    )


def test_more_codebooks_than_there_are_are_refused(run: Path) -> None:
    codec = codec_of(mb.load(run))
    few = encoded_wave(codec, torch.from_numpy(tone()), 2)
    assert few.values.shape[0] == 2
    assert decoded_wave(codec, few).shape == (5001,)
    with pytest.raises(TaskError, match="has 3 codebooks, 4 are asked for"):
        encoded_wave(codec, torch.from_numpy(tone()), 4)


def test_packed_it_is_the_same_codec(run: Path, tmp_path: Path) -> None:
    assert main(["pack", str(run), "--out", str(tmp_path / "packed")]) == 0
    one = codec_of(mb.load(run))
    other = codec_of(mb.load(tmp_path / "packed"))
    assert one.fingerprint == other.fingerprint
    assert RunFolder.open(tmp_path / "packed").packed


WRONG = {
    "no bottleneck": (graph_text("ReLU", ""), "E580", "the graph has no bottleneck"),
    "part of a frame": (
        graph_text(more="").replace("2048", "2050"),
        "E582",
        "task.patch_frames 2050 is no whole number of frames of 32",
    ),
    "another output": (
        graph_text(more="").replace("  - InverseMDCT: {num_bands: 32}\n", ""),
        "E502",
        "the graph does not give what it reads",
    ),
    "another feature": (
        graph_text(more="").replace("type: waveform, sr_hz: 8000", "type: chroma"),
        "E501",
        "a codec reads the feature 'waveform' or 'logmel'",
    ),
    "several channels": (
        graph_text(more="").replace("sr_hz: 8000", "sr_hz: 8000, channels: 2"),
        "E501",
        "the task 'codec' reads audio of one channel, and the feature has 2",
    ),
    "nothing asked": (
        graph_text(more="").replace("{snr: .1, l1: 1, stft: .1, mel: .1}", "{l1: 0}"),
        "E106",
        "hold the output to nothing",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_before_data_is_read(name: str, tmp_path: Path) -> None:
    text, code, words = WRONG[name]
    with pytest.raises(MirbricksError) as caught:
        load_experiment(written(tmp_path, text))
    assert words in str(caught.value)
    assert code in str(caught.value)


def test_an_adversary_without_scores_is_refused(tmp_path: Path) -> None:
    (tmp_path / "judge.yaml").write_text(ADVERSARY.replace("score_", "out_"))
    text = graph_text(more="adversary: judge.yaml,")
    with pytest.raises(MirbricksError, match="hold no scores") as caught:
        load_experiment(written(tmp_path, text))
    assert "E589" in str(caught.value)


def test_an_empty_side_is_refused() -> None:
    experiment = load_experiment("graphs/notes_codec.yaml")
    with pytest.raises(TaskError, match="there are no recordings"):
        experiment.task.tracks([])
