"""Figures of a GAN: the yardsticks, lost modes, and sounds that are the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirbricks.errors import TaskError
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.adversarial_generation.batches import Span
from mirbricks.tasks.adversarial_generation.figures import (
    covered,
    figures_of,
    statistics_of,
)
from mirbricks.tasks.adversarial_generation.pictures import grouped
from mirbricks.tasks.adversarial_generation.sounds import noise_for


def tracks_of(real: Any, generated: Any, noise: Any) -> list[dict[str, Any]]:
    return [
        {"real": a.tolist(), "generated": b.tolist(), "noise": c.tolist()}
        for a, b, c in zip(real, generated, noise, strict=True)
    ]


def test_the_same_distribution_is_as_far_off_as_real_from_real() -> None:
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(2, 600, 5))
    found = figures_of(tracks_of(real, generated, rng.normal(4, 1, (600, 5))))
    assert found["frechet"] == pytest.approx(found["frechet_real"], abs=0.1)
    assert found["frechet"] < 0.2
    # Of Gaussians with means four deviations apart: 5 x 16.
    assert found["frechet_noise"] == pytest.approx(80, rel=0.05)
    assert found["coverage"] > 0.9
    assert min(found["precision"], found["recall"]) > 0.9


def test_copies_of_the_other_half_are_real_against_real() -> None:
    real = np.random.default_rng(1).normal(size=(40, 3))
    found = figures_of(tracks_of(real, real, real))
    assert found["frechet"] == found["frechet_real"] == found["frechet_noise"]


def test_a_lost_mode_is_not_covered() -> None:
    rng = np.random.default_rng(2)
    modes = np.repeat([0.0, 10.0, 20.0], 50)[:, None]
    real = modes + rng.normal(size=(150, 4))
    generated = np.where(modes == 20.0, 0.0, modes) + rng.normal(size=(150, 4))
    hits = covered(tracks_of(real, generated, real))
    shares = {
        label: hits[places].mean() for label, places in grouped(modes[:, 0]).items()
    }
    assert shares["0.0"] > 0.9
    assert shares["10.0"] > 0.8
    assert shares["20.0"] == 0.0


def test_figures_do_not_depend_on_the_order_of_tracks(
    small_gan: Callable[..., Any],
) -> None:
    # The training judges in the corpus's order, `evaluate` in that of the names.
    rows = tracks_of(*np.random.default_rng(3).normal(size=(3, 20, 5)))
    tracks = {f"{number:02}.wav": row for number, row in enumerate(rows)}
    backwards = dict(reversed(tracks.items()))
    task = small_gan().task

    assert task.pooled(backwards) == task.pooled(tracks)


def test_many_numbers_are_put_together() -> None:
    groups = grouped(list(range(40, 90)))
    assert next(iter(groups)) == "40 to 46.1"
    assert sorted(np.concatenate(list(groups.values())).tolist()) == list(range(50))
    assert list(grouped(["b", "a", "b"])) == ["a", "b"]


def test_too_few_sounds_have_no_distance() -> None:
    real = np.zeros((3, 2))
    assert figures_of(tracks_of(real, real, real)) == {}


def test_statistics_are_means_and_deviations_of_bands() -> None:
    examples = torch.randn(3, 8, 20)
    logmel = LogMelFeatureConfig(sr_hz=8000, n_mels=8)
    found = statistics_of(examples, logmel)
    np.testing.assert_allclose(found[:, :8], examples.mean(-1).numpy(), rtol=1e-6)
    np.testing.assert_allclose(
        found[:, 8:], examples.numpy().std(-1), rtol=1e-5, atol=1e-6
    )
    wave = WaveformFeatureConfig(sr_hz=16000)
    assert statistics_of(torch.randn(2, 1, 8000), wave).shape == (2, 128)


@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=9),
    st.booleans(),
)
def test_a_span_is_inverted(values: list[float], symmetric: bool) -> None:
    x = torch.tensor(values)
    span = Span.of([x], symmetric)
    inward = span.inward(x)
    assert inward.abs().max() <= 1 + 1e-5
    torch.testing.assert_close(span.outward(inward), x, atol=1e-3, rtol=1e-4)
    if symmetric:
        zero = span.inward(torch.zeros(1))
        assert span.high > span.low
        assert abs(float(zero)) < 1e-6 or not x.any()


def test_noise_of_a_sound_depends_on_the_seed_and_its_place() -> None:
    few = noise_for(2, (3, 4), seed=5, temperature=1.0)
    many = noise_for(4, (3, 4), seed=5, temperature=1.0)
    assert torch.equal(few, many[:2])
    assert not torch.equal(many[0], many[1])
    assert not torch.equal(few, noise_for(2, (3, 4), seed=6, temperature=1.0))
    assert torch.equal(0.5 * few, noise_for(2, (3, 4), seed=5, temperature=0.5))


def test_the_same_seed_is_the_same_sound(small_gan: Callable[..., Any]) -> None:
    gan = small_gan()
    gan.learner()
    settings = gan.task.tune(gan.model, gan.sides["valid"], gan.cache)
    asked = {"instrument": "reed", "pitchmidi": [57, 61, 67]}
    shares: list[float] = []
    found = gan.task.generate(
        gan.model, settings, n=3, conditions=asked, seed=4, on_share=shares.append
    )
    again = gan.task.generate(gan.model, settings, n=3, conditions=asked, seed=4)
    other = gan.task.generate(gan.model, settings, n=3, conditions=asked, seed=5)
    for one, two, three in zip(found, again, other, strict=True):
        np.testing.assert_array_equal(one.samples, two.samples)
        assert not np.array_equal(one.samples, three.samples)
        assert one.samples.shape == (1, 7 * 128)
        assert one.sr_hz == 8000
    assert [one.details for one in found] == [
        {"instrument": "reed", "pitchmidi": midi} for midi in (57, 61, 67)
    ]
    assert shares[-1] == 1.0
    assert gan.task.conditions_of(settings) == {
        "instrument": ["flute", "reed"],
        "pitchmidi": [57, 67],
    }


def test_what_it_cannot_be_asked_for(small_gan: Callable[..., Any]) -> None:
    gan = small_gan()
    gan.learner()
    with pytest.raises(TaskError, match="no training recording has 'oboe'"):
        gan.task.generate(
            gan.model, gan.task.fitted, n=1, conditions={"instrument": "oboe"}, seed=0
        )
    with pytest.raises(TaskError, match="no condition 'pitch'"):
        gan.task.generate(
            gan.model, gan.task.fitted, n=1, conditions={"pitch": 60}, seed=0
        )
    with pytest.raises(TaskError, match="mirbricks generate"):
        gan.task.predict(gan.model, None, gan.task.fitted)


def test_it_is_judged_by_what_is_heard(small_gan: Callable[..., Any]) -> None:
    gan = small_gan()
    gan.learner()
    keys: list[str] = []
    found = gan.task.evaluate(
        gan.model, gan.sides["test"], gan.cache, gan.task.fitted, keys.append
    )
    assert keys == [item.key for item in gan.sides["test"]]
    assert {"frechet", "frechet_real", "frechet_noise", "coverage"} <= set(
        found.figures
    )
    # The yardsticks do not depend on the model.
    real = gan.task.seen(gan.cache.open(keys[0])).read()[None, :, :8]
    np.testing.assert_allclose(
        found.tracks[keys[0]]["real"], statistics_of(real, gan.task.feature)[0]
    )
    shown = gan.task.pictures(
        gan.model, gan.sides["test"], gan.cache, gan.task.fitted, found
    )
    assert [one.title for one in shown] == [
        "coverage per instrument",
        "coverage per pitchmidi",
        "real and generated sounds",
        "generated sounds",
    ]


def test_a_validation_has_the_losses_of_both(small_gan: Callable[..., Any]) -> None:
    gan = small_gan()
    learner = gan.learner()
    found = learner.validate(gan.model)
    assert found == learner.validate(gan.model)
    assert found["adversary_loss"] > 0
    assert set(found) > {"loss", "adversary_loss", "frechet"}
