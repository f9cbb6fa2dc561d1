"""From a key to its answer on the screen of the studio: an underlined error, and the redrawn graph.

    python bench/bench_studio.py                                every shipped graph
    python bench/bench_studio.py vae mpe_small --runs 10        some of them, ten keys of each kind
    python bench/bench_studio.py --write docs/performance.md    put between the markers in the file

Needs the extra [studio], playwright and chromium. Medians of 50 keys in milliseconds, the delay of 120 ms after the
last key included; browser and server share the machine. One key makes a name wrong, or takes the `#` away from a layer
whose size does not fit; the next one mends it.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from graph_texts import GRAPHS, NAMED, wrong_layers
from page import parser_of, publish
from playwright.sync_api import sync_playwright

import mirbricks as mb

# 120 ms of them are the delay after the last key.
LIMIT_MS = 170.0
LIMIT_DRAWN_MS = 500.0
SCRIPT = "import sys; from mirbricks.cli import main; sys.exit(main(sys.argv[1:]))"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")
# In the page: notes when a key comes, and the first frame that shows the answer to it.
WATCH = """
() => {
  window.times = [];
  let key = 0, waiting = null;
  addEventListener("keydown", () => { key = performance.now(); waiting = window.wanted; }, true);
  const look = () => {
    const wrong = document.querySelector(".cm-lintRange-error");
    const stale = document.querySelector("#drawing.stale");
    const here = waiting === "error" ? wrong && stale : waiting === "drawn" && !stale && !wrong;
    if (here) {
      window.times.push(performance.now() - key);
      waiting = null;
    }
    requestAnimationFrame(look);
  };
  look();
}
"""


@dataclass
class Place:
    """Where a key makes a text wrong, counted from 1, and the keys that do and undo it."""

    line: int
    column: int
    break_key: str
    mend_key: str


def name_place(text: str) -> Place:
    """Before the first name of a block, wherever in the text it is."""
    found = NAMED.search(text)
    assert found, "no block, no part and no graph that it extends"
    before = text[: found.end()]
    column = len(before) - before.rfind("\n")
    return Place(before.count("\n") + 1, column, "Q", "Backspace")


def size_place(text: str, file: str) -> tuple[str, Place] | None:
    """The text with a layer of a wrong size in a comment, and the place after its `#`; a variant has no layers."""
    lines = text.splitlines()
    for at, indent, layer in wrong_layers(text):
        wrong = "\n".join([*lines[:at], f"{indent}{layer}", *lines[at:], ""])
        # Some joins take any size, as those that broadcast do.
        if not mb.diagnose(wrong, file, thorough=False).errors:
            continue
        sound = "\n".join([*lines[:at], f"{indent}#{layer}", *lines[at:], ""])
        return sound, Place(at + 1, len(indent) + 2, "Backspace", "#")
    return None


def go(page: Any, place: Place) -> None:
    """To a place of the document by its number: only the lines on the screen are in the page."""
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+Alt+g")
    where = page.locator(".cm-goto-line input")
    # The dialogue of the editor counts columns from 0.
    where.fill(f"{place.line}:{place.column - 1}")
    where.press("Enter")


def answered(page: Any, kind: str, key: str) -> float:
    """Milliseconds from this key to its answer."""
    seen = page.evaluate(f"window.wanted = '{kind}', window.times.length")
    page.keyboard.press(key)
    for _ in range(1000):
        if page.evaluate("window.times.length") > seen:
            return float(page.evaluate("window.times.at(-1)"))
        page.wait_for_timeout(20)
    raise TimeoutError(f"no {kind} after {key} within 20 s")


def medians(page: Any, place: Place, keys: int) -> tuple[float, float]:
    """Of the errors and of the drawings; what the first key loads for the first time is not counted."""
    go(page, place)
    errors = []
    drawings = []
    for _ in range(keys + 1):
        errors.append(answered(page, "error", place.break_key))
        drawings.append(answered(page, "drawn", place.mend_key))
    return statistics.median(errors[1:]), statistics.median(drawings[1:])


def sound(page: Any, graph: str) -> None:
    page.wait_for_selector("#state.good, #state.bad")
    if page.locator("#state.bad").count():
        words = page.locator("#problems").inner_text()
        raise SystemExit(f"{graph} is not sound: {words}")


def opened(page: Any, graph: str) -> None:
    with redrawn(page):
        page.locator("select[aria-label='open a graph']").select_option(graph)
    sound(page, graph)


def typed(page: Any, text: str, graph: str) -> None:
    """The whole text of the editor is now this one."""
    page.locator(".cm-content").focus()
    with redrawn(page):
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(text)
    sound(page, graph)


@contextmanager
def redrawn(page: Any) -> Iterator[None]:
    """Waits for another drawing than the one that is there."""
    page.evaluate("document.querySelector('#drawing svg').id = 'before'")
    yield
    page.wait_for_selector("#drawing svg:not(#before)")


def row(page: Any, graph: str, keys: int) -> list[float | None]:
    """Key to the wrong name, to the wrong size, and to the drawing after either, the later of the two."""
    path = GRAPHS / f"{graph}.yaml"
    text = path.read_text(encoding="utf-8")
    opened(page, graph)
    name, drawn = medians(page, name_place(text), keys)
    found = size_place(text, str(path))
    if found is None:
        return [name, None, drawn]
    typed(page, found[0], graph)
    size, drawn_again = medians(page, found[1], keys)
    return [name, size, max(drawn, drawn_again)]


@contextmanager
def studio() -> Iterator[str]:
    """The address of a studio of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "studio", "mpe_small"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        while not (found := ADDRESS.search(process.stdout.readline())):
            if process.poll() is not None:
                raise SystemExit("the studio did not open")
        yield found[0]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser_page(address: str) -> Iterator[Any]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.set_default_timeout(60_000)
        # Each graph leaves an unsaved text behind.
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(address)
        page.wait_for_selector("#drawing svg")
        page.evaluate(WATCH)
        yield page
        browser.close()


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def is_late(values: list[float | None]) -> bool:
    name, size, drawn = (value or 0.0 for value in values)
    return max(name, size) > LIMIT_MS or drawn > LIMIT_DRAWN_MS


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("graphs", nargs="*", help="names; default: every one")
    parser.set_defaults(runs=50)
    arguments = parser.parse_args()
    graphs = arguments.graphs or sorted(path.stem for path in GRAPHS.glob("*.yaml"))
    rows = [
        "| graph | key to wrong name | key to wrong size | key to redrawn graph |",
        "|---|--:|--:|--:|",
    ]
    late = []
    with studio() as address, browser_page(address) as page:
        for graph in graphs:
            values = row(page, graph, arguments.runs)
            rows.append(f"| {graph} | {' | '.join(map(shown, values))} |")
            print(rows[-1], file=sys.stderr, flush=True)
            if is_late(values):
                late.append(graph)
    note = (
        f"Milliseconds, medians of {arguments.runs}; torch {torch.__version__}, {os.cpu_count()} cores. "
        f"Later than {LIMIT_MS:.0f} (errors) or {LIMIT_DRAWN_MS:.0f} (drawing): {', '.join(late) or 'no graph'}."
    )
    publish("\n".join([*rows, "", note]), arguments, "studio")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
