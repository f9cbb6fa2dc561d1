"""What does not fit a separation is refused, with the place and the next step, before it costs time."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks.errors import MirbricksError
from mirbricks.workflows.loading import load_experiment

from .conftest import GRAPH, write_corpus
from .test_separation import SEVERAL, sections

DEDICATED = """\
name: low_only
input: {mix: B C=1 T}
layers:
  - Conv1d: {name: a, out_channels: 1, kernel_size: 31, padding: same}
"""


def message(text: str, folder: Path) -> str:
    path = folder / "graph.yaml"
    path.write_text(text)
    with pytest.raises(MirbricksError) as caught:
        load_experiment(path)
    return str(caught.value).replace(str(path), "graph.yaml")


WRONG = {
    "one output for two targets": (
        DEDICATED + sections(),
        """\
graph.yaml:2:8: the graph gives one estimate, and task.targets are 2: nothing says which it is to be
    2 | input: {mix: B C=1 T}
      |        ^^^^^^^^^^^^^^
  targets  low, high
  inputs   mix
  help: add `target: "B K=2"` to `input:`, or name an output for each target in `outputs:`     [E802]""",
    ),
    "an output that is no target": (
        SEVERAL.replace("high", "hihg") + sections(),
        """\
graph.yaml:3:1: the graph has an output 'hihg', which is not one of task.targets
    3 | outputs: [low, hihg]
      | ^^^^^^^
  targets  low, high
  outputs  low, hihg
  help: did you mean 'high'?     [E802]""",
    ),
    "a target without an output": (
        SEVERAL + sections("[low, high, drums]"),
        """\
graph.yaml:3:1: the graph has no output 'drums', which task.targets name
    3 | outputs: [low, high]
      | ^^^^^^^
  targets  low, high, drums
  outputs  low, high
  help: add it to `outputs:` with a `StoreAs` of that name, or leave it out of task.targets     [E802]""",
    ),
    "two ways to say what is separated": (
        SEVERAL.replace("{mix: B C=1 T}", "{mix: B C=1 T, target: B K=2}") + sections(),
        """\
graph.yaml:3:1: the graph has an input 'target' and outputs by name: one of them says what is separated, not both
    3 | outputs: [low, high]
      | ^^^^^^^
  help: leave `outputs:` out, or the input 'target'     [E802]""",
    ),
    "a condition of another size": (
        GRAPH.replace("K=2", "K=4"),
        """\
graph.yaml:2:8: the graph does not read a mix and what to separate from it: its input 'target' is another
    2 | input: {mix: B C=1 T, target: B K=4}
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected  (B, 2)
  got       (B, 4)
  help: write `target: B D=2` in `input:`     [E501]""",
    ),
    "other channels": (
        GRAPH.replace("sr_hz: 4000", "sr_hz: 4000, channels: 2"),
        """\
graph.yaml:2:8: the graph reads 1 channel, and the feature has 2
    2 | input: {mix: B C=1 T, target: B K=2}
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  help: write `mix: B C=2 T`, and end in as many channels; or `feature: {type: waveform, channels: 1}`     [E803]""",
    ),
    "another rate": (
        GRAPH.replace(
            "  - StartFrom: mix\n",
            "  - StartFrom: mix\n"
            "  - STFT: {n_fft: 128, output: magnitude}\n"
            "  - LogFrequency: {n_fft: 128, sr_hz: 8000, n_bins: 24, bins_per_octave: 12}\n"
            "  - StartFrom: mix\n",
        ),
        """\
graph.yaml:12:5: 'logfrequency_1' reckons with 8000 Hz, and the feature has 4000 Hz
   12 |   - LogFrequency: {n_fft: 128, sr_hz: 8000, n_bins: 24, bins_per_octave: 12}
      |     ^^^^^^^^^^^^
  help: give both one rate: `sr_hz: 4000` here, or `feature: {type: waveform, sr_hz: 8000}`     [E803]""",
    ),
    "another length": (
        GRAPH.replace(", size_of: mix", ""),
        """\
graph.yaml:2:8: the graph gives a waveform of another length than its input
    2 | input: {mix: B C=1 T, target: B K=2}
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected  T
  got       T'
  help: end in `ISTFT: {size_of: mix}`, or bring layers to one size with `Upsample: {size_of: ...}`     [E804]""",
    ),
    "a short patch": (
        GRAPH.replace("patch_frames: 1024", "patch_frames: 100"),
        """\
graph.yaml:11:5: task.patch_frames 100 is shorter than one window of 'stft_1', n_fft 128
   11 |   - STFT: {n_fft: 128, hop_length: 32}
      |     ^^^^
  help: write `patch_frames: 2048`     [E805]""",
    ),
    "another feature": (
        GRAPH.replace("type: waveform", "type: logmel"),
        """\
graph.yaml:14:17: the task 'separation' does not read the feature 'logmel'
   14 | feature: {type: logmel, sr_hz: 4000}
      |                 ^^^^^^
  help: it reads waveform: write `feature: {type: waveform}`     [E501]""",
    ),
    "no loss": (
        GRAPH.replace("losses: {snr: 1}", "losses: {snr: 0}"),
        """\
graph.yaml:16:1: task: 'losses' hold the estimates to nothing: give one of l1, l2, magnitude, si_sdr, snr, cosine, \
stft a weight above 0
   16 | task: {type: separation, targets: [low, high], patch_frames: 1024, losses: {snr: 0}}
      | ^^^^
  [E106]""",
    ),
    "one target that is to be the mix": (
        DEDICATED + sections("[low]").replace("losses:", "sum_to_mix: true, losses:"),
        """\
graph.yaml:7:1: task: 'sum_to_mix' needs targets that are the whole mix together, and there is one
    7 | task: {type: separation, targets: [low], patch_frames: 1024, sum_to_mix: true, losses: {snr: 1}}
      | ^^^^
  [E106]""",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_graphs_that_do_not_fit(name: str, tmp_path: Path) -> None:
    text, expected = WRONG[name]
    assert message(text, tmp_path) == expected


def training_error(text: str, corpus: Path, folder: Path) -> str:
    (folder / "graph.yaml").write_text(text)
    with pytest.raises(MirbricksError) as caught:
        mb.train(folder / "graph.yaml", corpus, folder / "run", progress=False)
    assert not (folder / "run").exists()
    return str(caught.value)


def test_a_target_that_no_stem_is(duos: Path, tmp_path: Path) -> None:
    text = GRAPH.replace("[low, high]", "[low, hgih]")
    assert (
        training_error(text, duos, tmp_path)
        == """\
no stem that trains is 'hgih', which task.targets name
  'instrument'  high, low
  help: did you mean 'high'?     [E801]"""
    )


def test_no_target_among_the_stems(run: Path, tmp_path: Path, cache: str) -> None:
    """Of the wrong corpus, or one with other words, nothing but silence could be reported."""
    corpus = write_corpus(tmp_path / "others", names={"low": "Low", "high": "tenor"})
    with pytest.raises(MirbricksError) as caught:
        mb.load(run).evaluate(corpus, split="all", cache=cache, progress=False)
    assert (
        str(caught.value)
        == """\
none of the targets 'low', 'high' is among the stems
  'instrument'  Low, noise, tenor
  help: did you mean 'Low'?     [E801]"""
    )


def test_a_corpus_without_stems(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "mixes", stems=False)
    assert (
        training_error(GRAPH, corpus, tmp_path)
        == """\
none of 1 recordings is a mix with stems
  help: import them with `mirbricks data import stems SRC --out DIR`, or choose another corpus or split     [E800]"""
    )
