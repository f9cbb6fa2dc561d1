"""The task separation: the sources of a mix, each as a sound of its own."""

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import SeparationConfig
from .prediction import Separated
from .task import Separation

__all__ = ["Separated", "Separation", "SeparationConfig"]
