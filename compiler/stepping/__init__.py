"""A compiled graph one place after another: with caches where its blocks have them, or as a whole each time."""

from __future__ import annotations

from .steps import Steps
from .whole import Sequential, Stepper, Whole, stepper_of, steps_agree

__all__ = ["Sequential", "Stepper", "Steps", "Whole", "stepper_of", "steps_agree"]
