"""TensorBoard: curves of a training in a browser. `pip install 'mirbricks[tensorboard]'`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import RunError
from .base import Logger, flat, register_logger

FOLDER = "tensorboard"  # in the run


@register_logger("tensorboard")
class TensorBoard(Logger):
    """Writes RUN/tensorboard; `tensorboard --logdir RUNS` shows it."""

    def __init__(self, run: Path, step: int) -> None:
        super().__init__(run, step)
        try:
            from torch.utils.tensorboard import SummaryWriter  # needs its package
        except ImportError as error:
            raise RunError(
                "the package 'tensorboard' is not installed",
                code="E618",
                help="pip install tensorboard",
            ) from error
        # What came after the step that is resumed is trained again, and hidden until then.
        self._writer = SummaryWriter(str(run / FOLDER), purge_step=step)

    def record(self, record: Mapping[str, Any]) -> None:
        for name, value in flat(record).items():
            self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        self._writer.close()
