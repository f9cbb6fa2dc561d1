"""The tutorial's own files with their sections: they train as they are, and `migrate` writes what they mean."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.compiler.migrating.migrate import migrate
from mirbricks.errors import GraphWarning, MirbricksError
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.tasks.multi_pitch import MultiPitchConfig
from mirbricks.tasks.tagging import TaggingConfig
from mirbricks.workflows.experiment import Experiment
from mirbricks.workflows.loading import load_experiment

HEAD = "output_file: {'origin': 'TUTO.ipynb', 'ext': '_D1.ipynb'}\n"
PITCH = """\
dataset:
    # D1
    {'base': bach10, 'do_f0_annot': frame}
feature:
    {'type': hcqt, 'h_l': [0.5, 1, 2], 'bins_per_semitone': 5, 'n_octaves': 6, 'fmin': 32.7,  'hop_length': 512,
     'patch_L_frame': 64, 'patch_STEP_frame': 32}
"""
LAYERS = """\
model:
    name: Bittner
    block_l:
    - sequential_l:
        - layer_l:
            - [BatchNorm2d, {'num_features': -1}]
            - [Conv2d, {'in_channels': -1, 'out_channels': 1, 'kernel_size': [5,5], 'stride': 1, 'padding': 'same'}]
"""
POOLED = """\
model:
    name: Tags
    block_l:
    - sequential_l:
        - layer_l:
            - [Mean, {'dim': -1}]
            - [Squeeze, {'dim': 1}]
            - [Linear, {'in_features': -1, 'out_features': 10}]
"""
LMS = "{'type': lms, 'nb_band': 96, 'L_n': 1024, 'STEP_n': 512, 'patch_L_frame': 48, 'patch_STEP_frame': 32}"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(text: str, name: str = "config.yaml") -> tuple[Experiment, list[str]]:
    Path(name).write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        experiment = load_experiment(name)
    return experiment, [str(one.message) for one in caught]


def test_a_multi_pitch_file_says_feature_task_and_input() -> None:
    experiment, told = loaded(HEAD + PITCH + LAYERS)
    assert experiment.feature == HCQTFeatureConfig(
        harmonics=(0.5, 1.0, 2.0), fmin_hz=32.7, bins_per_octave=60, scale="linear"
    )
    assert experiment.task.config == MultiPitchConfig(patch_frames=64)
    assert experiment.model.input_shapes == {"x": ("B", 3, 360, 64)}
    assert told == [
        "config.yaml:2:1: warning: the tutorial's dataset.base, feature.patch_STEP_frame, output_file mean nothing "
        "here and were passed over\n"
        "    2 | dataset:\n      | ^^^^^^^\n"
        "  help: --data names the corpus; `mirbricks migrate` writes the sections as they are read     [W105]"
    ]


@pytest.mark.parametrize(
    ("problem", "labels"), [("multiclass", "one"), ("multilabel", "several")]
)
def test_a_tagging_file(problem: str, labels: str) -> None:
    dataset = f"dataset: {{'base': gtzan, 'problem': {problem}, 'annot_key': genre, 'n_out': 10}}\n"
    experiment, told = loaded(f"{dataset}feature: {LMS}\n{POOLED}")
    assert isinstance(experiment.feature, LogMelFeatureConfig)
    assert (experiment.feature.n_mels, experiment.feature.n_fft) == (96, 1024)
    assert experiment.feature.hop_length == 512
    config = experiment.task.config
    assert isinstance(config, TaggingConfig)
    assert (config.labels, config.annotation, config.patch_frames) == (
        labels,
        "genre",
        48,
    )
    assert experiment.model.input_shapes == {"x": ("B", 1, 96, 48)}
    assert (
        "dataset.base, dataset.n_out, feature.patch_STEP_frame mean nothing" in told[0]
    )


def test_what_the_file_says_in_our_words_holds() -> None:
    text = PITCH + LAYERS + "task: {patch_frames: 32}\ntrain: {steps: 7}\n"
    experiment, _ = loaded(text)
    assert experiment.task.config == MultiPitchConfig(patch_frames=32)
    assert experiment.train.steps == 7
    assert experiment.model.input_shapes == {"x": ("B", 3, 360, 32)}


@pytest.mark.filterwarnings("ignore::mirbricks.errors.GraphWarning")
def test_a_bad_value_is_told_at_the_users_own_word() -> None:
    Path("config.yaml").write_text(
        PITCH.replace("'fmin': 32.7", "'fmin': low") + LAYERS
    )
    with pytest.raises(MirbricksError) as caught:
        load_experiment("config.yaml")
    assert str(caught.value).startswith("config.yaml:5:")
    assert "low" in str(caught.value)


def test_an_input_that_is_given_comes_first() -> None:
    Path("config.yaml").write_text(PITCH + LAYERS)
    model = compile_graph("config.yaml", (None, 3, 360, None))
    assert model.input_shapes["x"][1:3] == (3, 360)
    assert isinstance(model.input_shapes["x"][3], str)
    assert compile_graph("config.yaml").input_shapes == {"x": ("B", 3, 360, 64)}


def test_migrate_writes_what_they_mean() -> None:
    first, _ = loaded(HEAD + PITCH + LAYERS)
    written = migrate("config.yaml")
    Path("native.yaml").write_text(written.text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        native = load_experiment("native.yaml")
    assert native.feature == first.feature
    assert native.task.config == first.task.config
    assert native.model.input_shapes == first.model.input_shapes
    assert list(native.model.state_dict()) == list(first.model.state_dict())
    assert written.notes == (
        "output_file, dataset, feature are kept as comments: `feature` and `task` below the layers say what they mean "
        "here",
    )


def test_files_without_these_sections_are_as_they_were() -> None:
    Path("config.yaml").write_text("dataset: {'base': bach10}\n" + LAYERS)
    graph = load_graph("config.yaml")
    assert graph.assumed == {}
    assert graph.of_sections == ()
    assert graph.source.data["dataset"] == {"base": "bach10"}
    with pytest.raises(MirbricksError, match="the shape of the input is not known"):
        compile_graph("config.yaml")
    assert issubclass(GraphWarning, Warning)
