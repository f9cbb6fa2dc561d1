"""`mirbricks`, whose processes under torchrun are killed in the middle of a training, each in a launch of its own.

KILLS="0:1:5 1:0:9"    before the first restart rank 1 dies in step 5, after it rank 0 in step 9
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from mirbricks.cli import main
from mirbricks.training.turns import MovingTurn

_move = MovingTurn.move
_steps = itertools.count(1)


def _move_or_die(turn: MovingTurn, batch: Any, step: int, signals: Any) -> bool:
    here = f"{os.environ['TORCHELASTIC_RESTART_COUNT']}:{os.environ['RANK']}:{next(_steps)}"
    if here in os.environ.get("KILLS", "").split():
        os.kill(os.getpid(), signal.SIGKILL)
    return _move(turn, batch, step, signals)


if __name__ == "__main__":
    MovingTurn.move = _move_or_die  # type: ignore[method-assign]  # dies as a process does that is out of memory
    sys.exit(main())
