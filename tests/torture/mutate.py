"""Small damages of bytes and of texts, drawn: what a bad copy, a careless hand or a hostile one does to a file."""

from __future__ import annotations

import re
import struct

import numpy as np

Rng = np.random.Generator
NUMBERS = (
    *["0", "-1", "1", "2", "1e400", "-1e400", "nan", ".nan", ".inf", "-.inf", "1e-320"],
    *["99999999999999999999", "-99999999999999999999", "2147483648", "1e308", "0x10"],
    *["3.5", "1_000", "0o7", "٣", "½", "1e999999"],
)
WORDS = (
    *["null", "true", "false", "~", "yes", "[]", "{}", "''", '""', "[[]]", "{a: 1}"],
    *[
        "- x",
        "*a",
        "&a",
        "!!python/name:os.system x",
        "<<: *a",
        "|",
        ">",
        "? ",
        "%YAML",
    ],
    *["${i}", "${1/0}", "${9**9**9}", "${'a'*9**9}", "../../etc/passwd", "/dev/zero"],
    *["\u202e", "\x1b[31m", "\x00", "é", "\ud7ff", "\U0001f3b5", "<script>", "=1+1"],
    *["-1", "same", "name", "layers", "repeat", "graph", "branch", "input", "B C T"],
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z_][\w-]*")


def pick(rng: Rng, choices: tuple[str, ...] | list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def damaged_bytes(rng: Rng, content: bytes, head: int | None = None) -> bytes:
    """Up to four damages; most of them within the first `head` bytes, where formats keep what they are."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        limit = len(data)
        if head and rng.random() < 0.8:
            limit = min(head, limit)
        if limit:
            way = _WAYS[int(rng.integers(len(_WAYS)))]
            way(rng, data, int(rng.integers(limit)))
    return bytes(data)


def _bit(rng: Rng, data: bytearray, at: int) -> None:
    data[at] ^= 1 << int(rng.integers(8))


def _byte(rng: Rng, data: bytearray, at: int) -> None:
    data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))


def _number(rng: Rng, data: bytearray, at: int) -> None:
    number = int(rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
    data[at : at + 4] = struct.pack(pick(rng, ["<L", ">L"]), number)


def _end(_: Rng, data: bytearray, at: int) -> None:
    del data[at:]


def _gap(rng: Rng, data: bytearray, at: int) -> None:
    del data[at : at + int(rng.integers(1, 17))]


def _noise(rng: Rng, data: bytearray, at: int) -> None:
    data[at:at] = rng.bytes(int(rng.integers(1, 17)))


def _copy(rng: Rng, data: bytearray, at: int) -> None:
    other = int(rng.integers(len(data)))
    data[at:at] = data[other : other + int(rng.integers(1, 65))]


_WAYS = (_bit, _byte, _number, _end, _gap, _noise, _copy)


def damaged_text(rng: Rng, text: str) -> bytes:
    """Up to three damages of a text: of a line, a number, a word; seldom of its bytes."""
    for _ in range(int(rng.integers(1, 4))):
        way = int(rng.integers(7))
        if way < 2:
            text = _another_line(rng, text)
        elif way < 4:
            text = _replaced(rng, text, _NUMBER, NUMBERS)
        elif way == 4:
            text = _replaced(rng, text, _WORD, WORDS)
        elif way == 5:
            text = _replaced(rng, text, _NUMBER, WORDS)
        else:
            at = int(rng.integers(len(text) + 1))
            text = text[:at] + pick(rng, WORDS) + text[at:]
    content = text.encode("utf-8", "replace")
    if rng.random() < 0.1:
        content = damaged_bytes(rng, content)
    return content


def _another_line(rng: Rng, text: str) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at = int(rng.integers(len(lines)))
    way = int(rng.integers(5))
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, lines[int(rng.integers(len(lines)))])
    elif way == 2:
        lines[at] = " " * int(rng.integers(1, 5)) + lines[at]
    elif way == 3:
        lines[at] = lines[at].lstrip(" ")
    else:
        lines[at] = lines[at].replace(": ", pick(rng, [":", " ", ": : ", "= "]), 1)
    return "".join(lines)


def _replaced(
    rng: Rng, text: str, what: re.Pattern[str], others: tuple[str, ...]
) -> str:
    places = list(what.finditer(text))
    if not places:
        return text
    place = places[int(rng.integers(len(places)))]
    return text[: place.start()] + pick(rng, others) + text[place.end() :]
