"""A training that has ended, in Python: what `mirbricks.train` gives."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..data.corpus import Corpus
from ..data.workers import Backend
from ..errors import RunError
from ..runs.folder import RunFolder
from ..tasks.base import Evaluation
from ..training.loggers.base import LOGGERS, Logger
from .arguments import flag_of, jobs_of, optional_path_of, path_of, paths_of, wrong
from .evaluate import evaluate as evaluate_runs
from .extract import refuse_unknown_backend
from .loading import find_runs, load_run
from .model import Model
from .model import load as load_model
from .overrides import Values, overrides_of
from .progress import progress_of
from .report import REPORT
from .run_on_corpus import Options as EvaluationOptions
from .train import Options, pooled
from .train import train as train_folds


class TrainedRun:
    """The folder of a training, or of all its folds.

    Attributes
    ----------
    path : Path
        The run folder.
    stopped : str
        How the training ended: "finished", "patience" or "interrupted".
    evaluation : Evaluation
        The figures on the test tracks, and those of each track; without figures where it was interrupted.
    folds : list of TrainedRun
        The runs of all folds, where all were trained; else empty.
    """

    def __init__(
        self,
        path: Path,
        stopped: str,
        evaluation: Evaluation,
        folds: Sequence[TrainedRun] = (),
    ) -> None:
        self.path = path
        self.stopped = stopped
        self.evaluation = evaluation
        self.folds = list(folds)

    @property
    def figures(self) -> dict[str, float]:
        """The figures of all test tracks together."""
        return self.evaluation.figures

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """What the training logged: (step, value) pairs by name, such as "loss", "lr" and "valid.Accuracy"."""
        curves: dict[str, list[tuple[int, float]]] = {}
        for record in self._single().read_metrics():
            step = record["step"]
            for name, value in _flat(record).items():
                curves.setdefault(name, []).append((step, value))
        return curves

    @property
    def report(self) -> Path:
        """The page with figures, curves, pictures and settings."""
        return self._single().path / REPORT

    def load(self) -> Model:
        """The model with the best weights."""
        return load_model(self._single().path)

    def plot(self) -> Any:
        """A matplotlib figure of the loss and of the validations."""
        from ..plots.training import loss_curves

        run = self._single()
        metrics = run.read_metrics()
        if not metrics:
            raise RunError(
                f"'{self.path}' has no curves: it is packed, or an ensemble",
                code="E612",
                help="plot the run that it was made of",
            )
        model = self.load()
        return loss_curves(metrics, model.task.headline)

    def _repr_html_(self) -> str:
        """The figures and the curves, in a notebook."""
        words = f"<p>{escape(repr(self)[1:-1])}</p>"
        if self.folds:
            return words + self.evaluation._repr_html_()
        from ..plots.notebook import image

        curves = image(self.plot(), f"loss and validations of {self.path.name}")
        return words + curves + self.evaluation._repr_html_()

    def _single(self) -> RunFolder:
        if self.folds:
            raise RunError(
                f"'{self.path}' holds {len(self.folds)} folds, each a run of its own",
                code="E600",
                help="take one of them: run.folds[0]",
            )
        return RunFolder.open(self.path)

    def __repr__(self) -> str:
        if not self.figures:
            return f"<run {self.path}: {self.stopped}>"
        shown = list(self.figures.items())[:3]
        words = ", ".join(f"{name} {value:.3f}" for name, value in shown)
        return f"<run {self.path}: {words}>"


def train(
    graph: str | Path,
    data: str | Path | Corpus,
    out: str | Path,
    *,
    fold: int | str | None = None,
    set: Values | None = None,
    also: Sequence[str | Path] = (),
    start_from: str | Path | Model | TrainedRun | None = None,
    resume: bool = False,
    cache: str | Path | None = None,
    jobs: int = -1,
    device: str = "cpu",
    loggers: Sequence[str | type[Logger]] = (),
    profile: bool = False,
    progress: bool = True,
) -> TrainedRun:
    """Train a graph on a corpus, evaluate it on the test fold and write a report: what `mirbricks train` does.

    Parameters
    ----------
    graph : str or Path
        A graph file with the sections `feature`, `dataset`, `task` and `train`, or `zoo:NAME`.
    data : str, Path or Corpus
        The corpus, or its folder.
    out : str or Path
        The folder of the run; it must be new, empty, or hold a run to resume.
    fold : int or str, optional
        The test fold, 0 by default; "all" trains one after another; "none" trains on everything.
    set : mapping, optional
        Settings instead of those of the file: `{"train.lr": 1e-3, "vars.width": 32}`.
    also : sequence of paths
        Further corpora, all of whose recordings train.
    start_from : str or Path, optional
        A run or `zoo:NAME` whose weights it begins with, where names and shapes fit.
    resume : bool
        Go on where the run in `out` stopped.
    cache : str or Path, optional
        The folder of the feature cache; by default in the user's cache folder.
    jobs : int
        Processes that compute features; -1 for all cores.
    device : str
        The torch device.
    loggers : sequence of str or type
        What gets every record beside metrics.jsonl: names such as "tensorboard", or classes that derive from
        `mirbricks.training.loggers.Logger`.
    profile : bool
        Whether steps 3 to 12 are profiled: `profile.json` in the run is the trace, and a table is printed.
    progress : bool
        Whether bars and lines are shown.

    Returns
    -------
    TrainedRun
        With `figures`, `curves`, `load()` and `plot()`. An interrupted training has stopped "interrupted", and goes
        on with `resume=True`.

    Raises
    ------
    GraphError, TaskError, DataError, RunError
        For everything that is wrong with graph, corpus or folder, before a step is made.

    Examples
    --------
    >>> import mirbricks as mb
    >>> brief = {"train.steps": 2, "train.validate_every": 2, "train.batch_size": 2, "dataset.folds": 3}
    >>> run = mb.train("mpe_small", "clips", "run", set=brief, jobs=1, progress=False)
    >>> run.stopped
    'finished'
    """
    overrides = overrides_of(set)
    graph = path_of(graph, "graph")
    data = path_of(data, "data")
    others = paths_of(also, "also")
    begun = optional_path_of(start_from, "start_from")
    options = Options(
        out=Path(path_of(out, "out")),
        command=_command(graph, data, out, fold, overrides, others, begun),
        overrides=overrides,
        fold=None if fold is None else str(fold),
        also=others,
        start_from=begun,
        resume=flag_of(resume, "resume"),
        cache=optional_path_of(cache, "cache"),
        jobs=jobs_of(jobs),
        device=device,
        loggers=tuple(
            LOGGERS.get(one) if isinstance(one, str) else one for one in loggers
        ),
        profiled=flag_of(profile, "profile"),
    )
    shown = progress_of(flag_of(progress, "progress"))
    ended = list(train_folds(graph, data, options, shown))
    runs = []
    for one in ended:
        found = one.evaluation or Evaluation({}, {})
        runs.append(TrainedRun(one.run.path, one.result.stopped, found))
    if ended[0].n_folds == 1:
        return runs[0]
    # Figures of some of the folds would look like those of the corpus, and are not.
    complete = len(ended) == ended[0].n_folds and runs[-1].stopped != "interrupted"
    together = Evaluation({}, {})
    if complete:
        together = pooled(ended)
    return TrainedRun(Path(out), runs[-1].stopped, together, runs)


def evaluate(
    run: str | Path | Model | TrainedRun,
    data: str | Path | Corpus,
    *,
    split: str | None = None,
    set: Values | None = None,
    cache: str | Path | None = None,
    jobs: int = -1,
    device: str = "cpu",
    backend: Backend | None = None,
    progress: bool = True,
) -> Evaluation:
    """Judge a run, all folds of one, or a model of the zoo on a corpus: what `mirbricks evaluate` does.

    Parameters
    ----------
    run : str, Path, Model or TrainedRun
        A run folder, a folder of folds (fold0, fold1, ...), a packed model, or `zoo:NAME`.
    data : str, Path or Corpus
        The corpus, or its folder.
    split : str, optional
        "train", "valid", "test", "all", or a fold as the corpus has it. By default the test side of the run's own
        corpus; of another, and for a packed model, all recordings.
    set : mapping, optional
        Settings of the task, such as `{"task.annotation": "tags"}`.
    backend : {"loky", "dask", "ray"}, optional
        Whose workers compute features and judge tracks, as for `mirbricks.extract_features`; by default this process
        judges the tracks.
    cache, jobs, device, progress
        As for `mirbricks.train`.

    Returns
    -------
    Evaluation
        `figures` of all tracks together, and what each track adds to them in `tracks`.

    Raises
    ------
    RunError, DataError, TaskError
        E600 to E610 for the run, E410 and E443 for the corpus and its sides, E503 to E508 for its annotations, E437
        for arguments; with a backend E456 for a worker that was killed, E468 without the package of the cluster, E638
        for a task that judges all recordings together.

    Examples
    --------
    >>> import mirbricks as mb
    >>> found = mb.evaluate("zoo:mpe_bach10", "clips", jobs=1, progress=False)
    >>> sorted(found.tracks)
    ['01.wav', '02.wav', '03.wav', '04.wav']
    """
    if backend is not None:
        refuse_unknown_backend(backend)
    if isinstance(run, Model):
        # Its weights may have been changed, and workers read those of the folder.
        if backend is not None:
            raise wrong("run", "a folder, or zoo:NAME, for a backend", run)
        return run.evaluate(
            data, split=split, set=set, cache=cache, jobs=jobs, progress=progress
        )
    options = EvaluationOptions(
        split=split,
        overrides=overrides_of(set),
        cache=optional_path_of(cache, "cache"),
        jobs=jobs_of(jobs),
        device=device,
        backend=backend,
    )
    shown = progress_of(flag_of(progress, "progress"))
    folder = path_of(run, "run")
    corpus = path_of(data, "data")
    return evaluate_runs(folder, corpus, options, shown).evaluation


def open_run(path: str | Path) -> TrainedRun:
    """A training that ended earlier, from its folder, or all folds of one.

    Parameters
    ----------
    path : str or Path
        A run folder, or a folder of folds.

    Returns
    -------
    TrainedRun
        What `mirbricks.train` returned then.

    Raises
    ------
    RunError
        E600 where there is no run, E606 for a damaged one.

    Examples
    --------
    >>> import mirbricks as mb
    >>> mb.open_run("trained").stopped
    'finished'
    """
    source = path_of(path, "path")
    runs = []
    tracks: dict[str, Any] = {}
    for folder in find_runs(source):
        settings = folder.read_settings()
        found = Evaluation(settings.get("figures") or {}, settings.get("tracks") or {})
        stopped = str(settings.get("stopped", "interrupted"))
        runs.append(TrainedRun(folder.path, stopped, found))
        tracks |= found.tracks
    if len(runs) == 1:
        return runs[0]
    tracks = dict(sorted(tracks.items()))
    figures = {}
    if all(one.figures for one in runs):
        experiment, _ = load_run(RunFolder.open(runs[0].path))
        figures = experiment.task.pooled(tracks)
    together = Evaluation(figures, tracks)
    return TrainedRun(Path(source), runs[-1].stopped, together, runs)


def _flat(record: dict[str, Any]) -> dict[str, float]:
    """The numbers of a line of metrics.jsonl by name; those of a validation are called valid.NAME."""
    numbers: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            inner = _flat(value)
            numbers |= {f"{name}.{key}": number for key, number in inner.items()}
        elif isinstance(value, int | float) and name != "step":
            numbers[name] = float(value)
    return numbers


def _command(
    graph: str | Path,
    data: str | Path,
    out: str | Path,
    fold: int | str | None,
    overrides: Sequence[str],
    also: Sequence[str | Path],
    start_from: str | Path | None,
) -> str:
    """The same training as a command, for the report and the card."""
    words = ["mirbricks", "train", str(graph), "--data", str(data), "--out", str(out)]
    if fold is not None:
        words += ["--fold", str(fold)]
    for folder in also:
        words += ["--also", str(folder)]
    if start_from is not None:
        words += ["--from", str(start_from)]
    for one in overrides:
        words += ["--set", one]
    return shlex.join(words)
