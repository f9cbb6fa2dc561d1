"""Who may speak to the studio: the page that was opened with the printed address, and nobody else.

A page of another origin can send requests to any port of this machine, and a name of its own may lead here (DNS
rebinding). So each request needs the cookie, which the printed token is changed for once, and names this host.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

MOST_BODY = 1_000_000  # bytes of a request
MOST_SOUND = 100_000_000  # bytes of a recording that is dropped on the page
DROP = "/api/drop"


class Guard:
    """Wraps the application; `token` is good once.

    Parameters
    ----------
    app : ASGI application
    port : int
        That the studio listens on, which is part of the cookie's name: two studios share a host.
    """

    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.token: str | None = secrets.token_urlsafe(32)
        self.secret = secrets.token_urlsafe(32)
        self.cookie = f"mirbricks_{port}"
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope["nonce"] = nonce

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                _protect(MutableHeaders(scope=message), nonce)
            await send(message)

        request = Request(scope, receive)
        refusal = self._refusal(request)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        await self.app(scope, _bounded(receive, scope["path"]), with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not pass; None where it may."""
        headers = request.headers
        if headers.get("host") not in self.hosts:
            return _refused(400, "this is not the address of the studio")
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return _refused(403, "a page of another origin may not ask")
        given = request.query_params.get("token")
        asks_to_enter = request.url.path == "/" and given is not None
        if asks_to_enter and self.token is not None and _same(given, self.token):
            return self._welcome()
        cookie = request.cookies.get(self.cookie, "")
        if not _same(cookie, self.secret):
            return _refused(
                403, "open the address that `mirbricks studio` printed; it is good once"
            )
        if request.method == "POST":
            return _refused_body(headers, request.url.path)
        return None

    def _welcome(self) -> Response:
        """Change the token for the cookie: the address in the browser's history opens nothing."""
        self.token = None
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            self.cookie, self.secret, httponly=True, samesite="strict", path="/"
        )
        return answer


def _same(given: str | None, known: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return secrets.compare_digest((given or "").encode(), known.encode())


def _refused_body(headers: Headers, path: str) -> Response | None:
    kind = headers.get("content-type", "").partition(";")[0]
    wanted = "application/octet-stream" if path == DROP else "application/json"
    if kind != wanted:
        return _refused(415, f"a request of the studio is {wanted}")
    size = headers.get("content-length", "")
    if not size.isdecimal():
        return _refused(411, "a request says how long it is")
    if int(size) > _most(path):
        return _refused(413, "a request is not that large")
    return None


def _most(path: str) -> int:
    return MOST_SOUND if path == DROP else MOST_BODY


def _bounded(receive: Any, path: str) -> Any:
    """What is received, up to the limit: a client may send more than it said."""
    left = _most(path)

    async def bounded() -> Any:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            return {"type": "http.disconnect"}
        return message

    return bounded


def _refused(status: int, message: str) -> Response:
    return JSONResponse(
        {"error": {"message": message, "code": "E904", "help": "", "text": message}},
        status,
    )


def _protect(headers: MutableHeaders, nonce: str) -> None:
    headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store"
