"""What training reads besides recordings as they are: codes that are lost, and rare values drawn more often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from toy_codes import Notes

from mirbricks.tasks.token_generation import TokenGenerationConfig
from mirbricks.tasks.token_generation.patches import with_lost_codes
from mirbricks.tasks.token_generation.patterns import Pattern, PatternName

INSTRUMENT = {"instrument": 3}


def pattern(name: PatternName) -> Pattern:
    return Pattern(name, n_codebooks=3, n_codes=50)


def lost(name: PatternName, dropout: float, seed: int = 0) -> tuple[Any, Any]:
    """Tokens of 40 rows of 25 frames, and the same with codes lost."""
    rng = np.random.default_rng(seed)
    # The codes of a codebook are its own, so that a code of another one would be noticed.
    codes = torch.from_numpy(rng.integers(0, 16, (40, 3, 25)))
    codes += torch.tensor([0, 16, 32])[:, None]
    tokens = pattern(name).tokens(codes)
    return tokens, with_lost_codes(tokens, dropout, pattern(name), rng)


@pytest.mark.parametrize("name", ["delay", "parallel", "flatten"])
@pytest.mark.parametrize("dropout", [0.1, 0.4])
def test_lost_codes_are_missing_or_others_of_their_codebook(
    name: PatternName, dropout: float
) -> None:
    tokens, read = lost(name, dropout)
    changed = read != tokens
    # A code that another of the batch stands for is the same one by chance in a sixteenth of the cases.
    assert changed.double().mean() == pytest.approx(dropout, abs=0.1 * dropout + 0.03)
    for level in range(3):
        own = set(tokens[:, level].unique().tolist())
        assert set(read[:, level].unique().tolist()) <= own | {pattern(name).empty}
    missing = (read[changed] == pattern(name).empty).double().mean()
    if name == "delay":
        assert 0.4 < missing < 0.65
    else:
        assert missing == 0


def test_rows_lose_different_shares_and_some_nearly_nothing() -> None:
    tokens, read = lost("delay", 0.3)
    shares = (read != tokens).double().mean((1, 2))
    assert shares.min() < 0.06
    assert shares.max() > 0.45


def batch_of(make_task: Callable[..., Any], notes: Notes, **settings: Any) -> Any:
    task, _ = make_task("delay", INSTRUMENT, **settings)
    items = notes.corpus.items
    learner = task.learner(items, items[:2], notes.cache, seed=0, batch_size=8)
    return learner.batch(0)


def test_targets_are_whole_and_nothing_else_that_is_drawn_moves(
    make_task: Callable[..., Any], notes: Notes
) -> None:
    whole = batch_of(make_task, notes, condition_dropout=0.3)
    holed = batch_of(make_task, notes, condition_dropout=0.3, code_dropout=0.3)
    assert torch.equal(whole.targets, holed.targets)
    assert torch.equal(whole.named["instrument"], holed.named["instrument"])
    assert not torch.equal(whole.named["codes"], holed.named["codes"])


def test_rare_values_are_drawn_by_the_root_of_their_number(
    make_task: Callable[..., Any], notes: Notes
) -> None:
    # Eight notes of one instrument's six and the other's two: shares 6 and 2 become √6 and √2.
    items = [*notes.corpus.items[:6], *notes.corpus.items[6:8]]
    task, _ = make_task("delay", INSTRUMENT, crop="beginning", balance="instrument")
    batches = task.learner(items, items, notes.cache, seed=0, batch_size=4).batches
    shares: Counter[str] = Counter()
    for take, share in zip(batches.takes, batches.shares, strict=True):
        shares[take.annotations["instrument"][0].value] += share
    assert shares["bell"] / shares["organ"] == pytest.approx(3**0.5)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "settings",
    [{"code_dropout": 0.6}, {"code_dropout": -0.1}, {"balance": "instrument"}],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TokenGenerationConfig(codec="x", patch_frames=8, **settings)
