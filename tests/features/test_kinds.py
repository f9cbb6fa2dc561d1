"""`feature: {type: NAME}` of a graph file, and what is said where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbricks.cli import main
from mirbricks.errors import DataError, ErrorList, MirbricksError
from mirbricks.features.base import features
from mirbricks.features.hcqt import HCQTFeature, HCQTFeatureConfig
from mirbricks.features.kinds import config_of, feature_of
from mirbricks.tasks.multi_pitch.task import MultiPitch
from mirbricks.workflows.loading import load_experiment

GRAPH = "input: B C=1 F=360 T\nlayers:\n  - Conv2d: {out_channels: 1, kernel_size: 1}\ntask: {type: multi_pitch}\n"


def failure(tmp_path: Path, feature: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(GRAPH + feature)
    with pytest.raises(MirbricksError) as caught:
        load_experiment("g.yaml")
    error = caught.value
    return (
        "\n".join(map(str, error.errors))
        if isinstance(error, ErrorList)
        else str(error)
    )


@pytest.mark.parametrize("name", sorted(features().keys() - {"given"}))
def test_the_type_chooses(name: str) -> None:
    feature = features()[name]
    config = feature.Config
    assert config_of({"type": name, "anything": 3}) is config
    assert type(feature_of(config())) is feature
    assert feature.__doc__


def test_without_a_type_it_is_an_hcqt() -> None:
    for section in (None, {}, {"harmonics": [1]}, 3):
        assert config_of(section) is HCQTFeatureConfig
    assert isinstance(feature_of(HCQTFeatureConfig()), HCQTFeature)


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("logmle", "did you mean 'logmel'?"),
        (
            "mfcc",
            "features are: beat_chroma, chroma, cqt, fourier_2d, given, hcqt, logmel, nnls_chroma, pcen, waveform",
        ),
        (
            3,
            "features are: beat_chroma, chroma, cqt, fourier_2d, given, hcqt, logmel, nnls_chroma, pcen, waveform",
        ),
    ],
)
def test_an_unknown_type_is_told(name: object, help: str) -> None:
    with pytest.raises(DataError) as caught:
        config_of({"type": name})
    assert (
        str(caught.value) == f"there is no feature '{name}'\n  help: {help}     [E457]"
    )


def test_an_unknown_type_is_told_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failure(tmp_path, "feature: {type: hcqtt}\n", monkeypatch) == (
        "g.yaml:5:17: there is no feature 'hcqtt'\n"
        "    5 | feature: {type: hcqtt}\n      |                 ^^^^^\n"
        "  help: did you mean 'hcqt' or 'cqt'?     [E457]"
    )


def test_settings_of_another_feature_are_told_at_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = failure(tmp_path, "feature:\n  type: cqt\n  n_mels: 3\n", monkeypatch)
    assert text.startswith("g.yaml:7:3: feature has no key 'n_mels'\n")
    text = failure(tmp_path, "feature: {type: logmel, win_length: 4096}\n", monkeypatch)
    assert (
        "g.yaml:5:1: feature: win_length 4096 is larger than n_fft 2048, a frame's samples"
        in text
    )
    text = failure(tmp_path, "feature: {type: cqt, harmonics: [1, 2]}\n", monkeypatch)
    assert (
        "feature: a CQT has the one harmonic 1; write `type: hcqt` for other harmonics"
        in text
    )
    text = failure(
        tmp_path, "feature: {type: chroma, tuning_semitones: 2}\n", monkeypatch
    )
    assert "'tuning_semitones' must be a number" in text


def test_a_task_that_does_not_read_the_feature_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failure(tmp_path, "feature: {type: logmel}\n", monkeypatch) == (
        "g.yaml:5:17: the task 'multi_pitch' does not read the feature 'logmel'\n"
        "    5 | feature: {type: logmel}\n      |                 ^^^^^^\n"
        "  help: it reads hcqt, cqt: write `feature: {type: hcqt}`     [E501]"
    )


def test_multi_pitch_reads_a_cqt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(GRAPH + "feature: {type: cqt}\n")
    experiment = load_experiment("g.yaml")
    assert isinstance(experiment.task, MultiPitch)
    assert experiment.feature.shape == (1, 360)
    Path("again.yaml").write_text(experiment.resolved())
    assert load_experiment("again.yaml").feature == experiment.feature


def test_summary_knows_the_frames_of_any_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(
        "input: B F=128 T\nlayers: [ReLU]\nfeature: {type: logmel, hop_length: 1024}\n"
    )
    monkeypatch.setenv("COLUMNS", "200")  # the column is left out at 80
    assert main(["summary", "g.yaml"]) == 0
    assert "21.53 Hz" in capsys.readouterr().out
    Path("g.yaml").write_text(
        "input: B F=128 T\nlayers: [ReLU]\nfeature: {type: mel}\n"
    )
    assert main(["summary", "g.yaml"]) == 1
    assert "there is no feature 'mel'" in capsys.readouterr().err
