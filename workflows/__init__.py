"""The verbs as plain functions with typed parameters and results; nothing here prints, or knows the command line."""

from . import (
    codes as codes,  # the errors of this room can be raised once it is imported
)
