"""Write the table of docs/results.md: `make results DATA=folder`, or `python docs/results.py --data folder`.

Each line of docs/results.yaml is trained with each of its seeds, unless its run is there already, and evaluated; a row
reports mean and standard deviation over the seeds. What is missing or did not end is named in its row.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

import mirbricks as mb
from mirbricks.cli import main
from mirbricks.data.stores.atomic import written_whole
from mirbricks.errors import MirbricksError
from mirbricks.runs.folder import WEIGHTS
from mirbricks.workflows.loading import find_runs

ROOT = Path(mb.__file__).parent
PAGE, LINES = ROOT / "docs" / "results.md", ROOT / "docs" / "results.yaml"
WIDTH = 78  # columns of a command on the page; the mark that joins lines takes two
BEGIN, END = "<!-- results -->", "<!-- /results -->"
SEEDS = "seeds"
HEAD = ("task, data", "graph", "figure", SEEDS, "mean ± sd", "to reach", "to beat")
ALIGN = ("---", "---", "---", "---:", "---:", "---:", "---")


class Line(BaseModel):
    """A line of docs/results.yaml; the file says what each field is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    text: str
    graph: str
    data: str
    prepare: list[str] = []
    beside: list[str] = []
    set: list[str] = []
    folds: int | None = None
    fold: int | None = None
    split: str | None = None
    seeds: list[int] = [0]
    figure: str
    also: list[str] = []
    ensemble: list[str] = []
    of: str = ""
    codec: str = ""
    sounds: int = 0
    heard: str = ""
    reach: float | None = None
    beat: str = ""

    def train_words(
        self, data: str, out: str, seed: int, corpora: str = "corpora"
    ) -> list[str]:
        """The command that trains it with one seed, or makes one model of runs, after `mirbricks`."""
        if self.ensemble:
            return [
                "ensemble",
                *(str(Path(out).parents[1] / run) for run in self.ensemble),
                "--out",
                out,
            ]
        more = [
            word for name in self.beside for word in ("--also", f"{corpora}/{name}")
        ]
        fold = []
        if self.folds:
            fold = ["--fold", "all"]
        elif self.fold is not None:
            fold = ["--fold", str(self.fold)]
        settings = [*self.set, f"train.seed={seed}"]
        if self.codec:
            settings.append(f"task.codec={Path(out).parents[1] / self.codec}")
        overrides = [word for one in settings for word in ("--set", one)]
        return [
            "train",
            self.graph,
            "--data",
            data,
            *more,
            "--out",
            out,
            *fold,
            *overrides,
        ]

    def evaluate_words(self, run: str, data: str) -> list[str]:
        """The command that evaluates a run of it, after `mirbricks`."""
        # What a line of another's runs sets, it sets here; all else has been set by its training.
        settings = self.set if self.of else []
        overrides = [word for one in settings for word in ("--set", one)]
        return ["evaluate", run, "--data", data, *overrides]


class Places(BaseModel):
    """Where corpora and runs lie."""

    data: Path
    corpora: Path
    runs: Path

    def corpus(self, line: Line) -> Path:
        """Where the corpus of a line lies: below `corpora` where one of its commands makes it there."""
        own = f"{{CORPORA}}/{line.data}"
        made = any(own in shlex.split(command) for command in line.prepare)
        return (self.corpora if made else self.data) / line.data

    def run(self, line: Line, seed: int) -> Path:
        return self.runs / (line.of or line.name) / f"seed{seed}"


def read_lines(path: Path = LINES, kind: type[Line] = Line) -> list[Any]:
    return [kind.model_validate(one) for one in YAML(typ="safe").load(path)]


def prepare(line: Line, places: Places) -> None:
    """Make the corpora of a line that are missing; a command without --out works on what the one before has made."""
    made = False
    for command in line.prepare:
        words = [
            word.format(DATA=places.data, CORPORA=places.corpora, ROOT=ROOT)
            for word in shlex.split(command)
        ]
        if "--out" in words:
            made = not Path(words[words.index("--out") + 1]).exists()
        if made:
            _do(words)


def train(line: Line, places: Places, seed: int) -> None:
    """Train what has not ended, every fold of it."""
    out = places.run(line, seed)
    words = line.train_words(
        str(places.corpus(line)), str(out), seed, str(places.corpora)
    )
    if line.ensemble:
        shutil.rmtree(
            out, ignore_errors=True
        )  # of other weights than its runs have now
    else:
        words[1] = str(ROOT / line.graph)
        words += ["--resume"] if out.exists() else []
    _do(words)


def ended(line: Line, places: Places, seed: int) -> bool:
    """Whether every training of a seed has ended; an ensemble is no older than its runs."""
    run = places.run(line, seed)
    try:
        runs = find_runs(run)
        if line.ensemble and _newest(run) < max(
            _newest(places.runs / one) for one in line.ensemble
        ):
            return False
        return len(runs) == (line.folds or 1) and all(
            "tuned" in one.read_settings() for one in runs
        )
    except (MirbricksError, OSError):
        return False


def make_sounds(line: Line, places: Places, seed: int) -> None:
    """Sounds of a run that generates, beside it, with a page to listen to them; again where the weights are newer."""
    run = places.run(line, seed)
    out = run.with_name(f"{run.name}_sounds")
    page = out / "index.html"
    if page.exists() and page.stat().st_mtime >= _newest(run):
        return
    # Sounds of other weights may have other conditions in their names, and would stay beside the new ones.
    shutil.rmtree(out, ignore_errors=True)
    _do(["generate", str(run), "--n", str(line.sounds), "--out", str(out)])


def judge_sounds(line: Line, places: Places, seed: int) -> None:
    """Print the figures of these sounds beside two yardsticks: real against real, and real against noise."""
    run = places.run(line, seed)
    sounds = run.with_name(f"{run.name}_sounds")
    corpus = str(places.corpus(line))
    words = ["judge", str(sounds), corpus, "--run", str(run), "--train", corpus]
    if line.heard:
        words += ["--heard", line.heard]
    _do(words)


def _newest(run: Path) -> float:
    return max((one.path / WEIGHTS).stat().st_mtime for one in find_runs(run))


def figures_of(line: Line, places: Places, seed: int, jobs: str) -> dict[str, Any]:
    """The figures of a seed, as `mirbricks evaluate --json` prints them; kept beside the run until that changes."""
    run = places.run(line, seed)
    # Lines of the same runs keep their figures apart.
    kept = run.with_name(f"{run.name}.{line.name}.json")
    if not line.of:
        kept = run.with_suffix(".json")
    split = ["--split", line.split] if line.split else []
    asked = line.evaluate_words(str(run), str(places.corpus(line)))
    words = [*asked, "--json", *split]
    found: dict[str, Any] = (
        json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    )
    if found.get("command") != words or kept.stat().st_mtime < _newest(run):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            _do([*words, "--jobs", jobs])
        found = {"command": words, **json.loads(out.getvalue())}
        with written_whole(kept) as temporary:
            temporary.write_text(json.dumps(found), encoding="utf-8")
    if line.of:
        figures: dict[str, Any] = found["figures"]
        return figures
    return {**figures_of_training(run, found.get("side")), **found["figures"]}


def figures_of_training(run: Path, side: str | None) -> dict[str, Any]:
    """The figures that a run found itself on the same side: some need the training recordings, such as an n-gram's.

    Nothing of several folds, whose figures together are not those of one.
    """
    runs = find_runs(run)
    if side is None or len(runs) > 1:
        return {}
    settings = runs[0].read_settings()
    if settings.get("evaluated_on") != side:
        return {}
    figures: dict[str, Any] = settings.get("figures", {})
    return figures


def _do(words: Sequence[str]) -> None:
    """Run a command of mirbricks, or a script of the repository. Raises SystemExit where it fails."""
    if words[0] == "python":
        print(shlex.join(words), file=sys.stderr, flush=True)
        code = subprocess.run([sys.executable, *words[1:]], check=False).returncode
    else:
        print(shlex.join(["mirbricks", *words]), file=sys.stderr, flush=True)
        code = main(words)
    if code:
        raise SystemExit(code)


def row(line: Line, found: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """The cells of a line; `found` are the figures of each seed that there is."""
    names = [line.figure, *line.also]
    values = [[figures.get(name) for figures in found.values()] for name in names]
    means = "<br>".join(spread(one) for one in values) if found else "—"
    missing = [str(seed) for seed in line.seeds if seed not in found]
    seeds = str(len(found)) + (f" (missing: {', '.join(missing)})" if missing else "")
    reach = "" if line.reach is None else f"≥ {line.reach:g}"
    return [
        line.text,
        f"`{Path(line.graph).stem}`",
        "<br>".join(names),
        seeds,
        means,
        reach,
        line.beat,
    ]


def shown(line: Line, found: Mapping[int, Mapping[str, Any]]) -> str:
    """The figures of a line as it is worked on, one below the other, for the terminal."""
    names = [line.figure, *line.also]
    width = max(map(len, names))
    lines = [f"{line.name}: {line.text}"]
    for name in names:
        values = [figures.get(name) for figures in found.values()]
        lines.append(f"  {name:<{width}}  {spread(values) if found else '—'}")
    return "\n".join(lines)


def spread(values: Sequence[float | None]) -> str:
    """Mean ± standard deviation of a sample; of one value that alone."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < len(values) or not known:
        return "undefined"
    return f"{statistics.fmean(known):.3f}" + (
        f" ± {statistics.stdev(known):.3f}" if len(known) > 1 else ""
    )


class Table(NamedTuple):
    """What a table is made of: what a line of its file is, the columns, the cells of a line, and where figures lie."""

    line: type[Line]
    head: Sequence[str]
    align: Sequence[str]
    row: Callable[[Any, Mapping[int, Mapping[str, Any]]], list[str]]
    figures: Callable[[Any, Places, int, str], dict[str, Any]] = figures_of


RESULTS = Table(Line, HEAD, ALIGN, row)


def table(rows: Sequence[Sequence[str]], kind: Table = RESULTS) -> str:
    lines = [kind.head, kind.align, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def commands(lines: Sequence[Line]) -> str:
    """The command of each line, for its first seed, as it can be typed in the repository."""
    shown = []
    for line in lines:
        seed = line.seeds[0]
        run = f"runs/results/{line.of or line.name}/seed{seed}"
        words = line.train_words(line.data, run, seed)
        if line.of:
            words = line.evaluate_words(run, line.data)
        shown.append(_wrapped(shlex.join(["mirbricks", *words])))
    return "\n".join(["```console", *shown, "```"])


def _wrapped(command: str) -> str:
    """A command for the page, in lines of at most 80 columns that a shell joins; an option keeps its value."""
    first, *options = re.split(r" (?=--)", f"$ {command}")
    lines = [first]
    for option in options:
        if len(lines[-1]) + 1 + len(option) > WIDTH:
            lines.append(f"    {option}")
        else:
            lines[-1] += f" {option}"
    return " \\\n".join(lines)


def published(page: str, text: str) -> str:
    """The page with the text between the markers."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def rows_of(page: str, columns: int = len(HEAD)) -> dict[tuple[str, str], list[str]]:
    """The rows between the markers of a page, by their first two cells, which no two lines have in common."""
    between = page.partition(BEGIN)[2].partition(END)[0]
    found = {}
    for one in between.splitlines():
        cells = [cell.strip() for cell in one.split("|")[1:-1]]
        if len(cells) == columns:
            found[cells[0], cells[1]] = cells
    return found


def seeds_of(cells: Sequence[str], kind: Table) -> int:
    """How many seeds a row of a page has; 0 in a table that does not say."""
    if not cells or SEEDS not in kind.head:
        return 0
    return int(cells[kind.head.index(SEEDS)].split()[0])


def measured(
    line: Line, places: Places, arguments: argparse.Namespace, kind: Table = RESULTS
) -> dict[int, dict[str, Any]]:
    """The figures of each seed of a line that has a run, trained before where it may."""
    found = {}
    for seed in line.seeds:
        # The runs of another line are trained by that, which stands above.
        trains = not arguments.no_training and not line.of
        if trains and not ended(line, places, seed):
            prepare(line, places)
            train(line, places, seed)
        if ended(line, places, seed):
            found[seed] = kind.figures(line, places, seed, arguments.jobs)
            if line.sounds and not arguments.no_training:
                make_sounds(line, places, seed)
                if arguments.only:
                    judge_sounds(line, places, seed)
    return found


def run(arguments: argparse.Namespace, kind: Table = RESULTS) -> str:
    """Train and evaluate as asked; the text of the table."""
    places = Places(
        data=arguments.data,
        corpora=arguments.corpora or arguments.runs / "corpora",
        runs=arguments.runs,
    )
    every = read_lines(arguments.lines, kind.line)
    unknown = set(arguments.only) - {line.name for line in every}
    if unknown:
        raise SystemExit(f"docs/{arguments.lines.name} has no line '{min(unknown)}'")
    lines = [
        line for line in every if not arguments.only or line.name in arguments.only
    ]
    kept = {}
    if arguments.keep:
        page = arguments.page.read_text(encoding="utf-8")
        kept = rows_of(page, len(kind.head))
    rows, listed = [], []
    for line in lines:
        name, beside, *_ = kind.row(line, {})
        old = kept.get((name, beside), [])
        # What was measured elsewhere stays where fewer seeds, or none, are here.
        here = sum(ended(line, places, seed) for seed in line.seeds)
        if arguments.no_training and here < seeds_of(old, kind):
            found = {}
        else:
            found = measured(line, places, arguments, kind)
        new = kind.row(line, found)
        if arguments.keep and not found:
            # What was never measured has no row.
            new = old
        if new:
            rows.append(new)
            listed.append(line)
        print(shown(line, found), flush=True)
    return f"{table(rows, kind)}\n\n{commands(listed)}"


def parser(
    description: str | None = __doc__, lines: Path = LINES, page: Path = PAGE
) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    p.add_argument(
        "--runs", type=Path, default=Path("runs/results"), help="the folder of the runs"
    )
    p.add_argument(
        "--corpora",
        type=Path,
        help="where corpora are imported to (default: RUNS/corpora)",
    )
    p.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="NAME",
        help="these lines only; the page is left as it is",
    )
    p.add_argument(
        "--no-training", action="store_true", help="report what is there, train nothing"
    )
    p.add_argument(
        "--keep",
        action="store_true",
        help="lines without a run, or with fewer seeds, keep the row that the page has",
    )
    p.add_argument(
        "--jobs", default="-1", help="processes for features (default: all cores)"
    )
    p.add_argument("--lines", type=Path, default=lines, help=argparse.SUPPRESS)
    p.add_argument("--page", type=Path, default=page, help=argparse.SUPPRESS)
    return p


def write(given: argparse.Namespace, kind: Table = RESULTS) -> None:
    """Do what is asked for, and bring the table into its page where it is whole."""
    written = run(given, kind)
    if not given.only:
        with written_whole(given.page) as part:
            part.write_text(
                published(given.page.read_text(encoding="utf-8"), written),
                encoding="utf-8",
            )


if __name__ == "__main__":
    write(parser().parse_args())
