"""Standard MIDI Files as bytes, so that tests can write what no library would."""

from __future__ import annotations

import struct


def variable(number: int) -> bytes:
    """A number of variable length."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def note(onset: int, duration: int, pitch: int = 60, velocity: int = 80) -> bytes:
    """A note-on after `onset` ticks, and its note-off after `duration` more."""
    begin = variable(onset) + bytes((0x90, pitch, velocity))
    return begin + variable(duration) + bytes((0x80, pitch, 64))


def meta(kind: int, content: bytes, wait: int = 0) -> bytes:
    return variable(wait) + bytes((0xFF, kind)) + variable(len(content)) + content


END = meta(0x2F, b"")


def track(*events: bytes, end: bytes = END) -> bytes:
    content = b"".join(events) + end
    return b"MTrk" + struct.pack(">L", len(content)) + content


def midi(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    """A file of these tracks; 480 ticks per beat are half a second."""
    head = struct.pack(">LHHH", 6, kind, len(tracks), division)
    return b"MThd" + head + b"".join(tracks)
