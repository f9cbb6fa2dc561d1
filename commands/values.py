"""The values of options: what each must be, with one line for anything else."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

MOST_DIGITS = 18  # so that a number fits the 64 bits of random generators and arrays


def whole(text: str) -> int:
    """A whole number that fits 64 bits."""
    if len(text) > MOST_DIGITS:  # Python itself reads no number of 5000 digits
        raise ArgumentTypeError(f"expected {MOST_DIGITS} digits at most, got '{text}'")
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a whole number, got '{text}'") from None


def jobs(text: str) -> int:
    """Processes: a number, -1 for all cores."""
    number = whole(text)
    if number == 0 or number < -1:
        raise ArgumentTypeError(
            f"expected 1 or more, or -1 for all cores, got '{text}'"
        )
    return number


def shard(text: str) -> tuple[int, int]:
    """A part and how many there are, such as 3/16."""
    number, slash, of = text.partition("/")
    written = slash and number.isdecimal() and of.isdecimal()
    if written and len(text) <= MOST_DIGITS and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise ArgumentTypeError(
        f"expected a part and the number of parts, from 1/16 to 16/16, got '{text}'"
    )


def count(text: str) -> int:
    """A number from 1 on."""
    number = whole(text)
    if number < 1:
        raise ArgumentTypeError(f"expected 1 or more, got '{text}'")
    return number


def megabytes(text: str) -> int:
    """Memory: a number from 0 on."""
    number = whole(text)
    if number < 0:
        raise ArgumentTypeError(f"expected 0 or more, got '{text}'")
    return number


def seed(text: str) -> int:
    """What random numbers are drawn from."""
    number = whole(text)
    if number < 0:
        raise ArgumentTypeError(f"expected 0 or more, got '{text}'")
    return number


def seconds(text: str) -> float:
    """A length of time; how long it may be depends on what is made."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"expected seconds, got '{text}'") from None


def magnitude(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"expected a number above 0, got '{text}'")
    return number


def fold(text: str) -> str:
    """The number of a fold, or a word; a run compares it with the folds that the corpus has."""
    if len(text) > MOST_DIGITS:
        raise ArgumentTypeError(f"expected a fold's number, all, or none, got '{text}'")
    return text


def folds(text: str) -> int:
    """How many folds: training, validation and test need one each."""
    number = whole(text)
    if number < 3:
        raise ArgumentTypeError(f"expected 3 folds or more, got '{text}'")
    return number


def names(text: str) -> list[str]:
    """Names separated by commas, each once."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise ArgumentTypeError(f"expected names separated by commas, got '{text}'")
    return list(dict.fromkeys(found))


def ratios(text: str) -> tuple[float, ...]:
    """Two or three shares, as .8/.1/.1 or 80/10/10."""
    try:
        shares = tuple(float(part) for part in text.split("/"))
    except ValueError:
        shares = ()
    positive = all(0 < share < float("inf") for share in shares)
    if len(shares) not in (2, 3) or not positive:
        raise ArgumentTypeError(f"expected two or three shares, A/B/C, got '{text}'")
    return shares


def rate_hz(text: str) -> int:
    """A sampling rate."""
    number = whole(text)
    if not 1_000 <= number <= 1_000_000:
        raise ArgumentTypeError(f"expected 1000 to 1000000 Hz, got '{text}'")
    return number


def cutoff_hz(text: str) -> int:
    """The cutoff of a low-pass filter."""
    number = whole(text)
    if not 100 <= number <= 100_000:
        raise ArgumentTypeError(f"expected 100 to 100000 Hz, got '{text}'")
    return number


def file_name(text: str) -> str:
    """A name for files."""
    if not text or text.startswith(".") or set(text) & set("/\\\0"):
        raise ArgumentTypeError(f"expected a name for files, without /, got '{text}'")
    return text


def condition(text: str) -> tuple[str, str]:
    """An annotation and its value."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"expected NAME=VALUE, got '{text}'")
    return name, value


def licence(text: str) -> str:
    """The short name of a licence, as SPDX and model hubs write it."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}", text):
        raise ArgumentTypeError(
            f"expected the short name of a licence, such as cc-by-4.0, got '{text}'"
        )
    return text.lower()
