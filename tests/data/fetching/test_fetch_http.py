"""One file over HTTP from a server that cuts the line, forgets ranges, changes the file or says no."""

from __future__ import annotations

import errno
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mirbricks.data.fetching import http as fetch_http
from mirbricks.data.fetching import line as fetch_line
from mirbricks.data.fetching.http import download
from mirbricks.errors import DataError

sys.path.insert(0, str(Path(__file__).parent))
from http_here import Site, served  # beside this file

OLD, NEW = (np.random.default_rng(seed).bytes(1_000_000) for seed in (0, 1))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def site() -> Iterator[Site]:
    with served({"a.zip": OLD}) as one:
        yield one


def get(site: Site, folder: Path, tries: int = 1) -> bytes:
    download(
        f"{site.url}/a.zip",
        folder / "a.zip",
        lambda *_: None,
        pauses_s=[0.0] * (tries - 1),
    )
    assert [path.name for path in folder.iterdir()] == ["a.zip"], (
        "nothing but the file is left"
    )
    return (folder / "a.zip").read_bytes()


def refusal(site: Site, folder: Path, tries: int = 1) -> str:
    with pytest.raises(DataError) as caught:
        get(site, folder, tries)
    assert not (folder / "a.zip").exists()
    return str(caught.value).replace(site.url, "URL")


def ranges(site: Site) -> list[str | None]:
    return [asked for _, asked in site.asked]


def test_a_file_and_its_progress(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    download(f"{site.url}/a.zip", tmp_path / "a.zip", lambda *one: seen.append(one))
    assert (tmp_path / "a.zip").read_bytes() == OLD
    assert seen[0] == (0, len(OLD))
    assert seen[-1] == (len(OLD), len(OLD))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_goes_on_where_the_line_was_cut(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000", "cut:200000"]
    assert get(site, tmp_path, tries=2) == OLD
    assert ranges(site) == [None, "bytes=300000-", "bytes=500000-"]


def test_goes_on_in_another_run(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000"]
    assert refusal(site, tmp_path) == (
        "cannot fetch 'URL/a.zip': the line was cut at 300000 of 1000000 bytes\n"
        "  tried  once\n"
        "  help: check the network and run the same command again; it goes on after the 300000 bytes that are here"
        "     [E481]"
    )
    assert get(site, tmp_path) == OLD
    assert ranges(site) == [None, "bytes=300000-"]


def test_a_file_that_changed_meanwhile_begins_again(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000"]
    refusal(site, tmp_path)
    site.files["a.zip"] = NEW
    assert get(site, tmp_path) == NEW
    assert ranges(site) == [None, "bytes=300000-"]


def test_a_server_that_ignores_ranges(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000", "norange"]
    assert get(site, tmp_path, tries=2) == OLD


def test_a_server_that_ignores_ranges_and_always_cuts_is_given_up(
    site: Site, tmp_path: Path
) -> None:
    site.marks, site.plan = False, ["cut:300000"] * 9
    refusal(site, tmp_path, tries=3)
    assert ranges(site) == [None, None, None]


@pytest.mark.parametrize("how", ["none", "weak"])
def test_without_a_mark_two_versions_never_mix(how: str, tmp_path: Path) -> None:
    with served(
        {"a.zip": OLD}, marks=how == "weak", weak=True, plan=["cut:300000"]
    ) as site:
        refusal(site, tmp_path)
        site.files["a.zip"] = NEW
        assert get(site, tmp_path) == NEW
        assert ranges(site) == [None, None]


def test_the_notes_of_another_address_do_not_count(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000"]
    refusal(site, tmp_path)
    with served({"a.zip": NEW}) as other:
        assert get(other, tmp_path) == NEW
        assert ranges(other) == [None]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 3}'])
def test_damaged_notes_begin_again(text: str, site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"other")
    (tmp_path / "a.zip.part.json").write_text(text)
    assert get(site, tmp_path) == OLD
    assert ranges(site) == [None]


def test_killed_between_the_last_byte_and_the_name(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000"]
    refusal(site, tmp_path)
    (tmp_path / "a.zip.part").write_bytes(OLD)
    assert get(site, tmp_path) == OLD
    assert ranges(site)[1:] == [f"bytes={len(OLD)}-"]


def test_a_part_longer_than_the_file_begins_again(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000"]
    refusal(site, tmp_path)
    (tmp_path / "a.zip.part").write_bytes(OLD + b"more")
    assert get(site, tmp_path, tries=2) == OLD


def test_a_wrong_part_is_not_taken(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:300000", "other"]
    assert get(site, tmp_path, tries=3) == OLD
    assert ranges(site) == [None, "bytes=300000-", None]


def test_not_there(site: Site, tmp_path: Path) -> None:
    site.plan = ["status:404"]
    assert refusal(site, tmp_path, tries=4) == (
        "the server has no 'URL/a.zip': 404 Not Found\n"
        "  help: check the address; --base-url takes another server or a mirror     [E482]"
    )
    assert len(site.asked) == 1, "asking again would not help"


def test_not_for_everyone(site: Site, tmp_path: Path) -> None:
    site.plan = ["status:403"]
    assert refusal(site, tmp_path).startswith(
        "the server refuses 'URL/a.zip': 403 Forbidden\n"
    )


def test_a_server_that_fails(site: Site, tmp_path: Path) -> None:
    site.plan = ["status:500", "status:503"]
    assert get(site, tmp_path, tries=3) == OLD
    (tmp_path / "a.zip").unlink()
    site.plan = ["status:500"] * 3
    assert refusal(site, tmp_path, tries=3) == (
        "cannot fetch 'URL/a.zip': the server failed: 500 Internal Server Error\n"
        "  tried  3 times\n"
        "  help: check the network and run the same command again     [E482]"
    )


def test_the_pauses_grow_and_the_server_may_ask_for_more(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(fetch_http.time, "sleep", slept.append)
    site.plan, site.headers = (
        ["status:503", "status:429", "cut:1000", "status:503"],
        {"Retry-After": "3"},
    )
    download(f"{site.url}/a.zip", tmp_path / "a.zip", lambda *_: None)
    assert slept == [3.0, 3.0, 1.0, 3.0]
    site.headers, site.plan = {}, ["status:503"] * 4
    download(f"{site.url}/a.zip", tmp_path / "b.zip", lambda *_: None)
    assert slept[4:] == [1.0, 2.0, 4.0, 8.0]


def test_a_server_that_hangs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_line, "TIMEOUT_S", 0.2)
    site.plan = ["hang"]
    assert refusal(site, tmp_path).startswith(
        "cannot fetch 'URL/a.zip': no answer for 0.2 s\n"
    )
    assert not list(tmp_path.iterdir())


def test_no_server_and_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = Site({}, url=f"http://127.0.0.1:{free.getsockname()[1]}")
        assert refusal(nobody, tmp_path).startswith(
            "cannot fetch 'URL/a.zip': the connection was refused\n"
        )

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert refusal(Site({}, url="http://nowhere.test"), tmp_path).startswith(
        "cannot fetch 'URL/a.zip': the name of the server is not known\n"
    )


def test_a_certificate_that_cannot_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def untrusted(*_: object, **__: object) -> object:
        error = ssl.SSLCertVerificationError(1, "no")
        error.verify_message = "self-signed certificate"
        raise error

    monkeypatch.setattr(socket, "create_connection", untrusted)
    assert refusal(Site({}, url="https://nowhere.test"), tmp_path, tries=3) == (
        "the certificate of 'nowhere.test' cannot be trusted: self-signed certificate\n"
        "  help: check the date of this machine and its certificates; a proxy may stand between     [E481]"
    )


def test_sent_on(site: Site, tmp_path: Path) -> None:
    site.plan = [f"moved:{site.url}/a.zip"]
    assert get(site, tmp_path) == OLD
    (tmp_path / "a.zip").unlink()
    site.plan = ["moved:ftp://127.0.0.1/a.zip"]
    assert "[E48" in refusal(site, tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("x")
    site.plan = [f"moved:{secret.as_uri()}"]
    with pytest.raises(DataError, match=r"refuses|cannot fetch"):
        download(f"{site.url}/a.zip", tmp_path / "a.zip", lambda *_: None, pauses_s=())


def test_an_encoding_that_was_not_asked_for(site: Site, tmp_path: Path) -> None:
    site.plan = ["packed"]
    assert refusal(site, tmp_path).startswith(
        "cannot fetch 'URL/a.zip': the server sends it as 'gzip', which was"
    )


def test_a_full_disk_is_seen_before_the_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert refusal(site, tmp_path) == (
        f"cannot write into '{tmp_path}': 1000000 bytes are to come, and the disk is full\n"
        "  help: free some space and run it again: it goes on where it stopped     [E408]"
    )


def test_a_disk_that_fills_up_meanwhile(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """The part file on a disk with room for half of it."""

        def __init__(self, file: object) -> None:
            self._file = file

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, chunk: bytes) -> int:
            if self._file.tell() > 400_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self._file.write(chunk))

    opened = fetch_http.os.fdopen
    monkeypatch.setattr(fetch_http.os, "fdopen", lambda *given: Full(opened(*given)))
    assert refusal(site, tmp_path).startswith(
        f"cannot write into '{tmp_path}': No space left on device\n"
    )
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "*")
    assert get(site, tmp_path) == OLD
    assert ranges(site)[1] not in (None, "bytes=0-"), "what had come was kept"


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").mkdir()
    assert refusal(site, tmp_path).endswith("help: choose another folder     [E408]")
