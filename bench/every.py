"""All benchmarks, one after another: written to their pages, or compared with what stands there.

    python bench/every.py                       measure, and write docs/performance.md and docs/scale.md
    python bench/every.py --check               measure, and compare with the ratios of docs/performance.md
    python bench/every.py --check lstm rvq      of some benchmarks alone

With `--check` it exits with 1 where a ratio has become 15 % worse than it stands on the page, or is missing. What seems
worse is measured once more before it counts, as other work on the machine may have been in the way. Seconds are not
compared: they are those of one machine.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from page import write_part

BENCH = Path(__file__).parent
PERFORMANCE = BENCH.parent / "docs" / "performance.md"
SCALE = BENCH.parent / "docs" / "scale.md"


class Benchmark(NamedTuple):
    """A script, the arguments that it is called with, and the page that has its table."""

    name: str
    arguments: tuple[str, ...] = ()
    page: Path = PERFORMANCE

    @property
    def script(self) -> Path:
        return BENCH / f"bench_{self.name}.py"


ALL = (
    Benchmark("hcqt"),
    Benchmark("features"),
    Benchmark("compiled"),
    Benchmark("compiled", ("--compiling",)),
    Benchmark("compiled", ("--optimized", "--runs", "41")),
    Benchmark("predict"),
    Benchmark("check"),
    Benchmark("diagnose", ("--runs", "11")),
    Benchmark("sincnet", ("--runs", "21")),
    Benchmark("autopool", ("--runs", "31")),
    Benchmark("rvq"),
    Benchmark("attention"),
    Benchmark("generation", ("--runs", "2")),
    Benchmark("lstm", ("--runs", "61")),
    Benchmark("int8", ("--runs", "21")),
    Benchmark("lightning"),
    Benchmark("waiting"),
    Benchmark("annotations"),
    Benchmark("separation", ("--models", "zoo:separation_bach10", "--runs", "1")),
    Benchmark("scale", page=SCALE),
    Benchmark("retrieval", ("--runs", "3"), page=SCALE),
    Benchmark("memory", page=SCALE),
)


def run(benchmark: Benchmark, option: str) -> int:
    """The exit code of a benchmark that writes its page, or is compared with it."""
    words = [str(benchmark.script), *benchmark.arguments, option, str(benchmark.page)]
    print(f"\n{benchmark.script.name} {' '.join(benchmark.arguments)}", flush=True)
    return subprocess.run([sys.executable, *words], check=False).returncode


def worse(benchmarks: list[Benchmark]) -> list[Benchmark]:
    """Those that are worse than their pages have them, twice in a row."""
    found = [one for one in benchmarks if run(one, "--check")]
    return [one for one in found if run(one, "--check")]


def machine() -> str:
    """What all tables were measured on."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        processor = next(iter(names), processor)
    packages = [f"{name} {version(name)}" for name in ("torch", "numpy", "librosa")]
    python = f"Python {platform.python_version()}"
    return f"{processor}, {platform.system()}; {', '.join([python, *packages])}."


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", help="benchmarks; default: all of them")
    parser.add_argument(
        "--check", action="store_true", help="compare, and write nothing"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {one.name for one in ALL}
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    chosen = [one for one in ALL if one.name in (arguments.names or {one.name})]
    if arguments.check:
        failed = worse(chosen)
        words = "worse than its page"
    else:
        failed = [one for one in chosen if run(one, "--write")]
        words = "failed"
        write_part(machine(), PERFORMANCE, "machine")
    for one in failed:
        print(f"{words}: {one.script.name} {' '.join(one.arguments)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
