"""A picture that cannot be drawn costs no more than the picture: the answer lies on the disk before it is begun."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mirbricks.errors import DataError
from mirbricks.plots import style
from mirbricks.workflows.predicted import Destination


class Found:
    """A prediction of another package: an answer in two files."""

    def files(self) -> dict[str, bytes]:
        return {".csv": b"a,b\n", ".json": b"{}"}


def experiment(picture: Any = "figure") -> Any:
    return SimpleNamespace(task=SimpleNamespace(picture=lambda *_: picture))


def write(to: Destination) -> list[str]:
    paths = to.write(Found(), "song", experiment(), Path("song.wav"))  # type: ignore[arg-type]  # not of ours
    return sorted(path.name for path in paths)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("std::bad_alloc"), "out of memory"),
        (RuntimeError("FT_Open_Face failed"), "RuntimeError: FT_Open_Face failed"),
        (
            OSError("codec configuration error when writing image file"),
            "OSError: codec configuration error when writing image file",
        ),
        (ValueError(), "ValueError"),
    ],
    ids=str,
)
def test_the_answer_is_kept_and_the_reason_reported(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(style, "png_bytes", fails)
    text = f"no picture of 'song', which could not be drawn: {reason}$"
    with pytest.warns(UserWarning, match=text):
        assert write(Destination(tmp_path)) == ["song.csv", "song.json"]
    assert names(tmp_path) == ["song.csv", "song.json"]


def test_a_crash_while_it_is_drawn_leaves_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b""

    monkeypatch.setattr(style, "png_bytes", crash)
    child = os.fork()
    if not child:
        write(Destination(tmp_path))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert names(tmp_path) == ["song.csv", "song.json"]
    assert (tmp_path / "song.csv").read_bytes() == b"a,b\n"


def test_another_picture_is_not_written_over_nor_the_answer_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "png_bytes", lambda *_: b"new")
    (tmp_path / "song.png").write_bytes(b"old")
    with pytest.raises(DataError, match="already exists"):
        write(Destination(tmp_path))
    assert names(tmp_path) == ["song.png"]
    all_three = ["song.csv", "song.json", "song.png"]
    assert write(Destination(tmp_path, replace=True)) == all_three
    assert (tmp_path / "song.png").read_bytes() == b"new"
    # The same again is not another.
    assert write(Destination(tmp_path)) == all_three
