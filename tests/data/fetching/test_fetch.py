"""Fetching a whole corpus from a server of this machine: what comes, what is kept, what is refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mirbricks.cli import main
from mirbricks.commands.corpora.arguments import FETCH
from mirbricks.data.corpus import Corpus
from mirbricks.data.fetching import fetch as fetching
from mirbricks.data.fetching import http as fetch_http
from mirbricks.data.fetching.fetch import HOSTED, fetch
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.data.stores.locks import lock
from mirbricks.errors import DataError

sys.path.insert(0, str(Path(__file__).parent))
from http_here import Site, served  # beside this file

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_proxy_no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch_http, "PAUSES_S", (0.0,))


def hosted(folder: Path, seed: int = 0) -> dict[str, bytes]:
    """bach10 as its host has it, but small."""
    rng = np.random.default_rng(seed)
    audio = (
        (key, rng.standard_normal(30_000, np.float32), 22050)
        for key in ("a.wav", "b.wav")
    )
    write_audio(folder / "bach10_audio.hdf5", audio)
    Pyjama(
        {"filepath": Definition("global", "text")},
        [Entry({"filepath": (Atom(key),)}) for key in ("a.wav", "b.wav")],
    ).save(folder / "bach10.pyjama")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(folder / "bach10_audio.hdf5", "bach10_audio.hdf5")
    return {
        "bach10.pyjama": (folder / "bach10.pyjama").read_bytes(),
        "bach10_audio.hdf5.zip": buffer.getvalue(),
    }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(hosted(tmp_path / "host")) as one:
        yield one


def refusal(site: Site, folder: Path, name: str = "bach10") -> str:
    before = (
        {path.name: path.read_bytes() for path in folder.glob("*.*")}
        if folder.exists()
        else {}
    )
    with pytest.raises(DataError) as caught:
        fetch(name, folder, site.url)
    for file, body in before.items():
        if not file.startswith(".") and not file.endswith("fetch.json"):
            assert (folder / file).read_bytes() == body, "nothing is written over"
    return str(caught.value).replace(site.url, "URL").replace(str(folder), "DIR")


def test_a_corpus_and_its_record(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "new" / "bach10"
    got = fetch("bach10", out, site.url)
    assert len(Corpus.open(out)) == 2
    names = ["bach10.fetch.json", "bach10.pyjama", "bach10_audio.hdf5"]
    assert sorted(path.name for path in out.iterdir()) == names
    record = json.loads((out / "bach10.fetch.json").read_text())
    assert (record["name"], record["base_url"]) == ("bach10", f"{site.url}/")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["when"])
    bodies = {
        **site.files,
        "bach10_audio.hdf5": (out / "bach10_audio.hdf5").read_bytes(),
    }
    assert record["files"] == {
        file: {"sha256": hashlib.sha256(body).hexdigest(), "n_bytes": len(body)}
        for file, body in bodies.items()
    }
    assert got.fresh == ("bach10.pyjama", "bach10_audio.hdf5")


def test_a_second_fetch_asks_for_nothing(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fetch("bach10", out, site.url)
    site.asked.clear()
    again = fetch("bach10", out, site.url)
    assert not site.asked
    assert again.fresh == ()


def test_what_is_missing_is_fetched_again_and_must_be_the_same(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    fetch("bach10", out, site.url)
    (out / "bach10_audio.hdf5").unlink()
    assert fetch("bach10", out, site.url).fresh == ("bach10_audio.hdf5",)
    (out / "bach10_audio.hdf5").unlink()
    old, site.files = site.files, hosted(tmp_path / "other", seed=1)
    then, now = (
        hashlib.sha256(files["bach10_audio.hdf5.zip"]).hexdigest()
        for files in (old, site.files)
    )
    sizes = [len(files["bach10_audio.hdf5.zip"]) for files in (old, site.files)]
    when = json.loads((out / "bach10.fetch.json").read_text())["when"]
    assert refusal(site, out) == (
        "'bach10_audio.hdf5.zip' is not the file that was fetched before: its checksum differs\n"
        f"  before  {then}, {sizes[0]} bytes, {when}, URL/\n"
        f"  now     {now}, {sizes[1]} bytes, URL/\n"
        "  help: if the host says that it has changed the corpus, remove 'bach10.fetch.json' and all that it names, "
        "and fetch again     [E486]"
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "bach10.fetch.json",
        "bach10.pyjama",
    ]
    for file in out.iterdir():
        file.unlink()
    assert len(fetch("bach10", out, site.url).fresh) == 2


def test_a_file_that_was_changed_here(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fetch("bach10", out, site.url)
    sha256 = hashlib.sha256(site.files["bach10.pyjama"]).hexdigest()
    (out / "bach10.pyjama").write_text("{}")
    when = json.loads((out / "bach10.fetch.json").read_text())["when"]
    assert refusal(site, out) == (
        "'DIR/bach10.pyjama' is not as it was fetched: its checksum differs\n"
        f"  fetched      {when}\n"
        f"  sha256 then  {sha256}\n"
        "  help: move it away and fetch again; nothing is written over     [E485]"
    )


def test_a_file_that_no_fetch_has_written(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "bach10_audio.hdf5").write_text("mine")
    assert refusal(site, out) == (
        "there is a file 'DIR/bach10_audio.hdf5' already, which no fetch has written\n"
        "  help: choose another folder with --out, or move the file away     [E485]"
    )
    assert not site.asked


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3}', '{"files": {"a": {}}}'])
def test_a_damaged_record(text: str, site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "bach10.fetch.json").write_text(text)
    assert refusal(site, out) == (
        "'DIR/bach10.fetch.json' is damaged: it should record what was fetched\n"
        "  help: move it and the files of the corpus away, and fetch again     [E485]"
    )


def test_the_line_is_cut_in_each_file(site: Site, tmp_path: Path) -> None:
    site.plan = ["cut:50", "cut:50", "", "cut:1000", "cut:90000"]
    fetch("bach10", tmp_path / "out", site.url)
    assert len(Corpus.open(tmp_path / "out")) == 2
    ranges = [asked for _, asked in site.asked]
    assert ranges == [
        None,
        "bytes=50-",
        "bytes=100-",
        None,
        "bytes=1000-",
        "bytes=91000-",
    ]


def test_killed_at_any_moment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step a kill comes before, the next fetch ends well and brings nothing twice that was whole."""

    class KilledError(BaseException):
        pass

    steps = ((Path, "replace"), (Path, "unlink"), (fetching, "unpack"))

    def counted(call: Any, left: Iterator[int]) -> Any:
        def before(*given: object, **more: object) -> object:
            if next(left, None) is None:
                raise KilledError
            return call(*given, **more)

        return before

    for at in range(1, 40):
        out, left = tmp_path / f"out{at}", iter(range(at - 1))
        with monkeypatch.context() as patch:
            for owner, name in steps:
                patch.setattr(owner, name, counted(getattr(owner, name), left))
            try:
                fetch("bach10", out, site.url)
            except KilledError:
                done = False
            else:
                done = True
        fetch("bach10", out, site.url)
        assert len(Corpus.open(out)) == 2
        assert not list(out.glob(".*"))
        if done:
            break
    assert done
    assert at > 6


@pytest.mark.parametrize(
    ("file", "body", "begins"),
    [
        (
            "bach10.pyjama",
            b"<html>log in",
            "what came as 'bach10.pyjama' is not JSON\n  begins  '<html>log in'\n",
        ),
        (
            "bach10_audio.hdf5.zip",
            b"<html>log in",
            "'.bach10_audio.hdf5.zip' is not a zip file, or a damaged one\n",
        ),
        (
            "bach10_audio.hdf5.zip",
            b"",
            "'.bach10_audio.hdf5.zip' is not a zip file, or a damaged one\n",
        ),
    ],
)
def test_something_else_comes(
    file: str, body: bytes, begins: str, site: Site, tmp_path: Path
) -> None:
    good, site.files[file] = site.files[file], body
    assert refusal(site, tmp_path / "out").startswith(begins)
    assert not [path for path in (tmp_path / "out").glob(".*") if path.stat().st_size]
    site.files[file] = good
    (tmp_path / "out" / "bach10.fetch.json").unlink(missing_ok=True)
    (tmp_path / "out" / "bach10.pyjama").unlink(missing_ok=True)
    fetch("bach10", tmp_path / "out", site.url)
    assert len(Corpus.open(tmp_path / "out")) == 2


def test_an_archive_of_something_else(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("bach10_audio.hdf5", "hello")
    site.files["bach10_audio.hdf5.zip"] = buffer.getvalue()
    assert refusal(site, tmp_path / "out").startswith(
        "what came as 'bach10_audio.hdf5' is not HDF5\n  begins  'hello'\n"
    )
    assert not (tmp_path / "out" / "bach10_audio.hdf5").exists()


def test_a_truncated_archive_that_nothing_tells_of(site: Site, tmp_path: Path) -> None:
    site.plan = ["", "short:5000"]
    assert refusal(site, tmp_path / "out").startswith(
        "'.bach10_audio.hdf5.zip' is not a zip file, or a damaged one\n"
    )
    fetch("bach10", tmp_path / "out", site.url)
    assert len(Corpus.open(tmp_path / "out")) == 2


def test_a_hostile_archive(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO(site.files["bach10_audio.hdf5.zip"])
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("../../evil", "x")
    site.files["bach10_audio.hdf5.zip"] = buffer.getvalue()
    assert "its member '../../evil' would be written outside the folder" in refusal(
        site, tmp_path / "out"
    )
    assert not list(tmp_path.rglob("evil"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "bach10.fetch.json",
        "bach10.pyjama",
    ]


def test_no_space_to_unpack_keeps_the_archive(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DataError("full", code="E408")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", full)
        refusal(site, tmp_path / "out")
    site.asked.clear()
    fetch("bach10", tmp_path / "out", site.url)
    assert not site.asked
    assert len(Corpus.open(tmp_path / "out")) == 2


def test_names_and_addresses(tmp_path: Path) -> None:
    nobody = Site({}, url="nowhere")
    assert refusal(nobody, tmp_path, "bach-10").startswith(
        "no corpus 'bach-10' is hosted\n  help: did you mean 'bach10'"
    )
    for url in ("nowhere", "ftp://x", "file:///etc", "https://"):
        with pytest.raises(DataError) as caught:
            fetch("bach10", tmp_path, url)
        assert str(caught.value) == (
            f"expected an address that begins with https:// or http://, got '{url}'\n"
            "  help: --base-url https://perso.telecom-paristech.fr/gpeeters/tuto_DL101forMIR/     [E480]"
        )
    assert tuple(sorted(HOSTED)) == FETCH


def test_two_at_once(site: Site, tmp_path: Path) -> None:
    with lock(tmp_path / ".fetch.lock"):
        owner = f"process {os.getpid()} on {platform.node()}"
        assert refusal(site, tmp_path) == (
            f"another process fetches into 'DIR' ({owner})\n"
            "  help: wait until it ends, or choose another --out     [E480]"
        )
    assert not (tmp_path / ".fetch.lock").exists()


@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_a_folder_without_the_right(
    mode: int,
    site: Site,
    tmp_path: Path,
    unprivileged: Callable[[], contextlib.AbstractContextManager[None]],
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(mode)
    with unprivileged():
        with pytest.raises(DataError) as caught:
            fetch("bach10", "out", site.url)
        assert str(caught.value) == (
            "cannot write into 'out': Permission denied\n  help: choose another folder     [E408]"
        )
        with pytest.raises(DataError, match="cannot write into"):
            fetch("bach10", "new", site.url)
    out.chmod(0o755)
    with pytest.raises(
        DataError, match=r"cannot write into 'host/bach10\.pyjama': File exists"
    ):
        fetch("bach10", "host/bach10.pyjama", site.url)


def test_features_are_fetched_too(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.hdf5", "w") as file:
        file["a"] = np.zeros((10, 23))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(tmp_path / "f.hdf5", "cover1000_feat.hdf5")
    with served(
        {"cover1000.pyjama": b"{}", "cover1000_feat.hdf5.zip": buffer.getvalue()}
    ) as site:
        assert fetch("cover1000", tmp_path / "out", site.url).fresh == (
            "cover1000.pyjama",
            "cover1000_feat.hdf5",
        )


def test_the_command(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "fetch", "bach10", "--base-url", site.url]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == "bach10.pyjama"
    assert "unpacking bach10_audio.hdf5" in lines
    assert re.fullmatch(
        r"fetched  bach10/bach10\.pyjama  0\.0 MB  sha256 [0-9a-f]{16}…", lines[-2]
    )
    assert main(["data", "fetch", "bach10", "--base-url", site.url]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith("unchanged  bach10/bach10_audio.hdf5  0.")
    )
    del site.files["bach10.pyjama"]
    assert (
        main(["data", "fetch", "bach10", "--base-url", site.url, "--out", "other"]) == 1
    )
    assert capsys.readouterr().err == (
        f"the server has no '{site.url}/bach10.pyjama': 404 Not Found\n"
        "  help: check the address; --base-url takes another server or a mirror     [E482]\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["data", "fetch", "bach11"])
    assert ended.value.code == 2
