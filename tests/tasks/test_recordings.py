"""What tasks do with recordings alike."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mirbricks.errors import TaskError
from mirbricks.tasks.recordings import annotated, refuse_not_finite


def item(stem_of: str | None = None, **annotations: list[str]) -> SimpleNamespace:
    return SimpleNamespace(
        stem_of=stem_of, annotations={"filepath": ["x"], **annotations}
    )


def test_recordings_that_have_an_annotation() -> None:
    full = item(key=["C major"])
    empty = item(key=[], chord=[])
    stem = item("mix.wav", key=["C major"])
    assert annotated([full, empty, stem], "key") == [full]
    assert annotated([full, empty, stem], "key", stems=True) == [full, stem]


def test_none_has_it() -> None:
    """The annotations that there are get named: not those without an atom, nor the file's name."""
    with pytest.raises(TaskError) as caught:
        annotated([item(chord=["N"], beat=[]), item(tag=["rock"])], "key")
    assert str(caught.value) == (
        "none of 2 recordings has the annotation 'key'\n  got  'chord', 'tag'\n"
        "  help: set task.annotation to the one that holds it, or choose another corpus or split     [E503]"
    )
    with pytest.raises(TaskError, match="got  no annotations"):
        annotated([item(beat=[])], "key")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(bad: float) -> None:
    refuse_not_finite(np.array([0.0, 1e300]))
    with pytest.raises(TaskError, match=r"not finite for 'a\.wav'"):
        refuse_not_finite(np.array([0.0, bad]), "a.wav")
    with pytest.raises(TaskError, match="numbers that are not finite\n"):
        refuse_not_finite(np.array([bad]))
