"""The studio in a real browser: Debian's Chromium, driven by playwright; pictures of each page go to screenshots/."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mirbricks as mb
from mirbricks.data import synthesise_polyphony
from mirbricks.data.stores.wav import wav_bytes
from mirbricks.runs.folder import MARK

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
PICTURES = ROOT / "screenshots"
SIZE = {"width": 1400, "height": 900}

SMALL = """\
vars: {width: 8, depth: 2, drop: 0.1}
input: B C=1 F=32 T
layers:
  - repeat: "${depth}"
    layers:
      - Conv2d: {out_channels: "${width}", kernel_size: 3}
      - Dropout: {p: "${drop}"}
"""


def voices(folder: Path) -> bytes:
    """Four voices, for the model of several pitches."""
    corpus = synthesise_polyphony(folder, n_clips=1, seconds=6.0, seed=3)
    samples, sr_hz = corpus["01.wav"].read()
    return wav_bytes(samples[None].astype(np.float32), sr_hz)


def make_run(folder: Path, number: int, steps: int) -> None:
    folder.mkdir(parents=True)
    (folder / MARK).write_text("a run")
    train = f"{{steps: 100, seed: {number}, lr: {0.001 * number}}}"
    text = f"name: mpe_small\ntrain: {train}\ntask: {{type: multi_pitch}}\nlayers: []\n"
    (folder / "resolved.yaml").write_text(text)
    score = 0.5 + 0.1 * number
    tracks = {f"{i:02}.wav": {"Accuracy": score + 0.03 * (i % 5)} for i in range(12)}
    figures = {"Accuracy": score, "Precision": score + 0.05}
    settings: dict[str, Any] = {"corpus": "bach10", "fold": 0}
    settings |= {"figures": figures, "tracks": tracks}
    if steps == 100:
        settings |= {"stopped": "finished", "training_s": 72.0 * number}
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "metrics.jsonl").open("w") as file:
        for step in range(5, steps + 1, 5):
            file.write(line(step, number))


def line(step: int, number: int) -> str:
    loss = 0.7 * float(np.exp(-step / 40)) + 0.02 * number
    record = {"step": step, "loss": loss, "lr": 0.001 * number}
    return json.dumps({**record, "valid": {"Accuracy": 1 - loss}}) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("studio")
    shutil.copy(ROOT / "graphs" / "mpe_doras_unet.yaml", top / "unet.yaml")
    corpus = tmp_path_factory.mktemp("voices")
    (top / "voices.wav").write_bytes(voices(corpus))
    (top / "small.yaml").write_text(SMALL)
    make_run(top / "runs" / "first", 1, 100)
    make_run(top / "runs" / "second", 2, 100)
    make_run(top / "runs" / "third", 3, 40)
    return top


@pytest.fixture(scope="module")
def address(
    folder: Path, studio_in: Callable[[Path, str], AbstractContextManager[str]]
) -> Iterator[str]:
    with studio_in(folder, "unet.yaml") as found:
        yield found


class Seen:
    """What the browser complained of, and which hosts it asked."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.hosts: set[str] = set()


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module")
def page(address: str, seen: Seen) -> Iterator[Any]:
    PICTURES.mkdir(exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        one = browser.new_page(viewport=SIZE, color_scheme="light")
        one.set_default_timeout(60_000)
        one.on("console", lambda message: seen.messages.append(message.text))
        one.on("pageerror", lambda error: seen.messages.append(str(error)))
        one.on(
            "request",
            lambda request: seen.hosts.add(
                request.url.split("/")[2] if "//" in request.url else ""
            ),
        )
        # Texts that a test leaves behind are not saved.
        one.on("dialog", lambda dialog: dialog.accept())
        one.goto(address)
        one.wait_for_selector("#drawing svg")
        yield one
        browser.close()


@pytest.fixture(autouse=True)
def first_page(page: Any) -> None:
    """Each test begins at the graph: the tests may be dealt to several browsers in any order."""
    page.emulate_media(color_scheme="light")
    page.locator("#tab-graph").click()
    page.get_by_role("tab", name="Drawing").click()


def until(page: Any, expression: str) -> None:
    """Wait until it is true; not by playwright's own way, which the policy against `eval` forbids in the page."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}")


def test_an_error_is_underlined_where_it_is_and_mended_by_a_button(page: Any) -> None:
    page.wait_for_selector("#field-0:not(:empty)")
    page.screenshot(path=PICTURES / "graph.png")
    page.locator(".cm-line", has_text="- BatchNorm2d").first.click()
    page.keyboard.press("End")
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    page.wait_for_selector(".cm-lintRange-error")
    assert page.locator(".cm-lintRange-error").first.inner_text() == "BatchNorm2dx"
    assert "stale" in page.locator("#drawing").get_attribute("class")
    page.screenshot(path=PICTURES / "graph_error.png")
    page.locator("#problems .fix").first.click()
    page.wait_for_selector("#drawing:not(.stale)")
    assert page.locator(".cm-lintRange-error").count() == 0


def test_an_error_of_sizes_is_underlined_too(page: Any) -> None:
    page.locator(".cm-line", has_text="- CatWith").first.click()
    page.keyboard.press("Home")
    page.keyboard.insert_text("- MaxPool2d: {kernel_size: 2}\n  ")
    page.keyboard.press("Escape")
    until(page, "document.getElementById('problems').innerText.includes('E203')")
    assert page.locator(".cm-lintRange-error").count() == 1
    while page.locator("#drawing.stale").count():
        page.keyboard.press("Control+z")
        page.wait_for_timeout(400)


def test_a_box_leads_to_its_line_and_back(page: Any) -> None:
    box = page.locator("#drawing .box").nth(3)
    line = box.get_attribute("data-line")
    box.click()
    page.wait_for_selector(".cm-line.here")
    chosen = page.locator(f'#layers tr[data-line="{line}"]').first
    assert "chosen" in (chosen.get_attribute("class") or "")


def test_words_are_completed(page: Any) -> None:
    page.locator(".cm-line", has_text="- ReLU").first.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("- Conv2")
    page.wait_for_selector(".cm-tooltip-autocomplete")
    assert "Conv2d" in page.locator(".cm-tooltip-autocomplete li").first.inner_text()
    page.screenshot(path=PICTURES / "graph_completion.png")
    page.keyboard.press("Escape")
    for _ in range(3):
        page.keyboard.press("Control+z")
    page.wait_for_selector("#drawing:not(.stale)")


def opened(page: Any, name: str) -> None:
    # Until its drawing comes the page shows the graph before, whose sliders go away.
    page.evaluate("document.querySelector('#drawing svg').id = 'before'")
    page.locator("select[aria-label='open a graph']").select_option(label=name)
    page.wait_for_selector("#drawing svg:not(#before)")
    page.wait_for_selector("#state.good")


def test_another_graph_takes_no_text_away_unasked(page: Any) -> None:
    opened(page, "small.yaml")
    page.locator(".cm-line").first.click()
    page.keyboard.press("Home")
    page.keyboard.type("# mine")
    page.keyboard.press("Enter")
    page.evaluate("window.confirm = (words) => { window.asked = words; return false; }")
    select = page.locator("select[aria-label='open a graph']")
    select.select_option(label="unet.yaml")
    assert "small.yaml has changes" in page.evaluate("window.asked")
    assert first_line(page) == "# mine"
    assert select.evaluate("one => one.selectedOptions[0].text") == "small.yaml"
    page.evaluate("window.confirm = () => true")
    opened(page, "unet.yaml")


def first_line(page: Any) -> str:
    return str(page.locator(".cm-line").first.inner_text())


def test_sliders_change_vars_in_the_text_and_keep_the_focus(page: Any) -> None:
    opened(page, "small.yaml")
    page.wait_for_selector('input[aria-label="var width"]')
    page.locator('input[aria-label="var width"]').focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('layers').innerText.includes('(B, 11, 30')")
    assert first_line(page) == "vars: {width: 11, depth: 2, drop: 0.1}"
    assert (
        page.evaluate("document.activeElement.getAttribute('aria-label')")
        == "var width"
    )
    # The value before it on the line is longer now, and the next slider still finds its own.
    page.locator('input[aria-label="var drop"]').focus()
    page.keyboard.press("End")
    page.locator('input[aria-label="var depth"]').focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelectorAll('#layers tbody tr').length === 6")
    assert first_line(page) == "vars: {width: 11, depth: 3, drop: 1.0}"


def test_a_slider_tries_a_size_of_a_free_axis(page: Any) -> None:
    opened(page, "small.yaml")
    page.wait_for_selector("#macs-0:not(:empty)")
    page.locator('input[aria-label="axis T"]').focus()
    page.keyboard.press("Home")
    until(page, "document.getElementById('size-note').innerText.includes('Conv2d')")
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('out-0').innerText === '(1, 8, 30, 8)'")
    assert page.locator("#size-note").inner_text() == ""
    opened(page, "unet.yaml")


def test_the_layers_of_a_part_lead_to_no_line_of_the_graph(page: Any) -> None:
    page.locator("select[aria-label='open a graph']").select_option("tagging_conv1d")
    page.wait_for_selector("#layers tr[data-line='']")
    own, parts = (
        page.evaluate(
            f"[...document.querySelectorAll('#drawing g > title')].filter((one) =>"
            f" {wanted}.test(one.textContent)).map((one) => one.parentNode.dataset.line ?? null)"
        )
        for wanted in ("/, line \\d+$/m", "/tagging_head.yaml line \\d+$/m")
    )
    assert own
    assert None not in own
    assert parts
    assert set(parts) == {None}
    opened(page, "unet.yaml")


def test_the_other_views_are_filled(page: Any) -> None:
    page.get_by_role("tab", name="Plain PyTorch").click()
    until(page, "document.getElementById('torch').textContent.includes('nn.Module')")
    page.screenshot(path=PICTURES / "graph_torch.png")
    page.get_by_role("tab", name="What changed").click()
    page.wait_for_selector("#changes *")
    page.get_by_role("tab", name="Palette").click()
    page.wait_for_selector("#palette details[open] .brick >> visible=true")
    page.get_by_role("tab", name="Drawing").click()


def test_a_sound_plays_and_is_predicted(page: Any, folder: Path) -> None:
    page.get_by_role("tab", name="Listen").click()
    until(page, "document.querySelector('#model-1 option')")
    page.locator("#page-listen input[type=file]").set_input_files(folder / "voices.wav")
    page.wait_for_selector("#play:not([disabled])")
    page.get_by_role("button", name="logmel").click()
    page.wait_for_selector("#features img")
    page.select_option("#model-1", "zoo:mpe_bach10")
    page.click("#predict")
    page.wait_for_selector("#results .lane rect")
    page.click("#play")
    until(page, "parseFloat(document.querySelector('.clock').textContent) > 0.4")
    page.click("#play")
    page.screenshot(path=PICTURES / "listen.png")


def test_a_stretch_that_is_dragged_over_is_looped(page: Any, folder: Path) -> None:
    page.get_by_role("tab", name="Listen").click()
    page.locator("#page-listen input[type=file]").set_input_files(folder / "voices.wav")
    page.wait_for_selector("#play:not([disabled])")
    until(page, "document.querySelector('#wave div')?.shadowRoot")
    page.wait_for_timeout(500)
    box = page.locator("#wave").bounding_box()
    middle = box["y"] + 40
    page.mouse.move(box["x"] + 0.25 * box["width"], middle)
    page.mouse.down()
    for share in (0.27, 0.3, 0.35):
        page.mouse.move(box["x"] + share * box["width"], middle)
    page.mouse.up()
    assert page.is_checked("#loop")
    page.click("#play")
    times = []
    for _ in range(16):
        page.wait_for_timeout(150)
        times.append(float(page.locator(".clock").inner_text().split()[0]))
    page.click("#play")
    assert any(later < before for before, later in itertools.pairwise(times))
    page.uncheck("#loop")


def test_a_run_grows_while_it_trains(page: Any, folder: Path) -> None:
    page.get_by_role("tab", name="Runs").click()
    row = page.locator("tr", has=page.get_by_text("runs/third"))
    row.locator("input").check()
    page.wait_for_selector("#curves canvas")
    assert "step 40 of 100" in row.inner_text()
    with (folder / "runs" / "third" / "metrics.jsonl").open("a") as file:
        file.write(line(45, 3))
    until(page, "document.getElementById('runs').innerText.includes('step 45 of 100')")
    for name in ("first", "second"):
        page.locator("tr", has=page.get_by_text(f"runs/{name}")).locator(
            "input"
        ).check()
    # Each tick has the comparison made again: the picture is of what comes to rest.
    until(page, "document.querySelectorAll('#compared thead .swatch').length === 6")
    page.wait_for_selector("#compared .scatter circle")
    assert "train.lr" in page.locator("#compared").inner_text()
    page.screenshot(path=PICTURES / "runs.png")


def test_the_last_tick_counts_however_fast_they_come(page: Any) -> None:
    page.locator("#tab-runs").click()
    page.wait_for_selector("#runs tbody tr")
    boxes = "[...document.querySelectorAll('#runs input')]"
    page.evaluate(f"{boxes}.filter((one) => one.checked).forEach((one) => one.click())")
    until(page, "!document.querySelector('#compared *')")
    page.evaluate(f"{boxes}.forEach((one) => one.click()); {boxes}[0].click()")
    until(page, "document.querySelectorAll('#compared thead .swatch').length === 4")
    page.wait_for_timeout(500)
    assert page.locator("#compared thead .swatch").count() == 4
    # The table is made again every few seconds.
    page.locator("#runs input").nth(1).focus()
    kept = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.evaluate("document.activeElement.mark = true")
    until(page, "!document.activeElement.mark")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == kept


def test_curves_that_change_while_another_page_is_shown_keep_their_size(
    page: Any,
) -> None:
    page.locator("#tab-runs").click()
    row = page.locator("tr", has=page.get_by_text("runs/third"))
    row.locator("input").check()
    page.wait_for_selector("#curves canvas")
    page.locator("#tab-graph").click()
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    page.locator("#tab-runs").click()
    page.wait_for_selector("#curves canvas")
    widths = (
        "[...document.querySelectorAll('#curves canvas')].map((one) => one.clientWidth)"
    )
    assert min(page.evaluate(widths)) > 200


def test_bricks_are_searched_and_inserted(page: Any) -> None:
    page.get_by_role("tab", name="Bricks and models").click()
    page.wait_for_selector("#shelf .card")
    page.keyboard.type("attention")
    until(page, "document.querySelectorAll('#shelf .card').length < 30")
    page.locator("#shelf .card").first.click()
    page.wait_for_selector("#detail .inside svg")
    page.screenshot(path=PICTURES / "bricks.png")


def test_the_keyboard_is_enough(page: Any) -> None:
    page.locator("#tab-bricks").click()
    page.locator("#tab-bricks").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#page-graph:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "tab-graph"
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(str(page.evaluate("document.activeElement.getAttribute('class')")))
    # Through the editor and out of it.
    assert any("cm-content" in one for one in reached)
    assert any("drawing" in one for one in reached)


def test_it_is_dark_where_the_system_is(page: Any) -> None:
    page.emulate_media(color_scheme="dark")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(one) for one in re.findall(r"\d+", colour)[:3]) < 60
    page.screenshot(path=PICTURES / "graph_dark.png")
    page.locator("#tab-runs").click()
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / "runs_dark.png")
    page.locator("#tab-listen").click()
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / "listen_dark.png")


def test_nothing_was_complained_of_and_no_other_host_asked(
    page: Any, seen: Seen, address: str
) -> None:
    assert page.url
    assert seen.messages == []
    assert seen.hosts <= {address.split("/")[2], ""}
