"""The task: what it learns from, how it is judged, what it generates, what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from toy_codes import CODES, Notes, Peaks, embedding, graph_of

from mirbricks.compiler.stepping import Steps, Whole, steps_agree, whole
from mirbricks.errors import GraphWarning, TaskError
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.token_generation.config import TokenGenerationConfig
from mirbricks.tasks.token_generation.generation import Columns, generated

PATTERNS = ["flatten", "delay", "parallel"]
BOTH = {"instrument": 3, "pitchmidi": 7}
Make = Callable[..., tuple[Any, Any]]


def learner_of(task: Any, notes: Notes, **given: Any) -> Any:
    items = notes.corpus.items
    settings = {"seed": 0, "batch_size": 4, **given}
    return task.learner(items, items[:3], notes.cache, **settings)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_batch_is_codes_in_their_pattern_with_conditions(
    make_task: Make, notes: Notes, pattern: str
) -> None:
    task, model = make_task(pattern, BOTH)
    learner = learner_of(task, notes)
    batch = learner.batch(3)
    again = learner.batch(3)
    assert torch.equal(batch.targets, again.targets)
    assert batch.targets.shape == (4, 2, 20)
    assert torch.equal(batch.named["codes"], task.pattern.tokens(batch.targets))
    labels = ["bell", "organ"]
    names = [key.split("-")[0] for key in batch.items]
    assert batch.named["instrument"].tolist() == [labels.index(n) for n in names]
    loss = learner.loss(model(**batch.named), batch)
    assert 0.5 * math.log(CODES) < loss.item() < 2 * math.log(CODES)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_loss_is_the_mean_cost_of_every_code(
    make_task: Make, notes: Notes, pattern: str
) -> None:
    """A graph that gives known probabilities has a known loss, whatever the pattern."""
    task, _ = make_task(pattern)
    learner = learner_of(task, notes)
    batch = learner.batch(0)
    shape = (4, task.pattern.n_places(20), task.pattern.n_logits())
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(shape, generator=generator)
    total = 0.0
    for row in range(4):
        for level in range(2):
            for frame in range(20):
                if pattern == "flatten":
                    logits = outputs[row, 2 * frame + level]
                else:
                    place = frame + (level if pattern == "delay" else 0)
                    start = level * CODES
                    logits = outputs[row, place, start : start + CODES]
                code = batch.targets[row, level, frame]
                total -= float(logits.log_softmax(-1)[code])
    assert learner.loss(outputs, batch).item() == pytest.approx(total / 160, rel=1e-5)


def test_figures_count_every_code_of_a_recording_once(
    make_task: Make, notes: Notes
) -> None:
    """Windows are cut and filled up; what is filled up, or is there as context alone, does not count."""
    task, model = make_task("delay", BOTH, patch_frames=7)
    learner = learner_of(task, notes)
    figures = learner.validate(model.eval())
    nats, count, hits = 0.0, 0, 0
    codec = Peaks()
    for item in notes.corpus.items[:3]:
        wave, _ = item.read()
        whole = functional.pad(torch.from_numpy(wave), (0, -len(wave) % 100))
        codes = codec.encode(whole[None, None])
        conditions = task.conditions.encode(task.conditions.of([item]))
        for start in range(0, codes.shape[-1] - 4, 3):
            part = codes[..., start : start + 7]
            known = 4 if start else 0
            with torch.inference_mode():
                outputs = model(codes=task.pattern.tokens(part), **conditions)
            logits = task.pattern.logits(outputs, part.shape[-1])
            costs = -logits.log_softmax(-1).gather(-1, part[..., None])
            nats += float(costs[:, :, known:].double().sum())
            hits += int((logits.argmax(-1) == part)[:, :, known:].sum())
            count += part[..., known:].numel()
    assert figures["cross_entropy_nats"] == pytest.approx(nats / count, rel=1e-5)
    assert figures["loss"] == figures["cross_entropy_nats"]
    assert figures["accuracy"] == pytest.approx(hits / count)
    seconds = count / 2 * 100 / 8000
    assert figures["bits_per_second"] == pytest.approx(
        nats / math.log(2) / seconds, rel=1e-5
    )
    assert figures["ngram_cross_entropy_nats"] < math.log(CODES)


@pytest.mark.parametrize("semitones", [0, 2])
def test_transposed_takes_have_their_own_pitch(
    make_task: Make, notes: Notes, semitones: int
) -> None:
    task, _ = make_task("flatten", {"pitchmidi": 20}, transpose_semitones=semitones)
    learner = learner_of(task, notes, batch_size=64)
    pitches = {60, 62, 64, 65, 67, 69}
    moved = {p + s for p in pitches for s in range(-semitones, semitones + 1)}
    assert set(task.conditions.known()["pitchmidi"]) == moved
    batch = learner.batch(0)
    values = sorted(moved)
    found = [values[number] for number in batch.named["pitchmidi"].tolist()]
    own = [int(key.split("-")[1].removesuffix(".wav")) for key in batch.items]
    offsets = np.array(found) - own
    assert set(offsets.tolist()) == set(range(-semitones, semitones + 1))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_generated_codes_are_alike_with_and_without_a_cache(
    make_task: Make, monkeypatch: pytest.MonkeyPatch, pattern: str, guidance: float
) -> None:
    task, model = make_task(
        pattern, {"instrument": 3}, condition_dropout=0.1, guidance=guidance
    )
    given = {"instrument": torch.tensor([0, 1, 1])}
    dropped = {"instrument": torch.tensor([2, 2, 2])}
    shared = {
        "pattern": task.pattern,
        "config": task.config,
        "count": 3,
        "n_frames": 9,
        "seed": 5,
    }
    assert steps_agree(model.eval(), "codes", given, Columns(task.pattern))
    cached = generated(model, "codes", given, dropped, **shared)
    monkeypatch.setattr(whole, "steps_agree", lambda *_: False)
    with pytest.warns(GraphWarning, match="generation is slow"):
        uncached = generated(model, "codes", given, dropped, **shared)
    assert torch.equal(cached, uncached)
    assert cached.shape == (3, 2, 9)
    assert int(cached.max()) < CODES


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_codebook_is_drawn_at_its_temperature(
    make_task: Make, pattern: str
) -> None:
    """At 0 the first codebook is the best one, whatever the seed; at 50 the second one is anything."""
    task, model = make_task(pattern, temperatures=(0.0, 50.0))
    shared = {"pattern": task.pattern, "config": task.config, "count": 2}
    first = []
    for seed in range(6):
        # Of the first frame: what comes later depends on the codes before.
        codes = generated(model, "codes", {}, {}, n_frames=1, seed=seed, **shared)
        first.append(codes)
    found = torch.stack(first)
    assert len(found[:, :, 0].unique()) == 1
    assert len(found[:, :, 1].unique()) > 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_codebook_without_guidance_takes_no_notice_of_the_dropped(
    make_task: Make, pattern: str
) -> None:
    """At temperature 0 the first code depends on the other conditions by its guidance only."""
    rows = {"instrument": 5}
    given = {"instrument": torch.arange(4)}
    found = {}
    for guidances in ((1.0, 1.0), (1.0, 60.0), (60.0, 1.0)):
        task, model = make_task(
            pattern, rows, condition_dropout=0.1, temperature=0.0, guidances=guidances
        )
        model.eval()
        shared = {"pattern": task.pattern, "config": task.config, "count": 4}
        dropped = {"instrument": torch.full((4,), 4)}
        found[guidances] = generated(
            model, "codes", given, dropped, n_frames=1, seed=0, **shared
        )[:, :, 0]
    plain = found[1.0, 1.0]
    assert torch.equal(found[1.0, 60.0][:, 0], plain[:, 0])
    assert not torch.equal(found[1.0, 60.0][:, 1], plain[:, 1])
    assert not torch.equal(found[60.0, 1.0][:, 0], plain[:, 0])


@pytest.mark.parametrize("guidances", [(1.0, 2.0), (2.0, 1.0)])
def test_guidance_of_a_codebook_needs_a_model_without_conditions(
    guidances: tuple[float, float],
) -> None:
    with pytest.raises(ValueError, match="it needs 'conditions' and 'condition_dr"):
        TokenGenerationConfig(codec="x", patch_frames=4, guidances=guidances)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_cached_logits_are_those_of_the_whole(make_task: Make, pattern: str) -> None:
    task, model = make_task(pattern, {"instrument": 3})
    model.eval()
    given = {"instrument": torch.tensor([0, 1])}
    codes = torch.randint(CODES, (2, 2, 12))
    tokens = task.pattern.tokens(codes)
    with torch.inference_mode():
        places = task.pattern.n_places(12)
        steps = Steps(model, "codes", given, batch_size=2, max_places=places)
        at_once = Whole(model, "codes", given, Columns(task.pattern))
        column = task.pattern.nothing(codes)
        for place in range(places):
            expected = at_once(column)
            torch.testing.assert_close(steps(column), expected, atol=1e-5, rtol=0)
            column = task.pattern.column_of(tokens, place)


def test_a_block_without_a_cache_is_computed_as_a_whole(make_task: Make) -> None:
    graph = graph_of("flatten")
    # Causal, and there is no step for it.
    slow = {"out_channels": 16, "kernel_size": 3, "padding": "causal"}
    graph["layers"][2:2] = [
        {"Permute": {"dims": [0, 2, 1]}},
        {"ConvTranspose1d": {"name": "slow", **slow}},
        {"Permute": {"dims": [0, 2, 1]}},
    ]
    task, model = make_task("flatten", graph=graph)
    assert not steps_agree(model.eval(), "codes", {}, Columns(task.pattern))
    with pytest.warns(GraphWarning, match=r"'slow' \(ConvTranspose1d\) cannot compute"):
        sounds = task.generate(model, NOTHING, n=2, conditions={}, seed=0)
    assert len(sounds) == 2


NOTHING = {"conditions": {"each": [], "together": [[]]}}


def test_the_same_seed_gives_the_same_sound(make_task: Make, notes: Notes) -> None:
    task, model = make_task("delay", BOTH, generate_frames=30)
    learner_of(task, notes)
    settings = task.tune(model, notes.corpus.items, notes.cache)
    asked = {"instrument": "organ", "pitchmidi": [60, 64]}
    first, second = (
        task.generate(model, settings, n=2, conditions=asked, seed=1) for _ in range(2)
    )
    other = task.generate(model, settings, n=2, conditions=asked, seed=2)
    assert [sound.title for sound in first] == ["1 organ 60", "2 organ 64"]
    assert first[1].details == {"instrument": "organ", "pitchmidi": 64}
    assert first[0].samples.shape == (1, 3000)
    assert first[0].sr_hz == 8000
    assert all(
        (a.samples == b.samples).all() for a, b in zip(first, second, strict=True)
    )
    assert not (first[0].samples == other[0].samples).all()
    assert task.conditions_of(settings)["instrument"] == ["bell", "organ"]


def test_the_first_codebooks_alone(make_task: Make, notes: Notes) -> None:
    graph = graph_of("flatten")
    graph["input"]["codes"] = "B Q=1 T"
    task, model = make_task("flatten", graph=graph, n_codebooks=1)
    batch = learner_of(task, notes).batch(0)
    assert batch.named["codes"].shape == (4, 1, 20)
    sounds = task.generate(model, NOTHING, n=1, conditions={}, seed=0)
    assert sounds[0].samples.shape == (1, 2000)


def test_a_trained_model_beats_the_n_gram_and_knows_its_conditions(
    make_task: Make, notes: Notes
) -> None:
    """150 steps on twelve notes: bells fade away, organs do not."""
    task, model = make_task("flatten", BOTH)
    learner = learner_of(task, notes, batch_size=12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(150):
        batch = learner.batch(step)
        loss = learner.loss(model(**batch.named), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    figures = learner.validate(model.eval())
    assert figures["cross_entropy_nats"] < figures["ngram_cross_entropy_nats"]
    settings = task.tune(model, notes.corpus.items, notes.cache)
    loudness = {}
    for name in ("bell", "organ"):
        sounds = task.generate(
            model, settings, n=6, conditions={"instrument": name}, seed=0
        )
        late = [np.abs(sound.samples[0, 1000:1500]).max() for sound in sounds]
        loudness[name] = float(np.mean(late))
    assert loudness["organ"] > 1.5 * loudness["bell"]


def positions(most: int) -> dict[str, Any]:
    graph = graph_of("delay")
    decoder = graph["layers"][2]["TransformerDecoder"]
    decoder |= {"positions": "learned", "max_frames": most}
    return graph


def rows(count: int) -> dict[str, Any]:
    graph = graph_of("delay")
    graph["layers"][1]["CodebookEmbedding"]["num_embeddings"] = count
    return graph


def with_layer(layer: Any) -> dict[str, Any]:
    graph = graph_of("flatten")
    graph["layers"].insert(2, layer)
    return graph


def reading(codes: str, **others: str) -> dict[str, Any]:
    graph = graph_of("flatten")
    graph["input"] = {"codes": codes, **others}
    return graph


class Another(Peaks):
    sr_hz = 16000


MESSAGES: dict[str, tuple[Callable[[Make, Notes], object], str]] = {
    "a codec of another rate": (
        lambda make, _: make(codec=Another()),
        "the codec and the feature have different sample rates\n"
        "  codec    16000 Hz\n"
        "  feature  8000 Hz\n"
        "  help: write `feature: {type: waveform, sr_hz: 16000}`     [E501]",
    ),
    "too many codebooks": (
        lambda make, _: make(n_codebooks=3),
        "task.n_codebooks is 3, and the codec has 2 codebooks\n"
        "  help: choose 1 to 2     [E574]",
    ),
    "other than a temperature for each codebook": (
        lambda make, _: make(temperatures=(0.3, 0.8, 0.8)),
        "task.temperatures has 3 values, and the model generates 2 codebooks\n"
        "  help: give 2 values, or set task.temperature, which is for all of them     [E576]",
    ),
    "other than a guidance for each codebook": (
        lambda make, _: make(
            conditions={"instrument": 3}, condition_dropout=0.1, guidances=(2.0,)
        ),
        "task.guidances has 1 values, and the model generates 2 codebooks\n"
        "  help: give 2 values, or set task.guidance, which is for all of them     [E576]",
    ),
    "more frames than positions": (
        lambda make, _: make("delay", graph=positions(20)),
        "the graph cannot read 20 frames, 21 places in the pattern 'delay'\n",
    ),
    "more generated frames than positions": (
        lambda make, _: make("delay", graph=positions(21), generate_frames=22),
        "  asked by  task.generate_frames\n",
    ),
    "more generated frames than fit into memory": (
        lambda make, _: make("delay", generate_frames=10**11),
        "sounds of 1,250,000,000 s do not fit into memory\n",
    ),
    "frames whose tensor would have no size": (
        lambda make, _: make("flatten", generate_frames=10**18),
        "do not fit into memory\n",
    ),
    "no row for the empty place": (
        lambda make, _: make("delay", graph=rows(8)),
        "the graph cannot read the codes 0 to 8\n",
    ),
    "a layer that sees what comes": (
        lambda make, _: make(
            graph=with_layer({"GRU": {"hidden_size": 8, "bidirectional": True}})
        ),
        "the graph sees the code that it predicts, or one that comes after it\n"
        "  changed  the logits of codebook 1, frame 2\n"
        "  help: give CodebookEmbedding `start: true`, and use layers that look back only, such as "
        "TransformerDecoder     [E570]",
    ),
    "no start": (
        lambda make, _: make(
            graph={
                "input": {"codes": "B Q=2 T"},
                "layers": [
                    {
                        "CodebookEmbedding": {
                            **embedding("flatten")["CodebookEmbedding"],
                            "start": False,
                        }
                    },
                    {"Linear": {"out_features": CODES}},
                ],
            }
        ),
        "the graph sees the code that it predicts, or one that comes after it\n",
    ),
    "other logits": (
        lambda make, _: make("delay", graph=graph_of("flatten")),
        "the graph does not give the logits of 2 x 8 codes for each place\n"
        "  expected  (B, T', 16)\n",
    ),
    "other codebooks": (
        lambda make, _: make(graph=reading("B Q=3 T")),
        "the graph does not read the codes of 2 codebooks\n"
        "  expected  (B, 2, T)\n"
        "  got       (B, 3, T)\n"
        "  help: write `codes: B Q=2 T`, or set task.n_codebooks     [E571]",
    ),
    "an input too many": (
        lambda make, _: make(graph=reading("B Q=2 T", instrument="B")),
        "the task has nothing for the graph's input 'instrument'\n",
    ),
    "an unknown condition": (
        lambda make, notes: make("flatten", {"instrumnet": 3})[0].check_recordings(
            notes.corpus.items, []
        ),
        "'bell-60.wav' has no annotation 'instrumnet', which is a condition\n"
        "  got  'instrument', 'pitchmidi'\n"
        "  help: did you mean 'instrument'?     [E560]",
    ),
    "a value that training lacks": (
        lambda make, notes: make("flatten", BOTH)[0].check_recordings(
            notes.corpus.items[:3], notes.corpus.items[3:5]
        ),
        "'bell-65.wav': no training recording has '65' as its 'pitchmidi'\n",
    ),
    "too few rows": (
        lambda make, notes: make("flatten", {"pitchmidi": 6})[0].check_recordings(
            notes.corpus.items, []
        ),
        "the graph has 6 rows for the condition 'pitchmidi', which has 6 values in the training recordings\n"
        "  help: write `TokenEmbedding: {num_embeddings: 7, ...}`: a row more, for a dropped condition     [E572]",
    ),
    "an empty corpus": (
        lambda make, _: make()[0].check_recordings([], []),
        "there are no recordings\n",
    ),
    "a prediction": (
        lambda make, _: make()[0].predict(None, None, {}),
        "token_generation makes sounds, and predicts nothing from a recording\n"
        "  help: use `mirbricks generate`     [E514]",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(make_task: Make, notes: Notes, case: str) -> None:
    call, text = MESSAGES[case]
    with pytest.raises(TaskError) as found:
        call(make_task, notes)
    found.value.where = None  # the graphs here are no files
    assert text in str(found.value)


def test_guidance_needs_dropout(make_task: Make) -> None:
    with pytest.raises(ValueError, match="needs 'conditions' and 'condition_dropout'"):
        make_task("flatten", BOTH, guidance=2.0)


def test_only_guided_conditions_are_dropped(make_task: Make, notes: Notes) -> None:
    """Without any guidance left, the instrument says nothing; the pitch still does."""
    settings = {"condition_dropout": 0.9, "guidance": 0.0, "guided": ("instrument",)}
    task, model = make_task("delay", BOTH, **settings)
    learner = learner_of(task, notes)
    dropped = learner.batch(0).named
    assert (dropped["instrument"] == 2).any()
    assert (dropped["pitchmidi"] < 6).all()

    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_()
    tuned = {"conditions": task.conditions.to_json()}
    sounds = {}
    for asked in (("bell", 60), ("organ", 60), ("bell", 69)):
        conditions = dict(zip(BOTH, asked, strict=True))
        made = task.generate(model, tuned, n=1, conditions=conditions, seed=0)
        sounds[asked] = made[0].samples
    np.testing.assert_array_equal(sounds["bell", 60], sounds["organ", 60])
    assert not np.array_equal(sounds["bell", 60], sounds["bell", 69])


def test_guided_names_conditions(make_task: Make) -> None:
    with pytest.raises(ValueError, match="'guided' names 'pitch', which is not one"):
        make_task("flatten", BOTH, guided=("pitch",))


def test_a_pitch_that_would_not_move_with_its_recording(make_task: Make) -> None:
    with pytest.raises(ValueError, match="would keep its old 'pitchmidi'"):
        make_task("flatten", BOTH, transpose_semitones=1, pitch="midi")


def test_the_feature_is_the_waveform() -> None:
    from mirbricks.tasks.token_generation import TokenGeneration

    assert TokenGeneration.features == (WaveformFeatureConfig,)
