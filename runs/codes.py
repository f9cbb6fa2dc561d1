"""The error codes of run folders."""

from __future__ import annotations

from ..errors import register_codes

CODES = {
    "E600": "There is no run at this path. A run is a folder that `mirbricks train` has written.",
    "E601": "The run folder cannot be made here: the path is a file, a folder with other things in it, or read-only.",
    "E602": "The folder holds a finished training or an ensemble. It is not overwritten: choose another, or delete it.",
    "E603": "The folder holds a training that stopped half-way. It goes on with --resume and is never overwritten.",
    "E604": "Another process is training into this folder. Two would mix their weights and metrics.",
    "E605": "The run has no such file (yet): its training did not get as far as writing it, or the file was removed.",
    "E606": "A file of the run is damaged, or was not written by mirbricks.",
    "E607": "The weights of the run belong to another graph: names or sizes differ.",
    "E609": "A run can predict and be evaluated once its training has ended: the threshold is chosen then.",
    "E619": "A later mirbricks wrote the run or the packed model in a form that this version does not know.",
}
register_codes(__name__, CODES)
