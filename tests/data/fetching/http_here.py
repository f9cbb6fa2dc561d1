"""A server in a thread that does what a test asks of it, and notes what it was asked."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """Files by name, and a list of what goes wrong: each request takes the first word off `plan`.

    cut:N       N bytes of the answer, then the line is closed
    short:N     the same, with neither length nor chunks: nothing tells that more was to come
    status:N    the answer is N
    hang        no answer
    norange     the whole file, whatever was asked for
    other       a 206 with another part than was asked for
    moved:URL   sent on
    packed      an encoding that was not asked for
    """

    files: dict[str, bytes]
    plan: list[str] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    marks: bool = True
    weak: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def mark(self, name: str) -> str:
        return f'"{hashlib.md5(self.files[name]).hexdigest()[:8]}"'


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        site, name = self.site, self.path.lstrip("/")
        asked = self.headers.get("Range")
        site.asked.append((name, asked))
        word, _, value = (site.plan.pop(0) if site.plan else "").partition(":")
        if word == "hang":
            site.stop.wait(5.0)
            return
        if word == "moved":
            self._head(302, {"Location": value, "Content-Length": "0"})
            return
        if word == "status" or name not in site.files:
            self._head(int(value or 404), {"Content-Length": "0", **site.headers})
            return
        self._send(
            name,
            site.files[name],
            asked if word != "norange" else None,
            word,
            int(value or 0),
        )

    def _send(
        self, name: str, body: bytes, asked: str | None, word: str, value: int
    ) -> None:
        site, mark = self.site, self.site.mark(name)
        headers = {"ETag": f"W/{mark}" if site.weak else mark} if site.marks else {}
        start, status = 0, 200
        if asked and self.headers.get("If-Range") in (None, mark):
            start, status = int(re.findall(r"\d+", asked)[0]), 206
            if start >= len(body):
                self._head(
                    416,
                    {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"},
                )
                return
            first = start + (word == "other")
            headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        if word != "short":
            headers["Content-Length"] = str(len(body) - start)
        if word == "packed":
            headers["Content-Encoding"] = "gzip"
        self._head(status, headers)
        end = start + value if word in ("cut", "short") else len(body)
        self.wfile.write(body[start:end])
        self.close_connection = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextlib.contextmanager
def served(files: dict[str, bytes], **more: object) -> Iterator[Site]:
    """A site on a free port of this machine; its address is `site.url`."""
    site = Site(files, **more)  # type: ignore[arg-type]
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site})
    )
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that goes away is what is tested
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        site.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
