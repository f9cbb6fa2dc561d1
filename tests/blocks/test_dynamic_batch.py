"""Exported with a batch of any size, a block gives what it gives itself: no batch size is written into the program."""

from __future__ import annotations

import warnings

import pytest
import torch

from mirbricks import registry

QUICK = {
    "SampleRNNTier",
    "ConditionedSampleRNNTier",
    "CQT",
    "HCQT",
    "AutoPoolSplit",
    "AttentionPool",
    "Rearrange",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in registry.blocks()
    ],
)
def test_exports_with_a_free_batch(name: str) -> None:
    spec, batch = registry.get(name), torch.export.Dim("B", min=2, max=64)
    batched = [
        any(token.axis == "B" for token in tokens[:1])
        for tokens in spec.contract.inputs
    ]
    assert any(batched)
    for example in spec.examples:
        block = registry.build(
            spec,
            spec.cls.Config(**example.config).resolve(
                spec.contract.bind(example.shapes)
            ),
        )

        def inputs(
            n: int, shapes: tuple[tuple[int, ...], ...] = example.shapes
        ) -> tuple[torch.Tensor, ...]:
            return tuple(
                torch.randn(n, *s[1:]) if has else torch.randn(s)
                # What may be left out of a block's inputs is left out of some examples.
                for s, has in zip(shapes, batched, strict=False)
            )

        with torch.no_grad():
            block(*inputs(4))  # statistics that are not those of a new block
        given = batched[: len(example.shapes)]
        free = tuple({0: batch} if has else None for has in given)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch's own, about how recurrent layers keep their weights
            program = torch.export.export(
                block.eval(), inputs(3), dynamic_shapes=free
            ).module()
        for n in (2, 5):
            x = inputs(n)
            torch.testing.assert_close(program(*x), block(*x), rtol=1e-4, atol=1e-5)
