from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import DataError

RAMP = np.linspace(-1, 1, 1000, dtype=np.float32)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, so that messages hold no path of this machine."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([("a", RAMP, 22050), ("a", RAMP, 22050)], "E407"),
        ([("a", RAMP[:0], 22050)], "E405"),
        ([("a", RAMP * np.nan, 22050)], "E406"),
        ([("a", RAMP, 0)], "E404"),
        ([("a", RAMP[None, None], 22050)], "E403"),
    ],
)
def test_the_writer_refuses_what_the_reader_would(
    here: Path, items: Any, code: str
) -> None:
    Path("x_audio.hdf5").write_text("the old file")
    with pytest.raises(DataError) as error:
        write_audio("x_audio.hdf5", items)
    assert error.value.code == code
    assert Path("x_audio.hdf5").read_text() == "the old file"
    assert listed(here) == ["x_audio.hdf5"]


def test_a_key_given_twice() -> None:
    with pytest.raises(DataError) as error:
        write_audio("x_audio.hdf5", [("a", RAMP, 22050)] * 2)
    assert str(error.value) == (
        "the key 'a' was given twice for 'x_audio.hdf5'\n  help: give every recording its own key     [E407]"
    )


FULL_DISK = """
import signal, sys, resource
import numpy as np
from mirbricks.data.stores.hdf5 import write_audio
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
try:
    n_items, n_samples = int(sys.argv[1]), int(sys.argv[2])
    write_audio("x_audio.hdf5", ((str(i), np.ones(n_samples, np.float32), 22050) for i in range(n_items)))
except Exception as error:
    print(error, end="")
"""


@pytest.mark.parametrize(
    ("n_items", "n_samples"), [(10, 100_000), (1000, 1000), (9000, 100)]
)
def test_a_full_disk_leaves_the_old_file(
    here: Path, n_items: int, n_samples: int
) -> None:
    Path("x_audio.hdf5").write_text("the old file")
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(n_items), str(n_samples)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == (
        "cannot write 'x_audio.hdf5': File too large\n"
        "  help: free some space or choose a folder that can be written; 'x_audio.hdf5' was not changed     [E408]"
    )
    assert run.stderr == ""
    assert Path("x_audio.hdf5").read_text() == "the old file"
    assert listed(here) == ["x_audio.hdf5"]


def test_a_path_that_cannot_be_a_folder() -> None:
    Path("file").write_text("")
    with pytest.raises(DataError) as error:
        write_audio("file/x_audio.hdf5", [("a", RAMP, 22050)])
    assert error.value.code == "E408"


def test_a_writer_that_is_interrupted_leaves_nothing(here: Path) -> None:
    def items() -> Any:
        yield "a", RAMP, 22050
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_audio("x_audio.hdf5", items())
    assert listed(here) == []


@pytest.mark.parametrize("at", range(1, 12))
def test_a_disk_that_fails_at_any_write(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 is told nothing of it, for it would crash; the caller is."""
    from mirbricks.data.stores import hdf5

    count = 0

    class Failing(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal count
            count += 1
            if count >= at:
                raise OSError(errno.EIO, "Input/output error")
            return super().write(data)

    monkeypatch.setattr(hdf5, "_Disk", type("_Disk", (hdf5._Disk, Failing), {}))
    path = tmp_path / "x_audio.hdf5"
    path.write_text("the old file")
    ramp = np.linspace(-1, 1, 500, dtype=np.float32)
    failure = None
    try:
        write_audio(path, ((f"{i}", ramp, 22050) for i in range(3)))
    except DataError as error:
        failure = error
    assert (failure is None) == (count < at)
    if failure:
        assert failure.code == "E408"
        assert "Input/output error" in str(failure)
        assert path.read_text() == "the old file"
        assert [one.name for one in tmp_path.iterdir()] == [path.name]
