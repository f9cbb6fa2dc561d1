"""What ran code in another library when a stranger's model was loaded does nothing here.

The gadgets are those of Keras in 2025: a configuration that names a module and a function to call (CVE-2025-1550), or a
function of the library itself that fetches or writes a file (CVE-2025-8747); code inside the old form of a file, which
the safe mode did not look at (CVE-2025-9905); a configuration that switches the safe mode off first (CVE-2025-9906).
"""

from __future__ import annotations

import builtins
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import mirbricks as mb
from mirbricks import zoo
from mirbricks.cli import main
from mirbricks.errors import MirbricksError
from mirbricks.runs.folder import RunFolder

MODEL = zoo.FOLDER / "tagging_esc10"
# Functions that a configuration could name: of Python, of torch, of a library's own rooms, and Keras' own words.
NAMES = [
    "os.system",
    "builtins.eval",
    "builtins.exec",
    "subprocess.Popen",
    "shutil.rmtree",
    "torch.hub.load",
    "torch.load",
    "torch.utils.cpp_extension.load",
    "keras.utils.get_file",
    "keras.config.enable_unsafe_deserialization",
    "keras>Lambda",
    "Lambda",
    "mirbricks.data.fetching.http.download",
    "mirbricks.catalogue.load_plugin",
    "mirbricks.workflows.hosted.here",
    "pickle.loads",
    "__import__",
    "__builtins__.eval",
    "evil:run",
    "evil.Block",
    "../evil",
]
TUTORIAL = """\
model:
  block_l:
    - sequential_l:
        - layer_l:
            - """
GRAPHS = [
    "input: B C=2 T\nlayers: ['{}']\n",
    "input: B C=2 T\nlayers:\n  - '{}': {{command: touch canary}}\n",
    "input: B C=2 T\nlayers:\n  - {{module: os, class_name: '{}', config: {{}}}}\n",
    "input: B C=2 T\nlayers:\n  - ReLU: {{registered_name: '{}'}}\n",
    "input: B C=2 T\nlayers:\n  - Conv1d: {{out_channels: 2, kernel_size: 1, padding_mode: '{}'}}\n",
    "input: B C=2 T\nvars: {{a: \"${{{}('touch canary')}}\"}}\nlayers: [ReLU]\n",
    "input: B C=2 T\nplugin: '{}'\nlayers: [ReLU]\n",
    "input: B C=2 T\nsafe_mode: false\nplugins: ['{}']\nlayers: [ReLU]\n",
    TUTORIAL + "['{}', {{'command': 'touch canary'}}]\n",
    TUTORIAL + "[Activation, '{}']\n",
]


@pytest.fixture(autouse=True)
def nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that would leave a mark lies on the path; what would leave the process is an error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('canary', 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("a stranger's file had code run")

    monkeypatch.setattr(os, "system", refused)
    monkeypatch.setattr(subprocess, "Popen", refused)
    monkeypatch.setattr(urllib.request, "urlopen", refused)
    yield
    assert not (tmp_path / "canary").exists()
    assert "evil" not in sys.modules
    assert "keras" not in sys.modules


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_names_no_code(name: str) -> None:
    for number, form in enumerate(GRAPHS):
        path = Path(f"graph{number}.yaml")
        path.write_text(form.format(name))
        with pytest.raises(MirbricksError) as caught:
            mb.compile_graph(path, (1, 2, 8))
        assert caught.value.code[:2] in ("E1", "E3"), form


@pytest.mark.parametrize("name", NAMES[::5])
def test_no_section_names_code(name: str) -> None:
    # One space in place of a line break, as the lines of a flow mapping are filled.
    text = re.sub(r"window:\s+", "window: ", (MODEL / "graph.yaml").read_text())
    changes = [
        ("type: tagging", f"type: '{name}'"),
        ("type: logmel", f"type: '{name}'"),
        ("- Roll:", f"- '{name}':"),
        ("optimizer: adamw", f"optimizer: '{name}'"),
        ("window: hann", f"window: '{name}'"),
        ("task:\n", f"task:\n  plugin: '{name}'\n"),
    ]
    for number, (old, new) in enumerate(changes):
        assert old in text
        path = Path(f"experiment{number}.yaml")
        path.write_text(text.replace(old, new, 1))
        assert main(["check", str(path)]) == 1, new


def copied() -> Path:
    shutil.copytree(MODEL, "model")
    return Path("model")


class Gadget:
    """What would make a file if it was unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return builtins.open, ("canary", "w")


def pickled() -> bytes:
    return pickle.dumps({"state_dict": Gadget()})


def as_torch() -> bytes:
    torch.save({"state_dict": Gadget()}, "weights.pt")
    return Path("weights.pt").read_bytes()


def as_hdf5() -> bytes:
    """A Keras model of the old form: its layers as JSON in an attribute."""
    with h5py.File("old.h5", "w") as file:
        layer = {"class_name": "Lambda", "config": {"function": ["gASV", None, None]}}
        file.attrs["model_config"] = json.dumps({"config": {"layers": [layer]}})
    return Path("old.h5").read_bytes()


@pytest.mark.parametrize("make", [pickled, as_torch, as_hdf5])
def test_weights_of_another_form_are_not_read(make: Any) -> None:
    model = copied()
    (model / "weights.safetensors").write_bytes(make())
    with pytest.raises(MirbricksError) as caught:
        mb.load(model)
    assert caught.value.code == "E606"


@pytest.mark.parametrize("make", [pickled, as_torch, as_hdf5])
def test_the_state_of_a_training_holds_no_code(make: Any) -> None:
    run = RunFolder.create("run")
    (run.path / "state.pt").write_bytes(make())
    with pytest.raises(MirbricksError) as caught:
        run.load_state()
    assert caught.value.code == "E606"


def test_settings_in_a_model_load_no_plugin() -> None:
    """The command that made it is kept, with its plug-ins; naming one is the user's own to do."""
    model = copied()
    path = model / "weights.safetensors"
    with safetensors.safe_open(path, framework="pt") as file:
        settings = json.loads(file.metadata()["settings"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    settings |= {
        "command": "mirbricks train graph.yaml --plugin evil",
        "plugin": ["evil"],
        "safe_mode": False,
        "module": "evil",
        "class_name": "run",
    }
    metadata = {"settings": json.dumps(settings)}
    path.write_bytes(safetensors.torch.save(tensors, metadata))
    assert mb.load(model).task.name == "tagging"
    assert main(["summary", str(model)]) == 0


def test_a_card_is_text() -> None:
    """A header that would make objects in another reader is never read as YAML here."""
    model = copied()
    header = "---\nevil: !!python/object/apply:builtins.open [canary, w]\n---\n"
    (model / "card.md").write_text(header + (model / "card.md").read_text())
    mb.load(model)


def test_an_array_of_objects_is_no_corpus() -> None:
    """numpy would unpickle objects; HDF5 files of corpora hold numbers."""
    Path("corpus").mkdir()
    with h5py.File("corpus/x_audio.hdf5", "w") as file:
        data = np.void(pickled())
        file.create_dataset("a.wav", data=data)
        file["a.wav"].attrs["sr_hz"] = 8000
    Path("corpus/x.pyjama").write_text('{"definitions": {}, "entries": []}')
    assert main(["data", "check", "corpus", "--json", "--jobs", "1"]) == 1


def test_a_plugin_is_loaded_by_name_from_the_shell_only() -> None:
    """The counterpart: the gadget works where the user asks for it, so the tests above can fail."""
    Path("harmless_plugin.py").write_text("open('asked_for', 'w').close()\n")
    graph = "input: B C=2 T\nlayers: [ReLU]\n"
    Path("graph.yaml").write_text(graph)
    assert main(["check", "graph.yaml", "--plugin", "harmless_plugin"]) == 0
    assert Path("asked_for").exists()


@pytest.mark.parametrize("name", ["os.system:x", "../evil", "evil.py", "/etc/passwd"])
def test_a_plugin_is_a_module_and_not_a_path(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("graph.yaml").write_text("input: B C=2 T\nlayers: [ReLU]\n")
    shutil.move("evil.py", "evil_elsewhere.txt")  # else `evil.py` names its module
    assert main(["check", "graph.yaml", "--plugin", name]) == 1
    assert "[E306]" in capsys.readouterr().err


def test_a_plugin_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["check", "graph.yaml", "--plugin", ""])
    assert refused.value.code == 2
    assert "the value of --plugin is empty" in capsys.readouterr().err
