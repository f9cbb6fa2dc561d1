"""The line to a server: how it is opened, and its failures in words."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from ...errors import DataError

TIMEOUT_S = 30.0  # without a single byte
MOST_WAITED_S = 60.0  # of what a server may ask for in Retry-After
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class BrokenError(Exception):
    """The line broke, or the server has a bad moment: worth another try. `wait_s`: the pause the server asks for."""

    def __init__(self, said: str, code: str = "E481", wait_s: float = 0.0) -> None:
        super().__init__(said)
        self.code = code
        self.wait_s = wait_s


def answer(url: str, headers: dict[str, str]) -> Any:
    """The response to GET, a context manager. HTTP and HTTPS, through the proxy of the environment if there is one;
    no files, no FTP."""
    opener = OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    return opener.open(Request(url, headers=headers), timeout=TIMEOUT_S)


@contextlib.contextmanager
def line(url: str) -> Iterator[None]:
    """Failures of the network inside, as BrokenError; what no further try will mend, as DataError E481 or E482.

    An HTTPError 416 goes through: it is about the part that was asked for.
    """
    try:
        yield
    except HTTPError as error:
        with error:
            if error.code == 416:
                raise
            raise _refused(url, error) from error
    except (URLError, OSError, http.client.HTTPException) as error:
        if isinstance(error, URLError):
            reason = error.reason
        else:
            reason = error
        # No further try would mend a certificate, and none may go on without it.
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DataError(
                f"the certificate of '{urlsplit(url).netloc}' cannot be trusted: {reason.verify_message}",
                code="E481",
                help="check the date of this machine and its certificates; a proxy may stand between",
            ) from error
        raise BrokenError(_in_words(reason)) from error


def given_up(url: str, broken: BrokenError, tries: int, size: int) -> DataError:
    """The error after the last try."""
    if size:
        kept = f"; it goes on after the {size} bytes that are here"
    else:
        kept = ""
    return DataError(
        f"cannot fetch '{url}': {broken}",
        code=broken.code,
        facts=[("tried", f"{tries} times" if tries > 1 else "once")],
        help=f"check the network and run the same command again{kept}",
    )


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Failures of the disk inside, as DataError E408: they are not failures of the network."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            help = "free some space and run it again: it goes on where it stopped"
        else:
            help = "choose another folder"
        reason = error.strerror or error
        raise DataError(
            f"cannot write into '{folder}': {reason}", code="E408", help=help
        ) from error


class _SafeRedirects(HTTPRedirectHandler):
    """Follows the server elsewhere, but not from https to http."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        # Whoever asked for https must not be sent on in the clear, where anyone may change what comes.
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise HTTPError(
                newurl,
                code,
                "it sends on to an address without encryption",
                headers,
                fp,
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_HANDLERS = (
    ProxyHandler,
    HTTPHandler,
    HTTPSHandler,
    _SafeRedirects,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    UnknownHandler,
)


def _in_words(reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return "the name of the server is not known"
    if isinstance(reason, TimeoutError):
        return f"no answer for {TIMEOUT_S:g} s"
    if isinstance(reason, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(reason, http.client.IncompleteRead | ConnectionError):
        return "the line was cut"
    return " ".join(str(reason).split()) or type(reason).__name__


def _refused(url: str, error: HTTPError) -> DataError | BrokenError:
    said = f"{error.code} {error.reason or http.client.responses.get(error.code, '')}".strip()
    if error.code in _PASSING:
        # A busy server may say how long to wait; one that says a day is not waited for.
        asked = error.headers.get("Retry-After", "")
        if asked.isdigit():
            wait_s = min(float(asked), MOST_WAITED_S)
        else:
            wait_s = 0.0
        return BrokenError(f"the server failed: {said}", "E482", wait_s)
    if error.code in (404, 410):
        message = f"the server has no '{url}': {said}"
    else:
        message = f"the server refuses '{url}': {said}"
    return DataError(
        message,
        code="E482",
        help="check the address; --base-url takes another server or a mirror",
    )
