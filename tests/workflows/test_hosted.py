"""A packed model from elsewhere: fetched from a server of this machine, compared with its checksum, loaded."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import mirbricks as mb
from mirbricks import zoo
from mirbricks.data.fetching import http as fetch_http
from mirbricks.data.fetching import line as fetch_line
from mirbricks.errors import RunError
from mirbricks.workflows import hosted
from mirbricks.workflows.hosted import archive_of, checksum_of, here

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "fetching"))
from http_here import Site, served

MODEL = zoo.FOLDER / "tagging_esc10"
FILES = {path.name: path.read_bytes() for path in MODEL.iterdir() if path.is_file()}
ARCHIVE = archive_of(FILES)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIRBRICKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch_http, "PAUSES_S", (0.0,))
    return tmp_path / "cache" / "models"


@pytest.fixture
def site() -> Iterator[Site]:
    with served({"toy.mirb": ARCHIVE, "page.mirb": b"<html>log in</html>"}) as one:
        yield one


def refusal(site: Site, source: str, sha256: str | None = None) -> str:
    with pytest.raises(RunError) as caught:
        mb.load(source, sha256=sha256)
    assert caught.value.code == "E615"
    return str(caught.value).replace(site.url, "URL")


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("*")) if cache.exists() else []


def test_a_model_is_fetched_once_and_loaded(site: Site, cache: Path) -> None:
    model = mb.load(f"{site.url}/toy.mirb#sha256={SHA256}")
    assert model.name == "toy"
    shipped = mb.load("zoo:tagging_esc10").module.state_dict()
    for name, tensor in model.module.state_dict().items():
        assert tensor.equal(shipped[name])
    # The second time no server is asked; the checksum may stand beside the address, in any case.
    mb.load(f"{site.url}/toy.mirb", sha256=SHA256.upper())
    assert len(site.asked) == 1
    assert left_in(cache) == [SHA256[:16], f"{SHA256}.mirb"]


def test_what_was_changed_in_the_cache_is_made_again(site: Site, cache: Path) -> None:
    source = f"{site.url}/toy.mirb#sha256={SHA256}"
    folder = Path(here(source))
    (folder / "graph.yaml").write_text("layers: [ReLU]\n")
    assert here(source) == folder
    assert (folder / "graph.yaml").read_bytes() == FILES["graph.yaml"]
    (cache / f"{SHA256}.mirb").write_bytes(ARCHIVE[:-1])
    assert here(source) == folder
    assert len(site.asked) == 2


WRONG_CHECKSUM = """\
cannot load 'URL/toy.mirb': it is not what its checksum says
  expected  {wanted}
  came      {came}
  help: take the checksum from whoever published the model; where it is right, the file was changed or cut on its way\
     [E615]"""


def test_a_wrong_checksum(site: Site, cache: Path) -> None:
    wanted = "0" * 64
    text = refusal(site, f"{site.url}/toy.mirb#sha256={wanted}")
    assert text == WRONG_CHECKSUM.format(wanted=wanted, came=SHA256)
    # Nothing of it is kept: no later call can take it for the right one.
    assert left_in(cache) == []


def test_a_truncated_file(site: Site, cache: Path) -> None:
    # A server that closes the line early is asked again, and given up in the end.
    site.plan = ["cut:100", "cut:0", "cut:0"]
    site.marks = False
    text = refusal(site, f"{site.url}/toy.mirb", SHA256)
    assert text.startswith("cannot load 'URL/toy.mirb': the line was cut at ")
    # One that does not say how long the file is leaves it to the checksum.
    site.plan = ["short:100"]
    assert "is not what its checksum says" in refusal(
        site, f"{site.url}/toy.mirb", SHA256
    )
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("status:404", "the server has no 'URL/toy.mirb': 404 Not Found"),
        ("status:403", "the server refuses 'URL/toy.mirb': 403 Forbidden"),
        ("status:500", "the server failed: 500 Internal Server Error"),
        ("moved:file:///etc/hostname", "the server refuses 'URL/toy.mirb': 302"),
        ("moved:ftp://127.0.0.1/toy.mirb", "ftp"),
        ("packed", "the server sends it as 'gzip', which was not asked for"),
    ],
)
def test_what_servers_do(plan: str, reason: str, site: Site, cache: Path) -> None:
    site.plan = [plan] * 3
    text = refusal(site, f"{site.url}/toy.mirb", SHA256)
    assert text.startswith("cannot load 'URL/toy.mirb': ")
    assert reason in text
    assert text.endswith("help: check the address, and the network     [E615]")
    assert left_in(cache) == []


def test_a_server_that_does_not_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_line, "TIMEOUT_S", 0.1)
    site.plan = ["hang", "hang"]
    text = refusal(site, f"{site.url}/toy.mirb", SHA256)
    assert text.startswith("cannot load 'URL/toy.mirb': no answer for 0.1 s")


def test_limits_of_size_and_time(
    site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(hosted, "MOST_FETCHED_BYTES", len(ARCHIVE) - 1)
        assert "it is larger than" in refusal(site, f"{site.url}/toy.mirb", SHA256)
        # A server that does not say how much is to come is stopped when too much has come.
        site.plan = ["short:10000000"]
        assert "it is larger than" in refusal(site, f"{site.url}/toy.mirb", SHA256)
    monkeypatch.setattr(hosted, "MOST_FETCHING_S", -1.0)
    assert "did not come within" in refusal(site, f"{site.url}/toy.mirb", SHA256)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("http://127.0.0.1:9/toy.mirb", "a model from the network needs its checksum"),
        ("http://127.0.0.1:9/toy.mirb#sha256=12", "'12' is not a SHA-256 checksum"),
        (f"file:///etc/hostname#sha256={SHA256}", "only https:// and http:// are"),
        (f"ftp://127.0.0.1/toy.mirb#sha256={SHA256}", "only https:// and http:// are"),
        (f"s3://bucket/toy.mirb#sha256={SHA256}", "only https:// and http:// are"),
    ],
)
def test_addresses_that_are_never_asked(source: str, reason: str, site: Site) -> None:
    assert reason in refusal(site, source)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>log in</html>", "it is not an archive of a model"),
        (ARCHIVE[:-200], "it is not an archive of a model"),
        (zipped({"graph.yaml": b""}), "it has no weights.safetensors, card.md"),
        (zipped({**FILES, "../out": b"x"}), "'../out' does not belong"),
        (zipped({**FILES, "/etc/x": b"x"}), "'/etc/x' does not belong"),
        (zipped({**FILES, "model.pkl": b"x"}), "'model.pkl' does not belong"),
        (zipped({**FILES, "models/a/../../x": b""}), "does not belong"),
        (zipped({**FILES, "plugin.py": b"x"}), "'plugin.py' does not belong"),
    ],
)
def test_hostile_archives(
    content: bytes, reason: str, site: Site, cache: Path, tmp_path: Path
) -> None:
    site.files["bad.mirb"] = content
    checksum = hashlib.sha256(content).hexdigest()
    assert reason in refusal(site, f"{site.url}/bad.mirb", checksum)
    # The same from a file on this machine.
    (tmp_path / "bad.mirb").write_bytes(content)
    assert reason in refusal(site, str(tmp_path / "bad.mirb"))
    assert not [path for path in cache.rglob("*") if path.suffix != ".mirb"]


def test_an_archive_that_unpacks_to_too_much(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted, "MOST_FETCHED_BYTES", 5_000_000)
    bomb = zipped({**FILES, "card.md": b"0" * 50_000_000})
    (tmp_path / "bomb.mirb").write_bytes(bomb)
    assert "it unpacks to too many bytes" in refusal(site, str(tmp_path / "bomb.mirb"))


def test_a_folder_and_an_archive_on_this_machine(tmp_path: Path, site: Site) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    checksum = checksum_of(folder)
    # What the documentation says of it: the checksum of the lines of sha256sum.
    lines = [
        f"{hashlib.sha256(FILES[name]).hexdigest()}  {name}\n" for name in sorted(FILES)
    ]
    assert checksum == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert mb.load(folder, sha256=checksum).name == "toy"
    (folder / "card.md").write_text("another\n")
    assert "is not what its checksum says" in refusal(site, str(folder), checksum)
    assert "there is no packed model" in refusal(site, str(tmp_path / "no"), checksum)

    (tmp_path / "toy.mirb").write_bytes(ARCHIVE)
    assert mb.load(tmp_path / "toy.mirb").name == "toy"
    mb.load(tmp_path / "toy.mirb", sha256=SHA256)
    assert "is not what" in refusal(site, str(tmp_path / "toy.mirb"), "1" * 64)


def test_a_model_of_the_zoo_is_held_against_a_checksum_too() -> None:
    checksum = checksum_of(zoo.located("zoo:mpe_bach10"))
    assert here("zoo:mpe_bach10", checksum) == "zoo:mpe_bach10"
    with pytest.raises(RunError, match="is not what its checksum says"):
        here("zoo:mpe_bach10", "0" * 64)
    with pytest.raises(RunError, match="did you mean 'mpe_bach10'"):
        here("zoo:mpe_bach1", checksum)


def test_no_graph_can_ask_for_an_address(site: Site, tmp_path: Path) -> None:
    graph = tmp_path / "graph.yaml"
    text = (zoo.FOLDER / "notes_ar" / "graph.yaml").read_text()
    address = f"{site.url}/toy.mirb#sha256={SHA256}"
    text, n = re.subn(r"codec: .*", f"codec: '{address}'", text)
    assert n
    graph.write_text(text)
    with pytest.raises(mb.MirbricksError):
        mb.train(graph, tmp_path / "corpus", tmp_path / "run", progress=False)
    assert site.asked == []
