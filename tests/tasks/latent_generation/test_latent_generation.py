"""Generation in a latent space: what is learned from, what is asked for, what comes out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mirbricks.errors import MirbricksError, TaskError
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.latent_generation import LatentGenerationConfig
from mirbricks.tasks.latent_generation.generating import sampled
from mirbricks.tasks.latent_generation.latents import Lengthened, Scale
from mirbricks.tasks.modes import evaluating

sys.path.insert(0, str(Path(__file__).parent))
from toy_latents import (  # beside this file
    FRAMES,
    GRAPH,
    HOP,
    SR_HZ,
    TRAIN,
    VALID,
    Levels,
    Tone,
    cache_of,
    graph_of,
    task_of,
)


@pytest.fixture
def cache(tmp_path: Path) -> Any:
    return cache_of(tmp_path)


def learner_of(cache: Any, valid: Any = VALID, seed: int = 0, **settings: Any) -> Any:
    task = task_of(**settings)
    return task, task.learner(TRAIN, valid, cache, seed=seed, batch_size=6)


def test_scale_and_conditions_come_from_the_training_recordings_only(cache: Any):
    loud = [Tone("loud.wav", 0.3, "cello", 60)]
    loud[0].wave = 100 * loud[0].wave
    assert cache.build(loud, n_jobs=1) == []

    task, learner = learner_of(cache)
    other, moved = learner_of(cache, valid=loud)

    assert learner.scale.to_json() == moved.scale.to_json()
    assert task.tune(None, VALID, cache) == other.tune(None, loud, cache)


def test_scale_by_numpy():
    latents = [torch.randn(3, n) * 2 + 5 for n in (4, 9, 1)]
    every = np.concatenate([one.numpy() for one in latents], axis=1)

    scale = Scale.fit(latents)

    np.testing.assert_allclose(scale.mean.numpy(), every.mean(1), rtol=1e-6)
    np.testing.assert_allclose(scale.deviation.numpy(), every.std(1), rtol=1e-6)
    again = Scale.from_json(json.loads(json.dumps(scale.to_json())))
    torch.testing.assert_close(again.restored(scale.normalized(latents[0])), latents[0])


def test_emphasis_makes_the_first_channels_larger():
    latents = [torch.randn(3, 40, generator=torch.Generator().manual_seed(0))]

    scale = Scale.fit(latents, emphasis=(8.0, 2.0))
    values = scale.normalized(latents[0])

    found = values.std(1, unbiased=False)
    torch.testing.assert_close(found, torch.tensor([8.0, 2.0, 1.0]))
    torch.testing.assert_close(scale.restored(values), latents[0])


def test_a_latent_that_is_the_pitch_is_measured_from_a_line():
    generator = torch.Generator().manual_seed(0)
    rows = [{"pitchmidi": midi} for midi in range(40, 90)]
    own = 0.01 * torch.randn(50, 1, 20, generator=generator)
    octaves = torch.tensor([(row["pitchmidi"] - 69) / 12 for row in rows])
    other = torch.randn(50, 1, 20, generator=generator)
    latents = torch.cat((octaves[:, None, None] + own, other), dim=1)
    latents[3, 0] += 1.0  # a recording whose pitch was found an octave too high

    scale = Scale.fit(list(latents), following=1, along="pitchmidi", rows=rows)
    values = scale.normalized(latents, rows)

    assert scale.slope is not None
    torch.testing.assert_close(
        scale.slope, torch.tensor([1 / 12, 0.0]), atol=1e-4, rtol=0
    )
    # What the pitch was asked for explains all but what each recording has of its own.
    correlation = torch.corrcoef(torch.stack((values[:, 0].mean(-1), octaves)))[0, 1]
    assert abs(float(correlation)) < 0.3
    torch.testing.assert_close(values[:, 1].std(), torch.tensor(1.0), atol=1e-2, rtol=0)
    stored = Scale.from_json(json.loads(json.dumps(scale.to_json())))
    again = stored.restored(values, rows)
    near = torch.arange(50) != 3
    torch.testing.assert_close(again[near], latents[near])
    # The octave is not learned: it counts as a semitone.
    assert abs(float(again[3, 0].mean()) - (float(octaves[3]) + 1 / 12)) < 0.01
    # A pitch that no recording has lies on the same line.
    between = stored.restored(torch.zeros(1, 2, 1), [{"pitchmidi": 60.5}])
    assert abs(float(between[0, 0, 0]) - (60.5 - 69) / 12) < 0.005


def test_a_pitch_that_is_a_word_cannot_be_followed(cache: Any):
    task = task_of(pitch_latents=1, pitch="instrument")

    with pytest.raises(TaskError) as raised:
        task.learner(TRAIN, VALID, cache, seed=0, batch_size=2)

    assert raised.value.code == "E562"
    assert "'flute' is not a number" in raised.value.message


def test_the_pitch_that_is_followed_is_a_condition():
    with pytest.raises(ValueError, match="'pitch_latents' follow the condition"):
        LatentGenerationConfig(codec="x", patch_frames=4, pitch_latents=1)


def test_sounds_follow_the_pitch_that_was_asked_for(cache: Any):
    task, learner = learner_of(cache, pitch_latents=1)
    takes = [learner.train.takes[0], learner.train.takes[-1]]
    rows = learner.conditions.of(takes)
    latents = torch.stack([learner.train.row(one) for one in takes])

    restored = learner.scale.restored(learner.scale.normalized(latents, rows), rows)
    batch = learner.batch(0)

    assert learner.scale.along == "pitchmidi"
    assert task.tune(None, VALID, cache)["scale"]["slope"][1] == 0.0
    torch.testing.assert_close(restored[:, 1], latents[:, 1])
    assert float(batch.targets.abs().max()) < 10


def test_a_channel_that_hardly_moves_is_not_blown_up():
    still = torch.stack((torch.randn(50), 1e-6 * torch.randn(50)))

    scale = Scale.fit([still])

    assert float(scale.normalized(still)[1].abs().max()) < 1e-3
    assert Scale.fit([torch.ones(2, 5)]).deviation.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("seed", [0, 7])
def test_a_batch_is_a_function_of_seed_and_step(cache: Any, seed: int):
    _, learner = learner_of(cache, seed=seed)
    _, again = learner_of(cache, seed=seed)

    one, same, other = learner.batch(3), again.batch(3), learner.batch(4)

    for name, values in one.named.items():
        assert torch.equal(values, same.named[name])
    assert torch.equal(one.targets, same.targets)
    assert not torch.equal(one.named["x"], other.named["x"])
    assert one.named["x"].shape == (6, 2, FRAMES)
    assert one.named["t"].shape == one.named["instrument"].shape == (6,)


def test_rows_lie_on_the_lines_between_noise_and_recordings(cache: Any):
    _, learner = learner_of(cache)
    rows = {take.name: learner.train.row(take) for take in learner.train.takes}

    batch = learner.batch(0)

    rest = 1 - batch.named["t"][:, None, None]
    data = learner.scale.restored(batch.named["x"] + rest * batch.targets)
    for place, name in enumerate(batch.items):
        torch.testing.assert_close(data[place], rows[name], atol=1e-4, rtol=1e-4)
    assert any(
        "semitone" in name for step in range(4) for name in learner.batch(step).items
    )


def test_short_recordings_end_in_silence_and_long_ones_are_cut(cache: Any):
    _, learner = learner_of(cache, valid=TRAIN, transpose_semitones=0)
    rows = {take.key: learner.train.row(take) for take in learner.train.takes}

    # "b.wav" has 5 frames of sound, and silence behind.
    assert bool((rows["b.wav"][1, :5] > 0).all())
    assert not bool(rows["b.wav"][:, 5:].any())
    codec = Levels()
    wave = torch.from_numpy(TRAIN[2].wave[: FRAMES * HOP])[None, None]
    torch.testing.assert_close(rows["c.wav"], codec.encode_latent(wave)[0])


def test_random_crops_come_from_anywhere(cache: Any):
    _, learner = learner_of(
        cache, valid=TRAIN, transpose_semitones=0, crop="anywhere", patch_frames=4
    )
    whole = learner.train.sounding(learner.train.takes[2])

    starts = set()
    for seed in range(40):
        row = learner.train.row(learner.train.takes[2], np.random.default_rng(seed))
        found = [k for k in range(27) if torch.equal(whole[:, k : k + 4], row)]
        starts.update(found[:1])

    assert whole.shape[1] == 30
    assert min(starts) < 4
    assert max(starts) > 22


def test_pitches_move_with_the_recordings(cache: Any):
    _, learner = learner_of(cache)

    rows = learner.conditions.of(learner.train.takes)
    assert {row["pitchmidi"] for row in rows} == {
        49,
        50,
        51,
        59,
        60,
        61,
        63,
        64,
        65,
    }
    # So a validation recording between them is known.
    valid = learner.conditions.of(learner.valid.takes)
    assert valid[0] == {"instrument": "cello", "pitchmidi": 61}


def test_lengthened_waveforms(cache: Any):
    cut, least = (Lengthened(cache, 1000, cut) for cut in (True, False))

    torch.testing.assert_close(
        cut.open("c.wav").read(), torch.from_numpy(TRAIN[2].wave[:1000])[None]
    )
    assert least.open("c.wav").read().shape == (1, len(TRAIN[2].wave))
    short = least.open("b.wav").read(300, 900)
    assert short.shape == (1, 600)
    assert not bool(short[:, 100:].any())
    names = {one.open("b.wav").path.name for one in (cut, least)}
    assert len(names | {cache.open("b.wav").path.name}) == 3


def test_the_loss_of_a_model_that_gives_nothing_is_the_energy_of_its_targets(
    cache: Any,
):
    class Nothing(torch.nn.Linear):
        def forward(self, x: Any, **_: Any) -> Any:
            return 0 * x * self.weight.sum()

    _, learner = learner_of(cache)
    model = Nothing(1, 1)

    figures = learner.validate(model)

    # Of unit noise and normalized data: about 2, and the same again.
    assert 1.0 < figures["loss"] < 3.5
    assert 1.0 < figures["train_loss"] < 3.5
    assert learner.validate(model) == figures


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sampler": "euler", "guidance": 2.0},
        {"objective": "diffusion", "predicts": "epsilon"},
        {"objective": "diffusion", "sampler": "ddim", "eta": 1.0},
    ],
)
def test_the_same_seed_makes_the_same_sounds(tmp_path: Path, cache: Any, settings: Any):
    task, _ = learner_of(cache, **settings)
    model = graph_of(tmp_path)
    tuned = json.loads(json.dumps(task.tune(model, VALID, cache)))
    asked = {"instrument": "flute", "pitchmidi": [60, 64, 50]}

    def made(n: int = 3, seed: int = 1, asked: Any = asked) -> list[Any]:
        return task.generate(model, tuned, n=n, conditions=asked, seed=seed)

    one, again, other = made(), made(), made(seed=2)
    for sound, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(sound.samples, same.samples)
        assert sound.sr_hz == SR_HZ
        assert sound.samples.shape == (1, FRAMES * HOP)
        assert sound.samples[0, -1] == 0
    assert not np.array_equal(one[0].samples, other[0].samples)
    assert dict(one[1].details) == {"instrument": "flute", "pitchmidi": 64}


def test_a_sound_does_not_depend_on_how_many_are_made(tmp_path: Path, cache: Any):
    task, _ = learner_of(cache)
    model = graph_of(tmp_path)
    tuned = task.tune(model, VALID, cache)
    asked = {"instrument": "flute", "pitchmidi": 60}

    few = task.generate(model, tuned, n=1, conditions=asked, seed=3)
    many = task.generate(model, tuned, n=20, conditions=asked, seed=3)

    np.testing.assert_allclose(few[0].samples, many[0].samples, atol=1e-5)
    assert not np.allclose(many[0].samples, many[1].samples)


def test_guidance_leaves_the_pitch_as_the_model_has_it(tmp_path: Path, cache: Any):
    graph = graph_of(tmp_path)
    _, learner = learner_of(cache)
    rows = learner.conditions.of(learner.train.takes[:2])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 2, FRAMES, generator=generator)
    # Conditions begin without any influence.
    with torch.no_grad():
        for weights in graph.parameters():
            weights += 0.2 * torch.randn(weights.shape, generator=generator)

    def values_with(guidance: float, pitch_latents: int) -> torch.Tensor:
        config = task_of(guidance=guidance, pitch_latents=pitch_latents).config
        with evaluating(graph):
            return sampled(
                graph,
                config,
                learner.conditions,
                rows,
                noise,
                seed=(0, 0),
                on_step=lambda _: None,
            )

    plain, pulled, kept = values_with(1.0, 0), values_with(3.0, 0), values_with(3.0, 1)

    assert (pulled - plain).abs().amax(dim=(0, 2)).min() > 1e-4
    torch.testing.assert_close(kept[:, 0], plain[:, 0])
    torch.testing.assert_close(kept[:, 1], pulled[:, 1])


def test_guidance_drops_the_guided_conditions_only(tmp_path: Path, cache: Any):
    """Without any guidance left, what a graph gives is what it gives where these conditions are not known."""
    graph = graph_of(tmp_path)
    _, learner = learner_of(cache)
    rows = learner.conditions.of(learner.train.takes[:2])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 2, FRAMES, generator=generator)
    with torch.no_grad():
        for weights in graph.parameters():
            weights += 0.2 * torch.randn(weights.shape, generator=generator)

    def values_of(known: Any, **settings: Any) -> torch.Tensor:
        with evaluating(graph):
            return sampled(
                graph,
                task_of(**settings).config,
                learner.conditions,
                known,
                noise,
                seed=(0, 0),
                on_step=lambda _: None,
            )

    free = values_of(rows, guidance=0.0, guided=("instrument",))

    of_a_pitch = [{"pitchmidi": row["pitchmidi"]} for row in rows]
    torch.testing.assert_close(free, values_of(of_a_pitch))
    assert not torch.allclose(free, values_of(rows, guidance=0.0))


def test_guidance_without_conditions_changes_nothing(tmp_path: Path, cache: Any):
    text = GRAPH.replace(", instrument: B, pitchmidi: B", "")
    start = text.index("  - StartFrom: instrument")
    text = text[:start] + text[text.index("  - StartFrom: t\n") :]
    text = text.replace("  - AddWith: conditions\n", "")
    model = graph_of(tmp_path, text)
    sounds = []
    for guidance in (1.0, 3.0):
        task, _ = learner_of(cache, conditions=(), guidance=guidance)
        task.check_graph(model)
        tuned = task.tune(model, VALID, cache)
        sounds += task.generate(model, tuned, n=1, conditions={}, seed=0)

    np.testing.assert_array_equal(sounds[0].samples, sounds[1].samples)


def test_an_evaluation_has_its_yardsticks(tmp_path: Path, cache: Any):
    task, _ = learner_of(cache)
    model = graph_of(tmp_path)
    tuned = task.tune(model, VALID, cache)

    found = task.evaluate(model, [*TRAIN, *VALID], cache, tuned)

    assert set(found.figures) == {
        "loss", "train_loss", "frechet", "frechet_real", "frechet_noise",
        "pitch_accuracy", "pitch_chroma_accuracy", "pitch_accuracy_real",
        "nearest_training", "nearest_training_real",
    }  # fmt: skip
    # Training recordings lie at 0 from themselves; all values are known to JSON.
    assert found.tracks["a.wav"]["nearest_training_real"] == 0
    assert found.figures["frechet_noise"] > found.figures["frechet_real"]
    json.dumps(found.tracks, allow_nan=False)
    again = task.pooled(json.loads(json.dumps(found.tracks)))
    assert again.items() <= found.figures.items()
    # The training judges in the corpus's order, `evaluate` in that of the names.
    first, *others = found.tracks
    another = {key: found.tracks[key] for key in (*others, first)}
    assert task.pooled(another) == again


def test_a_report_has_sounds_and_pictures(tmp_path: Path, cache: Any):
    task, _ = learner_of(cache)
    model = graph_of(tmp_path)
    tuned = task.tune(model, VALID, cache)
    found = task.evaluate(model, TRAIN, cache, tuned)

    shown = task.pictures(model, TRAIN, cache, tuned, found)

    assert [one.title for one in shown] == [
        "generated sounds",
        "real and generated sounds",
        "pitches asked for and heard",
    ]
    assert len(shown[0].sounds) == len(TRAIN)


def refusal(of: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(MirbricksError) as found:
        of(*arguments, **named)
    return str(found.value)


def without_marks(message: str) -> str:
    """The message without the line of marks under the user's line."""
    return "\n".join(line for line in message.split("\n") if "^" not in line)


def test_a_codec_of_another_rate_is_refused(tmp_path: Path):
    task = task_of(Levels(sr_hz=16000))

    feature = "feature: {type: waveform, sr_hz: 8000}\n"
    message = refusal(task.check_graph, graph_of(tmp_path, feature + GRAPH))

    assert without_marks(message).endswith(
        "toy.yaml:1:34: the codec and the feature have different sample rates\n"
        "    1 | feature: {type: waveform, sr_hz: 8000}\n"
        "  codec    16000 Hz\n"
        "  feature  8000 Hz\n"
        "  help: write `feature: {type: waveform, sr_hz: 16000}`     [E501]"
    )


def test_latents_of_other_channels_are_refused(tmp_path: Path):
    task = task_of(Levels(latent_channels=5))

    message = refusal(task.check_graph, graph_of(tmp_path))

    assert "the graph does not read latents x: B C=5 T" in message
    assert "write `x: B C=5 T` in `input:`, and end in 5 channels" in message
    assert "[E501]" in message


def test_more_emphasis_than_channels_is_refused(tmp_path: Path):
    task = task_of(emphasis=(8.0, 1.0, 1.0))

    message = refusal(task.check_graph, graph_of(tmp_path))

    assert (
        "task.emphasis has 3 values, and the codec's latents have 2 channels" in message
    )
    assert "[E592]" in message


def test_too_few_classes_are_refused_before_data_is_read(tmp_path: Path):
    task = task_of()
    task.check_graph(
        graph_of(tmp_path, GRAPH.replace("num_embeddings: 16", "num_embeddings: 9"))
    )

    message = refusal(task.check_recordings, TRAIN, VALID)

    assert without_marks(message).endswith(
        "toy.yaml:2:8: the graph's embedding of 'pitchmidi' has too few rows\n"
        '    2 | input: {x: "B C=2 T", t: B, instrument: B, pitchmidi: B}\n'
        "  classes  10, the one for 'not known' with them\n"
        "  help: give the TokenEmbedding behind `pitchmidi` num_embeddings: 10 or more     [E591]"
    )


def test_a_validation_pitch_that_was_not_learned_is_refused(tmp_path: Path):
    task = task_of(transpose_semitones=0)
    task.check_graph(graph_of(tmp_path))

    message = refusal(task.check_recordings, TRAIN, VALID)

    assert "no training recording has '61' as its 'pitchmidi'" in message
    assert "[E561]" in message


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"instrument": "tuba"}, "E561"),
        ({"pitch": 60}, "E560"),
        ({"pitchmidi": [60, 61]}, "E563"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, cache: Any, asked: Any, code: str):
    task, _ = learner_of(cache)
    model = graph_of(tmp_path)
    tuned = task.tune(model, VALID, cache)

    message = refusal(task.generate, model, tuned, n=3, conditions=asked, seed=0)

    assert f"[{code}]" in message


def test_a_graph_without_an_input_for_a_condition_is_refused(tmp_path: Path):
    task = task_of(conditions=("instrument", "dynamic"))

    message = refusal(task.check_graph, graph_of(tmp_path))

    assert "the graph has no input for the condition 'dynamic'" in message


def test_there_is_nothing_to_predict(tmp_path: Path):
    with pytest.raises(TaskError, match="makes sounds, and predicts nothing"):
        task_of().predict(graph_of(tmp_path), torch.zeros(1, 100), {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"sampler": "ddim"},
            "'sampler' ddim does not go with 'objective' rectified_flow: choose euler or heun",
        ),
        (
            {"sampler": "heun", "objective": "diffusion"},
            "'sampler' heun does not go with 'objective' diffusion: choose ddim",
        ),
        ({"transpose_semitones": -1}, "greater than or equal to 0"),
        ({"transpose_semitones": 13}, "less than or equal to 12"),
        ({"conditions": ("a", "a")}, "'conditions' has a name twice"),
        (
            {"conditions": ("midi",), "transpose_semitones": 1},
            "would keep its old 'midi'; write `pitch: midi`",
        ),
        (
            {"conditions": ("a",), "guidance": 2.0, "condition_dropout": 0.0},
            "it needs a 'condition_dropout' above 0",
        ),
        (
            {"conditions": ("a",), "guided": ("b",)},
            "'guided' names 'b', which is not one of 'conditions'",
        ),
    ],
)
def test_settings_that_do_not_go_together(settings: Any, words: str):
    with pytest.raises(ValidationError, match=words):
        LatentGenerationConfig(codec="x", patch_frames=4, **settings)


def test_another_feature_is_refused(tmp_path: Path):
    task = task_of()
    task.feature = WaveformFeatureConfig(sr_hz=22050)

    assert "different sample rates" in refusal(task.check_graph, graph_of(tmp_path))


def test_sounds_can_be_longer_than_what_was_learned_from(tmp_path: Path):
    task = task_of(generate_frames=FRAMES + 3)
    model = graph_of(tmp_path)
    task.check_graph(model)
    cache = cache_of(tmp_path)
    learner = task.learner(TRAIN, VALID, cache, seed=0, batch_size=2)

    sounds = task.generate(
        model, task.tune(model, VALID, cache), n=1, conditions={}, seed=0
    )

    assert learner.batch(0).named["x"].shape[-1] == FRAMES
    assert sounds[0].samples.shape == (1, (FRAMES + 3) * task.codec.hop_length)


@pytest.mark.parametrize("frames", [10**8, 10**9])
def test_frames_that_do_not_fit_into_memory(tmp_path: Path, frames: int):
    task = task_of(generate_frames=frames)

    message = refusal(task.check_graph, graph_of(tmp_path))

    assert f"asked by  task.generate_frames: {frames:,}" in message
    assert "[E565]" in message
