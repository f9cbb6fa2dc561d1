"""The studio's server: what each address answers, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.stores.wav import wav_bytes
from mirbricks.runs.folder import MARK

pytest.importorskip("starlette", reason="the extra [studio] is not installed")
pytest.importorskip("httpx2", reason="starlette's test client needs httpx2")

from starlette.testclient import TestClient  # only where it is installed

from mirbricks.studio.guard import Guard
from mirbricks.studio.live import Tail
from mirbricks.studio.places import Places
from mirbricks.studio.server import CHECK_S, DESK, EAR, Studio
from mirbricks.studio.worker import Worker

TEXT = "vars: {width: 4}\ninput: B C=1 F=16 T\nlayers:\n  - Conv2d: {out_channels: '${width}', kernel_size: 3}\n"
PORT = 5555
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("work")
    (top / "a.yaml").write_text(TEXT)
    (top / "notes.txt").write_text("secret")
    seconds = np.arange(16000) / 16000
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    (top / "tone.wav").write_bytes(wav_bytes(tone[None], 16000))
    for name, score in (("one", 0.5), ("two", 0.75)):
        run = top / "runs" / name
        run.mkdir(parents=True)
        (run / MARK).write_text("a run")
        (run / "resolved.yaml").write_text(
            f"name: {name}\ntrain: {{steps: 10, seed: 1}}\ntask: {{type: multi_pitch}}\nlayers: []\n"
        )
        settings = {
            "corpus": "c",
            "figures": {"Accuracy": score},
            "tracks": {"x": {"Accuracy": score}},
            "stopped": "finished",
        }
        (run / "settings.json").write_text(json.dumps(settings))
        (run / "metrics.jsonl").write_text(
            '{"step": 5, "loss": 0.5, "valid": {"Accuracy": 0.4}}\n'
        )
    return top


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Studio]:
    one = Studio(Places([folder]))
    yield one
    one.close()


@pytest.fixture
def guard(studio: Studio) -> Guard:
    return Guard(studio.app(), PORT)


@pytest.fixture
def client(guard: Guard) -> TestClient:
    one = TestClient(guard, base_url=BASE)
    assert one.get(f"/?token={guard.token}").status_code == 200
    return one


def post(client: TestClient, address: str, /, **values: Any) -> Any:
    return client.post(f"/api/{address}", json=values)


def test_without_the_cookie_nothing_is_shown(guard: Guard) -> None:
    client = TestClient(guard, base_url=BASE)
    for path in (
        "/",
        "/static/studio.js",
        "/api/start",
        "/api/files",
        "/?token=",
        "/?token=wrong",
    ):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert client.post("/api/check", json={}).status_code == 403


def test_the_token_is_good_once(guard: Guard) -> None:
    address = f"/?token={guard.token}"
    first = TestClient(guard, base_url=BASE, follow_redirects=False).get(address)
    cookie = first.headers["set-cookie"]
    assert first.status_code == 303
    assert f"mirbricks_{PORT}=" in cookie
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TestClient(guard, base_url=BASE).get(address).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Host": f"evil.example:{PORT}"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Length": "2000000"}, 413),
    ],
)
def test_what_another_page_could_send_is_refused(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    given = {"Content-Type": "application/json", **headers}
    answer = client.post("/api/read", content=b'{"path": "a.yaml"}', headers=given)
    assert answer.status_code == status


def test_every_answer_has_the_headers_that_protect_it(client: TestClient) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert f'content="{nonce}"' in answer.text
    assert client.get("/").headers["content-security-policy"] != policy
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


def test_a_text_is_checked(client: TestClient) -> None:
    found = post(client, "check", text=TEXT, file="", thorough=True).json()
    assert found["errors"] == []
    assert found["svg"].startswith("<svg")
    assert found["rows"][0]["line"] == 4
    assert found["vars"][0] == {
        "name": "width",
        "value": 4,
        "whole": True,
        "line": 1,
        "column": 15,
        "length": 1,
    }
    wrong = post(
        client, "check", text=TEXT.replace("Conv2d", "Conv2D"), file="", thorough=False
    ).json()
    assert wrong["errors"][0]["column"] == 5
    assert wrong["errors"][0]["edits"][0]["text"] == "Conv2d"
    assert "svg" not in wrong


def test_what_else_is_known_of_a_graph(client: TestClient) -> None:
    counted = post(client, "summary", text=TEXT, file="", sizes={"T": 30}).json()
    assert counted["shapes"] == ["(1, 4, 14, 28)"] or "28" in counted["shapes"][0]
    assert counted["macs"][0] > 0
    fails = post(client, "summary", text=TEXT, file="", sizes={"T": 1}).json()
    assert "cannot run" in fails["fails"]
    assert "class" in post(client, "torch", text=TEXT, file="").json()["code"]
    other = TEXT.replace("width: 4", "width: 5")
    changed = post(client, "changes", text=other, file="", saved=TEXT).json()
    assert "+vars: {width: 5}" in changed["lines"]
    assert changed["diff"]["parameters"] == [40, 50]
    words = post(client, "complete", text=TEXT, line=4, column=9).json()["words"]
    assert "Conv2d" in [one["label"] for one in words]
    assert (
        "Conv2d"
        in post(client, "hover", text=TEXT, file="", line=4, column=7).json()["text"]
    )


def test_a_graph_that_does_not_fit_its_task_is_told_after_its_drawing(
    client: TestClient,
) -> None:
    text = f"{TEXT}task: {{type: multi_pitch}}\nfeature: {{type: hcqt}}\n"
    found = post(client, "check", text=text, file="", thorough=False).json()
    assert found["errors"] == []
    assert found["svg"]
    wrong = post(client, "fits", text=text, file="").json()["errors"]
    assert [(one["code"], one["line"]) for one in wrong] == [("E501", 2)]
    assert post(client, "fits", text=TEXT, file="").json()["errors"] == []


def test_a_mistake_in_a_section_does_not_hide_the_drawing(client: TestClient) -> None:
    text = f"{TEXT}train: {{stps: 10}}\n"
    found = post(client, "check", text=text, file="", thorough=False).json()
    assert [(one["code"], one["line"]) for one in found["errors"]] == [("E105", 5)]
    assert found["errors"][0]["edits"][0]["text"] == "steps"
    assert found["svg"]


def test_bricks_and_models_are_listed(client: TestClient) -> None:
    blocks = {one["name"]: one for one in post(client, "shelf").json()["blocks"]}
    assert set(mb.list_blocks()) <= set(blocks)
    assert "out_channels" in blocks["Conv2d"]["insert"]
    assert post(client, "brick", name="ReLU").json()["svg"].startswith("<svg")
    assert post(client, "brick", name="Nothing").status_code == 422
    models = client.get("/api/models").json()["models"]
    assert {"zoo:mpe_bach10"} <= {one["name"] for one in models}


def test_files_below_the_folder_are_listed(client: TestClient, folder: Path) -> None:
    found = client.get("/api/files").json()
    assert found["graphs"] == [str(folder / "a.yaml")]
    assert found["audio"] == [str(folder / "tone.wav")]
    assert len(found["runs"]) == 2
    assert client.get("/api/start").json()["folders"] == [str(folder)]


@pytest.mark.parametrize(
    "path",
    [
        "../a.yaml",
        "/etc/passwd",
        "link.yaml",
        "notes.txt",
        "a.yaml\0",
        "loop.yaml",
        "~/.ssh/x.yaml/../../../../etc/hosts",
    ],
)
def test_no_path_leads_out(
    client: TestClient, folder: Path, path: str, tmp_path: Path
) -> None:
    (tmp_path / "other.yaml").write_text("secret: 1")
    for name, target in (
        ("link.yaml", tmp_path / "other.yaml"),
        ("loop.yaml", folder / "loop.yaml"),
    ):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    assert post(client, "read", path=path).status_code in (403, 422)
    assert post(client, "save", path=path, text="", mark="").status_code in (403, 422)
    assert post(client, "open", path=path).status_code in (403, 422)
    assert (
        post(client, "check", text=TEXT, file=path, thorough=False).status_code != 500
    )
    for name in ("link.yaml", "loop.yaml"):
        (folder / name).unlink()


def test_saving_is_refused_where_the_file_has_changed(
    client: TestClient, folder: Path
) -> None:
    read = post(client, "read", path="a.yaml").json()
    saved = post(
        client, "save", path=read["path"], text=TEXT + "#\n", mark=read["mark"]
    )
    assert saved.status_code == 200
    assert (folder / "a.yaml").read_text() == TEXT + "#\n"
    late = post(client, "save", path=read["path"], text="x", mark=read["mark"])
    assert late.json()["error"]["code"] == "E902"
    assert post(client, "save", path="a.yaml", text="x", mark="").status_code == 422
    assert (folder / "a.yaml").read_text() == TEXT + "#\n"
    again = post(client, "save", path="a.yaml", text=TEXT, mark=saved.json()["mark"])
    assert again.status_code == 200


def test_a_shipped_graph_is_read_and_not_saved(client: TestClient) -> None:
    found = post(client, "read", path="mpe_small").json()
    assert found["path"] == ""
    assert "layers:" in found["text"]


def test_the_graph_of_a_run_is_read_and_not_saved_over(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    (run / MARK).write_text("a run")
    (run / "graph.yaml").write_text(TEXT)
    found = Places([tmp_path]).read("runs/first/graph.yaml")
    assert (found["path"], found["name"]) == ("", "first.yaml")
    assert found["origin"] == "the graph of the run first"
    # Its parts lie beside it.
    assert found["base"] == str(run / "graph.yaml")


def test_ctrl_c_closes_a_studio_that_was_opened_with_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / MARK).write_text("a run")
    (tmp_path / "graph.yaml").write_text(TEXT)
    opened = []

    def serve(studio: Studio, *_: Any) -> None:
        opened.append(studio.opened)
        raise KeyboardInterrupt

    monkeypatch.setattr("mirbricks.studio.server.serve", serve)
    assert main(["studio", str(tmp_path)]) == 0
    assert opened == [{"run": str(tmp_path), "graph": str(tmp_path / "graph.yaml")}]
    assert capsys.readouterr().err == "the studio is closed\n"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"text": 1, "file": "", "thorough": True},
        {"text": "", "file": "", "thorough": 1},
    ],
)
def test_a_request_of_another_form_is_refused(
    client: TestClient, values: dict[str, Any]
) -> None:
    answer = post(client, "check", **values)
    assert answer.json()["error"]["code"] == "E904"
    assert (
        client.post(
            "/api/check", content=b"[", headers={"Content-Type": "application/json"}
        ).status_code
        == 422
    )


def test_a_sound_is_opened_played_in_parts_and_drawn(client: TestClient) -> None:
    found = post(client, "open", path="tone.wav").json()
    assert found["duration_s"] == 1.0
    part = client.get(f"/session/{found['sound']}", headers={"Range": "bytes=0-43"})
    assert part.status_code == 206
    assert part.content[:4] == b"RIFF"
    drawn = post(
        client, "picture", sound=found["sound"], kind="logmel", model=""
    ).json()
    assert client.get(f"/session/{drawn['picture']}").content[1:4] == b"PNG"
    assert client.get("/session/..%2Fa.yaml").status_code == 404
    assert client.get("/static/../server.py").status_code == 404
    assert (
        post(client, "picture", sound="../a.wav", kind="logmel", model="").status_code
        == 422
    )


def test_sounds_and_graphs_are_never_worked_on_in_the_server(
    client: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {str: "zoo:mpe_bach10", int: 1, bool: True, dict: {}}
    asked = {}
    for worker, questions in ((studio.desk, DESK), (studio.ear, EAR)):

        def ask(question: str, _: Any, room: str = worker.room) -> dict[str, Any]:
            return {"room": room, "question": question}

        monkeypatch.setattr(worker, "ask", ask)
        for name, kinds in questions.items():
            given = {key: values[kind] for key, kind in kinds.items()}
            found = post(client, name, **given).json()
            asked[found["question"]] = found["room"]
    assert asked == dict.fromkeys(DESK, "desk") | dict.fromkeys(EAR, "ear")


def test_a_process_that_cannot_start_is_reported() -> None:
    worker = Worker("desk", 5.0, plugins=["there_is_no_such_plugin"])
    worker.warm()
    try:
        assert worker.ask("shelf", {})["error"]["code"] == "E903"
    finally:
        worker.close()


def test_a_recording_may_be_dropped(client: TestClient, folder: Path) -> None:
    kind = {"Content-Type": "application/octet-stream"}
    raw = (folder / "tone.wav").read_bytes()
    found = client.post("/api/drop?name=my tone.wav", content=raw, headers=kind)
    assert found.json()["title"] == "my tone.wav"
    assert (
        client.post("/api/drop?name=x.exe", content=raw, headers=kind).status_code
        == 422
    )
    broken = client.post("/api/drop?name=x.wav", content=b"RIFFxxxx", headers=kind)
    assert broken.json()["error"]["code"] == "E430"


def test_runs_are_listed_followed_and_compared(
    client: TestClient, folder: Path
) -> None:
    rows = client.get("/api/runs").json()["runs"]
    assert {row["graph"] for row in rows} == {"one", "two"}
    paths = [str(folder / "runs" / name) for name in ("one", "two")]
    lines = post(client, "curves", paths=paths).json()["curves"][paths[0]]
    assert lines == [{"step": 5.0, "loss": 0.5, "valid.Accuracy": 0.4}]
    found = post(client, "compare", paths=paths).json()
    assert found["figures"]["Accuracy"] == [0.5, 0.75]
    assert found["tracks"]["Accuracy"] == {"x": [0.5, 0.75]}
    assert post(client, "compare", paths=["/"]).status_code == 403
    assert post(client, "curves", paths=paths * 3).status_code == 422


def test_only_whole_lines_of_a_growing_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    assert tail.new() == []
    path.write_text('{"step": 1}\n{"st')
    assert tail.new() == [{"step": 1.0}]
    with path.open("a") as file:
        file.write('ep": 2}\nnot json\n')
    assert tail.new() == [{"step": 2.0}]
    path.write_text('{"step": 3}\n')
    assert tail.new() == [{"step": 3.0}]


def test_an_answer_that_takes_too_long_ends_the_process(studio: Studio) -> None:
    worker = studio.desk
    asked = {"text": TEXT, "file": "a.yaml", "thorough": True}
    assert worker.ask("check", asked)["errors"] == []
    before = worker.pid
    assert before
    many = "  - ReLU\n" * 1500
    worker.limit_s = 0.05
    try:
        found = worker.ask("check", {**asked, "text": TEXT + many})
    finally:
        worker.limit_s = CHECK_S
    assert found["error"]["code"] == "E903"
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert worker.ask("check", asked)["errors"] == []
    assert worker.pid != before


@pytest.mark.slow
def test_the_built_page_is_that_of_its_sources(tmp_path: Path) -> None:
    import subprocess

    client = Path(mb.__file__).parent / "studio" / "client"
    if not shutil.which("node") or not (client / "node_modules" / "esbuild").is_dir():
        pytest.skip("node, or `npm ci` in studio/client, is not there")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=client, check=True)
    for name in ("studio.js", "studio.css", "NOTICE"):
        built = (client.parent / "static" / name).read_bytes()
        assert (tmp_path / name).read_bytes() == built, f"run `make studio`: {name}"
