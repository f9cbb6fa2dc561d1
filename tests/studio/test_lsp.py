"""The language server, spoken to as an editor does: a process, messages in, messages out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TEXT = "input: B C=1 F=16 T\nlayers:\n  - Conv2D: {out_channels: 4, kernel_size: 3}\n"
SCRIPT = "import sys; from mirbricks.cli import main; sys.exit(main(['lsp']))"


class Editor:
    """An editor that has one file open."""

    def __init__(self, folder: Path) -> None:
        self.uri = (folder / "graph ü.yaml").as_uri()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        self.count = 0

    def send(self, method: str, params: Any, **more: Any) -> None:
        content = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        data = json.dumps(content).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def read(self) -> Any:
        assert self.process.stdout
        header = self.process.stdout.readline()
        size = int(header.partition(b":")[2])
        assert self.process.stdout.readline() == b"\r\n"
        return json.loads(self.process.stdout.read(size))

    def ask(self, method: str, params: Any) -> Any:
        self.count += 1
        self.send(method, params, id=self.count)
        while True:
            message = self.read()
            if message.get("id") == self.count:
                return message.get("result", message.get("error"))

    def diagnostics(self) -> Any:
        while True:
            message = self.read()
            if message.get("method") == "textDocument/publishDiagnostics":
                return message["params"]["diagnostics"]

    def at(self, line: int, character: int) -> Any:
        place = {"line": line, "character": character}
        return {"textDocument": {"uri": self.uri}, "position": place}

    def change(self, text: str) -> None:
        params = {"textDocument": {"uri": self.uri}, "contentChanges": [{"text": text}]}
        self.send("textDocument/didChange", params)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    one = Editor(tmp_path_factory.mktemp("editor"))
    found = one.ask("initialize", {"capabilities": {}})
    assert found["serverInfo"]["name"] == "mirbricks"
    one.send("initialized", {})
    document = {"uri": one.uri, "languageId": "yaml", "version": 1, "text": TEXT}
    one.send("textDocument/didOpen", {"textDocument": document})
    assert [item["code"] for item in one.diagnostics()] == ["E110"]
    yield one
    assert one.ask("shutdown", None) is None
    one.send("exit", None)
    assert one.process.wait(20) == 0
    for stream in (one.process.stdin, one.process.stdout):
        assert stream
        stream.close()


def test_a_mistake_is_marked_and_mended(editor: Editor) -> None:
    editor.change(TEXT)
    (item,) = editor.diagnostics()
    assert item["range"]["start"] == {"line": 2, "character": 4}
    assert item["range"]["end"] == {"line": 2, "character": 10}
    assert "did you mean 'Conv2d'" in item["message"]
    params = {"textDocument": {"uri": editor.uri}, "range": item["range"]}
    actions = editor.ask("textDocument/codeAction", params)
    change = actions[0]["edit"]["changes"][editor.uri][0]
    assert change == {"range": item["range"], "newText": "Conv2d"}
    editor.change(TEXT.replace("Conv2D", "Conv2d"))
    assert editor.diagnostics() == []


def test_words_are_completed_and_explained(editor: Editor) -> None:
    editor.change(TEXT.replace("Conv2D", "Conv2d"))
    editor.diagnostics()
    found = editor.ask("textDocument/completion", editor.at(2, 7))
    conv = next(one for one in found["items"] if one["label"] == "Conv2d")
    assert conv["textEdit"]["range"]["start"] == {"line": 2, "character": 4}
    words = editor.ask("textDocument/hover", editor.at(2, 6))["contents"]["value"]
    assert "(B, 1, 16, T) → (B, 4, 14, T-2)" in words


def test_characters_are_counted_as_editors_do(editor: Editor) -> None:
    editor.change(
        f"# 🎵\n{TEXT}".replace("3}", "3} # 🎵").replace("kernel_size", "kernl_size")
    )
    found = editor.diagnostics()
    assert {item["range"]["start"]["line"] for item in found} == {3}
    editor.change("name: '🎵'\nlayer: 1\n")
    assert editor.diagnostics()


def test_what_is_not_known_is_refused(editor: Editor) -> None:
    assert editor.ask("textDocument/rename", {})["code"] == -32601
    assert editor.ask("textDocument/hover", {})["code"] == -32603


def test_a_message_that_cannot_be_read_ends_the_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=b"Content-Length: x\r\n\r\n", cwd=tmp_path
    )
    assert done.returncode == 1
