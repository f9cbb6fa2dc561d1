"""The studio's server: every address of it, and how it is started."""

from __future__ import annotations

import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from ..data.stores.audio import AUDIO_ENDINGS
from ..errors import DataError, MirbricksError
from ..version import __version__
from . import live, models
from .guard import DROP, Guard
from .places import Places
from .worker import Worker

STATIC = Path(__file__).parent / "static"
FILES = {"studio.js": "text/javascript", "studio.css": "text/css"}
CHECK_S = 10.0
SOUND_S = 600.0
MOST_COMPARED = 5
# What the page may ask the workers, with the names and kinds of what it sends.
DESK: dict[str, dict[str, type]] = {
    "check": {"text": str, "file": str, "thorough": bool},
    "summary": {"text": str, "file": str, "sizes": dict},
    "fits": {"text": str, "file": str},
    "torch": {"text": str, "file": str},
    "changes": {"text": str, "file": str, "saved": str},
    "complete": {"text": str, "line": int, "column": int},
    "hover": {"text": str, "file": str, "line": int, "column": int},
    "shelf": {},
    "brick": {"name": str},
}
EAR: dict[str, dict[str, type]] = {
    "picture": {"sound": str, "kind": str, "model": str},
    "predict": {"sound": str, "model": str},
    "separate": {"sound": str, "model": str},
    "conditions": {"model": str},
    "generate": {"model": str, "n": int, "seed": int, "asked": dict},
}


@dataclass
class Studio:
    """What the server knows: the folders, and the two processes that answer.

    Parameters
    ----------
    places : Places
        The folders it may look into.
    opened : dict
        What the page shows first: `{"graph": path}`, `{"run": path}`, or nothing.
    plugins : sequence of str
        Modules of the command line.
    """

    places: Places
    opened: dict[str, str] = field(default_factory=dict)
    plugins: Sequence[str] = ()
    check_s: float = CHECK_S

    def __post_init__(self) -> None:
        self.session = Path(tempfile.mkdtemp(prefix="mirbricks_studio_"))
        self.desk = Worker("desk", self.check_s, self.plugins)
        self.ear = Worker("ear", SOUND_S, self.plugins, str(self.session))

    def close(self) -> None:
        """End the processes, and take away the sounds of the session."""
        self.desk.close()
        self.ear.close()
        shutil.rmtree(self.session, ignore_errors=True)

    def app(self) -> Starlette:
        """The application, without the guard."""
        routes = [
            Route("/", self.page),
            Route("/static/{name}", self.static),
            Route("/session/{name}", self.kept),
            Route("/api/start", self.start),
            Route("/api/files", self.files),
            Route("/api/read", _answering(self.read), methods=["POST"]),
            Route("/api/save", _answering(self.save), methods=["POST"]),
            Route("/api/open", _answering(self.open_sound), methods=["POST"]),
            Route("/api/tracks", _answering(self.tracks), methods=["POST"]),
            Route(DROP, self.drop, methods=["POST"]),
            Route("/api/models", self.models),
            Route("/api/runs", self.runs),
            Route("/api/curves", _answering(self.curves), methods=["POST"]),
            Route("/api/compare", _answering(self.compare), methods=["POST"]),
            Route("/api/events", self.events),
        ]
        for worker, questions in ((self.desk, DESK), (self.ear, EAR)):
            for name, asked in questions.items():
                answer = _answering(self._ask(worker, name, asked))
                routes.append(Route(f"/api/{name}", answer, methods=["POST"]))
        return Starlette(routes=routes)

    async def page(self, request: Request) -> Response:
        text = (STATIC / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(
            text.replace("{nonce}", escape(request.scope.get("nonce", "")))
        )

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            return Response(status_code=404)
        return FileResponse(STATIC / name, media_type=FILES[name])

    async def kept(self, request: Request) -> Response:
        """A sound or a picture of the session; parts of it, as players ask for them."""
        name = Path(request.path_params["name"]).name
        path = self.session / name
        if not path.is_file():
            return Response(status_code=404)
        kind = "image/png" if path.suffix == ".png" else "audio/wav"
        return FileResponse(path, media_type=kind)

    async def start(self, _: Request) -> Response:
        folders = [str(one) for one in self.places.folders]
        return JSONResponse({"version": __version__, "folders": folders, **self.opened})

    async def files(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.places.listing))

    async def models(self, _: Request) -> Response:
        found = await run_in_threadpool(models.listing, self.places.folders)
        return JSONResponse({"models": found})

    async def runs(self, _: Request) -> Response:
        found = await run_in_threadpool(live.rows, self.places.folders)
        return JSONResponse({"runs": found})

    def read(self, values: dict[str, Any]) -> dict[str, Any]:
        return self.places.read(_given(values, "path", str))

    def save(self, values: dict[str, Any]) -> dict[str, Any]:
        words = [_given(values, name, str) for name in ("path", "text", "mark")]
        return self.places.save(*words)

    def open_sound(self, values: dict[str, Any]) -> dict[str, Any]:
        path = str(self.places.inside(_given(values, "path", str)))
        key = values.get("key", "")
        return self.ear.ask("open", {"path": path, "key": str(key)})

    def tracks(self, values: dict[str, Any]) -> dict[str, Any]:
        path = str(self.places.inside(_given(values, "path", str)))
        return self.ear.ask("tracks", {"path": path})

    async def drop(self, request: Request) -> Response:
        """A recording that was dropped on the page: kept for the session, and opened."""
        name = Path(request.query_params.get("name", "")).name
        if Path(name).suffix.lower() not in AUDIO_ENDINGS:
            error = DataError(
                f"'{name}' is not a recording",
                code="E430",
                help=f"give one of {', '.join(AUDIO_ENDINGS)}",
            )
            return _refused(error)
        path = self.session / f"dropped{Path(name).suffix.lower()}"
        path.write_bytes(await request.body())
        found = await run_in_threadpool(self.ear.ask, "open", {"path": str(path)})
        if "error" not in found:
            found["title"] = name
        return _as_response(found)

    def curves(self, values: dict[str, Any]) -> dict[str, Any]:
        paths = self._runs(values.get("paths"))
        return {"curves": {str(path): live.curves(path) for path in paths}}

    def compare(self, values: dict[str, Any]) -> dict[str, Any]:
        return live.compared(self._runs(values.get("paths")))

    async def events(self, request: Request) -> Response:
        try:
            paths = self._runs(request.query_params.getlist("path"))
        except MirbricksError as error:
            return _refused(error)
        return StreamingResponse(live.events(paths), media_type="text/event-stream")

    def _runs(self, given: Any) -> list[Path]:
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_COMPARED:
            raise _unknown(f"'paths' must be a list of 1 to {MOST_COMPARED} runs")
        return [self.places.inside(str(one)) for one in given]

    def _ask(self, worker: Worker, name: str, asked: dict[str, type]) -> Any:
        def ask(values: dict[str, Any]) -> dict[str, Any]:
            given = {key: _given(values, key, kind) for key, kind in asked.items()}
            if "file" in given:
                given["file"] = self._file(given["file"])
            # A model is one of the zoo, or a run below the folders.
            if given.get("model") and not given["model"].startswith("zoo:"):
                given["model"] = str(self.places.inside(given["model"]))
            return worker.ask(name, given)

        return ask

    def _file(self, given: str) -> str:
        """The path that a text belongs to; one that was never saved lies in the first folder."""
        return str(self.places.inside(given or "graph.yaml"))


def _given(values: dict[str, Any], name: str, kind: type) -> Any:
    value = values.get(name)
    wrong = not isinstance(value, kind) or (kind is int and isinstance(value, bool))
    if wrong:
        raise _unknown(f"'{name}' must be {kind.__name__}")
    return value


def _unknown(message: str) -> DataError:
    return DataError(message, code="E904", help="load the page again")


def _answering(
    function: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[Request], Awaitable[Response]]:
    """The address of a function from JSON to JSON."""

    async def answer(request: Request) -> Response:
        try:
            values = await request.json()
            if not isinstance(values, dict):
                raise ValueError
        except ValueError:
            return _refused(_unknown("the request is not an object of JSON"))
        try:
            return _as_response(await run_in_threadpool(function, values))
        except MirbricksError as error:
            return _refused(error)

    return answer


def _as_response(found: dict[str, Any]) -> Response:
    return JSONResponse(found, 422 if "error" in found else 200)


def _refused(error: MirbricksError) -> Response:
    content = {
        "message": error.message,
        "code": error.code,
        "help": error.help or "",
        "text": str(error),
    }
    return JSONResponse({"error": content}, 403 if error.code == "E901" else 422)


def serve(studio: Studio, port: int, opened: Callable[[str], None]) -> None:
    """Serve until interrupted; `opened` is given the address once the server listens."""
    import uvicorn

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    own = int(listening.getsockname()[1])
    guard = Guard(studio.app(), own)
    config = uvicorn.Config(
        guard,
        log_level="warning",
        lifespan="off",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    studio.desk.warm()
    # Ended by another process it takes its sounds away too, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    opened(f"http://127.0.0.1:{own}/?token={guard.token}")
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        studio.close()
        listening.close()
