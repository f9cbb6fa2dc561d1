"""Memory that is no longer needed goes back to the system, so that the peak of one stage is not added to the next."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Return freed memory to the system where the C library can: glibc keeps pages with small holes for itself."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return  # another C library, such as that of macOS or Windows
    trim(0)
