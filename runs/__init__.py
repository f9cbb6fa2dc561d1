# The errors of this room can be raised once it is imported.
from . import codes as codes
