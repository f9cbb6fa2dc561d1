"""How long the training of each shipped recipe waits for its batches: what a batch costs beside the step that takes it.

    python bench/bench_waiting.py                                every recipe, a Markdown table
    python bench/bench_waiting.py mpe_small move                 some of them
    python bench/bench_waiting.py --write docs/performance.md    put between the markers in the file

Every recipe trains for a few steps, as `mirbricks train` would, on a tiny corpus of `mirbricks data synth`. A batch is
made in a thread while the step before it runs, so a training on two cores or more waits only where making a batch takes
longer than a step: the share of waiting is 1 - step / batch then, and 0 else. Both are processor seconds of the two
threads, which what else the machine does hardly changes; `waiting` in metrics.jsonl is the same by the clock. Exits
with 1 where a recipe waits for more than 5 %.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from page import parser_of, publish
from ratios import in_ms

import mirbricks as mb
from mirbricks.compiler.compile import load_graph
from mirbricks.data.corpus import Corpus
from mirbricks.data.synth.example import example
from mirbricks.errors import MirbricksError
from mirbricks.runs.folder import RunFolder
from mirbricks.training import loop
from mirbricks.workflows.experiment import items_of, settled, split_corpus
from mirbricks.workflows.loading import experiment_of
from mirbricks.workflows.prepared import prepare
from mirbricks.workflows.progress import Quiet

GRAPHS = Path(mb.__file__).parent / "graphs"
MOST_WAITING = 0.05
# They fill caches, and make the optimizer's state.
FIRST_STEPS = 2
STEPS = 5
INSTRUMENT = ("task.annotation=instrument",)


class Corpora(NamedTuple):
    """The corpus that a recipe is tried on, and the settings that fit it."""

    kind: str
    overrides: tuple[str, ...] = ()


def corpus_for(name: str, task: dict[str, Any]) -> Corpora:
    """What a recipe can learn from: by its task, and by what it asks of the annotations."""
    kind = task["type"]
    if kind == "covers":
        return Corpora(kind, ("feature.from_audio={type: beat_chroma, sr_hz: 44100}",))
    if kind == "chords":
        return Corpora(kind)
    if kind in ("multi_pitch", "f0"):
        return Corpora(
            "piano" if "onsets" in name or task.get("onsets") else "polyphony"
        )
    if kind == "separation":
        if len(task["targets"]) < 2:
            return Corpora("stems")
        return Corpora("stems", ("task.targets=[vocals, drums, bass, other]",))
    if task.get("mix_stems"):
        return Corpora("stems", INSTRUMENT)
    if kind == "tagging" and task.get("labels") == "several":
        return Corpora("tagged", ("task.annotation=tag",))
    if kind in ("tagging", "self_supervised"):
        return Corpora("notes", INSTRUMENT)
    return Corpora("notes")


def classes_of(corpus: Corpus, annotation: str) -> int:
    """How many labels an annotation has."""
    atoms = [
        atom for item in corpus.items for atom in item.annotations.get(annotation, ())
    ]
    return len({atom.value for atom in atoms})


class Learning:
    """A learner that notes what its batches cost, and judges nothing."""

    def __init__(self, learner: Any) -> None:
        self._learner = learner
        self.batches_s: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)

    def batch(self, step: int) -> Any:
        begin_s = time.thread_time()
        found = self._learner.batch(step)
        self.batches_s.append(time.thread_time() - begin_s)
        return found

    def validate(self, model: object, on_track: object) -> dict[str, float]:  # noqa: ARG002  # figures are not asked for
        return {self._learner.figure: 0.0}


def measured(name: str, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of the batches and of the steps of a recipe."""
    path = GRAPHS / f"{name}.yaml"
    graph = load_graph(path)
    chosen = corpus_for(name, graph.source.data["task"])
    corpus: Corpus = example(chosen.kind, folder=folder / "examples")
    overrides = [
        *chosen.overrides,
        "dataset.split=folds",
        f"train.steps={FIRST_STEPS + STEPS}",
        f"train.validate_every={FIRST_STEPS + STEPS}",
    ]
    # A recipe for a certain corpus has as many classes as that one.
    if "classes" in graph.source.data.get("vars", {}):
        annotation = "tag" if chosen.kind == "tagged" else "instrument"
        overrides.append(f"vars.classes={classes_of(corpus, annotation)}")
    experiment = settled(experiment_of(load_graph(path, overrides)), corpus)
    prepared = prepare(
        experiment, corpus, [], [], cache=str(folder), jobs=1, progress=Quiet()
    )
    items = items_of(
        prepared.items, split_corpus(corpus, experiment.dataset, None).train
    )
    train = experiment.train
    made = experiment.task.learner(
        items, items, prepared.cache, seed=0, batch_size=train.batch_size
    )
    learner = Learning(made)
    times_s: list[float] = []
    moved = loop.on_device

    def noted(*given: Any) -> Any:
        times_s.append(time.thread_time())
        return moved(*given)

    # Called once per step, in the thread of the training, before the batch is used.
    loop.on_device = noted
    try:
        with tempfile.TemporaryDirectory() as run:
            loop.fit(
                experiment.model,
                learner,
                train,
                RunFolder.create(run),
                show=False,
                beside=experiment.task.models,
            )
    finally:
        loop.on_device = moved
    steps_s = [later - one for one, later in itertools.pairwise(times_s)]
    return learner.batches_s[FIRST_STEPS:], steps_s[FIRST_STEPS:]


def recipes() -> list[str]:
    """The shipped graphs that can be trained as they are."""
    found = []
    for path in sorted(GRAPHS.glob("*.yaml")):
        task = load_graph(path).source.data.get("task")
        if task and "type" in task:
            found.append(path.stem)
    return found


def row(name: str, folder: Path) -> tuple[str, float | None]:
    """A line of the table, and the share of waiting; None where the recipe did not run."""
    try:
        batches, steps = measured(name, folder)
    except MirbricksError as error:
        return f"| {name} | | | {error.message} |", None
    batch_s = statistics.median(batches)
    step_s = statistics.median(steps)
    share = max(0.0, 1.0 - step_s / batch_s)
    return (
        f"| {name} | {in_ms(batches, 1)} | {in_ms(steps, 1)} | {100 * share:.0f} % |",
        share,
    )


def main() -> int:
    parser = parser_of(__doc__)
    parser.add_argument("recipes", nargs="*", help="names of graphs; default: all")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = ["| recipe | a batch | a step | share of waiting |", "|---|---:|---:|---:|"]
    slow = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.recipes or recipes():
            line, share = row(name, Path(folder))
            rows.append(line)
            print(line, file=sys.stderr, flush=True)
            if share is None or share > MOST_WAITING:
                slow.append(name)
    note = (
        f"Seconds of a core, medians of {STEPS} steps; torch {torch.__version__}, {os.cpu_count()} cores, one thread. "
        f"Waiting for more than {100 * MOST_WAITING:.0f} %: {', '.join(slow) or 'no recipe'}."
    )
    publish("\n".join([*rows, "", note]), arguments, "waiting")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
