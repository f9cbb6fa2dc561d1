"""Runs and packed models of version 0.1 load and predict as they did; those of a later form are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import safetensors
import safetensors.torch

import mirbricks as mb
from mirbricks.runs.folder import FORM, RunFolder

# Made by mirbricks 0.1.0: train, pack and predict of a graph of 58 parameters.
FIXTURES = Path(__file__).parents[1] / "fixtures" / "version_0_1"


@pytest.mark.parametrize("name", ["run", "packed"])
def test_version_0_1_predicts_as_it_did(name: str) -> None:
    model = mb.load(FIXTURES / name)
    then = json.loads((FIXTURES / "predicted.tags.json").read_text())
    found = model.predict(FIXTURES / "sound.wav")
    for one in then["scores"]:
        assert found.scores[one["label"]] == pytest.approx(one["score"], abs=2e-5)
    assert list(found.labels) == then["given"]


def test_version_0_1_keeps_its_state_and_its_metrics(tmp_path: Path) -> None:
    run = RunFolder.open(FIXTURES / "run")
    assert run.load_state()["step"] == 6
    opened = mb.open_run(FIXTURES / "run")
    assert [step for step, _ in opened.curves["loss"]][-1] == 6
    assert opened.figures["accuracy"] == 0.5
    # It can be packed again, by the commands of today.
    from mirbricks.cli import main

    out = tmp_path / "again"
    assert main(["pack", str(FIXTURES / "run"), "--out", str(out)]) == 0
    assert mb.load(out).task.name == "tagging"


NEWER = """\
'{path}' was written by mirbricks 9.9.0 in form {form}
  here  mirbricks {here}, which reads form {known}
  help: install a newer mirbricks: python -m pip install --upgrade mirbricks     [E619]"""


def newer(form: object) -> dict[str, object]:
    return {"format": form, "versions": {"mirbricks": "9.9.0"}}


@pytest.mark.parametrize("form", [FORM + 1, 1000, "two"])
def test_a_later_run_is_refused_by_name(form: object, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / "run", run)
    settings = json.loads((run / "settings.json").read_text())
    (run / "settings.json").write_text(json.dumps(settings | newer(form)))
    with pytest.raises(mb.MirbricksError) as caught:
        mb.load(run)
    assert str(caught.value) == NEWER.format(
        path=run, form=form, here=mb.__version__, known=FORM
    )


def test_a_later_packed_model_is_refused_by_name(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(FIXTURES / "packed", model)
    path = model / "weights.safetensors"
    with safetensors.safe_open(path, framework="pt") as file:
        settings = json.loads(file.metadata()["settings"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    settings |= newer(FORM + 1)
    path.write_bytes(
        safetensors.torch.save(tensors, {"settings": json.dumps(settings)})
    )
    with pytest.raises(mb.MirbricksError) as caught:
        mb.load(model)
    assert caught.value.code == "E619"
    assert "mirbricks 9.9.0" in str(caught.value)


def test_settings_that_a_packed_model_lacks_are_missed_in_its_own_file(
    tmp_path: Path,
) -> None:
    """It has no settings.json that could be looked for."""
    model = tmp_path / "model"
    shutil.copytree(FIXTURES / "packed", model)
    tensors = safetensors.torch.load_file(model / "weights.safetensors")
    bare = {"settings": '{"tuned": {}}'}
    safetensors.torch.save_file(tensors, model / "weights.safetensors", bare)
    with pytest.raises(mb.MirbricksError) as caught:
        mb.load(model)
    assert caught.value.code == "E606"
    assert f"'{model / 'weights.safetensors'}' cannot be read" in str(caught.value)
