"""A training in shares is the training of one process: its losses, what it writes, and what goes on from that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from mirbricks.compiler.module import count_parameters
from mirbricks.errors import RunError
from mirbricks.runs.folder import RunFolder
from mirbricks.training.devices import lost_partners_reported
from mirbricks.training.optimization import TrainConfig
from mirbricks.training.sharding import refuse_single_numbers
from mirbricks.workflows.loading import load_experiment

sys.path.insert(0, str(Path(__file__).parent))
from sharded import Frames, network, train  # beside this file
from toy_training import same  # beside this file

TOLERANCE = 1e-5
CODEC = """\
name: tiny
input: B C=1 T
layers:
  - MDCT: {num_bands: 32}
  - FiniteScalarQuantizer: {name: quantizer, levels: [5, 5, 5]}
  - InverseMDCT: {num_bands: 32}
feature: {type: waveform, sr_hz: 8000}
task: {type: codec, patch_frames: 512, losses: {l1: 1}}
train:
  steps: 6
  sharding: full
"""


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(RunError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("other", ["compile", "channels_last"])
def test_settings_that_do_not_go_with_shares(other: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainConfig(sharding="full", **{other: True})
    assert (
        f"sharding: full does not go with {other}: true; set one of them only"
        in str(caught.value)
    )


def test_several_graphs_are_refused_before_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(
        CODEC.replace(
            "  - Fin", "  - Conv1d: {out_channels: 3, kernel_size: 1}\n  - Fin"
        ).replace("  - Inv", "  - Conv1d: {out_channels: 32, kernel_size: 1}\n  - Inv")
    )
    assert refusal(lambda: load_experiment(path)) == (
        f"{path}:13:3: train.sharding: full is for tasks that train one graph, and this one trains several in turns\n"
        "   13 |   sharding: full\n"
        "      |   ^^^^^^^^\n"
        "  help: leave train.sharding out: every process then holds the whole graphs     [E627]"
    )


def test_a_single_number_cannot_be_cut() -> None:
    model = nn.Linear(2, 2)
    model.register_parameter("gain", nn.Parameter(torch.ones(())))
    assert refusal(lambda: refuse_single_numbers(model)) == (
        "train.sharding: full cannot cut the weight 'gain', which is a single number\n"
        "  help: give it one axis of size 1, or leave train.sharding out     [E627]"
    )


def test_a_partner_that_is_gone_is_reported() -> None:
    def lose(error: Exception) -> None:
        with lost_partners_reported():
            raise error

    gone = (
        "[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:22935"
    )
    assert refusal(lambda: lose(RuntimeError(gone))) == (
        "another process of this training has ended, or cannot be reached\n"
        f"  torch  {gone}\n"
        "  help: it may have reported why; with --max-restarts torchrun starts all again, and they go on     [E628]"
    )
    # What else goes wrong in a step is not the partner's fault.
    with pytest.raises(RuntimeError, match="shapes"):
        lose(RuntimeError("shapes differ"))


@pytest.mark.slow
def test_two_processes_in_shares_equal_one(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    code = Path(__file__).parent / "sharded.py"
    done = subprocess.run(
        [*torchrun, "--standalone", str(code), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    # Each holds half of the weights, but for the fifth row of the last layer and its bias.
    holds = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert sum(holds) == count_parameters(network())
    assert max(holds) - min(holds) == 33

    train(tmp_path / "one", Frames(2))
    one, two = (RunFolder(tmp_path / name) for name in ("one", "two"))
    for own, other in zip(one.read_metrics(), two.read_metrics(), strict=True):
        for name in ("loss", "grad_norm"):
            if name in own:
                assert other[name] == pytest.approx(own[name], rel=TOLERANCE), name
    state, shared = one.load_state(), two.load_state()
    for part in ("model", "average"):
        for name, value in state[part].items():
            torch.testing.assert_close(
                shared[part][name], value, rtol=TOLERANCE, atol=TOLERANCE
            )

    # What is written is whole: the file of the best weights fits a model that was never in shares.
    twins = network(), network()
    one.load_weights(twins[0])
    two.load_weights(twins[1])
    for own, other in zip(twins[0].parameters(), twins[1].parameters(), strict=True):
        torch.testing.assert_close(other, own, rtol=TOLERANCE, atol=TOLERANCE)

    # Stopped and resumed in shares, and the same state gone on with by one process.
    same(RunFolder(tmp_path / "resumed").load_state(), shared)
    assert train(tmp_path / "two", Frames(2), resume=True).steps == 12
