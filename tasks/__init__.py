from . import (
    codes as codes,
)  # the errors of this room can be raised once it is imported
