"""A language server for graph files: mistakes as they are typed, changes that mend them, completion, and hover texts.

It speaks the Language Server Protocol 3.17 over stdin and stdout, as far as editors need it here. One thread reads and
one answers: of several texts of a file that came while the last was looked at, only the newest is.
"""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlparse

from ..compiler.diagnose import Diagnosis
from ..errors import MirbricksError
from ..version import __version__
from ..where import Edit, Where
from ..workflows.diagnosis import diagnose
from .assist import hover, proposals

Message = Mapping[str, Any]
KINDS = {
    "class": 7,
    "property": 10,
    "enum": 13,
    "variable": 6,
    "keyword": 14,
    "text": 17,
}
NOT_FOUND = -32601
INTERNAL = -32603
UNREADABLE = -32700
LARGEST = 10_000_000  # bytes of a message


def _has_task(found: Diagnosis) -> bool:
    """Whether a sound text names a task, which its graph may still not fit."""
    if found.graph is None or found.errors:
        return False
    return "task" in found.graph.source.data


def serve(read: BinaryIO, write: BinaryIO) -> int:
    """Answer until the editor says `exit`, or closes its end; returns the exit code that the protocol asks for."""
    inbox: queue.Queue[Message | None] = queue.Queue()
    threading.Thread(target=_receive, args=(read, inbox), daemon=True).start()
    server = Server(write)
    while True:
        message = inbox.get()
        if message is None:
            return 1
        if message.get("method") == "exit":
            return 0 if server.shut_down else 1
        server.handle(message)
        if inbox.empty():
            server.look()


def _receive(read: BinaryIO, inbox: queue.Queue[Message | None]) -> None:
    """Put each message into the inbox; None at the end."""
    while True:
        try:
            message = _message(read)
        except (ValueError, OSError):
            message = None
        inbox.put(message)
        # After `exit` nothing comes, and a thread that waits would keep Python from ending.
        if message is None or message.get("method") == "exit":
            return


def _message(read: BinaryIO) -> Message | None:
    size = None
    while True:
        line = read.readline()
        if not line:
            return None
        if not line.strip():
            break
        name, _, value = line.decode("ascii").partition(":")
        if name.lower() == "content-length":
            size = int(value)
    if size is None or not 0 <= size <= LARGEST:
        raise ValueError("a message without a length")
    found = json.loads(read.read(size))
    if not isinstance(found, Mapping):
        raise ValueError("a message is an object")
    return found


class Server:
    """The texts that an editor has open, and what is known of them."""

    def __init__(self, write: BinaryIO) -> None:
        self.write = write
        self.texts: dict[str, str] = {}
        self.changed: set[str] = set()
        self.found: dict[str, Diagnosis] = {}
        self.shut_down = False

    def handle(self, message: Message) -> None:
        """Answer one message."""
        method = str(message.get("method", ""))
        params = message.get("params") or {}
        answer = ANSWERS.get(method)
        if "id" not in message:
            if method in NOTES:
                NOTES[method](self, params)
            return
        if answer is None:
            self._send(
                id=message["id"],
                error={"code": NOT_FOUND, "message": f"no method {method}"},
            )
            return
        try:
            result = answer(self, params)
        except (KeyError, TypeError, IndexError, MirbricksError) as error:
            self._send(
                id=message["id"], error={"code": INTERNAL, "message": str(error)}
            )
            return
        self._send(id=message["id"], result=result)

    def look(self) -> None:
        """Look at the texts that have changed, and report what is wrong with them."""
        for uri in sorted(self.changed):
            text = self.texts[uri]
            found = diagnose(text, _path(uri), thorough=False)
            self._publish(uri, found)
            if found.provisional or _has_task(found):
                found = diagnose(text, _path(uri))
                self._publish(uri, found)
            self.found[uri] = found
        self.changed.clear()

    def _publish(self, uri: str, found: Diagnosis) -> None:
        lines = self.texts[uri].split("\n")
        items = [_diagnostic(one, 1, lines, uri) for one in found.errors]
        items += [_diagnostic(one, 2, lines, uri) for one in found.warnings]
        self._send(
            method="textDocument/publishDiagnostics",
            params={"uri": uri, "diagnostics": items},
        )

    def _send(self, **content: Any) -> None:
        data = json.dumps({"jsonrpc": "2.0", **content}).encode()
        # An editor that has gone away is not told more.
        with contextlib.suppress(BrokenPipeError):
            self.write.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
            self.write.flush()

    def initialize(self, _: Message) -> Any:
        return {
            "capabilities": {
                "textDocumentSync": {"openClose": True, "change": 1},
                "completionProvider": {"triggerCharacters": [" ", "{", ":", "-", "$"]},
                "hoverProvider": True,
                "codeActionProvider": {"codeActionKinds": ["quickfix"]},
                "positionEncoding": "utf-16",
            },
            "serverInfo": {"name": "mirbricks", "version": __version__},
        }

    def shutdown(self, _: Message) -> None:
        self.shut_down = True

    def opened(self, params: Message) -> None:
        document = params["textDocument"]
        self.texts[document["uri"]] = document["text"]
        self.changed.add(document["uri"])

    def edited(self, params: Message) -> None:
        uri = params["textDocument"]["uri"]
        # The whole text comes each time, as the capabilities ask for.
        self.texts[uri] = params["contentChanges"][-1]["text"]
        self.changed.add(uri)

    def closed(self, params: Message) -> None:
        uri = params["textDocument"]["uri"]
        for kept in (self.texts, self.found):
            kept.pop(uri, None)
        self.changed.discard(uri)
        self._send(
            method="textDocument/publishDiagnostics",
            params={"uri": uri, "diagnostics": []},
        )

    def completion(self, params: Message) -> Any:
        text, line, column = self._place(params)
        start, words = proposals(text, line, column)
        row = text.split("\n")[line - 1]
        place = {
            "start": _position(row, line, start),
            "end": _position(row, line, column),
        }
        items = []
        for number, one in enumerate(words):
            items.append(
                {
                    "label": one.label,
                    "kind": KINDS[one.kind],
                    "detail": one.detail,
                    "sortText": f"{number:05}",
                    "textEdit": {"range": place, "newText": one.insert or one.label},
                }
            )
        return {"isIncomplete": False, "items": items}

    def hovered(self, params: Message) -> Any:
        text, line, column = self._place(params)
        found = self.found.get(params["textDocument"]["uri"])
        words = hover(text, line, column, found.model if found else None)
        if words is None:
            return None
        return {"contents": {"kind": "markdown", "value": words}}

    def actions(self, params: Message) -> Any:
        uri = params["textDocument"]["uri"]
        self.look()
        asked = range(
            params["range"]["start"]["line"], params["range"]["end"]["line"] + 1
        )
        found = self.found.get(uri, Diagnosis())
        lines = self.texts[uri].split("\n")
        actions = []
        for error in (*found.errors, *found.warnings):
            if error.where is None or error.where.line - 1 not in asked:
                continue
            for edit in error.edits:
                changes = {
                    uri: [{"range": _range(edit.where, lines), "newText": edit.text}]
                }
                actions.append(_action(error, edit, changes, lines, uri))
        return actions

    def _place(self, params: Message) -> tuple[str, int, int]:
        text = self.texts[params["textDocument"]["uri"]]
        line = params["position"]["line"]
        row = text.split("\n")[line]
        return text, line + 1, _column(row, params["position"]["character"])


def _action(
    error: MirbricksError, edit: Edit, changes: Any, lines: list[str], uri: str
) -> Any:
    return {
        "title": edit.label,
        "kind": "quickfix",
        "diagnostics": [_diagnostic(error, 1, lines, uri)],
        "isPreferred": edit is error.edits[0],
        "edit": {"changes": changes},
    }


def _diagnostic(
    error: MirbricksError, severity: int, lines: list[str], uri: str
) -> Any:
    where = error.where
    words = [error.message]
    if where and Path(where.file) != Path(_path(uri)):
        # A mistake in another file is shown at the top of this one.
        words = [f"{where}: {error.message}"]
        where = None
    words += [f"{label}: {text}" for label, text in error.facts]
    if error.help:
        words.append(f"help: {error.help}")
    return {
        "range": _range(where or Where("", 1, 1), lines),
        "severity": severity,
        "code": error.code,
        "source": "mirbricks",
        "message": "\n".join(words),
    }


def _range(where: Where, lines: list[str]) -> Any:
    row = lines[where.line - 1] if where.line <= len(lines) else ""
    return {
        "start": _position(row, where.line, where.column),
        "end": _position(row, where.line, where.column + where.length),
    }


def _position(row: str, line: int, column: int) -> Any:
    """A place as the protocol counts it: from 0, and characters as UTF-16 has them."""
    before = row[: column - 1]
    return {"line": line - 1, "character": len(before.encode("utf-16-le")) // 2}


def _column(row: str, character: int) -> int:
    before = row.encode("utf-16-le")[: 2 * character]
    return len(before.decode("utf-16-le", "ignore")) + 1


def _path(uri: str) -> str:
    parsed = urlparse(uri)
    if parsed.scheme != "file":
        return uri
    return unquote(parsed.path)


ANSWERS: Mapping[str, Any] = {
    "initialize": Server.initialize,
    "shutdown": Server.shutdown,
    "textDocument/completion": Server.completion,
    "textDocument/hover": Server.hovered,
    "textDocument/codeAction": Server.actions,
}
NOTES: Mapping[str, Any] = {
    "textDocument/didOpen": Server.opened,
    "textDocument/didChange": Server.edited,
    "textDocument/didClose": Server.closed,
}


def main() -> int:
    """Serve the editor that started this process. What blocks print goes to stderr: stdout is the protocol's."""
    write = sys.stdout.buffer
    sys.stdout = sys.stderr
    return serve(sys.stdin.buffer, write)
