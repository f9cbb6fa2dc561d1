"""The run folder: whole files, damaged files, the lock."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from torch import nn

from mirbricks.data.stores.atomic import written_whole
from mirbricks.errors import MirbricksError, RunError
from mirbricks.runs.folder import MARK, STATE_KEYS, RunFolder


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight
        self.norm = nn.BatchNorm1d(3)
        self.conv = nn.Conv2d(2, 2, 3).to(memory_format=torch.channels_last)


def refusal(call: Callable[[], Any], kind: type[MirbricksError] = RunError) -> str:
    with pytest.raises(MirbricksError) as caught:
        call()
    assert isinstance(caught.value, kind)
    return str(caught.value)


def state(**more: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(STATE_KEYS),
        "config": {},
        "optimizer": {},
        "counters": {},
        "step": 7,
        "stopped": None,
        "model": {"w": torch.ones(2)},
        **more,
    }


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "new" / "run")


def test_create_makes_the_folder_and_takes_a_run_again(run: RunFolder) -> None:
    assert run.path.is_dir()
    RunFolder.create(run.path)
    run.write_settings({"fold": 0})
    assert RunFolder.create(run.path).read_settings() == {"fold": 0}
    assert RunFolder.open(str(run.path)).path == run.path


def test_create_refuses_a_folder_with_the_users_own_graph(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text("layers: [ReLU]")
    assert "[E601]" in refusal(lambda: RunFolder.create(tmp_path))
    assert (tmp_path / "graph.yaml").read_text() == "layers: [ReLU]"


USERS_OWN = [
    "settings.json",
    "state.pt",
    "graph.yaml",
    "resolved.yaml",
    "report.html",
    "weights.safetensors",
    "metrics.jsonl",
]


@pytest.mark.parametrize("name", USERS_OWN)
@pytest.mark.parametrize("content", [b"", b"{}", b'{"versions": 3}', b"[]", b"\x80"])
def test_create_never_takes_the_users_own_files_for_a_run(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert "[E601]" in refusal(lambda: RunFolder.create(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == content


def test_create_takes_a_run_of_an_older_version(tmp_path: Path) -> None:
    settings = {"versions": {"mirbricks": "0.1.0"}, "fold": 0}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert RunFolder.create(tmp_path).read_settings() == settings


def test_create_takes_a_folder_that_a_full_disk_left_empty(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    assert RunFolder.create(tmp_path).state_to_resume(False) is None


@pytest.mark.parametrize(
    ("name", "resume"),
    [
        ("weights.safetensors", False),
        ("weights.safetensors", True),
        ("metrics.jsonl", False),
    ],
)
def test_a_training_whose_state_is_lost_is_not_trained_over(
    run: RunFolder, name: str, resume: bool
) -> None:
    (run.path / name).write_bytes(b"")
    assert refusal(lambda: run.state_to_resume(resume)) == (
        f"'{run.path}' holds a training that never ended, and its 'state.pt' is missing\n"
        "  help: put 'state.pt' back from a copy, or choose another folder, or delete this one first     [E603]"
    )


def test_weights_of_another_type_are_refused(run: RunFolder) -> None:
    """safetensors would cast whole numbers, or true and false, without a word."""
    model = nn.Linear(2, 2)
    for dtype in (torch.int64, torch.bool, torch.uint8):
        wrong = {name: w.to(dtype) for name, w in model.state_dict().items()}
        assert "  type  'bias'" in refusal(
            lambda wrong=wrong: run.check_weights(wrong, model.state_dict())
        )
    half = {name: w.half() for name, w in model.state_dict().items()}
    run.check_weights(half, model.state_dict())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(run: RunFolder, bad: float) -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.bias[1] = bad
    run.save_weights(model, {})
    text = refusal(lambda: run.load_weights(nn.Linear(2, 2)))
    assert text.startswith(f"the weights of '{run.path}' are not finite numbers\n")
    assert "'bias'" in text


def test_create_refuses_other_folders_and_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    assert refusal(lambda: RunFolder.create(tmp_path)) == (
        f"cannot make a run folder at '{tmp_path}': the folder has other things in it\n"
        "  help: choose a new or an empty folder     [E601]"
    )
    file = tmp_path / "thesis.tex"
    assert refusal(lambda: RunFolder.create(file)) == (
        f"cannot make a run folder at '{file}': File exists\n  help: choose a new or an empty folder     [E601]"
    )
    assert file.read_text() == "x"


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    help = "\n  help: give the folder that `mirbricks train ... --out RUN` has written     [E600]"
    for path, what in (
        (tmp_path, "has no run in it"),
        (tmp_path / "file", "is not a folder"),
        (tmp_path / "none", "is missing"),
    ):
        assert (
            refusal(lambda path=path: RunFolder.open(path))
            == f"expected a run folder: '{path}' {what}{help}"
        )


@pytest.mark.parametrize(
    ("given", "help"),
    [
        ("mpe_bach10", "did you mean 'zoo:mpe_bach10'?"),
        ("mpe_bach11", "did you mean 'zoo:mpe_bach10'"),
        ("mpe_small", "train it first, `mirbricks train mpe_small --data"),
        ("mine.yaml", "train it first, `mirbricks train mine.yaml --data"),
        ("folds", "give one of them, such as 'folds/fold0'"),
        ("corpus", "`mirbricks data info corpus` describes it"),
        ("empty", "give the folder that `mirbricks train ... --out RUN` has written"),
        ("missing/of/mine", "give the folder that `mirbricks train"),
    ],
)
def test_what_else_a_path_may_stand_for_is_named(
    given: str, help: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("folds/fold0", "folds/fold1", "folds/fold10", "corpus", "empty"):
        Path(folder).mkdir(parents=True)
    Path("mine.yaml").write_text("layers: []")
    Path("corpus/bach.pyjama").write_text("{}")
    text = refusal(lambda: RunFolder.open(given))
    assert text.startswith(f"expected a run folder: '{given}' ")
    assert help in text
    assert text.endswith("[E600]")


def test_text_and_settings_round_trip(run: RunFolder) -> None:
    run.write_text("resolved.yaml", "name: Käse ♪\n")
    assert run.read_text("resolved.yaml") == "name: Käse ♪\n"
    assert run.read_settings() == {}
    settings = {
        "threshold": 0.3125,
        "fold": 2,
        "split": {"test": ["01"]},
        "command": None,
    }
    run.write_settings(settings)
    run.write_settings({**settings, "fold": 3})
    assert run.read_settings() == {**settings, "fold": 3}
    assert sorted(path.name for path in run.path.iterdir()) == [
        ".mirbricks-run",
        "resolved.yaml",
        "settings.json",
    ], "no temporary stays"


def test_weights_round_trip_with_tied_and_channels_last_weights(run: RunFolder) -> None:
    model, other = Tied(), Tied()
    run.save_weights(model, {"step": "12"})
    assert run.load_weights(other) == {"step": "12"}
    assert other.a.weight is other.b.weight
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
    assert other.conv.weight.is_contiguous(memory_format=torch.channels_last)
    with safetensors.safe_open(run.path / "weights.safetensors", "pt") as file:
        assert set(file.keys()) == set(model.state_dict()), (
            "the file has every name of the model"
        )


def test_missing_files(run: RunFolder) -> None:
    run.write_text("graph.yaml", "")
    assert refusal(lambda: run.load_weights(Tied())) == (
        f"the run '{run.path}' has no file 'weights.safetensors'\n"
        "  help: the training has not validated yet; go on with --resume     [E605]"
    )
    for call, name in (
        (run.load_state, "state.pt"),
        (lambda: run.read_text("resolved.yaml"), "resolved.yaml"),
    ):
        assert refusal(call) == (
            f"the run '{run.path}' has no file '{name}'\n  help: give another run, or train again     [E605]"
        )


def test_weights_of_another_graph(run: RunFolder) -> None:
    run.save_weights(nn.Linear(3, 4), {})
    model = nn.Linear(3, 5, bias=False)
    before = model.weight.clone()
    assert refusal(lambda: run.load_weights(model)) == (
        f"the weights of '{run.path}' do not fit the graph\n"
        "  size     'weight' (4, 3) in the run, (5, 3) in the graph\n"
        "  unknown  'bias' (4,)\n"
        f"  help: use the run's own graph, '{run.path / 'resolved.yaml'}'     [E607]"
    )
    assert torch.equal(model.weight, before)
    assert "  missing  '0.bias' (3,)" in refusal(
        lambda: run.load_weights(nn.Sequential(nn.Linear(2, 3)))
    )


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


def _pickle(path: Path) -> None:
    torch.save(state(model=Evil()), path)


DAMAGED: list[tuple[str, Callable[[Path], Any]]] = [
    ("state.pt", lambda path: path.write_bytes(b"not a zip")),
    ("state.pt", lambda path: path.write_bytes(b"")),
    (
        "state.pt",
        lambda path: (
            torch.save(state(), path),
            path.write_bytes(path.read_bytes()[:-300]),
        ),
    ),
    ("state.pt", lambda path: torch.save({"epoch": 3}, path)),
    ("state.pt", lambda path: torch.save([1], path)),
    ("state.pt", lambda path: torch.save(state(step=-1), path)),
    ("state.pt", lambda path: torch.save(state(step="7"), path)),
    ("state.pt", lambda path: torch.save(state(stopped="tired"), path)),
    ("state.pt", lambda path: torch.save(state(counters=[1]), path)),
    ("state.pt", lambda path: torch.save(state(model={"w": 1}), path)),
    ("state.pt", _pickle),
    ("state.pt", lambda path: os.mkfifo(path)),
    ("settings.json", lambda path: path.write_text("[" * 100_000)),
    ("settings.json", lambda path: os.mkfifo(path)),
    ("weights.safetensors", lambda path: os.mkfifo(path)),
    ("weights.safetensors", lambda path: path.write_bytes(b"\x00" * 40)),
    ("weights.safetensors", lambda path: path.write_bytes(b"")),
    ("settings.json", lambda path: path.write_text("{")),
    ("settings.json", lambda path: path.write_text("[]")),
    ("settings.json", lambda path: path.write_bytes(b"\xff\xfe{}")),
    (
        "metrics.jsonl",
        lambda path: path.write_text('{"step": 1}\nnonsense\n{"step": 2}\n'),
    ),
    ("metrics.jsonl", lambda path: path.write_text('{"epoch": 1}\n')),
]


@pytest.mark.parametrize(
    ("name", "damage"),
    DAMAGED,
    ids=[f"{n}-{name}" for n, (name, _) in enumerate(DAMAGED)],
)
def test_damaged_files(
    run: RunFolder,
    name: str,
    damage: Callable[[Path], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(run.path)
    damage(run.path / name)
    readers = {
        "state.pt": run.load_state,
        "settings.json": run.read_settings,
        "metrics.jsonl": run.read_metrics,
    }
    lines = refusal(
        readers.get(name) or (lambda: run.load_weights(Tied()))
    ).splitlines()
    assert (
        lines[0]
        == f"'{run.path / name}' cannot be read: it is damaged, or not a file of a run"
    )
    assert lines[1].startswith("  reason  ")
    assert lines[2:] == [
        "  help: take the file from a copy of the run, or train again in a new folder     [E606]"
    ]
    assert not (run.path / "evil").exists()


def test_damaged_golden(run: RunFolder) -> None:
    (run.path / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n')
    assert refusal(run.read_metrics) == (
        f"'{run.path / 'metrics.jsonl'}' cannot be read: it is damaged, or not a file of a run\n"
        "  reason  line 2 is not a record with a step\n"
        "  help: take the file from a copy of the run, or train again in a new folder     [E606]"
    )


def test_state_round_trip_and_what_may_be_resumed(run: RunFolder) -> None:
    assert run.state_to_resume(False) is None
    assert run.state_to_resume(True) is None
    run.save_state(state(stopped="interrupted"))
    loaded = run.state_to_resume(True)
    assert loaded is not None
    assert torch.equal(loaded["model"]["w"], torch.ones(2))
    for stopped, code in (
        (None, "E603"),
        ("interrupted", "E603"),
        ("patience", "E602"),
        ("finished", "E602"),
    ):
        run.save_state(state(stopped=stopped))
        assert refusal(lambda: run.state_to_resume(False)).endswith(f"[{code}]")
        assert run.state_to_resume(True) is not None


def test_metrics_append_cut_and_half_a_line(run: RunFolder) -> None:
    assert run.read_metrics() == []
    records = [{"step": step, "loss": step / 3} for step in (10, 20, 30)]
    for record in records:
        run.append_metrics(record)
    assert run.read_metrics() == records
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "lo')
    assert run.read_metrics() == records
    run.cut_metrics(20)
    assert (run.path / "metrics.jsonl").read_text() == "".join(
        json.dumps(r) + "\n" for r in records[:2]
    )
    run.cut_metrics(0)
    assert run.read_metrics() == []


def test_metrics_are_strict_json(run: RunFolder) -> None:
    run.append_metrics({"step": 1, "valid": {"a": math.nan, "b": -math.inf, "c": 1.5}})
    assert (
        run.path / "metrics.jsonl"
    ).read_text() == '{"step": 1, "valid": {"a": null, "b": null, "c": 1.5}}\n'


FULL_DISK = """
import resource, signal, sys, torch
from pathlib import Path
from mirbricks.runs.folder import RunFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = RunFolder(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
from mirbricks.errors import MirbricksError
big = torch.nn.Linear(40, 40)
for call in (
    lambda: run.save_state({"model": big.state_dict()}),
    lambda: run.save_weights(big, {}),
    lambda: [run.append_metrics({"step": 1, "text": "x" * 500}) for _ in range(9)],
):
    try:
        call()
    except MirbricksError as error:
        print(error.code, str(error).splitlines()[0])
"""


def test_a_full_disk_is_told_and_the_old_files_stay(run: RunFolder) -> None:
    run.save_state(state())
    run.save_weights(nn.Linear(2, 2), {})
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(run.path)], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"E408 cannot write '{run.path / name}': File too large"
        for name in ("state.pt", "weights.safetensors", "metrics.jsonl")
    ]
    after = {path.name: path.read_bytes() for path in run.path.iterdir()}
    after.pop("metrics.jsonl")
    assert after == before


def test_a_mark_that_another_process_is_writing_is_no_file_of_the_users(
    tmp_path: Path,
) -> None:
    """Processes that train together make the same folder at the same moment."""
    with written_whole(tmp_path / MARK) as part:
        part.write_text("half")
        run = RunFolder.create(tmp_path)
        assert (run.path / MARK).is_file()
    other = tmp_path / "other"
    other.mkdir()
    (other / f".{MARK}x").write_text("mine")
    with pytest.raises(RunError, match="E601"):
        RunFolder.create(other)


def test_a_hole_of_a_power_cut_in_the_metrics(run: RunFolder) -> None:
    """Zero bytes are what was not on the disk yet; lines after them are of the same moment, after the last state."""
    run.append_metrics({"step": 1})
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"st' + bytes(20) + b'\n{"step": 3}\n')
    assert run.read_metrics() == [{"step": 1}]
    run.cut_metrics(1)
    assert (run.path / "metrics.jsonl").read_text() == '{"step": 1}\n'
