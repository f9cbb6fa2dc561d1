"""The site and a report in a real browser, whole on a desktop and on a phone; their pictures go to screenshots/.

The site is the one that `make docs` built; docs/screenshots.py brings the pictures into the pages.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mirbricks as mb
from mirbricks.data import synthesise_polyphony

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

ROOT = Path(mb.__file__).parent
SITE = ROOT / "docs" / "_build" / "site"
PICTURES = ROOT / "screenshots"
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
# One page of each kind, as their places on the site.
PAGES = ["index", "tasks/multi_pitch", "blocks/SincNet", "graphs/mpe_doras_unet"]
PAGES += ["errors/E203", "api/mirbricks", "howto/import_data", "results", "studio"]
# And some with long words and wide tables.
PAGES += ["models/separation_bach10", "blocks/SampleRNNSampleTier", "genindex"]
LOADED = "[...document.images].filter(one => one.complete && !one.naturalWidth)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    PICTURES.mkdir(exist_ok=True)
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--hide-scrollbars"]
        )
        yield one
        one.close()


class Seen:
    """A page in a window of a size, what the browser complained of, and which other hosts it asked."""

    def __init__(self, browser: Any, path: Path, size: dict[str, int], scheme: str):
        self.page = browser.new_page(viewport=size, color_scheme=scheme)
        self.page.set_default_timeout(60_000)
        self.messages: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", self.complained)
        self.page.on("pageerror", lambda one: self.messages.append(str(one)))
        self.page.on("request", self.asked)
        self.page.goto(path.as_uri())

    def complained(self, message: Any) -> None:
        # The theme also logs what it does.
        if message.type in ("error", "warning"):
            self.messages.append(message.text)

    def asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.foreign.append(request.url)

    def is_whole(self) -> None:
        """Nothing is missing, wider than the window, complained of, or from elsewhere."""
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.page.viewport_size["width"]
        missing = self.page.evaluate(f"{LOADED}.map(one => one.src)")
        assert (missing, self.messages, self.foreign) == ([], [], [])

    def lightness(self) -> int:
        """The greatest part of the background's colour, of 255."""
        colour = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return max(int(one) for one in re.findall(r"\d+", colour)[:3])


@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="make docs is due")
@pytest.mark.parametrize("place", PAGES)
def test_a_page_is_whole_on_a_desktop_and_on_a_phone(browser: Any, place: str) -> None:
    for size, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark")):
        seen = Seen(browser, SITE / f"{place}.html", size, scheme)
        seen.is_whole()
        assert (seen.lightness() < 60) == (scheme == "dark")
        name = f"{place.replace('/', '_')}_{size['width']}_{scheme}.png"
        seen.page.screenshot(path=PICTURES / f"site_{name}")
        seen.page.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The report of a model that goes on from a trained one for a few steps."""
    folder = tmp_path_factory.mktemp("report")
    before = Path.cwd()
    # Paths in the report are as a user types them.
    os.chdir(folder)
    synthesise_polyphony(Path("voices"), n_clips=3, seconds=8.0, seed=3)
    few = {"dataset.folds": 3, "train.steps": 6, "train.validate_every": 2}
    few["train.lr"] = 1e-5
    with pytest.warns(UserWarning, match="nodes taken"):
        run = mb.train(
            "mpe_small",
            "voices",
            "runs/first",
            start_from="zoo:mpe_bach10",
            set=few,
            progress=False,
        )
    yield Path(run.report).absolute()
    os.chdir(before)


def test_a_report_is_whole_and_dark_where_the_system_is(
    browser: Any, report: Path
) -> None:
    for size in (DESKTOP, PHONE):
        seen = Seen(browser, report, size, "dark")
        seen.is_whole()
        assert seen.lightness() < 60
        assert seen.page.locator("audio").count() >= 3
        heading = seen.page.get_by_role("heading", name="What it finds")
        heading.evaluate("one => one.scrollIntoView()")
        seen.page.screenshot(path=PICTURES / f"report_dark_{size['width']}.png")
        seen.page.close()
