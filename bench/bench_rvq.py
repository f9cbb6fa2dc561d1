"""The residual vector quantizer beside vector-quantize-pytorch: the same codebooks and input, one process, in turns.

    pip install "mirbricks[bench]"
    python bench/bench_rvq.py                                a Markdown table
    python bench/bench_rvq.py --write docs/performance.md    the same, put between the markers in the file

8 codebooks of 1024 codes, as in EnCodec at 6 kbps (75 frames a second of 128 features). Each side gets its own layout,
(B, D, T) and (B, T, D). The peer has no call that only encodes: its forward also gives the sum of the codes.
"""

from __future__ import annotations

import os
from importlib.metadata import version

import torch
from page import parser_of, publish
from ratios import Ratio, in_ms, in_turns
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from mirbricks import registry
from mirbricks.blocks.generative.rvq import ResidualVectorQuantizer

N_CODEBOOKS, N_CODES = 8, 1024
PEER = "vector-quantize-pytorch"


def pair(dim: int) -> tuple[ResidualVectorQuantizer, ResidualVQ]:
    """Both quantizers, with the codebooks of ours."""
    cls = registry.get("ResidualVectorQuantizer").cls
    ours = cls(cls.Config(dim=dim, n_codebooks=N_CODEBOOKS, n_codes=N_CODES))
    theirs = ResidualVQ(
        dim=dim, num_quantizers=N_CODEBOOKS, codebook_size=N_CODES, decay=0.99
    )
    for layer, codebook in zip(theirs.layers, ours.codebooks, strict=True):
        layer._codebook.embed.copy_(codebook[None])
    return ours, theirs


def coding_row(
    n_items: int, n_frames: int, dim: int, n_threads: int, n_runs: int
) -> str:
    """Encoding, and encoding with decoding, in eval()."""
    torch.set_num_threads(n_threads)
    ours, theirs = (module.eval() for module in pair(dim))
    x = torch.randn(n_items, dim, n_frames)
    frames_first = x.mT.contiguous()
    with torch.inference_mode():
        quantised, codes, _ = theirs(frames_first)
        equal = (ours.encode(x) == codes.mT).double().mean()
        error = (ours(x) - x).square().mean() / (quantised.mT - x).square().mean() - 1
        calls = [lambda: theirs(frames_first), lambda: ours.encode(x), lambda: ours(x)]
        peer, encode, forward = in_turns(calls, n_runs)
    cells = [
        f"{n_items} × {n_frames} frames of {dim}",
        str(n_threads),
        in_ms(peer),
        in_ms(encode),
        f"**{Ratio.of(peer, encode)}**",
        in_ms(forward),
        str(Ratio.of(peer, forward)),
        f"{100 * equal:.3f} %",
        f"{error:.0e}",
    ]
    return f"| {' | '.join(cells)} |"


def training_row(
    n_items: int, n_frames: int, dim: int, n_threads: int, n_runs: int
) -> str:
    """Forward with the running means, and the gradient of the commitment loss."""
    torch.set_num_threads(n_threads)
    ours, theirs = pair(dim)
    x = torch.randn(n_items, dim, n_frames).requires_grad_()
    frames_first = x.detach().mT.contiguous().requires_grad_()

    def step(y: Tensor, loss: Tensor) -> None:
        (y.square().mean() + loss).backward()

    def with_ours() -> None:
        step(ours(x), ours.losses["commitment"])

    def with_theirs() -> None:
        quantised, _, losses = theirs(frames_first)
        step(quantised, losses.sum())

    peer, mine = in_turns([with_theirs, with_ours], n_runs)
    return (
        f"| {n_items} × {n_frames} frames of {dim} | {n_threads} | {in_ms(peer, 1)} | {in_ms(mine, 1)} "
        f"| {Ratio.of(peer, mine)} |"
    )


def report(n_runs: int) -> str:
    torch.manual_seed(0)
    sizes = [(1, 2250, 128), (16, 75, 128), (1, 1, 128), (1, 2250, 64), (1, 2250, 512)]
    coding = [
        f"| input | threads | {PEER} | encode | times faster | encode and decode "
        "| both times faster | equal codes | error, relative |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            coding_row(*size, n_threads, n_runs)
            for size in sizes
            for n_threads in (1, 2)
        ),
    ]
    training = [
        f"| training step | threads | {PEER} | mirbricks | times faster |",
        "|---|---|---|---|---|",
        *(training_row(16, 75, 128, n_threads, n_runs) for n_threads in (1, 2)),
    ]
    text = (
        f"{N_CODEBOOKS} codebooks of {N_CODES}. Median of {n_runs} runs, taken in turns. torch {torch.__version__}, "
        f"{PEER} {version(PEER)}, {os.cpu_count()} cores. 2250 frames are 30 s of EnCodec's 24 kHz model. "
        "Codes differ where two are equally near to single precision; the last column is what that does to the error."
    )
    return "\n\n".join(["\n".join(coding), "\n".join(training), text])


def main() -> None:
    arguments = parser_of(__doc__).parse_args()
    publish(report(arguments.runs), arguments, "rvq")


if __name__ == "__main__":
    main()
