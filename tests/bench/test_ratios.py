"""The comparison of ratios with those on the page: a loss is seen, a gain is not refused, a missing row is reported."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mirbricks

ROOT = Path(mirbricks.__file__).parent
sys.path.insert(0, str(ROOT / "bench"))

import page  # noqa: E402  # found beside the benchmarks, as their scripts find it
from ratios import MOST_LOSS, Ratio, Stored, compared, in_turns, ratios_of  # noqa: E402

FASTER = """
| layer, items | threads | the peer's | mirbricks' | times faster |
|---|---|---:|---:|---:|
| LSTM, 8 | 1 | 2.58 ms | 1.29 ms | {} |
| 8 × 250 | 2 | 1,948 ms | 974 ms | 2.00 × (1.90–2.10) |
"""
OVER = """
| model | what | compiled | by hand | time over by hand |
|---|---|---:|---:|---:|
| 40 × (Conv1d, ReLU) | forward | 20.4 ms | 17.6 ms | {} |
"""


def test_a_row_is_known_by_its_words_and_a_ratio_by_its_header() -> None:
    found = ratios_of(
        FASTER.format("2.00 ×") + "\nbetween\n" + OVER.format("**0.98 ×**")
    )
    assert found == {
        "layer, items LSTM, 8, 1: times faster": Stored(2.0, True),
        "layer, items 8 × 250, 2: times faster": Stored(2.0, True),
        "model 40 × (Conv1d, ReLU), forward: time over by hand": Stored(0.98, False),
    }


@pytest.mark.parametrize(
    ("table", "now", "loss"),
    [
        (FASTER, "1.71 ×", False),
        (FASTER, "1.69 × (1.60–1.80)", True),
        (FASTER, "9.99 ×", False),
        (OVER, "2.30 ×", False),
        (OVER, "2.40 ×", True),
        (OVER, "0.10 ×", False),
    ],
)
def test_a_loss_of_more_than_the_limit_is_seen_and_a_gain_is_not_refused(
    table: str, now: str, loss: bool
) -> None:
    worse, _ = compared(table.format("2.00 ×"), table.format(now))
    assert bool(worse) == loss
    assert all("a loss of" in sentence for sentence in worse)


@given(st.floats(0.05, 500), st.floats(0.05, 500), st.booleans())
def test_the_limit_is_the_same_share_of_the_speed_in_both_directions(
    old: float, now: float, more_is_better: bool
) -> None:
    speed = now / old if more_is_better else old / now
    lost = Stored(old, more_is_better).lost(now)
    assert lost == pytest.approx(1 - speed)
    assert (lost > MOST_LOSS) == (1 - lost < 1 - MOST_LOSS)


def test_a_row_that_is_missing_or_new_is_reported() -> None:
    stored = FASTER.format("2.00 ×")
    shorter = "\n".join(stored.splitlines()[:-1])
    worse, _ = compared(stored, shorter)
    assert worse == [
        "layer, items 8 × 250, 2: times faster: stored, but not measured this time"
    ]
    worse, others = compared(shorter, stored)
    assert not worse
    assert others == ["layer, items 8 × 250, 2: times faster: not stored yet"]


def test_a_ratio_is_that_of_pairs_run_in_turns() -> None:
    ratio = Ratio.of([2.0, 4.0, 30.0], [1.0, 2.0, 3.0])
    assert ratio.middle == 2.0
    assert ratio.low <= ratio.middle <= ratio.high
    assert str(Ratio.of([3.0], [2.0])) == "1.50 × (1.50–1.50)"


def test_calls_take_turns_and_the_first_runs_do_not_count() -> None:
    order: list[str] = []
    ticks = iter(range(100))
    times = in_turns(
        [lambda: order.append("a"), lambda: order.append("b")],
        2,
        warm_up=1,
        clock=lambda: float(next(ticks)),
    )
    assert order == ["a", "b"] * 3
    assert times == [[1.0, 1.0], [1.0, 1.0]]


def asked(**given: Path) -> Namespace:
    return Namespace(write=given.get("write"), check=given.get("check"))


def test_a_part_is_written_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    page.publish(FASTER.format("2.00 ×"), asked(write=path), "a")
    assert path.read_text().startswith("before\n<!-- a -->\n\n| layer")
    assert path.read_text().endswith("\n<!-- /a -->\nafter\n")
    page.publish(FASTER.format("2.50 ×"), asked(check=path), "a")
    assert "2.5, stored 2, faster now" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        page.publish(FASTER.format("1.00 ×"), asked(check=path), "a")
    assert ended.value.code == 1
    assert (
        "WORSE layer, items LSTM, 8, 1: times faster: 1, stored 2, a loss of 50 %"
        in capsys.readouterr().err
    )
    with pytest.raises(SystemExit, match="has no <!-- b -->"):
        page.publish("", asked(check=path), "b")


NOISY = """
import pathlib, sys
ran = pathlib.Path(__file__ + ".ran")
before = ran.exists()
ran.touch()
sys.exit(0 if before else 1)
"""


def fake(folder: Path, name: str, body: str) -> None:
    (folder / f"bench_{name}.py").write_text(body)


def test_every_benchmark_is_run_and_what_seems_worse_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import every

    fake(tmp_path, "good", "")
    fake(tmp_path, "bad", "raise SystemExit(1)")
    # Worse the first time only, as where other work was in the way.
    fake(tmp_path, "noisy", NOISY)
    monkeypatch.setattr(every, "BENCH", tmp_path)
    benchmarks = [every.Benchmark(name) for name in ("good", "bad", "noisy")]
    assert [one.name for one in every.worse(benchmarks)] == ["bad"]


def test_every_listed_benchmark_is_there_with_its_part_of_the_page() -> None:
    import every

    for benchmark in every.ALL:
        assert benchmark.script.is_file()
    there = {
        path.stem.removeprefix("bench_") for path in every.BENCH.glob("bench_*.py")
    }
    # That of the studio needs a browser and a quiet machine.
    assert there - {one.name for one in every.ALL} == {"studio"}


def test_the_page_has_ratios_to_compare_with() -> None:
    found = ratios_of((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"))
    assert len(found) > 50
    assert all(stored.value > 0 for stored in found.values())


def test_an_unknown_benchmark_is_refused() -> None:
    words = [sys.executable, str(ROOT / "bench" / "every.py"), "nothing"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no benchmark nothing" in done.stderr
