"""Every registered block meets its contract."""

from __future__ import annotations

import pytest
import torch

import mirbricks as mb
from mirbricks import registry
from mirbricks.testing.trial import Trial

# They read the numbers of codes and classes, which are never NaN.
READ_NUMBERS = {"CodebookEmbedding", "CopyLogits", "TokenEmbedding"}


@pytest.mark.parametrize("name", registry.blocks())
def test_block_meets_its_contract(name: str) -> None:
    mb.check_block(name)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_no_traceback(value: float) -> None:
    """Weights that diverge give them; the training says so, but only where no block raises first."""
    raised = []
    for name, spec in registry.blocks().items():
        if name in READ_NUMBERS:
            continue
        trial = Trial(spec, spec.examples[0].shapes, spec.examples[0].config)
        block = trial.block()
        try:
            with torch.no_grad():
                block(*[torch.full(shape, value) for shape in trial.shapes])
        except Exception as error:
            raised.append(f"{name}: {error}")
    assert raised == []
