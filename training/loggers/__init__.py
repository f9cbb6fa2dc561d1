"""Loggers: what gets each record of a training beside metrics.jsonl, such as TensorBoard.

A package brings its own by the entry-point group `mirbricks.loggers`: a module that registers a class on import.
`train --logger NAME` and `mirbricks.train(loggers=[...])` choose them.
"""

from .base import LOGGERS as LOGGERS
from .base import Logger as Logger
from .base import Loggers as Loggers
from .base import register_logger as register_logger
