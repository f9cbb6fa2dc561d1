"""The pitch of a voice while it sounds: samples are pushed, and frames come out a fixed time later."""

from __future__ import annotations

from typing import Any

from ...errors import TaskError
from ..streaming import Plan, Stream
from .task import F0Estimation


class F0Stream(Stream):
    """A trained model of the task f0 that hears a voice as it comes: `Model.stream` of such a model.

    Parameters
    ----------
    model : Model
        As `mirbricks.load` gives it. Its graph sees a limited number of frames: no recurrence, no attention.
    peak : float, optional
        The largest magnitude of the feature, which levels are relative to: with that of the whole recording
        (`model.predict` uses it) the answers are those of `predict`. Default: the largest that has come so far.
    sr_hz : int, optional
        The rate of the samples in Hz; default: that of the model's feature.

    Raises
    ------
    TaskError
        E517 for a model of another task, or one whose graph sees the whole recording.

    Examples
    --------
    >>> import mirbricks as mb
    >>> from mirbricks.tasks.f0 import F0Stream
    >>> stream = F0Stream(mb.load("zoo:f0_notes"))                                # doctest: +SKIP
    >>> for block in blocks:                                                      # doctest: +SKIP
    ...     print(stream.push(block).hz)
    >>> last = stream.flush()                                                     # doctest: +SKIP
    """

    def __init__(
        self, model: Any, peak: float | None = None, sr_hz: int | None = None
    ) -> None:
        if not isinstance(model.task, F0Estimation):
            raise TaskError(
                f"a model of the task '{model.task.name}' does not follow one pitch",
                code="E517",
                help="take a model of the task f0",
            )
        plan = Plan.of(model.task, model.module, model.settings.tuned)
        super().__init__(plan, sr_hz, peak)
