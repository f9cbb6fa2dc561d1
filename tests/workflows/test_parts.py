"""An experiment of several models: named in the settings, kept in the run, gone from nowhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import nn

import mirbricks as mb
from mirbricks.data.synth.polyphony import synthesise_polyphony
from mirbricks.errors import MirbricksError
from mirbricks.tasks.base import TASKS, register_task
from mirbricks.tasks.multi_pitch import MultiPitch
from mirbricks.tasks.turns import Turn
from mirbricks.workflows.loading import load_experiment

GRAPH = """\
name: taught
input: B H=6 F=360 T
layers:
  - Conv2d: {name: head, out_channels: 1, kernel_size: 3, padding: same}
task: {type: taught, teacher: TEACHER, rival: rival.yaml, patch_frames: 48}
train: {steps: 4, validate_every: 2, batch_size: 2}
dataset: {folds: 3}
"""
RIVAL = """\
name: rival
input: B C=1 F=360 T
layers:
  - Conv2d: {name: judge, out_channels: 1, kernel_size: 5, stride: 4}
"""


class _Learner:
    """The learner of multi-pitch, with a teacher that stays and a rival that trains beside."""

    def __init__(self, task: Any, inner: Any) -> None:
        self.task = task
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def turns(self, model: nn.Module) -> list[Turn]:
        rival = self.task.models["rival"]
        teacher = self.task.models["teacher"]

        def judge(batch: Any) -> torch.Tensor:
            return rival(model(*batch.inputs).detach()).square().mean()

        def learn(batch: Any) -> dict[str, torch.Tensor]:
            outputs = model(*batch.inputs)
            wanted = teacher.module(*batch.inputs)
            return {
                "own": self.inner.loss(outputs, batch),
                "taught": (outputs - wanted).square().mean(),
            }

        return [Turn("rival", (rival,), judge), Turn("model", (model,), learn)]


@pytest.fixture(scope="module", autouse=True)
def _task() -> Iterator[None]:
    class Config(MultiPitch.Config):
        type: Literal["taught"] = "taught"  # type: ignore[assignment]
        teacher: str | None = None
        rival: str | None = None

    class Taught(MultiPitch):
        """Multi-pitch that is taught by a trained model."""

        parts: ClassVar = {"teacher": "trained", "rival": "graph"}

        def learner(self, *sides: Any, **more: Any) -> Any:
            return _Learner(self, super().learner(*sides, **more))

    Taught.Config = Config
    register_task("taught")(Taught)
    yield
    TASKS.known.pop("taught")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise_polyphony(folder, n_clips=3, seconds=3.0, seed=1)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


def trained(graph: Path, corpus: Path, out: Path, cache: str, **more: Any) -> Any:
    return mb.train(graph, corpus, out, cache=cache, jobs=1, progress=False, **more)


@pytest.fixture(scope="module")
def taught(
    corpus: Path, cache: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, torch.Tensor]]:
    """A run whose teacher and rival are deleted after it has ended, and the teacher's weights."""
    folder = tmp_path_factory.mktemp("taught")
    plain = GRAPH.replace(
        "type: taught, teacher: TEACHER, rival: rival.yaml,", "type: multi_pitch,"
    )
    (folder / "teacher.yaml").write_text(plain)
    teacher = trained(folder / "teacher.yaml", corpus, folder / "teacher", cache)
    weights = teacher.load().module.state_dict()
    graph = folder / "taught.yaml"
    graph.write_text(GRAPH.replace("TEACHER", f"'{folder / 'teacher'}'"))
    (folder / "rival.yaml").write_text(RIVAL)
    trained(graph, corpus, folder / "run", cache)
    shutil.rmtree(folder / "teacher")
    (folder / "rival.yaml").unlink()
    return folder / "run", weights


def same_weights(one: Any, other: Any) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_a_run_needs_nothing_but_itself(
    taught: tuple[Path, dict[str, torch.Tensor]], corpus: Path, cache: str
) -> None:
    run, weights = taught
    model = mb.load(run)
    same_weights(model.task.models["teacher"].module.state_dict(), weights)
    # Frozen while the others learned, and for whoever opens it.
    teacher = model.task.models["teacher"].module
    assert not teacher.training
    assert not any(weight.requires_grad for weight in teacher.parameters())
    judge = model.task.models["rival"].state_dict()["judge.weight"]
    assert judge.abs().sum() > 0
    figures = mb.evaluate(run, corpus, cache=cache, jobs=1, progress=False).figures
    assert figures.keys() == mb.open_run(run).figures.keys()


def test_both_losses_and_the_validation_are_logged(
    taught: tuple[Path, dict[str, torch.Tensor]],
) -> None:
    text = (taught[0] / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    steps = [line for line in lines if "valid" not in line]
    assert set(steps[-1]["losses"]) == {"own", "taught"}
    assert set(steps[-1]["turns"]) == {"rival"}
    assert all("loss" in line["valid"] for line in lines if "valid" in line)


def test_packed_without_paths(
    taught: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    from mirbricks.workflows.pack import Options, pack

    run, weights = taught
    pack(run, tmp_path / "packed", Options())
    text = b"".join(
        path.read_bytes() for path in (tmp_path / "packed").rglob("*") if path.is_file()
    )
    assert str(run.parent).encode() not in text
    moved = tmp_path / "moved"
    (tmp_path / "packed").rename(moved)
    model = mb.load(moved)
    same_weights(model.task.models["teacher"].module.state_dict(), weights)
    # What trains beside a model serves nobody who only uses it.
    assert "rival" not in model.task.models


def test_resumed_with_the_runs_own_copy(
    corpus: Path, cache: str, tmp_path: Path
) -> None:
    """The teacher's folder may be gone, or hold another model, when a training goes on."""
    plain = GRAPH.replace(
        "type: taught, teacher: TEACHER, rival: rival.yaml,", "type: multi_pitch,"
    )
    (tmp_path / "teacher.yaml").write_text(plain)
    trained(tmp_path / "teacher.yaml", corpus, tmp_path / "teacher", cache)
    graph = tmp_path / "taught.yaml"
    graph.write_text(GRAPH.replace("TEACHER", f"'{tmp_path / 'teacher'}'"))
    (tmp_path / "rival.yaml").write_text(RIVAL)
    constant = {"train.schedule": "constant"}
    trained(
        graph, corpus, tmp_path / "whole", cache, set={**constant, "train.steps": 6}
    )
    trained(graph, corpus, tmp_path / "parts", cache, set=constant)
    shutil.rmtree(tmp_path / "teacher")
    trained(
        graph, corpus, tmp_path / "parts", cache, set={"train.steps": 6}, resume=True
    )
    one, other = (mb.load(tmp_path / name) for name in ("whole", "parts"))
    same_weights(one.module.state_dict(), other.module.state_dict())
    same_weights(*(m.task.models["rival"].state_dict() for m in (one, other)))


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("zoo:mpe_bach", "did you mean"),
        ("nowhere", "expected a run folder: 'nowhere' is missing"),
    ],
)
def test_a_teacher_that_is_not_there(tmp_path: Path, teacher: str, words: str) -> None:
    graph = tmp_path / "taught.yaml"
    graph.write_text(GRAPH.replace("TEACHER", teacher))
    (tmp_path / "rival.yaml").write_text(RIVAL)
    with pytest.raises(MirbricksError) as caught:
        load_experiment(graph)
    message = str(caught.value)
    assert f"{graph}:5:" in message
    assert words in message


def test_a_rival_that_is_not_there(tmp_path: Path) -> None:
    graph = tmp_path / "taught.yaml"
    graph.write_text(GRAPH.replace("TEACHER", "zoo:mpe_bach10"))
    with pytest.raises(MirbricksError) as caught:
        load_experiment(graph)
    assert f"{graph}:5:" in str(caught.value)
    assert "rival.yaml" in str(caught.value)


def test_a_model_inside_a_model_of_the_zoo_has_a_name() -> None:
    codec = mb.load("zoo:notes_flow/codec")
    inner = mb.load("zoo:notes_flow").task.models["codec"]
    same_weights(codec.module.state_dict(), inner.module.state_dict())
    with pytest.raises(MirbricksError) as caught:
        mb.load("zoo:notes_flow/vae")
    assert str(caught.value) == (
        "the model 'notes_flow' of the zoo uses no model 'vae'\n"
        "  help: it uses: codec, ear     [E610]"
    )


def test_an_evaluation_keeps_the_models_of_the_training(
    taught: tuple[Path, dict[str, torch.Tensor]], corpus: Path, cache: str
) -> None:
    """Another teacher would be named and not be used."""
    more = {"cache": cache, "jobs": 1, "progress": False}
    change = {"task.teacher": "zoo:mpe_bach10"}
    with pytest.raises(MirbricksError, match="keeps the model that it was trained"):
        mb.evaluate(taught[0], corpus, set=change, **more)  # type: ignore[arg-type]
