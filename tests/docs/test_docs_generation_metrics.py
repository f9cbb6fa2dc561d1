"""docs/generation_metrics.md: its Python runs and prints what the page shows; it names every figure of its rooms."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from pathlib import Path

from mirbricks import losses, metrics
from mirbricks.commands.command_line import command_parser

sys.path.insert(0, str(Path(__file__).parent))
from written import fences, page

TEXT, FENCES = page("generation_metrics.md"), fences("generation_metrics.md")
# What only carries a figure, or is named by another word on the page.
HELPERS = {"FrechetInfinity", "GaussianStatistics", "InceptionScore", "Nearest"}
HELPERS |= {
    "SoundEmbedding",
    "cents_off",
    "kernel_distance_subsets",
    "manifold_figures",
}
HELPERS |= {"nearest_items", "real_against_real", "token_accuracy"}
MODULES = {
    "codebooks",
    "embedding_sets",
    "frechet",
    "gaussians",
    "generation",
    "inception",
    "kernels",
    "manifolds",
    "ngrams",
    "pitch",
    "reconstruction",
    "sound_embeddings",
    "tokens",
}


def test_every_example_is_executed_and_prints_what_is_shown() -> None:
    names: dict[str, object] = {}
    printed = ""
    for language, text in FENCES:
        if language == "python":
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown):
                exec(text, names)
            printed = shown.getvalue()
        elif language == "text":
            assert printed == text
    assert [language for language, _ in FENCES].count("python") == 5


def test_the_command_of_the_page_is_one_that_the_parser_takes() -> None:
    commands = [text for language, text in FENCES if language == "console"]
    assert commands
    for line in "".join(commands).splitlines():
        words = shlex.split(line.removeprefix("$ mirbricks "))
        assert command_parser().parse_args(words).run


def module_of(room: object, name: str) -> str:
    return str(getattr(room, name).__module__).rpartition(".")[2]


def test_every_figure_is_on_the_page() -> None:
    figures = {name for name in metrics.__all__ if module_of(metrics, name) in MODULES}
    assert not [name for name in figures - HELPERS if f"`{name}" not in TEXT and f" {name}" not in TEXT]  # fmt: skip
    assert not HELPERS - figures
    of_sound = {"adversarial", "spectral", "waveform"}
    own = {name for name in losses.__all__ if module_of(losses, name) in of_sound}
    assert not [name for name in own if f"`{name}`" not in TEXT]
