"""Errors: how they read, how they travel, how near misses are found."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirbricks import errors
from mirbricks.errors import (
    DataError,
    ErrorList,
    GraphError,
    MirbricksError,
    RegistryError,
    RunError,
    TaskError,
    Where,
    codes,
    did_you_mean,
    raise_all,
    register_codes,
)

WHERE = Where("graphs/unet.yaml", 31, 7, 7, "    - CatWith: E256")
FULL = GraphError(
    "CatWith 'E256': the stored tensor and this one differ in F and T",
    code="E203",
    where=WHERE,
    facts=[
        ("here", "(B, 256, 90, 16)   after ConvTranspose2d, line 26"),
        ("stored", "(B, 256, 45, 8)   by StoreAs"),
    ],
    help="add `fit: crop`",
)
TEXT = """\
graphs/unet.yaml:31:7: CatWith 'E256': the stored tensor and this one differ in F and T
   31 |     - CatWith: E256
      |       ^^^^^^^
  here    (B, 256, 90, 16)   after ConvTranspose2d, line 26
  stored  (B, 256, 45, 8)   by StoreAs
  help: add `fit: crop`     [E203]"""


def test_a_message_has_place_excerpt_facts_help_and_code() -> None:
    assert str(FULL) == TEXT


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError("no audio", code="E400"), "no audio\n  [E400]"),
        (
            TaskError("no task", code="E500", help="add one"),
            "no task\n  help: add one     [E500]",
        ),
        (
            RunError("x", code="E600", where=Where("a.yaml", 2, 3)),
            "a.yaml:2:3: x\n  [E600]",
        ),
        (
            RegistryError("x", code="E301", where=Where("a", 1234567, 3, 9, "abcd")),
            "a:1234567:3: x\n1234567 | abcd\n        |   ^^\n  [E301]",  # the marks end with the line
        ),
        (
            GraphError(
                "first line\nsecond line", code="E204", facts=[("torch", "a\nb")]
            ),
            "first line\nsecond line\n  torch  a\nb\n  [E204]",
        ),
    ],
)
def test_parts_that_are_not_given_leave_no_trace(
    error: MirbricksError, text: str
) -> None:
    assert str(error) == text


def test_a_list_shows_all_and_counts_them() -> None:
    first = DataError("one", code="E401")
    assert str(ErrorList([first, FULL])) == f"one\n  [E401]\n\n{TEXT}\n\n2 errors"
    assert str(ErrorList([first])) == "one\n  [E401]\n\n1 error"
    assert ErrorList([FULL, first]).code == "E203"
    assert ErrorList([FULL, first]).where == WHERE


def test_raise_all() -> None:
    raise_all([])
    with pytest.raises(GraphError) as one:
        raise_all([FULL])
    assert one.value is FULL
    with pytest.raises(ErrorList) as several:
        raise_all([FULL, FULL])
    assert several.value.errors == (FULL, FULL)


def test_an_unknown_code_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError, match="E999"):
        MirbricksError("x", code="E999")


def fail() -> None:
    raise ErrorList([FULL, DataError("no audio", code="E400")])


@pytest.mark.parametrize(
    "error", [FULL, ErrorList([FULL, DataError("one", code="E401", help="two")])]
)
def test_errors_survive_pickling(error: MirbricksError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert (copy.code, copy.where, copy.facts, copy.help) == (
        error.code,
        error.where,
        error.facts,
        error.help,
    )


@given(
    st.text(max_size=20),
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3),
    st.text(),
)
def test_any_words_survive_pickling(
    message: str, facts: list[tuple[str, str]], text: str
) -> None:
    where = Where("f", 1, 1, 1, text)
    error = GraphError(
        message, code="E102", where=where, facts=facts, help=text or None
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error).endswith("[E102]")


@pytest.mark.slow
def test_errors_cross_process_borders_whole() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool,
        pytest.raises(ErrorList) as caught,
    ):
        pool.submit(fail).result()
    assert str(caught.value).startswith(TEXT)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("Conv2D", "did you mean 'Conv2d' or 'Conv1d'?"),
        ("CONV2D", "did you mean 'Conv2d' or 'Conv1d'?"),
        ("relu", "did you mean 'ReLU'?"),
        ("Zylophone", None),
        ("", None),
    ],
)
def test_did_you_mean(word: str, hint: str | None) -> None:
    assert did_you_mean(word, ["Conv1d", "Conv2d", "ReLU", "StoreAs"]) == hint


def test_codes_are_explained_and_belong_to_their_range() -> None:
    for code, text in codes().items():
        assert re.fullmatch(r"E[1-9]\d\d|W1\d\d", code)
        assert text.endswith(".")
        assert len(text) > 30, code
    assert list(codes()) == sorted(codes())


ROOT = Path(errors.__file__).parent
ROOMS = sorted(path.parent for path in ROOT.glob("*/__init__.py"))
FILES = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in room.rglob("*.py"))]


def raised_in(path: Path) -> set[str]:
    """The codes that a file names, apart from the keys of those that it explains."""
    return set(re.findall(r'"([EW]\d\d\d)"(?!:)', path.read_text(encoding="utf-8")))


def test_every_code_is_used() -> None:
    """A code nobody raises would be explained in vain."""
    used = set().union(*map(raised_in, FILES))
    assert used == set(codes())


def test_a_code_can_be_raised_before_its_room_is_imported() -> None:
    """In a fresh Python, where nothing but the errors is imported."""
    script = (
        "from mirbricks.errors import MirbricksError\n"
        f"for code in {sorted(codes())}:\n"
        "    print(MirbricksError('x', code=code).code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == sorted(codes())


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten afterwards."""
    monkeypatch.setattr(errors, "CODES", errors.codes())
    monkeypatch.setattr(errors, "_OWNERS", dict(errors._OWNERS))


@pytest.mark.usefixtures("registered")
def test_a_package_registers_codes_of_its_own() -> None:
    with pytest.raises(KeyError, match="MYLAB1"):
        DataError("x", code="MYLAB1")
    register_codes("mylab.keys", {"MYLAB1": "A key is a tonic and a mode."})
    assert str(DataError("x", code="MYLAB1")) == "x\n  [MYLAB1]"
    assert codes()["MYLAB1"] == "A key is a tonic and a mode."
    register_codes("mylab.keys", {"MYLAB1": "The same module may correct itself."})
    assert codes()["MYLAB1"] == "The same module may correct itself."


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("code", ["E461", "E504", "E611", "W101", "E301"])
def test_a_code_of_ours_is_refused(code: str) -> None:
    text = codes()[code]
    with pytest.raises(RegistryError) as caught:
        register_codes("mylab.keys", {code: "Mine."})
    assert str(caught.value) == (
        f"the error code '{code}' is taken\n"
        f"  registered  {errors._OWNERS[code]}\n"
        "  refused     mylab.keys\n"
        "  help: take letters of your own, such as MYLAB1     [E309]"
    )
    assert codes()[code] == text


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("code", "text"),
    [("mylab1", "A."), ("MYLAB", "A."), ("1", "A."), ("", "A."), ("MYLAB1", " ")],
)
def test_a_code_of_no_form_is_refused(code: str, text: str) -> None:
    with pytest.raises(RegistryError, match="is not an error code") as caught:
        register_codes("mylab.keys", {code: text})
    assert caught.value.code == "E309"


def test_a_plugin_that_takes_a_code_is_refused_before_ours_are_imported() -> None:
    """In a fresh Python, where no room has registered anything yet: the library is not blamed."""
    script = (
        "from mirbricks.errors import RegistryError, register_codes\n"
        "try:\n"
        "    register_codes('mylab', {'E504': 'Mine.'})\n"
        "except RegistryError as error:\n"
        "    print(dict(error.facts))\n"
        "import mirbricks.tasks.multi_pitch\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "{'registered': 'mirbricks.tasks.multi_pitch.codes', 'refused': 'mylab'}\n"
    )


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("no file 'a\nb.wav'", "no file 'a\\nb.wav'"),
        ("'a\r\nb' and 'c\nd'", "'a\\r\\nb' and 'c\\nd'"),
        ("torch's words\nand it's all", "torch's words\nand it's all"),
        ("'a' and\n'b'", "'a' and\n'b'"),
    ],
)
def test_a_line_break_in_a_name_is_shown_escaped(message: str, shown: str) -> None:
    assert str(DataError(message, code="E400")) == f"{shown}\n  [E400]"


def test_a_line_break_in_the_path_of_a_file() -> None:
    error = GraphError("x", code="E101", where=Where("a\nb.yaml", 1, 2))
    assert str(error) == "a\\nb.yaml:1:2: x\n  [E101]"
