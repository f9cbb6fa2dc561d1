"""Models with weights of 8 bits in the layers for which torch has them, beside the same models as they are.

python bench/bench_int8.py                                a Markdown table
python bench/bench_int8.py --write docs/performance.md    the same, put between the markers in the file

That is torch's dynamic quantization: weights as integers of 8 bits, and what comes in as such integers with the scale
of the moment. It knows Linear, and no convolution; of LSTM it takes torch's own class only, and ours are classes of it.
"""

from __future__ import annotations

import copy
import functools
import os
import warnings
from collections.abc import Mapping

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns
from torch import Tensor, nn

import mirbricks as mb
from mirbricks.blocks.sequence.copy_logits import CopyLogits

FRAMES = 128
KNOWN = nn.Linear


def inputs() -> dict[str, dict[str, Tensor]]:
    """What each model is given: noise of the sizes of a few seconds."""
    codes = torch.randint(0, 256, (1, 3, FRAMES))
    conditions = {"instrument": torch.tensor([3]), "pitchmidi": torch.tensor([20])}
    return {
        "notes_ar": {"codes": codes, **conditions},
    }


def quantized(model: nn.Module) -> nn.Module:
    """A copy with weights of 8 bits."""
    made = copy.deepcopy(model)
    # Torch looks for its own classes only, and a block that is a layer of torch is a class of ours.
    for module in list(made.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, nn.Linear) and type(layer) is not nn.Linear:
                plain = nn.Linear(layer.in_features, layer.out_features)
                plain.weight, plain.bias = layer.weight, layer.bias
                setattr(module, name, plain)
    how = torch.ao.quantization.default_dynamic_qconfig
    with warnings.catch_warnings():
        # Torch wants such models to be made by its package torchao.
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(
            made, dict.fromkeys(known_layers(made), how)
        )


def known_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The layers that can be quantized, by name; those of CopyLogits are read by the block itself, as plain weights."""
    found: dict[str, nn.Module] = {}
    own: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, CopyLogits):
            own.append(f"{name}.")
        elif isinstance(module, KNOWN) and not name.startswith(tuple(own)):
            found[name] = module
    return found


def share_of_weights(model: nn.Module) -> float:
    """How much of all weights is in layers that can be quantized."""
    known = {
        id(one): one.numel()
        for module in known_layers(model).values()
        for one in module.parameters()
    }
    return sum(known.values()) / sum(one.numel() for one in model.parameters())


def forward(model: nn.Module, given: Mapping[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        found: Tensor = model(**given)
    return found


def rows(n_runs: int) -> list[str]:
    table = [
        "| model | weights in 8 bits | 32 bits | 8 bits | times faster | outputs differ by |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, given in inputs().items():
        model = mb.load(f"zoo:{name}").module
        small = quantized(model)
        whole = forward(model, given)
        # Of their spread, so that it can be compared between models.
        off = float(
            (forward(small, given) - whole).square().mean().sqrt() / whole.std()
        )
        calls = [functools.partial(forward, one, given) for one in (model, small)]
        plain, integer = in_turns(calls, n_runs, warm_up=1)
        table.append(
            f"| `zoo:{name}` | {100 * share_of_weights(model):.0f} % | {in_ms(plain)} | {in_ms(integer)} "
            f"| {Ratio.of(plain, integer)} | {100 * off:.1f} % |"
        )
    return table


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    note = (
        f"{FRAMES} frames of noise; seconds of a core, median of {arguments.runs} runs taken in turns, one thread. "
        f"The difference is the root of the mean square, over the deviation of the outputs. torch {torch.__version__}, "
        f"{os.cpu_count()} cores."
    )
    publish("\n".join([*rows(arguments.runs), "", note]), arguments, "int8")


if __name__ == "__main__":
    main()
