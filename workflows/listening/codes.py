"""The error codes of listening tests."""

from __future__ import annotations

from ...errors import register_codes

CODES = {
    "E640": "The sounds of a listening test have one name in every folder: `a.wav` of each system is one item.",
    "E641": "ABX compares two folders, MUSHRA one or more with a reference, and a system has a name of its own.",
    "E642": "An anchor is the reference through a low-pass filter; the sample rate must leave room above its cutoff.",
    "E643": "Results are the csv files that the page of a listening test has downloaded, all of one page.",
    "E644": "Statistics are made over listeners, items or single ratings, and need two or more of them.",
}
register_codes(__name__, CODES)
