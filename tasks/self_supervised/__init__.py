"""The task self_supervised: an encoder that learns without labels, and what its embeddings know of labels after."""

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import SelfSupervisedConfig
from .prediction import Represented
from .task import SelfSupervised

__all__ = ["Represented", "SelfSupervised", "SelfSupervisedConfig"]
