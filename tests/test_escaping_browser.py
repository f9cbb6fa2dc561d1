"""Text of strangers in a real browser: on every page that mirbricks writes, and in the studio, it stays text.

A name that acts would call `hit`, ask another host, or bring in an element; nothing of it may be seen.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.compiler.drawing.diagram import draw
from mirbricks.data.stores.wav import wav_bytes
from mirbricks.plots.pitch import piano_roll
from mirbricks.report.compared import comparison_page
from mirbricks.report.comparison import Comparison
from mirbricks.report.html import Report, write_report
from mirbricks.report.separated import separated_page
from mirbricks.runs.folder import MARK
from mirbricks.tasks.base import Picture, Sounding
from mirbricks.tasks.labels import Tags
from mirbricks.tasks.sounds import Sound
from mirbricks.workflows.generated import SoundFolder

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    # Closing a browser leaves sockets of its own to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed"
)

# One text with every way out: of a word, an attribute, a script, a style, a picture, a comment, a template.
HOSTILE = (
    "<img src=x onerror=hit()>\"'><svg onload=hit()></svg></script><script>hit()</script>"
    "</style></title></textarea>-->${hit()}{{hit()}}<a href='javascript:hit()'>x</a>"
    "<iframe src=http://stranger.example></iframe>"
)
# As the name of a file or a folder, which holds no "/".
HOSTILE_FILE = "<img src=x onerror=hit()>\"'`"
# Within double quotes of a graph file, where `${...}` is an expression.
OF_GRAPH = HOSTILE.replace('"', "").replace("${hit()}{{hit()}}", "")
SEEN = "<img src=x onerror=hit()>"
COUNT = "window.hits = 0; window.hit = () => { window.hits += 1; };"
ACTS = """[...document.querySelectorAll('*')].filter(one =>
  [...one.attributes].some(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value))
  || (one.localName === 'img' && one.getAttribute('src') === 'x')
  || one.localName === 'iframe').map(one => one.outerHTML)"""
GRAPH = """\
name: "NAME"
input: B C=2 T
layers:
  - Conv1d: {name: head, out_channels: 2, kernel_size: 3}
  - StoreAs: "NAME"
  - "NAME"
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--hide-scrollbars"]
        )
        yield one
        one.close()


class Watched:
    """A page that counts what the text of a stranger could do."""

    def __init__(self, browser: Any) -> None:
        self.page = browser.new_page(viewport={"width": 1300, "height": 900})
        self.page.set_default_timeout(60_000)
        self.page.add_init_script(COUNT)
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("dialog", self._opened)

    def _asked(self, request: Any) -> None:
        own = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:")
        if not request.url.startswith(own):
            self.foreign.append(request.url)

    def _opened(self, dialog: Any) -> None:
        # Leaving a text that is not saved is asked for by the browser itself.
        if dialog.type != "beforeunload":
            self.dialogs.append(dialog.message)
        dialog.accept()

    def nothing_acted(self) -> None:
        """Nothing was called, asked for, or brought in."""
        self.page.wait_for_timeout(200)
        assert self.page.evaluate("window.hits") == 0
        assert self.page.evaluate(ACTS) == []
        assert (self.foreign, self.dialogs) == ([], [])


def tone(seconds: float = 0.5) -> np.ndarray[Any, np.dtype[np.float32]]:
    at_s = np.arange(int(8000 * seconds)) / 8000
    return (0.3 * np.sin(2 * np.pi * 440 * at_s)).astype(np.float32)[None]


def sound(name: str = HOSTILE) -> Sound:
    return Sound(tone(), 8000, {"instrument": name}, title=name)


def report(folder: Path) -> Path:
    times_s = np.arange(50) * 0.01
    truth = (times_s, [np.array([220.0])] * 50)
    figure = piano_roll(times_s, [np.array([220.0])] * 50, truth, None, None, HOSTILE)
    one = Report(
        title=HOSTILE,
        subtitle=HOSTILE,
        command=f"mirbricks train '{HOSTILE}'",
        model=mb.compile_graph("mpe_small", weights="random"),
        metrics=[{"step": 20, "loss": 0.4}, {"step": 20, "valid": {HOSTILE: 0.8}}],
        figures={HOSTILE: 0.5, "Accuracy": 0.5},
        tracks={HOSTILE: {HOSTILE: 0.5, "Accuracy": 0.5}},
        headline=("Accuracy", HOSTILE),
        pictures=[
            Picture(HOSTILE, HOSTILE, figure),
            Sounding(HOSTILE, HOSTILE, [sound()]),
        ],
        settings=f"name: {HOSTILE}",
        versions={HOSTILE: HOSTILE},
        facts={HOSTILE: HOSTILE},
    )
    write_report(one, folder / "page.html")
    return folder / "page.html"


def comparison(folder: Path) -> Path:
    names = [HOSTILE, "other"]
    curve = [{"step": 5, "loss": 0.5, "valid": {HOSTILE: 0.5}}]
    compared = Comparison(
        names,
        about=[{HOSTILE: HOSTILE}] * 2,
        figures=[{HOSTILE: 0.5}, {HOSTILE: 0.6}],
        settings={HOSTILE: [HOSTILE, "1"]},
        metrics=[curve, curve],
        tracks=[{HOSTILE: {HOSTILE: 0.5}}, {HOSTILE: {HOSTILE: 0.6}}],
    )
    page = comparison_page(compared, f"mirbricks report '{HOSTILE}'")
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


def separated(folder: Path) -> Path:
    page = separated_page(
        HOSTILE, HOSTILE, HOSTILE, mix=sound(), sources={HOSTILE_FILE: sound()}
    )
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


def generated(folder: Path) -> Path:
    sounds = SoundFolder(folder / "made", 1, replace=True)
    sounds.add(sound(), ["instrument"])
    return sounds.finish(HOSTILE, HOSTILE, f"mirbricks generate '{HOSTILE}'")


def notebook(folder: Path) -> Path:
    found = Tags(
        vocabulary=(HOSTILE, "dog"),
        probabilities=np.array([0.9, 0.1]),
        labels=(HOSTILE,),
        times_s=np.array([0.0]),
        over_time=np.array([[0.9, 0.1]]),
        title=HOSTILE,
    )
    page = f"<!DOCTYPE html><title>a cell</title>{found._repr_html_()}"
    (folder / "page.html").write_text(page, encoding="utf-8")
    return folder / "page.html"


@pytest.mark.parametrize(
    "written", [report, comparison, separated, generated, notebook]
)
def test_a_page_shows_the_text_and_does_nothing_of_it(
    written: Callable[[Path], Path], browser: Any, tmp_path: Path
) -> None:
    seen = Watched(browser)
    seen.page.goto(written(tmp_path).as_uri())
    assert SEEN in seen.page.locator("body").inner_text()
    seen.nothing_acted()
    seen.page.close()


def test_the_page_of_a_listening_test(browser: Any, tmp_path: Path) -> None:
    folders = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{HOSTILE_FILE}.wav").write_bytes(wav_bytes(tone(), 8000))
        # The name of a system has neither "=" nor "/".
        folders.append(f"<script>hit(){name}={folder}")
    out = tmp_path / "page"
    index = mb.listening_page(folders, out, test="abx", trials=1, title=HOSTILE)
    seen = Watched(browser)
    seen.page.goto(index.as_uri())
    seen.page.wait_for_selector("main button")
    assert SEEN in seen.page.locator("body").inner_text()
    seen.nothing_acted()
    # On to the first trial, whose items are named.
    for button in seen.page.locator("main input").all():
        button.fill("me")
    seen.page.get_by_role("button", name="Begin").click()
    seen.nothing_acted()
    seen.page.close()


def test_a_drawing_that_is_opened_by_itself(browser: Any, tmp_path: Path) -> None:
    text = GRAPH[: GRAPH.index("  - StoreAs")].replace("NAME", OF_GRAPH)
    (tmp_path / "graph.yaml").write_text(text)
    (tmp_path / "page.svg").write_text(draw(mb.compile_graph(tmp_path / "graph.yaml")))
    seen = Watched(browser)
    seen.page.goto((tmp_path / "page.svg").as_uri())
    assert seen.page.locator("svg").count() == 1
    seen.nothing_acted()
    seen.page.close()


def hostile_folder(top: Path) -> None:
    """Names of files, runs, figures and tracks, and the text of a graph, all of a stranger."""
    (top / "graph.yaml").write_text(GRAPH.replace("NAME", OF_GRAPH))
    (top / f"{HOSTILE_FILE}.yaml").write_text(GRAPH.replace("NAME", OF_GRAPH))
    (top / f"{HOSTILE_FILE}.wav").write_bytes(wav_bytes(tone(), 8000))
    for number in range(2):
        run = top / "runs" / f"{HOSTILE_FILE}{number}"
        run.mkdir(parents=True)
        (run / MARK).write_text("a run")
        train = "train: {steps: 10, seed: 1}\ntask: {type: multi_pitch}\nlayers: []\n"
        (run / "resolved.yaml").write_text(f'name: "{OF_GRAPH}"\n{train}')
        settings: dict[str, Any] = {"corpus": HOSTILE, "fold": 0}
        settings |= {"figures": {HOSTILE: 0.5}, "tracks": {HOSTILE: {HOSTILE: 0.5}}}
        settings |= {"stopped": HOSTILE, "training_s": 1.0}
        (run / "settings.json").write_text(json.dumps(settings))
        line = {"step": 5, "loss": 0.5, "lr": 0.1, "valid": {HOSTILE: 0.5}}
        (run / "metrics.jsonl").write_text(json.dumps(line) + "\n")


@pytest.fixture(scope="module")
def studio(
    tmp_path_factory: pytest.TempPathFactory,
    studio_in: Callable[[Path, str], AbstractContextManager[str]],
) -> Iterator[str]:
    top = tmp_path_factory.mktemp("hostile")
    hostile_folder(top)
    with studio_in(top, "graph.yaml") as found:
        yield found


def test_every_page_of_the_studio(studio: str, browser: Any) -> None:
    seen = Watched(browser)
    page = seen.page
    page.goto(studio)
    page.wait_for_selector("text=there is no block")
    seen.nothing_acted()
    page.get_by_role("tab", name="Runs").click()
    page.wait_for_selector("#runs input[type=checkbox]")
    for box in page.locator("#runs input[type=checkbox]").all():
        box.check()
    page.wait_for_selector("#compared *")
    assert SEEN in page.locator("#runs").inner_text()
    seen.nothing_acted()
    page.get_by_role("tab", name="Listen").click()
    page.wait_for_selector("#model-1 option", state="attached")
    seen.nothing_acted()
    page.close()
