"""The task tagging from audio to figures: what it learns, how it counts, what it refuses."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import mirbricks
from mirbricks.data.corpus import Corpus
from mirbricks.errors import TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.tasks.tagging import Tagging, TaggingConfig, Tags
from mirbricks.tasks.tagging.pictures import filter_pictures
from mirbricks.workflows.loading import load_experiment

Tones = Callable[..., Corpus]
FEATURE = LogMelFeatureConfig(
    sr_hz=8000, n_fft=512, hop_length=256, n_mels=16, dtype="float32"
)
ONE = TaggingConfig(patch_frames=16, labels="one")
SEVERAL = TaggingConfig(patch_frames=16)


class Means(nn.Module):
    """Scores that are a linear function of the mean of each band."""

    input_shapes = {"x": ("B", 16, "T")}

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(16, n_labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.linear(x.mean(-1))
        return y


def ready(
    corpus: Corpus, config: TaggingConfig, folder: Path, labels: int = 2
) -> tuple[Tagging, FeatureCache]:
    task, cache = Tagging(config, FEATURE), FeatureCache(folder / "cache", FEATURE)
    assert cache.build(corpus.items, n_jobs=1) == []
    task.check_shapes(("B", 16, "T"), ("B", labels))
    return task, cache


def trained(
    task: Tagging, corpus: Corpus, cache: FeatureCache, labels: int, steps: int = 150
) -> nn.Module:
    torch.manual_seed(0)
    model = Means(labels)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=8)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for step in range(steps):
        batch = learner.batch(step)
        optimizer.zero_grad()
        learner.loss(model(*batch.inputs), batch).backward()
        optimizer.step()
    assert learner.validate(model)[learner.figure] == 1.0
    return model


def test_one_label_from_audio_to_figures(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({f"{i}.wav": ["low" if i % 2 else "high"] for i in range(8)})
    task, cache = ready(corpus, ONE, tmp_path)
    model = trained(task, corpus, cache, 2)
    tuned = task.tune(model, corpus.items, cache)
    assert tuned == {"labels": ["high", "low"], "thresholds": []}
    evaluation = task.evaluate(model, corpus.items, cache, tuned)
    assert evaluation.figures["accuracy"] == evaluation.figures["macro_recall"] == 1.0
    assert all(track["correct"] == 1.0 for track in evaluation.tracks.values())
    json.dumps(evaluation.tracks)
    found = task.predict(model, cache.open("1.wav"), tuned)
    assert found.labels == ("low",)
    assert set(found.files()) == {".tags.json", ".tags.csv"}
    assert len(task.pictures(model, corpus.items, cache, tuned, evaluation)) == 3


def test_several_labels_from_audio_to_figures(tones: Tones, tmp_path: Path) -> None:
    sets = [["low"], ["high"], ["low", "high"], []]
    corpus = tones({f"{i}.wav": sets[i % 4] for i in range(12)})
    task, cache = ready(corpus, SEVERAL, tmp_path)
    model = trained(task, corpus, cache, 2, steps=300)
    tuned = task.tune(model, corpus.items, cache)
    evaluation = task.evaluate(model, corpus.items, cache, tuned)
    assert evaluation.figures["roc_auc_macro"] == evaluation.figures["macro_f1"] == 1.0
    found = task.predict(model, cache.open("2.wav"), tuned)
    assert set(found.labels) == {"low", "high"}
    assert task.predict(model, cache.open("3.wav"), tuned).labels == ()
    assert len(task.pictures(model, corpus.items, cache, tuned, evaluation)) == 3


def test_scores_of_a_recording_are_the_mean_over_patches_that_cover_it(
    tones: Tones, tmp_path: Path
) -> None:
    corpus = tones({"a.wav": ["low"], "b.wav": ["high"]}, seconds=2.0)
    task, cache = ready(corpus, ONE, tmp_path)
    model = Means(2).eval()
    feature = cache.open("a.wav")
    found = task.predict(model, feature, {"labels": ["high", "low"], "thresholds": []})
    starts = [*range(0, feature.n_frames - 16, 8), feature.n_frames - 16]
    with torch.no_grad():
        scores = [
            model(feature.read(s, s + 16)[None]).softmax(1)[0].numpy() for s in starts
        ]
    np.testing.assert_allclose(found.over_time, scores, atol=1e-6)
    np.testing.assert_allclose(found.probabilities, np.mean(scores, axis=0), atol=1e-6)
    np.testing.assert_allclose(found.times_s, (np.array(starts) + 8) * 256 / 8000)


class LastFrames(Means):
    """Scores of the last frames alone, which a turn changes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.linear(x[..., -3:].mean(-1))
        return y


@pytest.mark.parametrize("labels", ["one", "several"])
def test_turns_are_averaged(tones: Tones, tmp_path: Path, labels: str) -> None:
    corpus = tones({"a.wav": ["low"], "b.wav": ["high"]})
    config = TaggingConfig(patch_frames=16, labels=labels, turns=3)
    task, cache = ready(corpus, config, tmp_path)
    model = LastFrames(2).eval()
    settings = {"labels": ["high", "low"], "thresholds": [0.5, 0.5]}
    found = task.predict(model, cache.open("a.wav"), settings)
    patch = cache.open("a.wav").read(0, 16)
    parts = []
    with torch.no_grad():
        for shift in (0, 5, 10):
            places = [(t - shift) % 16 for t in range(16)]
            logits = model(patch[None][..., places])[0]
            one = logits.softmax(0) if labels == "one" else logits.sigmoid()
            parts.append(one.numpy())
    assert not np.allclose(parts[0], parts[1])
    np.testing.assert_allclose(found.over_time[0], np.mean(parts, axis=0), atol=1e-6)


def test_folds_are_pooled_not_averaged() -> None:
    task = Tagging(ONE, FEATURE)
    tracks = {
        key: {"scores": s, "truth": [t]}
        for key, s, t in (
            ("a", [0.9, 0.1], 0),
            ("b", [0.6, 0.4], 1),
            ("c", [0.2, 0.8], 1),
        )
    }
    assert task.pooled(tracks)["accuracy"] == pytest.approx(2 / 3)
    several = Tagging(SEVERAL, FEATURE)
    lower = {"scores": [0.3], "truth": [0], "thresholds": [0.25]}
    higher = {"scores": [0.3], "truth": [], "thresholds": [0.35]}
    pooled = several.pooled({"a": lower, "b": higher})
    assert pooled["macro_f1"] == 1.0  # each track by the thresholds of its own fold
    assert task.pooled({}) == {}


def test_figures_of_each_label_and_what_is_not_defined() -> None:
    task = Tagging(SEVERAL, FEATURE)
    task.labels = ["always", "never", "a"]
    rows = {
        "x": ([0.9, 0.2, 0.8], [0, 2]),
        "y": ([0.8, 0.1, 0.3], [0]),
        "z": ([0.7, 0.3, 0.4], [0, 2]),
    }
    tracks = {
        k: {"scores": s, "truth": t, "thresholds": [0.5, 0.5, 0.5]}
        for k, (s, t) in rows.items()
    }
    figures = task.pooled(tracks)
    assert figures["labels_left_out"] == 2.0
    assert (
        figures["roc_auc[a]"] == figures["pr_auc[a]"] == figures["roc_auc_macro"] == 1.0
    )
    assert not {"roc_auc[always]", "pr_auc[never]"} & set(figures)
    only = task.pooled({"x": tracks["x"]})  # one recording: no label has a curve
    assert "roc_auc_macro" not in only
    assert only["labels_left_out"] == 3.0
    assert (
        only["macro_recall"] == 1.0
    )  # of the two labels that it has; 'never' has no example
    json.loads(json.dumps(only), parse_constant=lambda word: pytest.fail(word))


def test_figures_of_each_class() -> None:
    task = Tagging(ONE, FEATURE)
    task.labels = ["a", "b", "c"]
    tracks = {
        "x": {"scores": [0.9, 0.1, 0.0], "truth": [0]},
        "y": {"scores": [0.6, 0.4, 0.0], "truth": [1]},
    }
    figures = task.pooled(tracks)
    assert (figures["recall[a]"], figures["recall[b]"], figures["precision[a]"]) == (
        1.0,
        0.0,
        0.5,
    )
    assert figures["labels_left_out"] == 1.0  # c has no recording
    assert not {"recall[c]", "precision[b]", "precision[c]"} & set(figures)


def test_what_has_no_figure_is_said_under_the_picture(
    tones: Tones, tmp_path: Path
) -> None:
    corpus = tones({"0.wav": ["low"], "1.wav": ["low", "high"]})
    task, cache = ready(corpus, SEVERAL, tmp_path)
    tuned = {"labels": ["high", "low"], "thresholds": [0.5, 0.5]}
    evaluation = task.evaluate(Means(2), corpus.items, cache, tuned)
    pictures = task.pictures(Means(2), corpus.items, cache, tuned, evaluation)
    assert pictures[1].caption == (
        "Behind each label the number of recordings that have it. Left out, also of the macro means, because every "
        "recording has them, or none: low."
    )


@pytest.mark.parametrize("name", ["lms_conv2d", "conv1d", "tcn", "sincnet", "small"])
def test_graphs_are_experiments(name: str) -> None:
    folder = Path(mirbricks.__file__).parent / "graphs"
    experiment = load_experiment(folder / f"tagging_{name}.yaml")
    assert experiment.task.name == "tagging"
    pools = {"AutoPool", "AutoPoolSplit"} & {
        type(module).__name__ for module in experiment.model.modules()
    }
    assert pools == {"AutoPool" if name == "small" else "AutoPoolSplit"}
    named = [picture.title for picture in filter_pictures(experiment.model, 16000)]
    assert named == (
        ["learned filters"] if name in ("conv1d", "tcn", "sincnet") else []
    )


def test_batches_depend_on_seed_and_step_alone(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({f"{i}.wav": ["low" if i % 2 else "high"] for i in range(6)})
    config = ONE.model_copy(update={"mixup_alpha": 0.4})
    task, cache = ready(corpus, config, tmp_path)
    learner, again, other = (
        task.learner(corpus.items, corpus.items, cache, seed=seed, batch_size=5)
        for seed in (0, 0, 1)
    )
    for step in (0, 7):
        one, same = learner.batch(step), again.batch(step)
        assert torch.equal(one.inputs[0], same.inputs[0])
        assert torch.equal(one.targets, same.targets)
        torch.testing.assert_close(one.targets.sum(1), torch.ones(5))
    assert not torch.equal(learner.batch(0).inputs[0], other.batch(0).inputs[0])


def test_energies_are_mixed_as_sounds_are(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({f"{i}.wav": ["low" if i % 2 else "high"] for i in range(4)})
    of_energies = {"mixup_alpha": 1.0, "mixup_of": "energies"}
    task, cache = ready(corpus, ONE.model_copy(update=of_energies), tmp_path)
    plain, _ = ready(corpus, ONE, tmp_path)
    mixed, alone = (
        one.learner(corpus.items, corpus.items, cache, seed=3, batch_size=6).batch(2)
        for one in (task, plain)
    )
    energies = FEATURE.energies(alone.inputs[0])
    for row in range(
        6
    ):  # each is a mean of two examples with one weight for sound and target
        share = float(mixed.targets[row] @ alone.targets[row])
        candidates = [
            FEATURE.compressed(share * energies[row] + (1 - share) * other)
            for other in energies
        ]
        assert share == 1.0 or any(
            torch.allclose(mixed.inputs[0][row], one, atol=1e-4) for one in candidates
        )


def test_sounds_of_unlike_levels_are_both_in_the_mix(
    tones: Tones, tmp_path: Path
) -> None:
    corpus = tones({f"{i}.wav": ["low" if i % 2 else "high"] for i in range(4)})
    of_sounds = {"mixup_alpha": 1.0, "mixup_of": "sounds"}
    task, cache = ready(corpus, ONE.model_copy(update=of_sounds), tmp_path)
    plain, _ = ready(corpus, ONE, tmp_path)
    mixed, alone = (
        one.learner(corpus.items, corpus.items, cache, seed=3, batch_size=6).batch(2)
        for one in (task, plain)
    )
    energies = FEATURE.energies(alone.inputs[0])
    level = energies.mean(1).amax(-1)
    found = 0
    for row in range(6):
        share = float(mixed.targets[row] @ alone.targets[row])
        if share == 1.0:
            continue
        weight = share**2 / (share**2 + (1 - share) ** 2)
        candidates = [
            FEATURE.compressed(
                weight * energies[row] + (1 - weight) * other * level[row] / own
            )
            for other, own in zip(energies, level, strict=True)
        ]
        assert any(
            torch.allclose(mixed.inputs[0][row], one, atol=1e-4) for one in candidates
        )
        found += 1
    assert found


def test_mixup_ends_after_its_steps(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({f"{i}.wav": ["low" if i % 2 else "high"] for i in range(6)})
    config = ONE.model_copy(update={"mixup_alpha": 1.0, "mixup_steps": 3})
    task, cache = ready(corpus, config, tmp_path)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=8)
    whole = [
        bool(((t := learner.batch(step).targets) == t.round()).all())
        for step in range(6)
    ]
    assert whole == [False, False, False, True, True, True]


def test_energies_of_a_waveform() -> None:
    task = Tagging(
        ONE.model_copy(update={"mixup_of": "energies"}),
        WaveformFeatureConfig(sr_hz=8000),
    )
    with pytest.raises(TaskError) as error:
        task.check_shapes(("B", 1, "T"), ("B", 2))
    assert str(error.value) == (
        "task.mixup_of is energies, and the feature 'waveform' holds none\n"
        "  help: take the feature logmel, or set task.mixup_of to feature     [E501]"
    )


@pytest.mark.parametrize("scale", ["log", "db"])
def test_energies_are_the_inverse_of_the_compression(scale: str) -> None:
    config = LogMelFeatureConfig(scale=scale, power=1.0 if scale == "db" else 2.0)
    mel = torch.rand(2, 3, 4, dtype=torch.float64) + 1e-3
    torch.testing.assert_close(config.energies(config.compressed(mel)), mel)


def test_balanced_labels_come_equally_often(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({f"{i}.wav": ["low" if i else "high"] for i in range(8)})
    task, cache = ready(corpus, ONE.model_copy(update={"balanced": True}), tmp_path)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=50)
    share = torch.cat([learner.batch(step).targets for step in range(10)]).mean(0)
    torch.testing.assert_close(share, torch.tensor([0.5, 0.5]), atol=0.06, rtol=0)


def test_a_short_recording_lies_in_its_patch(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({"a.wav": ["low"], "b.wav": ["high"]}, seconds=0.2)
    task, cache = ready(corpus, ONE, tmp_path)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    assert learner.batch(0).inputs[0].shape == (4, 16, 16)
    settings = {"labels": ["high", "low"], "thresholds": []}
    assert task.predict(Means(2), cache.open("a.wav"), settings).over_time.shape == (
        1,
        2,
    )


def test_a_waveform_is_read_with_or_without_a_channel() -> None:
    task = Tagging(TaggingConfig(patch_frames=4000), WaveformFeatureConfig(sr_hz=8000))
    task.check_shapes(("B", 1, "T"), ("B", 3))
    task.check_shapes(("B", 1, 1, "T"), ("B", 3))
    assert task.given_shapes(("B", 1, "T")) == {"task.patch_frames": (None, 1, 4000)}


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "code"),
    [
        (("B", 12, "T"), ("B", 2), "E501"),
        (("B", 16, 20), ("B", 2), "E501"),
        (("B", 2, 16, "T"), ("B", 2), "E501"),
        (("B", 16, "T"), ("B", 2, "T"), "E502"),
        (("B", 16, "T"), ("B", "T"), "E502"),
    ],
)
def test_graphs_that_do_not_fit(
    input_shape: tuple[int | str, ...], output_shape: tuple[int | str, ...], code: str
) -> None:
    with pytest.raises(TaskError) as caught:
        Tagging(ONE, FEATURE).check_shapes(input_shape, output_shape)
    assert caught.value.code == code


def test_labels_are_told_before_features(tones: Tones, tmp_path: Path) -> None:
    items = tones({"a.wav": ["low"], "b.wav": ["high"], "c.wav": ["middle"]}).items
    task, _ = ready(
        tones({"a.wav": ["low"], "b.wav": ["high"]}), ONE, tmp_path, labels=2
    )
    with pytest.raises(TaskError) as caught:
        task.check_recordings(items[:2], items[2:])
    assert str(caught.value) == (
        "no recording that trains has the label 'middle' of 'tag', which others of the corpus have\n"
        "  labels  high, low\n  help: take another fold or split, or more recordings of it     [E507]"
    )
    with pytest.raises(
        TaskError, match="the graph gives 2 scores, but 'tag' has 3 labels"
    ):
        task.check_recordings(items, [])
    task.check_recordings(items[:2], items[:1])


def test_refusals_in_words(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({"a.wav": ["low"], "b.wav": ["high"], "c.wav": ["low", "high"]})
    task, cache = ready(corpus, ONE, tmp_path, labels=3)
    with pytest.raises(TaskError) as caught:
        task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=2)
    assert str(caught.value) == (
        "'c.wav' has 2 values of 'tag', but task.labels is one\n  values  low, high\n"
        "  help: set task.labels to several, or keep one of them     [E506]"
    )
    several, _ = ready(corpus, SEVERAL, tmp_path, labels=3)
    with pytest.raises(TaskError) as caught:
        several.learner(corpus.items, corpus.items, cache, seed=0, batch_size=2)
    assert str(caught.value) == (
        "the graph gives 3 scores, but 'tag' has 2 labels in the training recordings\n  labels  high, low\n"
        "  help: let the last layer give 2; or, if only this fold lacks recordings of a label, take another     [E508]"
    )
    with pytest.raises(TaskError) as caught:
        several.evaluate(
            Means(2),
            corpus.items,
            cache,
            {"labels": ["low", "middle"], "thresholds": [0.5, 0.5]},
        )
    assert str(caught.value) == (
        "'b.wav' has the label 'high', which no recording of the training had\n  labels  low, middle\n"
        "  help: leave such recordings out, or train on them too     [E507]"
    )
    with pytest.raises(TaskError) as caught:
        several.learner(corpus.items[:1], corpus.items, cache, seed=0, batch_size=2)
    assert str(caught.value) == (
        "expected recordings with at least two different labels in 'tag'\n  labels      low\n  recordings  1\n"
        "  help: task.annotation names the annotation; look at the corpus with `mirbricks data info`     [E503]"
    )
    with pytest.raises(TaskError) as caught:
        Tagging(ONE.model_copy(update={"annotation": "genre"}), FEATURE).tracks(
            corpus.items
        )
    assert str(caught.value) == (
        "none of 3 recordings has the annotation 'genre'\n  got  'tag'\n"
        "  help: set task.annotation to the one that holds the labels     [E503]"
    )


@pytest.mark.filterwarnings("ignore:every recording that trains has exactly one")
def test_very_small_scores_keep_their_order(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({f"{i}": ["low"] if i < 2 else ["high"] for i in range(4)})
    task, cache = ready(corpus, SEVERAL, tmp_path)
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=2)

    class Sure(Means):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * 0 - 20 + x.mean(dim=(1, 2))[:, None]

    settings = task.tune(Sure(2), corpus.items, cache)
    evaluation = task.evaluate(Sure(2), corpus.items, cache, settings)
    scores = np.array([track["scores"] for track in evaluation.tracks.values()])
    assert scores.max() < 1e-4
    assert len(set(scores[:, 0])) == 4
    assert min(settings["thresholds"]) > 0


def test_scores_that_are_not_finite(tones: Tones, tmp_path: Path) -> None:
    corpus = tones({"a": ["low"], "b": ["high"]})
    task, cache = ready(corpus, ONE, tmp_path)
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=2)

    class Spoilt(Means):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * float("nan")

    with pytest.raises(
        TaskError,
        match=r"the model gives numbers that are not finite for 'a'[\s\S]*\[E510\]",
    ):
        task.evaluate(
            Spoilt(2),
            corpus.items,
            cache,
            {"labels": ["high", "low"], "thresholds": []},
        )


def test_a_prediction_as_files() -> None:
    tags = Tags(
        ("a", "b"),
        np.array([0.25, 0.75]),
        ("b",),
        np.array([0.5]),
        np.array([[0.25, 0.75]]),
    )
    files = tags.files()
    assert json.loads(files[".tags.json"]) == {
        "given": ["b"], "scores": [{"label": "b", "score": 0.75}, {"label": "a", "score": 0.25}],
    }  # fmt: skip
    assert files[".tags.csv"] == b"time_s,a,b\n0.500,0.25000,0.75000\n"


def test_hops_leave_no_gaps() -> None:
    with pytest.raises(
        ValueError, match="'hop_frames' 20 would leave gaps between patches of 16"
    ):
        TaggingConfig(patch_frames=16, hop_frames=20)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in TaggingConfig.model_fields.values())


@pytest.mark.parametrize(
    ("labels", "second", "warns"),
    [
        ("several", ["high"], True),
        ("several", ["high", "low"], False),
        ("several", [], False),
        ("one", ["high"], False),
    ],
)
def test_labels_that_exclude_one_another_are_reported(
    tones: Tones,
    tmp_path: Path,
    recwarn: pytest.WarningsRecorder,
    labels: str,
    second: list[str],
    warns: bool,
) -> None:
    corpus = tones({"a.wav": ["low"], "b.wav": second, "c.wav": ["high"]})
    config = ONE.model_copy(update={"labels": labels})
    task, cache = ready(corpus, config, tmp_path)
    warnings.simplefilter("always")
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    expected = []
    if warns:
        expected = [
            "every recording that trains has exactly one label of 'tag', but task.labels is several; with "
            "`labels: one` a model chooses among them, and its accuracy is reported"
        ]
    assert [str(one.message) for one in recwarn] == expected


def test_tagging_reads_a_constant_q_transform(tones: Tones, tmp_path: Path) -> None:
    feature = CQTFeatureConfig(
        sr_hz=8000, fmin_hz=110, n_octaves=4, bins_per_octave=12, hop_length=256
    )
    corpus = tones({f"{i}.wav": ["low" if i % 2 else "high"] for i in range(6)})
    task = Tagging(ONE, feature)
    task.check_shapes(("B", 1, 48, "T"), ("B", 2))
    cache = FeatureCache(tmp_path / "cache", feature)
    assert cache.build(corpus.items, n_jobs=1) == []
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    (inputs,) = learner.batch(0).inputs
    assert inputs.shape == (4, 1, 48, 16)
    assert inputs.dtype == torch.float32
    assert 0.0 <= float(inputs.min()) < float(inputs.max()) <= 1.0

    class Bins(nn.Module):
        """Two bins of the transform, those of the two tones."""

        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(9.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            level = x.flatten(1, -2).mean(-1)
            return self.gain * level[:, [47, 12]]

    # 220 Hz is 12 bins above the lowest one; 1,760 Hz lies just above the highest.
    found = task.evaluate(
        Bins(), corpus.items, cache, {"labels": ["high", "low"], "thresholds": []}
    )
    assert found.figures["accuracy"] == 1.0
