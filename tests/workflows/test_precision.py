"""A model in bfloat16: nearly the same answers, as float32, for as long as it is asked for."""

from __future__ import annotations

import pytest
import torch

import mirbricks as mb
from mirbricks.compiler.module import GraphModule
from mirbricks.workflows.precision import at_precision


def graph(outputs: bool) -> GraphModule:
    torch.manual_seed(0)
    hidden = {"Conv1d": {"out_channels": 8, "kernel_size": 3, "padding": 1}}
    last = {"Conv1d": {"out_channels": 4, "kernel_size": 1}}
    source: dict[str, object] = {"input": "B C=2 T", "layers": [hidden, last]}
    if outputs:
        source["layers"] = [hidden, {"StoreAs": "hidden"}, last, {"StoreAs": "last"}]
        source["outputs"] = ["hidden", "last"]
    return mb.compile_graph(source).eval()


@pytest.mark.parametrize("outputs", [False, True])
@torch.inference_mode()
def test_answers_are_nearly_the_same_and_float32(outputs: bool) -> None:
    model = graph(outputs)
    x = torch.randn(2, 2, 50)

    def answers() -> list[torch.Tensor]:
        found = model(x)
        return list(found.values()) if outputs else [found]

    exact = answers()
    with at_precision(model, "bfloat16"):
        rough = answers()
    for one, other in zip(exact, rough, strict=True):
        assert other.dtype == torch.float32
        assert not torch.equal(one, other)
        torch.testing.assert_close(other, one, atol=0.02, rtol=0.02)
    with at_precision(model, "float32"):
        same = answers()
    for answer in (same, answers()):
        assert all(map(torch.equal, exact, answer))


def test_a_model_is_as_before_after_an_error_too() -> None:
    model = graph(outputs=False)
    before = set(vars(model))
    with pytest.raises(KeyError), at_precision(model, "bfloat16"):
        raise KeyError
    assert set(vars(model)) == before
