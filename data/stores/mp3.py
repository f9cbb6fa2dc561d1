"""The frames of an mp3, found by their headers: what a file holds, whatever its first frame announces."""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# ISO/IEC 11172-3 and 13818-3, table of the frame header; MPEG 2.5 is the extension of Fraunhofer IIS.
_RATES_HZ = {
    3: (44100, 48000, 32000),
    2: (22050, 24000, 16000),
    0: (11025, 12000, 8000),
}
_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1 = 3
_LAYER_3 = 1
_ROOMY = 8  # a bit rate of 112 or 64 kbit/s: the smallest frame then has 144 bytes
# Of a frame, by whether it is MPEG 1 and by its channels.
_SIDE_BYTES = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}
_HEADER_BYTES = 4
LARGEST_FRAME = 1152  # samples
FIRST_FRAME_BYTES = 2048  # more than the largest frame has
IN_A_ROW = 3  # headers that must follow each other before bytes are taken for audio


@dataclass(frozen=True)
class Stretch:
    """Frames that follow each other with one sample rate and one number of channels."""

    sr_hz: int
    channels: int
    samples: int

    @property
    def duration_s(self) -> float:
        return self.samples / self.sr_hz


@dataclass(frozen=True)
class _Frame:
    bytes: int
    samples: int
    sr_hz: int
    channels: int

    @property
    def form(self) -> tuple[int, int]:
        return self.sr_hz, self.channels


def stretches(data: bytes) -> list[Stretch]:
    """What an mp3 of layer III holds, in order; nothing where no frame is found, as in one of another layer."""
    found: list[Stretch] = []
    for frame in _frames(data):
        held = 0
        if found and (found[-1].sr_hz, found[-1].channels) == frame.form:
            held = found.pop().samples
        found.append(Stretch(*frame.form, held + frame.samples))
    return found


def announces_length(data: bytes) -> bool:
    """Whether the first frame says how many follow; without it a decoder guesses, far too many or too few."""
    first = _after_tag(data, 0)
    frame = data[first : first + FIRST_FRAME_BYTES]
    return any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def with_length(data: bytes) -> bytes:
    """The file behind a frame of no audio that announces how many frames of the first form there are.

    The frame is Xing's: the mark after an empty frame's side information, a flag for what follows, the count.
    """
    places = _places(data)
    start, first = next(places)
    same = itertools.takewhile(lambda found: found[1].form == first.form, places)
    count = 1 + sum(1 for _ in same)

    # The header of the first frame, without a checksum, at a bit rate that leaves room.
    version = (data[start + 1] >> 3) & 3
    second = data[start + 1] | 1
    third = (data[start + 2] & 0b1100) | (_ROOMY << 4)
    fourth = data[start + 3]
    side_bytes = _SIDE_BYTES[version == _MPEG_1, first.channels]
    frame = (
        bytes([0xFF, second, third, fourth])
        + bytes(side_bytes)
        + b"Xing"
        + struct.pack(">II", 1, count)
    )
    announcing = _frame_of(second, third, fourth >> 6)
    assert announcing is not None  # the header of a frame, with another bit rate
    return frame.ljust(announcing.bytes, b"\0") + data[start:]


def _frames(data: bytes) -> Iterator[_Frame]:
    """Every frame of audio."""
    for _, frame in _places(data):
        yield frame


def _places(data: bytes) -> Iterator[tuple[int, _Frame]]:
    """Where each frame begins, and the frame; tags, and whatever else stands between, are passed over."""
    place = 0
    in_step = False
    while place + _HEADER_BYTES <= len(data):
        frame = _frame_at(data, place)
        # After a gap one header alone may be chance: a picture in a tag holds such bytes too.
        if frame is not None and (in_step or _is_run(data, place, frame)):
            yield place, frame
            place += frame.bytes
            in_step = True
            continue
        in_step = False
        after = _after_tag(data, place)
        if after == place:
            # Every header begins with a byte of ones.
            after = _next_place(data, place + 1)
        place = after


def _next_place(data: bytes, start: int) -> int:
    """Where the next header or tag may begin."""
    places = [data.find(mark, start) for mark in (b"\xff", b"ID3")]
    return min((place for place in places if place >= 0), default=len(data))


def _is_run(data: bytes, place: int, frame: _Frame) -> bool:
    """Whether more headers of the same form follow, each where the one before it ends, or the file ends there."""
    for _ in range(IN_A_ROW - 1):
        place += frame.bytes
        if place == len(data):
            return True
        following = _frame_at(data, place)
        if following is None or following.form != frame.form:
            return False
        frame = following
    return True


def _frame_at(data: bytes, place: int) -> _Frame | None:
    header = data[place : place + _HEADER_BYTES]
    # 11 bits of ones begin a frame.
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] < 0xE0:
        return None
    return _frame_of(header[1], header[2], header[3] >> 6)


@functools.lru_cache(maxsize=4096)
def _frame_of(second: int, third: int, mode: int) -> _Frame | None:
    """What a header says; None where its bits are reserved, or of another layer."""
    version = (second >> 3) & 3
    bitrate = third >> 4
    rate = (third >> 2) & 3
    is_layer_3 = (second >> 1) & 3 == _LAYER_3
    if version not in _RATES_HZ or not is_layer_3 or rate == 3 or bitrate in (0, 15):
        return None

    sr_hz = _RATES_HZ[version][rate]
    kbps = (_KBPS_1 if version == _MPEG_1 else _KBPS_2)[bitrate]
    samples = 1152 if version == _MPEG_1 else 576
    padding = (third >> 1) & 1
    n_bytes = samples // 8 * kbps * 1000 // sr_hz + padding
    return _Frame(n_bytes, samples, sr_hz, channels=1 if mode == 3 else 2)


def _after_tag(data: bytes, place: int) -> int:
    """Where an ID3v2 tag at this place ends; the place itself where there is none."""
    head = data[place : place + 10]
    if head[:3] != b"ID3" or len(head) < 10:
        return place
    # The size has seven bits to a byte.
    return place + 10 + sum((head[9 - i] & 127) << (7 * i) for i in range(4))
