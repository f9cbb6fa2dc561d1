"""From a key to its answer on the screen of the studio: an underlined error, and the redrawn graph.

    python bench/bench_studio.py [GRAPH ...]    default: mpe_small, mpe_doras_unet, codec_rvq

Needs the extra [studio], playwright and chromium. Medians of 50 keys in milliseconds, the delay of 120 ms after the
last key included; browser and server share the machine.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from typing import Any

from playwright.sync_api import sync_playwright

KEYS = 50
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


def measured(page: Any) -> tuple[float, float]:
    """Medians of both; each round makes the name of the first block wrong, and right again."""
    page.locator(".cm-line", has_text=re.compile(r"^\s*- [A-Z]\w+")).first.click()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.evaluate(WATCH)
    for count in range(1, KEYS + 1):
        page.evaluate("window.wanted = 'error'")
        page.keyboard.press("Q")
        wait(page, "error", count)
        page.evaluate("window.wanted = 'drawn'")
        page.keyboard.press("Backspace")
        wait(page, "drawn", count)
    times = page.evaluate("window.times")
    return statistics.median(times["error"]), statistics.median(times["drawn"])


def main() -> None:
    print("| graph | key to underlined error | key to redrawn graph |\n|---|--:|--:|")
    for graph in sys.argv[1:] or ["mpe_small", "mpe_doras_unet", "codec_rvq"]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "studio", graph],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        while not (found := ADDRESS.search(process.stdout.readline())):
            assert process.poll() is None
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(found[0])
            page.wait_for_selector("#drawing svg")
            error, drawn = measured(page)
            browser.close()
        process.terminate()
        process.wait()
        print(f"| {graph} | {error:.0f} | {drawn:.0f} |", flush=True)


if __name__ == "__main__":
    main()
