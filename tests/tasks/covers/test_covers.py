"""The task covers from features to figures: what it learns, how it counts, what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import mirbricks as mb
from mirbricks.data.corpus import Corpus
from mirbricks.errors import DataError, TaskError
from mirbricks.features import features
from mirbricks.features.given import CorpusFeatures, GivenFeatureConfig
from mirbricks.losses.contrastive import barlow_twins, vicreg
from mirbricks.tasks.base import Case, Picture
from mirbricks.tasks.covers import CoversConfig, CoverSongs, Library, ViewsConfig
from mirbricks.tasks.covers.objective import Objective
from mirbricks.tasks.covers.threshold import best_threshold, pair_counts, pair_figures
from mirbricks.workflows.loading import load_experiment

FEATURE = GivenFeatureConfig(n_features=12, step_s=0.5, even=False)
CONFIG = CoversConfig(patch_frames=40, views=ViewsConfig(transpose="chroma"))
Make = Callable[..., Corpus]


class Circle(nn.Module):
    """Steps of the melody, whatever the key: correlations of neighbouring frames, then a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, (12, 9), padding=(0, 4))
        self.linear = nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(torch.cat([x, x[:, :-1]], 1)[:, None]).relu()
        return self.linear(y.amax(2).mean(2))


def ready(
    corpus: Corpus, config: CoversConfig = CONFIG
) -> tuple[CoverSongs, CorpusFeatures]:
    task, cache = CoverSongs(config, FEATURE), CorpusFeatures(FEATURE)
    assert cache.build(corpus.features) == []
    task.check_shapes(("B", 12, "T"), ("B", 8))
    return task, cache


@pytest.mark.parametrize("loss", ["triplet", "nt_xent", "proxy_anchor", "vicreg"])
def test_every_loss_learns(covers: Make, loss: Any) -> None:
    corpus = covers([3] * 8)
    task, cache = ready(
        corpus, CONFIG.model_copy(update={"loss": loss, "mining": "hard"})
    )
    torch.manual_seed(0)
    model = Circle()
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=16
    )
    held = learner.batch(1000)
    before = float(learner.loss(model(*held.inputs), held).detach())
    weights = [
        *model.parameters(),
        *(learner.module.parameters() if learner.module else ()),
    ]
    assert (learner.module is not None) == (loss == "proxy_anchor")
    optimizer = torch.optim.Adam(weights, 0.01)
    for step in range(60):
        batch = learner.batch(step)
        optimizer.zero_grad()
        learner.loss(model(*batch.inputs), batch).backward()
        optimizer.step()
    after = learner.validate(model)
    assert float(learner.loss(model(*held.inputs), held).detach()) < 0.7 * before
    assert after["mAP"] == 1.0
    assert set(after) == {"mAP", "MRR", "MR1", "P@1", "P@5", "P@10"}


def test_the_distance_of_move_is_met_where_that_of_unit_vectors_is_not() -> None:
    """16 works in 4 versions, 16,000 numbers each, batch-normalised: the paper's criterion is 0 here."""
    torch.manual_seed(0)
    works = torch.arange(16).repeat_interleave(4)
    z = torch.randn(16, 1, 16000) + 0.7 * torch.randn(16, 4, 16000)
    z = z.reshape(64, -1)
    z = (z - z.mean(0)) / z.std(0, correction=0)
    settings = {"loss": "triplet", "mining": "hard", "margin": 1.0}
    plain = CONFIG.model_copy(update=settings)
    move = plain.model_copy(update={"distance": "squared_per_dim"})
    assert float(Objective(plain, 16, 16000, 0)(z, works)) == pytest.approx(
        0.423, abs=1e-3
    )
    assert float(Objective(move, 16, 16000, 0)(z, works)) == 0.0
    # Where the criterion is not met, the loss is the paper's: of each anchor the farthest and the nearest.
    squares = torch.cdist(z.double(), z.double()).square() / z.shape[1]
    same = works[:, None] == works
    farthest = squares.masked_fill(~same, -1).amax(1)
    nearest = squares.masked_fill(same, torch.inf).amin(1)
    wide = move.model_copy(update={"margin": 2.0})
    expected = (farthest - nearest + 2.0).clamp_min(0).mean()
    found = Objective(wide, 16, 16000, 0)(z, works)
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


def test_the_published_graphs_train_as_published() -> None:
    graphs = Path(mb.__file__).parent / "graphs"
    move = load_experiment(graphs / "move.yaml")
    tutorial = load_experiment(graphs / "cover_tutorial.yaml")
    for experiment, mining in ((move, "hard"), (tutorial, "semi-hard")):
        config = experiment.task.config
        assert isinstance(config, CoversConfig)
        assert (config.mining, config.margin) == (mining, 1.0)
        assert config.distance == "squared_per_dim"
        assert (experiment.train.batch_size, config.versions_per_work) == (64, 4)


def test_the_threshold_is_that_of_the_best_f1_over_pairs() -> None:
    """Four works in two versions each; the third work's versions are no more alike than strangers."""
    angles = torch.tensor([0.0, 0.1, 1.0, 1.1, 2.0, 3.0, 4.0, 4.1])
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    library = Library.of([one[None, None] for one in vectors], False)
    works = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    threshold = best_threshold(library, works)
    assert threshold is not None
    assert np.cos(0.9) < threshold < np.cos(0.1)
    tracks = {}
    for query in range(8):
        scores = library.rows(slice(query, query + 1))[0]
        tracks[str(query)] = pair_counts(scores, works, query, threshold)
    assert tracks["0"] == {"pairs_right": 1.0, "pairs_found": 1.0, "pairs_true": 1.0}
    assert tracks["4"] == {"pairs_right": 0.0, "pairs_found": 0.0, "pairs_true": 1.0}
    figures = pair_figures(tracks)
    assert figures["pair_precision"] == 1.0
    assert figures["pair_recall"] == 0.75
    assert figures["pair_f1"] == pytest.approx(2 * 0.75 / 1.75)
    assert best_threshold(library, torch.arange(8)) is None
    assert pair_figures({"a": {"mAP": 1.0}}) == {}


def test_the_threshold_is_chosen_on_validation_recordings(covers: Make) -> None:
    corpus = covers([2, 2, 2])
    task, cache = ready(corpus, CONFIG)
    task.learner(corpus.features, corpus.features, cache, seed=0, batch_size=4)
    torch.manual_seed(0)
    model = Circle()
    tuned = task.tune(model, corpus.features, cache)
    found = task.evaluate(model, corpus.features, cache, tuned)
    assert {"pair_precision", "pair_recall", "pair_f1"} <= set(found.figures)
    assert task.pooled(found.tracks) == found.figures
    # Runs of before have no threshold.
    older = task.evaluate(model, corpus.features, cache, {})
    assert "pair_f1" not in older.figures
    assert {name: found.figures[name] for name in older.figures} == older.figures


class Named(nn.Module):
    """What the first frame says: as good a model as one wants, for the tests of counting."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(12))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(2) @ self.weight


def cosine_distance(one: Tensor, other: Tensor) -> float:
    return float(-torch.cosine_similarity(one, other, 0))


def squared_distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean())


@pytest.mark.parametrize(
    ("settings", "distance"),
    [
        ({}, cosine_distance),
        ({"loss": "triplet", "distance": "unit"}, cosine_distance),
        ({"loss": "triplet", "distance": "squared_per_dim"}, squared_distance),
        # What was not trained by distances is not ranked by them.
        ({"loss": "nt_xent", "distance": "squared_per_dim"}, cosine_distance),
    ],
)
def test_figures_equal_a_loop_and_leave_out_what_has_no_cover(
    covers: Make,
    settings: dict[str, Any],
    distance: Callable[[Tensor, Tensor], float],
) -> None:
    corpus = covers([2, 3, 1, 2, 1])
    task, cache = ready(corpus, CONFIG.model_copy(update=settings))
    found = task.evaluate(Named(), corpus.features, cache, {})
    json.dumps(found.tracks)
    vectors = {
        item.key: torch.from_numpy(item.read()).mean(0) for item in corpus.features
    }
    for key, own in vectors.items():
        others = sorted((distance(own, v), k) for k, v in vectors.items() if k != key)
        ranks = [n for n, (_, k) in enumerate(others, 1) if k[0] == key[0]]
        if not ranks:
            assert found.tracks[key] == {"without_cover": 1.0}
            continue
        precisions = [n / rank for n, rank in enumerate(ranks, 1)]
        assert found.tracks[key]["mAP"] == pytest.approx(sum(precisions) / len(ranks))
        assert found.tracks[key]["MR1"] == ranks[0]
        assert found.tracks[key]["P@1"] == float(ranks[0] == 1)
    judged = [figures["mAP"] for figures in found.tracks.values() if "mAP" in figures]
    assert found.figures["mAP"] == pytest.approx(np.mean(judged))
    assert (found.figures["queries"], found.figures["without_cover"]) == (7.0, 2.0)
    shown = task.pictures(Named(), corpus.features, cache, {}, found)
    pictures = [one for one in shown if isinstance(one, Picture)]
    cases = [one for one in shown if isinstance(one, Case)]
    assert len(pictures) == 3
    # The queries that find another work first, the worst of them first, each with what it should have found.
    scores = [float(case.score.split(";")[0].split()[-1]) for case in cases]
    assert scores == sorted(scores)
    assert len(scores) == 3
    assert all(case.truth and case.estimate for case in cases)


def test_a_side_is_asked_for_among_the_whole_corpus(covers: Make) -> None:
    corpus = covers([2, 3, 1, 2, 1])
    task, cache = ready(corpus)
    whole = task.evaluate(Named(), corpus.features, cache, {})
    side = [item for item in corpus.features if item.key[0] in "03"]
    alone = task.evaluate(Named(), side, cache, {})
    task.references = corpus.features
    found = task.evaluate(Named(), side, cache, {})
    assert list(found.tracks) == [item.key for item in side]
    assert (
        found.tracks == {key: whole.tracks[key] for key in found.tracks} != alone.tracks
    )
    shown = task.pictures(Named(), side, cache, {}, found)
    assert len([one for one in shown if isinstance(one, Picture)]) == 2
    unlabelled = covers([2, 2], works=False, folder="other").features
    assert cache.build(unlabelled) == []
    task.references = (*side, unlabelled[2])  # what is only compared with needs no work
    assert task.evaluate(Named(), side, cache, {}).figures["queries"] == 4.0


def test_rotations_find_what_was_transposed(covers: Make) -> None:
    corpus = covers([2] * 6, n_frames=64)
    plain = ready(corpus)
    plainly = plain[0].evaluate(Named(), corpus.features, plain[1], {}).figures["mAP"]
    task, cache = ready(corpus, CONFIG.model_copy(update={"rotations": True}))
    assert (
        task.evaluate(Named(), corpus.features, cache, {}).figures["mAP"]
        == 1.0
        > plainly
    )


def test_a_short_recording_is_padded_and_predicted(covers: Make) -> None:
    corpus = covers([2, 2], n_frames=16)
    task, cache = ready(corpus)
    seen: list[int] = []

    class Watching(Named):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.shape[-1])
            return super().forward(x)

    found = task.predict(Watching(), cache.open("0-0"), {})
    assert seen == [40]
    vectors = np.load(io.BytesIO(found.files()[".embedding.npy"]))
    assert vectors.shape == (1, 12)
    assert np.linalg.norm(vectors) == pytest.approx(1.0)
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=4
    )
    assert learner.batch(0).inputs[0].shape == (4, 12, 40)


def test_chunks_of_a_graph_with_its_own_size(covers: Make) -> None:
    corpus = covers([2], n_frames=96)
    config = CONFIG.model_copy(update={"vectors": "chunks", "hop_frames": 30})
    task, cache = CoverSongs(config, FEATURE), CorpusFeatures(FEATURE)
    cache.build(corpus.features)
    task.check_shapes(("B", 12, 40), ("B", 12))
    vectors = task.embedded(Named().eval(), cache.open("0-0"))
    whole = torch.from_numpy(corpus.features[0].read()).T
    wanted = torch.stack([whole[:, s : s + 40].mean(1) for s in (0, 30, 56)])
    torch.testing.assert_close(vectors[0], nn.functional.normalize(wanted, dim=1))


def test_singles_learn_from_views_of_themselves(covers: Make) -> None:
    corpus = covers([1] * 6, works=False)
    task, cache = ready(corpus, CONFIG.model_copy(update={"singles": True}))
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=8
    )
    batch = learner.batch(0)
    assert len(set(batch.items)) == 4
    assert torch.equal(batch.targets[::2], batch.targets[1::2])
    assert np.isnan(learner.validate(Named())["mAP"])
    found = task.evaluate(
        Named(), corpus.features, cache, {}
    )  # after `--fold none` nothing can be judged
    assert found.figures == {"queries": 0.0, "without_cover": 6.0}
    with pytest.raises(
        TaskError,
        match="no validation recording has a cover: 3 recordings are of 3 works",
    ):
        task.learner(
            corpus.features[:3], corpus.features[3:], cache, seed=0, batch_size=4
        )


def test_batches_are_works_with_versions(covers: Make) -> None:
    corpus = covers([2, 3, 1, 2, 4])
    task, cache = ready(corpus, CONFIG.model_copy(update={"versions_per_work": 3}))
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=5, batch_size=6
    )
    seen = set()
    for step in range(8):
        batch = learner.batch(step)
        works = [key.split("-")[0] for key in batch.items]
        assert works[0] == works[1] == works[2] != works[3] == works[4] == works[5]
        assert "2" not in works
        for work in set(works):
            own = [key for key in batch.items if key.startswith(work)]
            assert len(set(own)) == min(3, {"0": 2, "1": 3, "3": 2, "4": 4}[work])
        seen |= set(works)
    assert seen == {"0", "1", "3", "4"}
    again = task.learner(
        corpus.features, corpus.features, cache, seed=5, batch_size=6
    ).batch(7)
    assert torch.equal(again.inputs[0], batch.inputs[0])


def test_moments_learn_without_works(covers: Make) -> None:
    corpus = covers([1] * 3, works=False)
    task, cache = ready(
        corpus, CONFIG.model_copy(update={"learn_from": "moments", "loss": "nt_xent"})
    )
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=20
    )
    batch = learner.batch(0)
    assert batch.targets.tolist() == [k // 2 for k in range(20)]
    assert batch.items[::2] == batch.items[1::2]
    assert torch.equal(batch.inputs[0], learner.batch(0).inputs[0])
    assert (
        float(learner.loss(torch.randn(20, 8, requires_grad=True), batch).detach()) > 0
    )


def test_losses_of_pairs_hold_the_views_of_one_thing_against_each_other(
    covers: Make,
) -> None:
    corpus = covers([2] * 4)
    for loss, wanted in (("barlow_twins", barlow_twins), ("vicreg", vicreg)):
        task, cache = ready(corpus, CONFIG.model_copy(update={"loss": loss}))
        learner = task.learner(
            corpus.features, corpus.features, cache, seed=0, batch_size=8
        )
        batch, x = (
            learner.batch(0),
            torch.randn(8, 5, generator=torch.Generator().manual_seed(0)),
        )
        first, second = ([k for k in range(8) if k % 2 == side] for side in (0, 1))
        assert torch.equal(batch.targets[first], batch.targets[second])
        torch.testing.assert_close(learner.loss(x, batch), wanted(x[first], x[second]))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises((TaskError, DataError)) as caught:
        call()
    return str(caught.value)


def test_what_has_no_cover_is_refused(covers: Make) -> None:
    corpus = covers([1, 1, 1])
    task, cache = ready(corpus)
    text = (
        "no recording has a cover: 3 recordings are of 3 works\n"
        "  help: take works with two recordings or more; a version left out of the corpus cannot be found     [E520]"
    )
    assert refused(lambda: task.tracks(corpus.features)) == text
    assert refused(lambda: task.evaluate(Named(), corpus.features, cache, {})) == text


def test_a_missing_work_is_refused(covers: Make) -> None:
    corpus = covers([2, 1], works=False)
    task, _ = ready(corpus)
    assert refused(lambda: task.tracks(corpus.features)) == (
        "3 of 3 recordings lack the annotation 'work-id', the work that they are versions of\n"
        "  missing  '0-0', '0-1', '1-0'\n  got      'title'\n"
        "  help: set task.annotation to the one that holds the work     [E503]"
    )
    free, cache = ready(corpus, CONFIG.model_copy(update={"learn_from": "moments"}))
    assert refused(
        lambda: free.evaluate(Named(), corpus.features, cache, {})
    ).startswith("3 of 3 recordings lack the annotation 'work-id'")
    assert refused(lambda: task.tracks([])) == (
        "there are no recordings to compare\n  help: stems alone are not compared     [E503]"
    )


def test_batches_that_are_none(covers: Make) -> None:
    corpus = covers([2, 2])
    task, cache = ready(corpus)

    def learner(size: int) -> str:
        return refused(
            lambda: task.learner(
                corpus.features, corpus.features, cache, seed=0, batch_size=size
            )
        )

    assert learner(7) == (
        "train.batch_size 7 is not two works or more with 2 versions each\n"
        "  help: set it to a multiple of task.versions_per_work, such as 6     [E521]"
    )
    assert learner(2).startswith("train.batch_size 2 is not two works or more")
    assert learner(8) == (
        "a batch of 8 needs 4 works with two recordings, and the training has 2\n"
        "  help: set train.batch_size to 4     [E521]"
    ).replace("recordings,", "recordings or more,")
    one = covers([2], folder="one")
    task, cache = ready(one)
    assert learner_of(task, one, cache) == (
        "a batch of 4 needs 2 works with two recordings or more, and the training has 1\n"
        "  help: take a corpus with more covers, or set task.singles to learn from views of one recording     [E521]"
    )


def learner_of(task: CoverSongs, corpus: Corpus, cache: CorpusFeatures) -> str:
    return refused(
        lambda: task.learner(
            corpus.features, corpus.features, cache, seed=0, batch_size=4
        )
    )


def test_works_that_a_split_may_part(covers: Make) -> None:
    corpus = covers([2, 2])
    task, cache = ready(corpus, CONFIG.model_copy(update={"annotation": "title"}))
    for item in corpus.features:
        object.__setattr__(
            item, "group", item.key
        )  # as in a corpus whose works are annotated as something else
    assert learner_of(task, corpus, cache) == (
        "the recordings of the work 'song 0' are in 2 groups, which a split may part\n  groups  0-0, 0-1\n"
        "  help: name the work in the annotation 'work-id' or 'piece': splits go by these     [E442]"
    )


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "code"),
    [
        (("B", 23, "T"), ("B", 8), "E501"),
        (("B", 12, 50), ("B", 8), "E501"),
        (("B", 12, "T"), ("B", 8, "T"), "E502"),
        (("B", 12, "T"), ("B", "T"), "E502"),
    ],
)
def test_graphs_that_do_not_fit(
    input_shape: tuple[int | str, ...], output_shape: tuple[int | str, ...], code: str
) -> None:
    with pytest.raises(TaskError) as caught:
        CoverSongs(CONFIG, FEATURE).check_shapes(input_shape, output_shape)
    assert caught.value.code == code


def test_the_words_for_graphs_that_do_not_fit() -> None:
    task = CoverSongs(CONFIG.model_copy(update={"repeat_octave": True}), FEATURE)
    assert refused(lambda: task.check_shapes(("B", 12, "T"), ("B", 8))) == (
        "the graph does not read patches of the feature 'given'\n"
        "  expected  (B, 23, T) or (B, 1, 23, T)\n  got       (B, 12, T)\n"
        "  help: write `input: B D=23 T`, or change 'feature:' or task.repeat_octave     [E501]"
    )
    assert refused(lambda: task.check_shapes(("B", 23, "T"), ("B", 8, "T"))) == (
        "the graph does not give one vector for each patch\n  expected  (B, E)\n  got       (B, 8, T)\n"
        "  help: pool over time and frequency, then `- Flatten` and `- Linear: {out_features: ...}`     [E502]"
    )


def test_the_octave_is_repeated(covers: Make) -> None:
    corpus = covers([2, 2])
    task, cache = (
        CoverSongs(CONFIG.model_copy(update={"repeat_octave": True}), FEATURE),
        CorpusFeatures(FEATURE),
    )
    cache.build(corpus.features)
    task.check_shapes(("B", 1, 23, "T"), ("B", 8))
    x = (
        task.learner(corpus.features, corpus.features, cache, seed=0, batch_size=4)
        .batch(0)
        .inputs[0]
    )
    assert x.shape == (4, 1, 23, 40)
    assert torch.equal(x[:, :, 12:], x[:, :, :11])


def test_rotation_needs_chroma() -> None:
    task = CoverSongs(
        CONFIG.model_copy(update={"rotations": True}),
        FEATURE.model_copy(update={"n_features": 20}),
    )
    assert refused(lambda: task.check_shapes(("B", 20, "T"), ("B", 8))) == (
        "'task.rotations' rotates chroma, and the feature 'given' has 20 numbers in a frame\n"
        "  help: take chroma, of 12 numbers or a multiple, or leave the setting out     [E501]"
    )


def test_settings() -> None:
    assert all(
        field.description
        for config in (CoversConfig, ViewsConfig)
        for field in config.model_fields.values()
    )
    with pytest.raises(
        ValidationError, match="'hop_frames' 41 would leave gaps between chunks of 40"
    ):
        CoversConfig(patch_frames=40, hop_frames=41)
    with pytest.raises(
        ValidationError, match="'vicreg' compares pairs: 'versions_per_work' is 2"
    ):
        CoversConfig(patch_frames=40, loss="vicreg", versions_per_work=3)
    with pytest.raises(
        ValidationError, match="'proxy_anchor' needs works: moments have no proxies"
    ):
        CoversConfig(patch_frames=40, learn_from="moments", loss="proxy_anchor")


@pytest.mark.parametrize(("type_", "even"), [("beat_chroma", False), ("chroma", True)])
def test_the_picture_of_beats_has_no_seconds(type_: str, even: bool) -> None:
    config = features()[type_].Config(sr_hz=8000, n_octaves=3)
    task = CoverSongs(CONFIG, config)
    model = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(12, 3))
    task.input_shape = ("B", 12, "T")
    seen = torch.rand(12, 300)
    heard = task.predict(model, seen, {})
    assert heard.hop_s == (config.hop_s if even else None)
    axes = heard.plot().axes[0]
    assert ("time" in axes.get_xlabel()) == even
    assert axes.get_ylabel() == "pitch class"
