"""The task chords from features to figures: what it learns, how it counts, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mir_eval.io
import numpy as np
import pytest
import torch
from torch import nn

from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_features
from mirbricks.errors import DataError, TaskError
from mirbricks.features.beat_chroma import BeatChromaFeatureConfig
from mirbricks.features.cqt import CQTFeatureConfig
from mirbricks.features.given import CorpusFeatures, GivenFeatureConfig
from mirbricks.tasks.chords import ChordEstimation, ChordRibbon, ChordsConfig
from mirbricks.tasks.chords.patches import prepared
from mirbricks.tasks.chords.vocabulary import IGNORED, N_CLASSES, NAMES, class_of
from mirbricks.tasks.patches import transposed

HOP_S, T0_S = 0.1, 0.05
FEATURE = GivenFeatureConfig(n_features=12, step_s=HOP_S, first_s=T0_S)
CONFIG = ChordsConfig(patch_frames=20, transpose="chroma")
Make = Callable[..., Corpus]
SONG = [
    ("N", 1.0),
    ("C:maj", 2.0),
    ("A:min", 2.0),
    ("G:7", 1.0),
    ("D:sus4", 1.0),
    ("F:maj/3", 2.0),
]


def chroma_of(label: str) -> np.ndarray:
    classes = class_of(label)
    row = np.full(12, 0.05, np.float32)
    if 0 <= classes < 24:
        row[
            [(classes % 12 + step) % 12 for step in (0, 4 if classes < 12 else 3, 7)]
        ] = 1.0
    return row


@pytest.fixture
def songs(tmp_path: Path) -> Make:
    """songs({key: [(label, seconds), ...]}): chroma that show their chords, at 10 frames a second."""

    def make(given: dict[str, list[tuple[str, float]]]) -> Corpus:
        features, entries = [], []
        for key, chords in given.items():
            ends_s = np.cumsum([seconds for _, seconds in chords])
            times_s = T0_S + HOP_S * np.arange(round(ends_s[-1] / HOP_S))
            rows = [
                chroma_of(chords[int(np.searchsorted(ends_s, t, side="right"))][0])
                for t in times_s
            ]
            features.append((key, np.stack(rows), {"hop_s": HOP_S, "t0_s": T0_S}))
            begins_s = [
                round(float(end) - s, 3)
                for (_, s), end in zip(chords, ends_s, strict=True)
            ]
            atoms = tuple(
                Atom(label, begin, s)
                for (label, s), begin in zip(chords, begins_s, strict=True)
            )
            entries.append(Entry({"filepath": (Atom(key),), "chord": atoms}))
        write_features(tmp_path / "songs_feat.hdf5", iter(features))
        definitions = {
            "filepath": Definition("global", "text"),
            "chord": Definition("segment", "text"),
        }
        Pyjama(definitions, entries).save(tmp_path / "songs.pyjama")
        return Corpus.open(tmp_path)

    return make


def ready(
    corpus: Corpus, config: ChordsConfig = CONFIG
) -> tuple[ChordEstimation, CorpusFeatures]:
    task, cache = ChordEstimation(config, FEATURE), CorpusFeatures(FEATURE)
    assert cache.build(corpus.features) == []
    task.check_shapes(("B", 12, "T"), ("B", 25, "T"))
    return task, cache


def test_from_features_to_figures(songs: Make) -> None:
    corpus = songs({f"{i}": SONG[i:] + SONG[:i] for i in range(4)})
    task, cache = ready(corpus)
    torch.manual_seed(0)
    model = nn.Conv1d(12, N_CLASSES, 1)
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=8
    )
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for step in range(200):
        batch = learner.batch(step)
        optimizer.zero_grad()
        learner.loss(model(*batch.inputs), batch).backward()
        optimizer.step()
    figures = learner.validate(model)
    assert figures["majmin"] > 0.97
    tuned = task.tune(model, corpus.features, cache)
    json.dumps(tuned)
    evaluation = task.evaluate(model, corpus.features, cache, tuned)
    json.dumps(evaluation.tracks)
    assert evaluation.figures["majmin"] > 0.97
    assert evaluation.figures["root"] == pytest.approx(
        8 / 9, abs=0.02
    )  # the sus4 has a root too
    assert evaluation.tracks["0"]["majmin_judged_s"] == pytest.approx(
        8.0
    )  # all but the sus4
    shown = task.pictures(model, corpus.features, cache, tuned, evaluation)
    assert [case.title.partition(":")[0] for case in shown] == [
        "best track",
        "worst track",
        "second worst track",
    ]
    for case in shown:
        assert case.score == f"majmin {evaluation.tracks[case.title[-1]]['majmin']:.3f}"
        assert "chords; longest: " in case.truth
        assert "chord" in case.estimate
        # The corpus has features only: truth and estimate are heard, the song is not.
        titles = [sound.title for sound in case.sounds]
        assert titles == ["truth, as tones", "estimate, as tones"]
        assert "no audio" in case.caption


def test_a_lab_file_is_what_mir_eval_reads(tmp_path: Path) -> None:
    classes = np.array([24] * 5 + [0] * 20 + [21] * 10)
    found = ChordRibbon.of(classes, HOP_S, T0_S, np.zeros((35, 25), np.float32))
    (tmp_path / "a.lab").write_bytes(found.files()[".lab"])
    intervals, labels = mir_eval.io.load_labeled_intervals(str(tmp_path / "a.lab"))
    assert labels == ["N", "C:maj", "A:min"]
    np.testing.assert_allclose(intervals, [[0, 0.5], [0.5, 2.5], [2.5, 3.5]], atol=1e-3)
    np.testing.assert_allclose(found.times_s, T0_S + HOP_S * np.arange(35))


def test_a_frame_stands_for_half_a_hop_on_either_side() -> None:
    """The first chord begins at 0 wherever the first frame lies, and no chord begins before 0."""
    classes = np.array([0, 0, 21, 24])
    for first_s, edges in ((0.0, [0.0, 1.5, 2.5, 3.5]), (3.0, [0.0, 4.5, 5.5, 6.5])):
        found = ChordRibbon.of(classes, 1.0, first_s, np.zeros((4, 25), np.float32))
        assert [chord.start_s for chord in found.chords] == edges[:-1]
        assert [chord.end_s for chord in found.chords] == edges[1:]
        assert found.times_s.tolist() == [first_s + k for k in range(4)]


def test_a_perfect_model_scores_one_whatever_the_blocks(songs: Make) -> None:
    corpus = songs({"a": SONG})
    task, cache = ready(corpus, CONFIG.model_copy(update={"predict_frames": 7}))
    task.learner(corpus.features, corpus.features, cache, seed=0, batch_size=1)

    class Templates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            rows = np.stack([chroma_of(name) for name in NAMES])
            self.weight = nn.Parameter(torch.from_numpy(rows - 0.05))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores = 30 * torch.einsum("kd,bdt->bkt", self.weight, x)
            silent = (x.amax(1) < 0.5)[:, None] * torch.eye(25)[24][:, None]
            return scores + 100 * silent

    tuned = task.tune(Templates(), corpus.features, cache)
    evaluation = task.evaluate(Templates(), corpus.features, cache, tuned)
    assert evaluation.figures["majmin"] > 0.97


def test_the_weight_that_is_best_is_chosen(
    songs: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = songs({"a": SONG})
    task, cache = ready(corpus)
    task.learner(corpus.features, corpus.features, cache, seed=0, batch_size=1)
    monkeypatch.setattr(task, "_majmin", lambda _, weight: -abs(weight - 0.7))
    assert (
        task.tune(nn.Conv1d(12, N_CLASSES, 1), corpus.features, cache)["weight"] == 0.7
    )


def test_targets_move_with_the_features(songs: Make) -> None:
    corpus = songs({"a": SONG})
    task, cache = ready(corpus)
    learner = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=64
    )
    batch = learner.batch(0)
    assert len(set(batch.targets.flatten().tolist())) > 12
    for x, classes in zip(batch.inputs[0], batch.targets, strict=True):
        for t, k in enumerate(classes.tolist()):
            if 0 <= k < 24:
                np.testing.assert_allclose(x[:, t], chroma_of(NAMES[k]), atol=1e-6)
            elif k == IGNORED:
                assert x[:, t].max() < 0.1
    again = task.learner(
        corpus.features, corpus.features, cache, seed=0, batch_size=64
    ).batch(0)
    assert torch.equal(batch.inputs[0], again.inputs[0])


def test_transposition_of_a_constant_q_transform() -> None:
    x = torch.arange(1.0, 9.0)[:, None].expand(8, 3)
    assert transposed(x, 1, "bins", 2)[:, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    assert transposed(x, -2, "bins", 2)[:, 0].tolist() == [5, 6, 7, 8, 0, 0, 0, 0]
    assert torch.equal(transposed(x, 0, "bins", 2), x)


def test_compression_is_relative_to_the_recording() -> None:
    config = ChordsConfig(compression=10.0)
    x = torch.rand(12, 5)
    torch.testing.assert_close(prepared(7 * x, 7.0, config), prepared(x, 1.0, config))
    torch.testing.assert_close(prepared(x, 2.0, config), torch.log(1 + 5 * x))


def test_labels_that_are_none(songs: Make) -> None:
    (item,) = songs({"a": [("C:maj", 2.0)]}).features
    object.__setattr__(
        item,
        "entry",
        Entry({"chord": (Atom("C:maj", 0.0, 1.0), Atom("H:maj", 1.0, 1.0))}),
    )
    with pytest.raises(TaskError) as caught:
        ChordEstimation(CONFIG, FEATURE).truth(item)
    assert str(caught.value) == (
        "'chord' of 'a' has a label that is not a chord: 'H:maj'\n  atom      1, at 1.000 s\n"
        "  mir_eval  Invalid chord label: H:maj\n"
        "  help: write chords as Harte does, such as C:maj, A:min7/b3, N or X     [E509]"
    )


def test_chords_that_overlap(songs: Make) -> None:
    (item,) = songs({"a": [("C:maj", 2.0)]}).features
    task = ChordEstimation(CONFIG, FEATURE)
    object.__setattr__(
        item,
        "entry",
        Entry({"chord": (Atom("C:maj", 0.0, 1.5), Atom("D:maj", 1.0, 1.0))}),
    )
    with pytest.raises(TaskError) as caught:
        task.truth(item)
    assert str(caught.value) == (
        "two chords of 'chord' of 'a' sound at once\n  atom  0, 'C:maj' until 1.500 s\n  next  from 1.000 s\n"
        "  help: let each chord end where the next begins     [E509]"
    )
    object.__setattr__(
        item,
        "entry",
        Entry({"chord": (Atom("C:maj", 0.0, 1.0004), Atom("D:maj", 1.0, 1.0))}),
    )
    assert task.truth(item).intervals.tolist() == [[0.0, 1.0], [1.0, 2.0]]
    object.__setattr__(item, "entry", Entry({"chord": (Atom("C:maj", 0.0, 0.0),)}))
    with pytest.raises(TaskError, match="'chord' of 'a' has no chord that lasts"):
        task.truth(item)


@pytest.mark.parametrize(
    ("input_shape", "output_shape", "code"),
    [
        (("B", 24, "T"), ("B", 25, "T"), "E501"),
        (("B", 12, 30), ("B", 25, 30), "E501"),
        (("B", 12, "T"), ("B", 24, "T"), "E502"),
        (("B", 12, "T"), ("B", 25), "E502"),
    ],
)
def test_graphs_that_do_not_fit(
    input_shape: tuple[int | str, ...], output_shape: tuple[int | str, ...], code: str
) -> None:
    with pytest.raises(TaskError) as caught:
        ChordEstimation(CONFIG, FEATURE).check_shapes(input_shape, output_shape)
    assert caught.value.code == code


def test_features_that_are_others(songs: Make) -> None:
    corpus = songs({"a": SONG})
    errors = CorpusFeatures(FEATURE.model_copy(update={"n_features": 24})).build(
        corpus.features
    )
    assert [str(error) for error in errors] == [
        "the features of 'a' are not those of the section 'feature:', whose 'n_features' is 24\n  there  12\n"
        "  help: set feature.n_features, or take another corpus     [E459]"
    ]
    for name, value in (("step_s", 0.2), ("first_s", 0.0)):
        (error,) = CorpusFeatures(FEATURE.model_copy(update={name: value})).build(
            corpus.features
        )
        assert f"whose '{name}' is {value}" in str(error)
    with pytest.raises(
        DataError, match="the corpus 'songs' holds features and no audio"
    ):
        _ = corpus.items


def test_a_gap_is_no_chord(songs: Make) -> None:
    """As in training: mir_eval alone would let the chord before it last."""
    chords = [*SONG[:2], ("N", 2.0), SONG[3]]
    corpus = songs({"written": chords, "with a gap": chords})
    song, gapped = corpus.features
    entry = gapped.entry
    atoms = entry.annotations["chord"]
    mended = replace(
        gapped, entry=Entry({**entry.annotations, "chord": (*atoms[:2], atoms[3])})
    )
    task, _ = ready(corpus)
    whole, found = task.truth(song), task.truth(mended)
    np.testing.assert_allclose(found.intervals, whole.intervals)
    assert list(found.labels) == list(whole.labels) == ["N", "C:maj", "N", "G:7"]


def test_validation_of_what_majmin_does_not_judge(songs: Make) -> None:
    corpus = songs({"a": SONG, "sus": [("D:sus4", 3.0)]})
    task, cache = ready(corpus)
    learner = task.learner(
        corpus.features[:1], corpus.features[1:], cache, seed=0, batch_size=1
    )
    figures = learner.validate(nn.Conv1d(12, N_CLASSES, 1))
    assert corpus.features[1].key == "sus"
    assert np.isnan(figures[learner.figure])
    assert figures["root"] >= 0


def test_a_block_has_the_frames_of_a_patch_at_least(songs: Make) -> None:
    """A graph that runs at the sizes of the task runs on recordings of any length; what it hears does not change."""
    corpus = songs({"long": [("C:maj", 4.1), ("A:min", 4.0)], "one": [("C:maj", 0.1)]})
    task, cache = ready(corpus, CONFIG.model_copy(update={"predict_frames": 40}))
    seen = []

    class Model(nn.Conv1d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.shape[-1])
            return super().forward(x)

    model = Model(12, N_CLASSES, 1)
    with torch.inference_mode():
        whole = task.log_probability(model, cache.open("long"))
    assert seen == [40, 40, 20]  # 81 frames
    with torch.no_grad():
        x = cache.open("long").read()
        torch.testing.assert_close(
            torch.from_numpy(whole),
            model(x[None])[0].double().log_softmax(0).T,
            atol=1e-6,
            rtol=0,
        )
        assert task.log_probability(model, cache.open("one")).shape == (1, N_CLASSES)
    assert seen[-1] == 20


def test_frames_that_are_not_even() -> None:
    task = ChordEstimation(CONFIG, BeatChromaFeatureConfig())
    with pytest.raises(TaskError) as caught:
        task.check_shapes(("B", 12, "T"), ("B", 25, "T"))
    assert str(caught.value) == (
        "chords are timed by frames, and those of 'beat_chroma' do not come in equal steps\n"
        "  help: take chroma, nnls_chroma, cqt, or given features with `even: true`     [E501]"
    )
    assert not GivenFeatureConfig(n_features=12, step_s=HOP_S, even=False).evenly_spaced


def test_a_scale_that_changes_nothing() -> None:
    with pytest.raises(TaskError) as caught:
        ChordEstimation(CONFIG, CQTFeatureConfig(scale="linear")).check_shapes(
            ("B", 84, "T"), ("B", 25, "T")
        )
    assert str(caught.value) == (
        "chords are read from magnitudes, which feature.scale 'linear' does not change\n"
        "  help: leave it out, and set task.compression     [E501]"
    )


def test_numbers_that_are_not_finite(songs: Make) -> None:
    corpus = songs({"a": SONG})
    task, cache = ready(corpus)
    model = nn.Conv1d(12, N_CLASSES, 1)
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(TaskError) as caught, torch.inference_mode():
        task.log_probability(model, cache.open("a"))
    assert str(caught.value) == (
        "the model gives numbers that are not finite\n"
        "  help: look at the features of this recording for NaN; if they are sound, the weights are spoilt: train again"
        "     [E510]"
    )


def test_every_setting_is_described() -> None:
    assert all(field.description for field in ChordsConfig.model_fields.values())
