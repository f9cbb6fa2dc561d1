"""The task adversarial_generation: a generator and a discriminator in turns, and sounds from noise afterwards."""

# The errors of this room can be raised once it is imported.
from . import codes as codes
from .config import AdversarialGenerationConfig
from .task import AdversarialGeneration

__all__ = ["AdversarialGeneration", "AdversarialGenerationConfig"]
