"""The commands `studio` and `lsp`."""

from __future__ import annotations

from argparse import Namespace


def lsp(_: Namespace) -> int:
    """Serve an editor over stdin and stdout until it says so."""
    from ..studio.lsp import main  # what it needs of torch is loaded with it

    return main()
