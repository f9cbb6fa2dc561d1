"""The error codes of fetching hosted corpora."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E480": "Hosted corpora are fetched by name, from an address that begins with https://, one at a time per folder.",
    "E481": "The server cannot be reached, or the connection keeps breaking. What arrived is kept; run it again.",
    "E482": "The server answered, but not with the file: it is missing or not public, or the server fails.",
    "E483": "What arrived is not the corpus: the archive or the file in it is cut short, damaged, or something else.",
    "E484": "A hostile archive: names that lead out of the folder, links, or a member that unpacks to fill the disk.",
    "E485": "A file is there that was not fetched, or was changed since. Nothing is ever overwritten.",
    "E486": "The host now has another file than the one fetched before: changed by its owner, or by somebody else.",
}
register_codes(__name__, CODES)
