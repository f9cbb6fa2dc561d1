"""The registry of tasks, and the section `task:` of a graph."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

from mirbricks.compiler.compile import load_graph
from mirbricks.compiler.language.graph import Graph
from mirbricks.errors import (
    ErrorList,
    GraphError,
    RegistryError,
    TaskError,
    Where,
    codes,
)
from mirbricks.features.hcqt import HCQTFeatureConfig
from mirbricks.tasks import base
from mirbricks.tasks.base import TASKS, Task, register_task
from mirbricks.tasks.finding import get_task, task_of, tasks
from mirbricks.tasks.multi_pitch import MultiPitch, MultiPitchConfig
from mirbricks.tasks.tagging import TaggingConfig

GRAPH = "name: g\ninput: B C=6 F=360 T\nlayers:\n  - Conv2d: {out_channels: 1, kernel_size: 1}\n"


def graph_with(tmp_path: Path, section: str) -> Graph:
    path = tmp_path / "g.yaml"
    path.write_text(GRAPH + section)
    return load_graph(path)


def test_the_task_of_a_graph(tmp_path: Path) -> None:
    task = task_of(
        graph_with(
            tmp_path,
            "task: {type: multi_pitch, patch_frames: 64, thresholds: [0.3, 0.5]}\n",
        ),
        F,
    )
    assert isinstance(task, MultiPitch)
    assert task.config == MultiPitchConfig(patch_frames=64, thresholds=(0.3, 0.5))
    assert task.feature is F
    assert (type(task).name, tasks()["multi_pitch"], get_task("multi_pitch")) == (
        "multi_pitch",
        MultiPitch,
        MultiPitch,
    )


F = HCQTFeatureConfig()


def test_a_new_task_needs_only_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TASKS, "known", {})

    @register_task("silence")
    class Silence(Task): ...

    assert get_task("silence") is Silence
    assert Silence.name == "silence"


def test_an_unknown_task() -> None:
    with pytest.raises(TaskError) as caught:
        get_task("multipitch", Where("g.yaml", 5, 14, 10, "task: {type: multipitch}"))
    assert str(caught.value) == (
        "g.yaml:5:14: there is no task 'multipitch'\n"
        "    5 | task: {type: multipitch}\n"
        "      |              ^^^^^^^^^^\n"
        "  help: did you mean 'multi_pitch'?     [E500]"
    )
    with pytest.raises(TaskError) as caught:
        get_task("knitting")
    assert (
        str(caught.value)
        == f"there is no task 'knitting'\n  help: tasks are: {', '.join(tasks())}     [E500]"
    )


@pytest.mark.parametrize("section", ["", "task: {patch_frames: 64}\n", "task: 3\n"])
def test_a_graph_without_a_task(tmp_path: Path, section: str) -> None:
    with pytest.raises(TaskError) as caught:
        task_of(graph_with(tmp_path, section), F)
    assert caught.value.message == "the graph names no task"
    assert (
        caught.value.help
        == f"add `task: {{type: ...}}`; tasks are: {', '.join(tasks())}"
    )
    assert caught.value.code == "E500"


def test_every_bad_setting_is_told_at_its_place(tmp_path: Path) -> None:
    bad = "task: {type: multi_pitch, patch_frame: 64, remix_probability: 1.5, thresholds: [0.5, 0.4]}\n"
    with pytest.raises(ErrorList) as caught:
        task_of(graph_with(tmp_path, bad), F)
    told = [(error.code, error.message, error.help) for error in caught.value.errors]
    assert sorted(told, key=lambda row: row[1]) == [
        (
            "E105",
            "task has no key 'patch_frame'",
            "did you mean 'patch_frames' or 'predict_frames'?",
        ),
        (
            "E106",
            "task: 'remix_probability' must be a number from 0.0 to 1.0, got 1.5",
            "remix_probability: of mixing a patch again from its stems, if any",
        ),
        ("E106", "task: the thresholds must ascend", None),
    ]
    assert all(error.where and error.where.line == 5 for error in caught.value.errors)
    assert all(isinstance(error, GraphError) for error in caught.value.errors)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in MultiPitchConfig.model_fields.values())


def test_means_over_tracks() -> None:
    task = get_task("multi_pitch")(MultiPitchConfig(type="multi_pitch"), F)
    tracks = {
        "a": {"Accuracy": 0.5, "Recall": 1.0, "all": [1]},
        "b": {"Accuracy": 1.0, "Recall": 0.0, "all": []},
    }
    assert task.pooled(tracks) == {"Accuracy": 0.75, "Recall": 0.5}
    assert task.pooled({}) == {}


def test_codes_are_explained() -> None:
    assert [code for code in codes() if "E500" <= code <= "E509"] == [
        f"E50{i}" for i in range(10)
    ]


def test_a_name_belongs_to_one_task() -> None:
    with pytest.raises(RegistryError) as caught:

        @register_task("tagging")
        class Other(Task): ...

    assert str(caught.value) == (
        "the name 'tagging' is taken by another task\n"
        "  registered  mirbricks.tasks.tagging.task.Tagging\n"
        f"  refused     {__name__}.test_a_name_belongs_to_one_task.<locals>.Other\n"
        "  help: register it under another name     [E301]"
    )
    assert get_task("tagging").__module__ == "mirbricks.tasks.tagging.task"


TASK = """
from mirbricks.tasks import base
from mirbricks.tasks.base import TASKS, Task, register_task

@register_task("{name}")
class Mine(Task):
    pass
"""


def test_installed_packages_bring_tasks_and_a_broken_one_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two distributions, as pip leaves them: one is fine, of the other the module is missing."""
    for name in ("toy_task_fine", "toy_task_absent"):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[mirbricks.tasks]\n{name} = {name}\n")
    (tmp_path / "toy_task_fine.py").write_text(TASK.format(name="toy_of_test"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(TASKS, "known", tasks())
    monkeypatch.setattr(TASKS, "_plugins_are_in", False)
    with pytest.warns(
        UserWarning,
        match="plugin 'toy_task_absent' cannot be imported: ModuleNotFoundError",
    ):
        found = get_task("toy_of_test")
    assert (found.__module__, found.name) == ("toy_task_fine", "toy_of_test")


def test_a_task_that_says_nothing_of_its_graphs() -> None:
    class Silent(get_task("tagging")):  # type: ignore[misc]
        needs = Task.needs
        check_feature = Task.check_feature

    with pytest.raises(
        NotImplementedError, match="Silent has neither `needs` nor `check_shapes`"
    ):
        Silent(TaggingConfig(patch_frames=8), F).check_shapes(
            ("B", 6, 360, "T"), ("B", 3)
        )


def test_means_are_over_the_tracks_that_have_a_figure() -> None:
    task = MultiPitch(MultiPitchConfig(), F)
    tracks = {
        "without notes": {"Accuracy": 0.5},
        "with": {"Accuracy": 1.0, "note_f1": 0.25},
    }
    for order in (list(tracks), list(tracks)[::-1]):
        assert task.pooled({key: tracks[key] for key in order}) == {
            "Accuracy": 0.75,
            "note_f1": 0.25,
        }


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (
            "augment: [Polarity]",
            "Polarity changes a waveform, and the feature 'hcqt' is a spectrum",
        ),
        (
            "augment: [Tilt, Roll]",
            "Roll moves what sounds, and the targets of 'multi_pitch' would stay where they are",
        ),
    ],
)
def test_augmentations_that_do_not_fit(
    tmp_path: Path, section: str, words: str
) -> None:
    graph = graph_with(tmp_path, f"task: {{type: multi_pitch, {section}}}\n")
    with pytest.raises(TaskError) as caught:
        task_of(graph, F)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'g.yaml'}:5:")
    assert words in text
    assert text.endswith(
        "help: take one of FilterAugment, NoiseFloor, Smear, SpecAugment, Tilt     [E501]"
    )


def test_the_example_of_a_registered_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TASKS, "known", tasks())
    finder = doctest.DocTestFinder()
    (example,) = finder.find(base.register_task, globs=vars(base).copy())
    results = doctest.DocTestRunner().run(example)
    assert results.attempted == 4
    assert results.failed == 0


def test_settings_of_training_are_settings_and_read_nowhere_else() -> None:
    """What a task says acts in training only exists, and no module of predictions or pictures reads it."""
    found = 0
    for name, cls in tasks().items():
        fields = set(cls.Config.model_fields)
        assert set(cls.of_training) <= fields, name
        found += len(cls.of_training)
        folder = Path(inspect.getfile(cls)).parent
        for file in folder.glob("*.py"):
            if file.stem not in ("prediction", "pictures", "matching", "embedding"):
                continue
            read = set(re.findall(r"config\.(\w+)", file.read_text()))
            assert not read & set(cls.of_training), file.name
    assert found > 30


def test_tasks_of_one_channel() -> None:
    """Their codecs, or their codes of samples, know one channel; the shapes of all others say what fits."""
    assert {name for name, cls in tasks().items() if cls.mono} == {
        "adversarial_generation",
        "codec",
        "latent_generation",
        "sample_generation",
        "token_generation",
    }
