"""The commands `studio` and `lsp`."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ..data.importers.optional import optional
from ..errors import DataError
from ..zoo import graphs


def lsp(_: Namespace) -> int:
    """Serve an editor over stdin and stdout until it says so."""
    from ..studio.lsp import main  # what it needs of torch is loaded with it

    return main()


def studio(arguments: Namespace) -> int:
    """Serve the studio until it is interrupted."""
    for module in ("starlette", "uvicorn"):
        optional(module, "studio")
    from ..studio.places import Places
    from ..studio.server import Studio, serve

    folders, opened = _asked(arguments.what, arguments.folder)
    one = Studio(Places(folders), opened, _plugins(arguments))

    def listening(address: str) -> None:
        print(
            f"the studio is open at\n  {address}\nthe address is good once; Ctrl-C ends it",
            flush=True,
        )
        if arguments.open:
            import webbrowser

            webbrowser.open(address)

    try:
        serve(one, arguments.port, listening)
    except KeyboardInterrupt:
        pass  # the way to end it
    except OSError as error:
        message = f"port {arguments.port} cannot be used: {error.strerror}"
        raise DataError(
            message, code="E904", help="leave --port out: a free one is taken"
        ) from None
    print("the studio is closed", file=sys.stderr)
    return 0


def _asked(what: str, more: list[str]) -> tuple[list[str], dict[str, str]]:
    """The folders that are shown, and what is opened first."""
    path = Path(what)
    if path.is_file():
        return [str(path.resolve().parent), *more], {"graph": str(path.resolve())}
    if path.is_dir():
        from ..runs.folder import GRAPH, MARK

        resolved = path.resolve()
        if (path / MARK).is_file():
            opened = {"run": str(resolved)}
            if (resolved / GRAPH).is_file():
                opened["graph"] = str(resolved / GRAPH)
            return [str(resolved.parent), *more], opened
        return [str(resolved), *more], {}
    if what in graphs():
        return [str(Path.cwd()), *more], {"graph": what}
    raise DataError(
        f"there is no '{what}'",
        code="E409",
        help="give a graph file, a run folder, or a folder that holds them",
    )


def _plugins(arguments: Namespace) -> list[str]:
    found: list[str] = []
    for name, modules in vars(arguments).items():
        if name.startswith("plugin"):
            found += modules
    return found
