"""Which recordings `--where NAME=VALUE` means."""

from __future__ import annotations

from ...data.corpus import Corpus, Item
from ...errors import DataError, did_you_mean


def items_where(corpus: Corpus, conditions: list[tuple[str, str]]) -> list[Item]:
    """The items whose annotations have these values. Raises DataError E471 where none has."""
    items = list(corpus.items)
    for name, value in conditions:
        found = sorted({str(one) for item in items for one in item.entry.values(name)})
        items = [item for item in items if value in map(str, item.entry.values(name))]
        if not items:
            near = (
                did_you_mean(value, found)
                or f"there: {', '.join(found[:9]) or 'nothing of that name'}"
            )
            message = (
                f"--where: no recording of '{corpus.name}' has the {name} '{value}'"
            )
            raise DataError(message, code="E471", help=near)
    return items
