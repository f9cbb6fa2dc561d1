"""From a key to its answer on the screen of the studio: an underlined error, and the redrawn graph.

    python bench/bench_studio.py                                mpe_small, mpe_doras_unet, codec_rvq
    python bench/bench_studio.py vae --runs 10                  another one, ten keys of each kind
    python bench/bench_studio.py --write docs/performance.md    put between the markers in the file

Needs the extra [studio], playwright and chromium. Medians of 50 keys in milliseconds, the delay of 120 ms after the
last key included; browser and server share the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from typing import Any

import torch
from page import parser_of, publish
from playwright.sync_api import sync_playwright

GRAPHS = ("mpe_small", "mpe_doras_unet", "codec_rvq")
SCRIPT = "import sys; from mirbricks.cli import main; sys.exit(main(sys.argv[1:]))"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")
# In the page: notes when a key comes, and the first frame that shows the answer to it.
WATCH = """
() => {
  window.times = { error: [], drawn: [] };
  let key = 0, waiting = null;
  addEventListener("keydown", () => { key = performance.now(); waiting = window.wanted; }, true);
  const look = () => {
    const wrong = document.querySelector(".cm-lintRange-error");
    const stale = document.querySelector("#drawing.stale");
    const here = waiting === "error" ? wrong && stale : waiting === "drawn" && !stale && !wrong;
    if (here) {
      window.times[waiting].push(performance.now() - key);
      waiting = null;
    }
    requestAnimationFrame(look);
  };
  look();
}
"""


def wait(page: Any, kind: str, count: int) -> None:
    for _ in range(500):
        if page.evaluate(f"window.times.{kind}.length") >= count:
            return
        page.wait_for_timeout(20)
    raise TimeoutError(f"no answer to key {count}")


def measured(page: Any, keys: int) -> tuple[float, float]:
    """Medians of both; each round makes the name of the first block wrong, and right again."""
    page.locator(".cm-line", has_text=re.compile(r"^\s*- [A-Z]\w+")).first.click()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.evaluate(WATCH)
    for count in range(1, keys + 1):
        page.evaluate("window.wanted = 'error'")
        page.keyboard.press("Q")
        wait(page, "error", count)
        page.evaluate("window.wanted = 'drawn'")
        page.keyboard.press("Backspace")
        wait(page, "drawn", count)
    times = page.evaluate("window.times")
    return statistics.median(times["error"]), statistics.median(times["drawn"])


def opened(address: str, keys: int) -> tuple[float, float]:
    """Both medians of the graph that the studio at this address shows."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector("#state.good, #state.bad")
        if page.locator("#state.bad").count():
            raise SystemExit(f"not sound: {page.locator('#problems').inner_text()}")
        found = measured(page, keys)
        browser.close()
    return found


def row(graph: str, keys: int) -> str:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "studio", graph],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        while not (found := ADDRESS.search(process.stdout.readline())):
            if process.poll() is not None:
                raise SystemExit(f"the studio did not open {graph}")
        error, drawn = opened(found[0], keys)
    finally:
        process.terminate()
        process.wait()
    return f"| {graph} | {error:.0f} | {drawn:.0f} |"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("graphs", nargs="*", help=f"default: {', '.join(GRAPHS)}")
    parser.set_defaults(runs=50)
    arguments = parser.parse_args()
    rows = [
        "| graph | key to underlined error | key to redrawn graph |",
        "|---|--:|--:|",
    ]
    for graph in arguments.graphs or GRAPHS:
        rows.append(row(graph, arguments.runs))
        print(rows[-1], file=sys.stderr, flush=True)
    note = f"Milliseconds, medians of {arguments.runs}; torch {torch.__version__}, {os.cpu_count()} cores."
    publish("\n".join([*rows, "", note]), arguments.write, "studio")


if __name__ == "__main__":
    main()
