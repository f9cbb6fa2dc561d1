"""Twenty minutes of requests in one process: memory, handles, threads and temporary files must stay what they are.

A round predicts with two models, trains, generates, and asks the studio for what its page asks; its two worker
processes are watched too. What grows from the second quarter of the time to the last is a leak.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mirbricks as mb

from .verbs import emptied
from .workshop import Workshop

MINUTES = 20.0
SHOWN = 10  # rows of the table
MOST_GROWTH = 0.02  # of the memory, from the second quarter to the last
LEAST_GROWTH_MB = 6.0  # what the allocator itself moves by
PORT = 5555
MODELS = ("zoo:tagging_esc10", "zoo:f0_notes")
MAKER = "zoo:notes_flow"


@dataclass(frozen=True)
class Reading:
    """What there is after a round: memory of the process and of the studio's two, and handles of all three."""

    at_s: float
    requests: int
    main_mb: float
    desk_mb: float
    ear_mb: float
    handles: int
    threads: int
    files: int


@dataclass
class Soaked:
    """All readings, in order, and what has grown."""

    readings: list[Reading] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def soak(shop: Workshop, minutes: float, rest_s: float) -> Soaked:
    """Rounds of requests for some minutes, with a rest after each."""
    from starlette.testclient import TestClient

    from mirbricks.studio.guard import Guard
    from mirbricks.studio.places import Places
    from mirbricks.studio.server import Studio

    folder = emptied(shop.folder / "soak")
    temporary = emptied(folder / "tmp")
    tempfile.tempdir = str(temporary)
    os.environ["TMPDIR"] = str(temporary)
    shutil.copy(shop.inputs / "tiny.yaml", folder / "tiny.yaml")
    shutil.copy(shop.inputs / "long.wav", folder / "long.wav")
    shutil.copytree(shop.inputs / "run", folder / "runs" / "kept")
    studio = Studio(Places([folder]))
    found = Soaked()
    try:
        guard = Guard(studio.app(), PORT)
        client = TestClient(guard, base_url=f"http://127.0.0.1:{PORT}")
        client.get(f"/?token={guard.token}").raise_for_status()
        round_ = Round(shop, folder, client.post, [mb.load(name) for name in MODELS])
        began_s = time.monotonic()
        while time.monotonic() - began_s < minutes * 60:
            round_.run()
            pids = [os.getpid(), studio.desk.pid, studio.ear.pid]
            at_s = time.monotonic() - began_s
            found.readings.append(_read(at_s, round_.requests, pids, temporary))
            time.sleep(rest_s)
    finally:
        studio.close()
        tempfile.tempdir = None
    found.faults = grown(found.readings)
    return found


class Round:
    """One round of requests; `requests` counts those of all rounds."""

    def __init__(
        self,
        shop: Workshop,
        folder: Path,
        post: Callable[..., Any],
        models: Sequence[mb.Model],
    ) -> None:
        self.shop = shop
        self.folder = folder
        self.post = post
        self.models = models
        self.requests = 0

    def run(self) -> None:
        self._predict()
        self._train()
        self._generate()
        self._ask()

    def _predict(self) -> None:
        for model in self.models:
            out = self.folder / "predicted"
            model.predict(self.folder / "long.wav").save(out, replace=True)
            self.requests += 1

    def _train(self) -> None:
        out = self.folder / "runs" / "new"
        shutil.rmtree(out, ignore_errors=True)
        inputs = self.shop.inputs
        cache = inputs / "cache"
        graph = self.folder / "tiny.yaml"
        mb.train(graph, inputs / "corpus", out, cache=cache, jobs=1, progress=False)
        self.requests += 1

    def _generate(self) -> None:
        # A model is loaded each time, too: what is let go of must be gone.
        made = mb.load(MAKER).generate(1, seed=self.requests)
        assert made
        self.requests += 1

    def _ask(self) -> None:
        text = (self.folder / "tiny.yaml").read_text()
        wrong = text.replace("ReLU", "ReLu")
        for one in (text, wrong):
            self._api("check", text=one, file="", thorough=True)
        self._api("summary", text=text, file="", sizes={})
        self._api("hover", text=text, file="", line=4, column=6)
        self._api("complete", text=text, line=4, column=6)
        self._api("brick", name="Conv2d")
        opened = self._api("open", path=str(self.folder / "long.wav"))
        sound = opened["sound"]
        self._api("picture", sound=sound, kind="logmel", model="")
        self._api("predict", sound=sound, model=MODELS[0])
        self._api("curves", paths=[str(self.folder / "runs" / "kept")])

    def _api(self, question: str, **values: Any) -> dict[str, Any]:
        answer = self.post(f"/api/{question}", json=values)
        self.requests += 1
        found = json.loads(answer.content)
        refused = found.get("error", {}).get("text", "") if question != "check" else ""
        assert not refused, f"{question}: {refused}"
        return dict(found)


def _read(
    at_s: float, requests: int, pids: Sequence[int | None], temporary: Path
) -> Reading:
    running = [pid for pid in pids if pid is not None]
    places = [Path("/proc", str(pid)) for pid in running]
    memory = [_memory_mb(place) for place in places]
    handles = sum(len(list((place / "fd").iterdir())) for place in places)
    threads = sum(len(list((place / "task").iterdir())) for place in places)
    # The sounds and pictures of the studio's session are kept until it ends.
    files = [
        path
        for path in temporary.rglob("*")
        if path.is_file() and not path.parent.name.startswith("mirbricks_studio_")
    ]
    return Reading(at_s, requests, *memory, handles, threads, len(files))


def _memory_mb(place: Path) -> float:
    status = (place / "status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def grown(readings: Sequence[Reading]) -> list[str]:
    """What is more in the last quarter than in the second, beyond what an allocator moves by."""
    quarter = len(readings) // 4
    if not quarter:
        return ["too few rounds to see what grows"]
    early, late = readings[quarter : 2 * quarter], readings[-quarter:]
    faults = []
    for name in ("main_mb", "desk_mb", "ear_mb"):
        before, after = _middle(early, name), _middle(late, name)
        if after - before > max(MOST_GROWTH * before, LEAST_GROWTH_MB):
            faults.append(f"{name} grew from {before:.1f} to {after:.1f}")
    for name in ("handles", "threads", "files"):
        before, after = _middle(early, name), _middle(late, name)
        if after > before:
            faults.append(f"{name} grew from {before:g} to {after:g}")
    return faults


def _middle(readings: Sequence[Reading], name: str) -> float:
    return statistics.median(getattr(reading, name) for reading in readings)


def rows(found: Soaked) -> list[Sequence[object]]:
    """Some of the readings, evenly spread, the last among them."""
    head = ("minute", "requests", "memory, MB", "studio: desk, MB", "studio: ear, MB")
    table: list[Sequence[object]] = [(*head, "handles", "threads", "temporary files")]
    readings = found.readings
    step = max(1, len(readings) // SHOWN)
    for one in [*readings[:-1:step], readings[-1]]:
        memory = [f"{mb:.1f}" for mb in (one.main_mb, one.desk_mb, one.ear_mb)]
        counts = (one.handles, one.threads, one.files)
        table.append((f"{one.at_s / 60:.1f}", one.requests, *memory, *counts))
    return table
