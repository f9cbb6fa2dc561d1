"""Graphs and corpora that make no GAN: each told at its own line, before features are computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_gan import DISCRIMINATOR, GENERATOR, SECTIONS, write_graphs

from mirbricks.errors import MirbricksError, TaskError
from mirbricks.workflows.loading import load_experiment


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(**graphs: str) -> str:
    """The message of an experiment with these graph files; "" where it fits."""
    write_graphs(Path(), **graphs)
    try:
        load_experiment("gan.yaml")
    except MirbricksError as error:
        return str(error)
    return ""


def test_what_fits() -> None:
    assert refusal() == ""


def test_a_discriminator_of_another_size() -> None:
    assert refusal(discriminator=DISCRIMINATOR.replace("T=8", "T=16")) == (
        "discriminator.yaml:2:8: the discriminator does not read what the generator gives\n"
        "    2 | input: {x: B C=1 F=16 T=16, instrument: B, pitchmidi: B P=2}\n"
        "      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  generator      (B, 1, 16, 8)\n"
        "  discriminator  (B, 1, 16, 16)\n"
        "  help: write `x: B C=1 F=16 T=8` in its `input:`     [E595]"
    )


def test_a_discriminator_without_the_condition() -> None:
    text = DISCRIMINATOR.replace("instrument: B, ", "").replace(
        "  - StartFrom: instrument\n"
        "  - TokenEmbedding: {num_embeddings: 2, embedding_dim: 8}\n"
        "  - CatWith: pitchmidi\n",
        "  - StartFrom: pitchmidi\n",
    )
    assert refusal(discriminator=text) == (
        "discriminator.yaml:2:8: the graph has no input for the condition 'instrument'\n"
        "    2 | input: {x: B C=1 F=16 T=8, pitchmidi: B P=2}\n"
        "      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  inputs  'x', 'pitchmidi'\n"
        "  help: add `instrument: B` to `input:`, or take it out of task.conditions     [E564]"
    )


def test_a_discriminator_that_gives_probabilities() -> None:
    assert refusal(discriminator=DISCRIMINATOR + "  - Sigmoid\n") == (
        "discriminator.yaml:16:5: the graph ends in Sigmoid, but adversarial_generation reads logits: it makes "
        "probabilities of them itself\n"
        "   16 |   - Sigmoid\n"
        "      |     ^^^^^^^\n"
        "  help: remove this layer     [E502]"
    )


def test_a_discriminator_that_is_not_there() -> None:
    text = SECTIONS.replace("discriminator.yaml", "discriminatr.yaml")
    found = refusal(sections=text)
    assert found.startswith("gan.yaml:16:14: task.adversary: ")
    assert found.endswith("[E516]")


def test_a_generator_of_other_sounds() -> None:
    text = SECTIONS.replace("patch_frames: 8", "patch_frames: 9")
    assert refusal(sections=text) == (
        "gan.yaml:3:1: the generator does not give 9 frames of the feature 'logmel'\n"
        "    3 | layers:\n"
        "      | ^^^^^^\n"
        "  expected  (B, 16, 9) or (B, 1, 16, 9)\n"
        "  got       (B, 1, 16, 8)\n"
        "  help: change the last layers, task.patch_frames or 'feature:'     [E502]"
    )


def test_noise_without_a_size() -> None:
    text = GENERATOR.replace("noise: B D=6", "noise: B D T")
    found = refusal(
        generator=text.replace("  - CatWith: {key: [noise, pitchmidi]}\n", "")
    )
    assert "the generator's noise 'noise' has no fixed size" in found
    assert found.endswith("such as `noise: B D=64`     [E596]")


def test_no_noise_at_all() -> None:
    text = GENERATOR.replace("noise: B D=6, ", "").replace("[noise, ", "[")
    found = refusal(generator=text)
    assert "gan.yaml:2:8: the generator has no input for noise" in found
    assert found.endswith("help: write `input: {noise: B D=64, ...}`     [E596]")


def test_an_input_that_nothing_is_given_to() -> None:
    text = SECTIONS.replace(
        "conditions: [instrument, pitchmidi]", "conditions: [instrument]"
    )
    found = refusal(sections=text)
    assert "the task has nothing for the graph's input 'pitchmidi'" in found
    assert found.endswith("[E564]")


def test_a_condition_named_twice() -> None:
    text = SECTIONS.replace("[instrument, pitchmidi]", "[instrument, instrument]")
    assert "the condition 'instrument' is named twice" in refusal(sections=text)


def test_fewer_vectors_than_classes(small_gan: Callable[..., Any]) -> None:
    text = DISCRIMINATOR.replace("num_embeddings: 2", "num_embeddings: 1")
    gan = small_gan({"discriminator": text})
    with pytest.raises(TaskError) as caught:
        gan.task.check_recordings(gan.sides["train"], gan.sides["valid"])
    message = str(caught.value)
    assert (
        "the graph 'small_discriminator' cannot take every class of the conditions"
        in message
    )
    assert "  classes  'instrument' 2\n" in message
    assert message.endswith("as the condition has classes     [E597]")


def test_a_value_that_no_training_recording_has(small_gan: Callable[..., Any]) -> None:
    gan = small_gan()
    flutes = [item for item in gan.sides["train"] if item.key.startswith("flute")]
    with pytest.raises(TaskError, match="no training recording has 'reed'"):
        gan.task.check_recordings(flutes, gan.sides["valid"])


def test_a_corpus_without_recordings(small_gan: Callable[..., Any]) -> None:
    with pytest.raises(TaskError, match="there are no recordings"):
        small_gan().task.check_recordings([], [])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_recordings_to_validate_on(
    small_gan: Callable[..., Any], count: int
) -> None:
    gan = small_gan()
    gan.sides["valid"] = gan.sides["valid"][:count]
    with pytest.raises(TaskError, match=f"4 recordings or more, got {count}") as caught:
        gan.learner()
    assert caught.value.code == "E598"
