"""One member out of archives: honest, truncated, damaged and hostile ones."""

from __future__ import annotations

import io
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.fetching import unzip
from mirbricks.data.fetching.unzip import unpack
from mirbricks.errors import DataError

BODY = np.random.default_rng(0).bytes(200_000)


def zipped(members: dict[str, bytes], *, packed: bool = True) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(
        buffer, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    ) as file:
        for name, body in members.items():
            file.writestr(
                zipfile.ZipInfo(name),
                body,
                zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED,
            )
    return buffer.getvalue()


def unpacked(folder: Path, archive: bytes) -> bytes:
    (folder / "x.zip").write_bytes(archive)
    unpack(folder / "x.zip", "x.hdf5", folder / "out", lambda *_: None)
    return (folder / "out").read_bytes()


def refusal(folder: Path, archive: bytes) -> str:
    with pytest.raises(DataError) as caught:
        unpacked(folder, archive)
    assert {path.name for path in folder.rglob("*")} <= {"x.zip", "out"}
    assert not list(folder.parent.glob("evil*"))
    return str(caught.value)


@pytest.mark.parametrize("name", ["x.hdf5", "data/2024/x.hdf5", "./x.hdf5"])
@pytest.mark.parametrize("packed", [True, False])
def test_the_member_wherever_it_lies(name: str, packed: bool, tmp_path: Path) -> None:
    assert unpacked(tmp_path, zipped({name: BODY}, packed=packed)) == BODY


def test_others_are_left_alone(tmp_path: Path) -> None:
    archive = zipped(
        {"__MACOSX/._x.hdf5": b"mac", "read.me": b"hello", "x.hdf5": BODY, "y/": b""}
    )
    assert unpacked(tmp_path, archive) == BODY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.zip"]


def test_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    (tmp_path / "x.zip").write_bytes(zipped({"x.hdf5": BODY * 20}))
    unpack(
        tmp_path / "x.zip", "x.hdf5", tmp_path / "out", lambda *one: seen.append(one)
    )
    assert seen[-1] == (4_000_000, 4_000_000)
    assert len(seen) > 2


def test_no_such_member_or_two(tmp_path: Path) -> None:
    assert refusal(tmp_path, zipped({"y.hdf5": BODY, "read.me": b""})) == (
        "'x.zip' holds no 'x.hdf5', expected one\n"
        "  members  'y.hdf5', 'read.me'\n"
        "  help: report it to the corpus's host; --base-url takes another server     [E483]"
    )
    assert refusal(tmp_path, zipped({"a/x.hdf5": BODY, "b/x.hdf5": BODY})).startswith(
        "'x.zip' holds 2 'x.hdf5'"
    )
    assert refusal(tmp_path, zipped({"x.hdf5/": b""})).startswith(
        "'x.zip' holds no 'x.hdf5'"
    )
    assert "members  none" in refusal(tmp_path, zipped({}))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated(share: float, tmp_path: Path) -> None:
    archive = zipped({"x.hdf5": BODY})
    size = int(len(archive) * share)
    said = refusal(tmp_path, archive[:size])
    assert said.startswith(
        f"'x.zip' is not a zip file, or a damaged one\n  size    {size} bytes\n"
    )
    assert said.endswith("help: fetch it again     [E483]")


def test_a_page_instead_of_an_archive(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"<!DOCTYPE html><p>log in") == (
        "'x.zip' is not a zip file, or a damaged one\n"
        "  size    24 bytes\n"
        "  begins  '<!DOCTYPE html><'\n"
        "  zip     File is not a zip file\n"
        "  help: fetch it again     [E483]"
    )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("at", [40, 5_000, 150_000])
def test_a_flipped_bit_is_seen(at: int, packed: bool, tmp_path: Path) -> None:
    archive = bytearray(zipped({"x.hdf5": BODY}, packed=packed))
    archive[at] ^= 16
    assert "or a damaged one" in refusal(tmp_path, bytes(archive))


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/tmp/evil",
        "..\\evil",
        "C:\\evil",
        "C:evil",
        "\\\\host\\evil",
        "../x.hdf5",
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_names_that_lead_out(name: str, beside: bool, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    archive = zipped({name: BODY, **({"x.hdf5": BODY} if beside else {})})
    assert refusal(folder, archive) == (
        f"'x.zip' is not a corpus's archive: its member '{name}' would be written outside the folder\n"
        "  help: nothing was unpacked; check where the file comes from, and report it to its host     [E484]"
    )


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_devices(kind: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo("x.hdf5")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    assert "its member 'x.hdf5' is a link or a device, not a file" in refusal(
        tmp_path, buffer.getvalue()
    )


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unzip, "ALWAYS_ALLOWED_BYTES", 1_000_000)
    zeros = bytes(1_500_000)
    said = refusal(tmp_path, zipped({"x.hdf5": zeros}))
    assert said.startswith("'x.zip' is not a corpus's archive: 'x.hdf5' unpacks from ")
    assert "to 1500000 bytes" in said
    assert unpacked(tmp_path, zipped({"x.hdf5": zeros[:900_000]})) == zeros[:900_000], (
        "some silence is none"
    )


def test_a_member_that_is_longer_than_it_says(tmp_path: Path) -> None:
    archive = bytearray(zipped({"x.hdf5": bytes(1_000_000)}))
    for at in (archive.find(b"PK\x03\x04") + 22, archive.find(b"PK\x01\x02") + 24):
        assert struct.unpack("<I", archive[at : at + 4]) == (1_000_000,)
        archive[at : at + 4] = struct.pack("<I", 1000)
    assert "or a damaged one" in refusal(tmp_path, bytes(archive))
    assert (tmp_path / "out").stat().st_size <= 1000


def test_many_members_and_a_secret(tmp_path: Path) -> None:
    many = zipped({f"{i}": b"" for i in range(10_001)})
    assert "it has 10001 members, one is expected" in refusal(tmp_path, many)
    secret = bytearray(zipped({"x.hdf5": BODY}))
    for at in (secret.find(b"PK\x03\x04") + 6, secret.find(b"PK\x01\x02") + 8):
        secret[at] |= 1
    assert "'x.hdf5' is encrypted" in refusal(tmp_path, bytes(secret))


def test_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert refusal(tmp_path, zipped({"x.hdf5": BODY})) == (
        f"cannot write into '{tmp_path}': 'x.hdf5' unpacks to 200000 bytes, and the disk is full\n"
        "  help: free some space and run it again: it goes on where it stopped     [E408]"
    )
