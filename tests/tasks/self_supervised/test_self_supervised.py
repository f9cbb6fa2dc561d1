"""The task self_supervised: pairs, what it learns without labels, its probes, what it refuses."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import mirbricks as mb
from mirbricks.compiler.compile import compile_graph, load_graph
from mirbricks.data.corpus import Corpus
from mirbricks.data.pyjama.file import Atom, Definition, Entry, Pyjama
from mirbricks.data.stores.hdf5 import write_audio
from mirbricks.errors import GraphError, TaskError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.logmel import LogMelFeatureConfig
from mirbricks.features.waveform import WaveformFeatureConfig
from mirbricks.losses.contrastive import barlow_twins, nt_xent, vicreg
from mirbricks.tasks.base import Batch
from mirbricks.tasks.self_supervised import (
    SelfSupervised,
    SelfSupervisedConfig,
    probe_several,
)
from mirbricks.tasks.self_supervised.encoder import Encoder
from mirbricks.tasks.self_supervised.learner import pairs_found
from mirbricks.tasks.self_supervised.probe import fitted, linear_scores, nearest

FEATURE = LogMelFeatureConfig(
    sr_hz=8000, n_fft=512, hop_length=256, n_mels=16, dtype="float32", scale="db"
)
CONFIG = SelfSupervisedConfig(patch_frames=16, embedding="kept")
LAYERS = """\
input: B C=16 T
layers:
  - Conv1d: {name: first, out_channels: 8, kernel_size: 3, padding: same}
  - ReLU: {name: kept}
  - Mean: {dim: 2}
  - Linear: {name: projection, out_features: 4}
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return written(tmp_path / "corpus", ["low", "high"] * 4)


def written(folder: Path, labels: list[str] | None, count: int = 8) -> Corpus:
    """Tones of two pitches with noise, a second each."""
    rng, times_s = np.random.default_rng(0), np.arange(8000) / 8000
    folder.mkdir()
    audio, entries = [], []
    for i in range(count):
        tone = np.sin(2 * np.pi * (300 if i % 2 == 0 else 1500) * times_s)
        audio.append(
            (
                f"{i}.wav",
                (0.3 * tone + 0.02 * rng.standard_normal(8000)).astype(np.float32),
                8000,
            )
        )
        atoms = {"tag": (Atom(labels[i]),)} if labels else {}
        entries.append(Entry({"filepath": (Atom(f"{i}.wav"),), **atoms}))
    write_audio(folder / "c_audio.hdf5", iter(audio))
    text = Definition("global", "text")
    definitions = {"filepath": text, **({"tag": text} if labels else {})}
    Pyjama(definitions, entries).save(folder / "c.pyjama")
    return Corpus.open(folder)


def ready(
    corpus: Corpus, tmp_path: Path, config: SelfSupervisedConfig = CONFIG
) -> tuple[SelfSupervised, Any, Any]:
    """Task, model and filled cache."""
    (tmp_path / "g.yaml").write_text(LAYERS)
    torch.manual_seed(0)
    model = compile_graph(load_graph(tmp_path / "g.yaml"))
    task = SelfSupervised(config, FEATURE)
    task.check_graph(model)
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    cache.build(corpus.items, n_jobs=1)
    return task, model, cache


def test_rows_of_a_pair_are_of_one_recording(corpus: Corpus, tmp_path: Path) -> None:
    task, _, cache = ready(corpus, tmp_path)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=5)
    batch, again = learner.batch(3), learner.batch(3)
    assert torch.equal(batch.inputs[0], again.inputs[0])
    assert batch.inputs[0].shape == (10, 16, 16)
    assert len(set(batch.items)) == 5
    for row, key in enumerate(batch.items):
        whole = cache.open(key).read()
        for view in (batch.inputs[0][row], batch.inputs[0][row + 5]):
            assert any(
                torch.equal(view, whole[:, s : s + 16])
                for s in range(whole.shape[1] - 15)
            )


@pytest.mark.parametrize("name", ["nt_xent", "vicreg", "barlow_twins"])
def test_the_losses_see_the_pairs(corpus: Corpus, tmp_path: Path, name: str) -> None:
    config = CONFIG.model_copy(update={"loss": name, "temperature": 0.3})
    task, _, cache = ready(corpus, tmp_path, config)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    outputs = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    expected = {
        "nt_xent": lambda: nt_xent(
            outputs, torch.tensor([0, 1, 2, 3, 0, 1, 2, 3]), 0.3
        ),
        "vicreg": lambda: vicreg(outputs[:4], outputs[4:]),
        "barlow_twins": lambda: barlow_twins(outputs[:4], outputs[4:]),
    }[name]()
    found = learner.loss(outputs, Batch((), torch.arange(4), ()))
    torch.testing.assert_close(found, expected)


def test_the_background_is_the_energy_of_another(
    corpus: Corpus, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"mix": 0.5})
    task, _, cache = ready(corpus, tmp_path, config)
    views = task.learner(
        corpus.items, corpus.items, cache, seed=0, batch_size=4
    ).patches
    x = torch.randn(4, 16, 16)
    mixed = FEATURE.energies(views._mixed(x, np.random.default_rng(1)))
    energy, moved = FEATURE.energies(x), 0
    for row in range(4):
        fits, shares = [], []
        for other in energy:
            apart = other - energy[row]
            share = float(
                ((mixed[row] - energy[row]) * apart).sum()
                / apart.square().sum().clamp_min(1e-9)
            )
            gone = torch.allclose(
                mixed[row], energy[row] + share * apart, rtol=1e-3, atol=1e-5
            )
            fits.append(gone and -1e-3 <= share <= 0.5)
            shares.append(abs(share))
        assert any(fits)
        moved += any(
            fit and share > 0.01 for fit, share in zip(fits, shares, strict=True)
        )
    assert moved >= 2  # the others were mixed with themselves, or hardly


@pytest.mark.filterwarnings("ignore:the embeddings collapse")
def test_labels_change_nothing_of_the_training(tmp_path: Path) -> None:
    states = []
    for name, labels in (("a", ["low", "high"] * 4), ("b", ["x"] * 8), ("c", None)):
        (tmp_path / name).mkdir()
        corpus = written(tmp_path / name / "corpus", labels)
        task, model, cache = ready(corpus, tmp_path / name)
        learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(3):
            batch = learner.batch(step)
            optimizer.zero_grad()
            learner.loss(model(*batch.inputs), batch).backward()
            optimizer.step()
        learner.validate(model)
        states.append(model.state_dict())
    assert all(
        torch.equal(states[0][key], other[key])
        for other in states[1:]
        for key in states[0]
    )


def test_the_projector_is_left_out(corpus: Corpus, tmp_path: Path) -> None:
    task, model, cache = ready(corpus, tmp_path)
    model.eval()
    x = cache.open("0.wav").read(0, 16)[None]
    with torch.no_grad():
        inside = model.get_submodule("first")(x).relu().mean(2)
        torch.testing.assert_close(Encoder(model, CONFIG)(x), inside)
        whole = CONFIG.model_copy(update={"embedding": None})
        torch.testing.assert_close(Encoder(model, whole)(x), model(x))
    assert task.vectors(model, corpus.items, cache).shape == (8, 8)


def test_from_probe_to_figures_and_files(corpus: Corpus, tmp_path: Path) -> None:
    task, model, cache = ready(corpus, tmp_path)
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    tuned = json.loads(json.dumps(task.tune(model, corpus.items, cache)))
    assert tuned["labels"] == ["high", "low"]
    found = task.evaluate(model, corpus.items, cache, tuned)
    assert (
        found.figures["accuracy"]
        == found.figures["knn_accuracy"]
        == found.figures["macro_recall"]
        == 1.0
    )
    prediction = task.predict(model, cache.open("0.wav"), tuned)
    files = prediction.files()
    assert sorted(files) == [".embedding.npy", ".tags.csv", ".tags.json"]
    assert json.loads(files[".tags.json"])["given"] == ["low"]
    assert prediction.frames.shape == (len(prediction.times_s), 8)
    assert task.picture(prediction, "0.wav") is not None
    assert len(task.pictures(model, corpus.items, cache, tuned, found)) == 3


def test_without_labels_only_the_spread_is_told(tmp_path: Path) -> None:
    corpus = written(tmp_path / "corpus", None)
    task, model, cache = ready(corpus, tmp_path)
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    tuned = task.tune(model, corpus.items, cache)
    assert tuned == {"labels": [], "probe": {}}
    found = task.evaluate(model, corpus.items, cache, tuned)
    assert sorted(found.figures) == ["rank", "std"]
    assert list(task.predict(model, cache.open("0.wav"), tuned).files()) == [
        ".embedding.npy"
    ]
    assert len(task.pictures(model, corpus.items, cache, tuned, found)) == 2


def test_a_collapse_is_reported_once(
    corpus: Corpus, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    task, model, cache = ready(corpus, tmp_path)
    with torch.no_grad():
        for weight in model.get_submodule("first").parameters():
            weight.zero_()
        model.get_submodule("first").bias.fill_(1.0)
    learner = task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    warnings.simplefilter("always")
    figures = learner.validate(model)
    learner.validate(model)
    assert figures["std"] == pytest.approx(0.0, abs=1e-6)
    assert [str(one.message) for one in recwarn] == [
        "the embeddings collapse: effective rank 1.0, deviation 0.000 over the validation recordings; "
        "stronger augmentation or a larger batch may help"
    ]


@pytest.mark.parametrize(("frames", "warns"), [(31, False), (32, True), (40, True)])
def test_recordings_of_one_chunk_are_reported(
    corpus: Corpus,
    tmp_path: Path,
    recwarn: pytest.WarningsRecorder,
    frames: int,
    warns: bool,
) -> None:
    task, _, cache = ready(
        corpus, tmp_path, CONFIG.model_copy(update={"patch_frames": frames})
    )
    assert {cache.open(item.key).n_frames for item in corpus.items} == {32}
    warnings.simplefilter("always")
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    expected = []
    if warns:
        expected = [
            f"8 of 8 recordings are no longer than a chunk of {frames} frames, so both views of them are the same "
            "chunk, and pair_accuracy does not measure them"
        ]
    assert [str(one.message) for one in recwarn] == expected


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_linear_probe_is_scikit_learn_s(n_classes: int) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    classes = np.arange(30) % n_classes
    vectors = rng.standard_normal((30, 5)) * [1, 10, 0.1, 1, 1] + classes[:, None]
    labels, groups = ["a", "b", "c"][:n_classes], [str(i) for i in range(30)]
    probe = fitted(vectors, classes, labels, groups)
    scaler = StandardScaler().fit(vectors)
    linear = LogisticRegression(max_iter=5000, C=probe["cost"]).fit(
        scaler.transform(vectors), classes
    )
    expected = linear.predict_proba(scaler.transform(vectors))
    np.testing.assert_allclose(linear_scores(probe, vectors), expected, atol=2e-3)


def test_the_nearest_by_hand() -> None:
    probe = {
        "labels": ["a", "b"],
        "neighbours": [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]],
        "classes": [0, 1, 1],
    }
    vectors = np.array([[5.0, 0.1], [0.2, 3.0]])
    assert nearest(probe, vectors, 1).tolist() == [0, 1]
    assert nearest(probe, vectors, 3).tolist() == [1, 1]
    probe = {
        "labels": ["a", "b"],
        "neighbours": [[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]],
        "classes": [0, 1, 1],
    }
    assert nearest(probe, vectors[:1], 3).tolist() == [
        0
    ]  # one near neighbour weighs more than two that are far


def test_pairs_found() -> None:
    def at(*degrees: float) -> np.ndarray:
        radians = np.radians(degrees)
        return np.stack([np.cos(radians), np.sin(radians)], axis=1)

    assert pairs_found([at(0, 5), at(90, 85)]) == 1.0
    # 30 is the nearest to 0, but 40 is nearer to 30 than 0 is: of two recordings one is found from both sides
    assert pairs_found([at(0, 30), at(40, 45)]) == 0.5
    assert np.isnan(pairs_found([]))


def test_a_recording_without_a_label_teaches_the_probe_nothing(
    corpus: Corpus, tmp_path: Path
) -> None:
    task, model, cache = ready(corpus, tmp_path)
    bare = replace(
        corpus.items[0], entry=Entry({**corpus.items[0].entry.annotations, "tag": ()})
    )
    items = [bare, *corpus.items[1:]]
    task.learned = items
    settings = task.tune(model, [], cache)
    assert len(settings["probe"]["classes"]) == 7
    assert bare.key not in task.evaluate(model, items, cache, settings).tracks


def golden(error: pytest.ExceptionInfo[Exception]) -> str:
    return str(error.value)


def test_a_batch_that_is_too_large(corpus: Corpus, tmp_path: Path) -> None:
    task, _, cache = ready(corpus, tmp_path)
    with pytest.raises(TaskError) as error:
        task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=9)
    assert golden(error) == (
        "a batch of 9 pairs needs as many recordings, two at least; the training has 8\n"
        "  help: set train.batch_size to 8 or less     [E530]"
    )
    with pytest.raises(TaskError, match="batch_size to 2 or more"):
        task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=1)
    with pytest.raises(TaskError, match="take more recordings"):
        task.learner(corpus.items[:1], corpus.items, cache, seed=0, batch_size=2)


def test_an_embedding_that_is_no_layer(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="the graph has no node named 'keep'") as error:
        ready(corpus, tmp_path, CONFIG.model_copy(update={"embedding": "keep"}))
    assert "did you mean 'kept'?" in golden(error)


def test_energies_of_a_waveform() -> None:
    task = SelfSupervised(
        CONFIG.model_copy(update={"mix": 0.2}), WaveformFeatureConfig(sr_hz=8000)
    )
    with pytest.raises(TaskError) as error:
        task.check_shapes(("B", 1, "T"), ("B", 2))
    assert golden(error) == (
        "task.mix is 0.2, and the feature 'waveform' holds no energies to mix\n"
        "  help: take the feature logmel, or leave task.mix out     [E501]"
    )


def test_a_label_without_an_example() -> None:
    with pytest.raises(TaskError) as error:
        fitted(np.zeros((2, 3)), np.array([0, 2]), ["a", "b", "c"], ["1", "2"])
    assert golden(error) == (
        "no training recording has the label 'b', so the probes cannot know it\n"
        "  help: take another split, or more recordings of it     [E531]"
    )


def test_a_corpus_with_other_or_no_labels(corpus: Corpus, tmp_path: Path) -> None:
    task, model, cache = ready(corpus, tmp_path)
    task.learner(corpus.items, corpus.items, cache, seed=0, batch_size=4)
    tuned = task.tune(model, corpus.items, cache)
    (tmp_path / "x").mkdir()
    other = written(tmp_path / "x" / "corpus", ["low", "loud"] * 4)
    with pytest.raises(
        TaskError,
        match=r"'1\.wav' has the label 'loud', which no recording of the training had",
    ):
        task.evaluate(model, other.items, cache, tuned)
    bare = written(tmp_path / "x" / "bare", None)
    with pytest.raises(
        TaskError, match="none of 8 recordings has the annotation 'tag'"
    ):
        task.evaluate(model, bare.items, cache, tuned)


def test_samplecnn_learns_from_waveforms() -> None:
    graph = Path(mb.__file__).parent / "graphs" / "samplecnn.yaml"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = compile_graph(load_graph(graph))
    shape = next(iter(model.input_shapes.values()))
    config = SelfSupervisedConfig(patch_frames=int(shape[-1]))
    task = SelfSupervised(config, WaveformFeatureConfig(sr_hz=22050))
    task.check_graph(model)
    with torch.inference_mode():
        assert (
            Encoder(model.eval(), config)(torch.zeros(2, 1, int(shape[-1]))).ndim == 2
        )


def test_several_labels_of_a_recording(tmp_path: Path) -> None:
    """Each recording is low or high, and all have a label of their group: the help of task.labels leads here."""
    corpus = written(tmp_path / "corpus", ["low", "high"] * 4)
    items = []
    for number, item in enumerate(corpus.items):
        own = [Atom("low" if number % 2 == 0 else "high"), Atom("tone")]
        atoms = {**item.entry.annotations, "tag": tuple(own)}
        items.append(replace(item, entry=Entry(atoms)))
    task, model, cache = ready(corpus, tmp_path)
    task.learner(items, items, cache, seed=0, batch_size=4)
    with pytest.raises(TaskError, match=r"set task\.labels to several"):
        task.tune(model, items, cache)

    task, model, cache = ready(
        corpus, tmp_path, CONFIG.model_copy(update={"labels": "several"})
    )
    task.learner(items, items, cache, seed=0, batch_size=4)
    tuned = json.loads(json.dumps(task.tune(model, items, cache)))
    assert tuned["labels"] == ["high", "low", "tone"]
    found = task.evaluate(model, items, cache, tuned)
    for name in ("pr_auc_macro", "roc_auc_macro", "knn_pr_auc_macro"):
        assert found.figures[name] == 1.0
    assert task.pooled(found.tracks) == found.figures
    prediction = task.predict(model, cache.open("0.wav"), tuned)
    assert prediction.tags.labels == ("low", "tone")
    assert len(task.pictures(model, items, cache, tuned, found)) == 3


def test_mixes_of_stems_are_recordings_with_several_labels(bach10: Path) -> None:
    """Fifteen of each piece's four stems; the two probes find instruments in them."""
    items = Corpus.open(bach10).items
    settings = {"labels": "several", "annotation": "instrument", "patch_frames": 16}
    told = SelfSupervisedConfig.model_validate({**settings, "mix_stems": True})
    task = SelfSupervised(told, FEATURE)
    tracks = task.tracks(task.recordings(items))
    assert len(tracks) == 150
    counts = sorted(len(task.truth(item)) for item in tracks)
    assert counts == sorted([1] * 40 + [2] * 60 + [3] * 40 + [4] * 10)
    # Only pieces are apart: a split has the mixes of one on one side.
    assert len({item.group for item in tracks}) == 10
    alone = SelfSupervised(told.model_copy(update={"mix_stems": False}), FEATURE)
    assert list(alone.recordings(items)) == list(items)
    with pytest.raises(
        ValueError, match="'mix_stems' makes recordings with several labels"
    ):
        SelfSupervisedConfig(patch_frames=16, mix_stems=True)


@pytest.mark.parametrize("groups", [8, 1])
def test_probes_of_several_labels_by_hand(groups: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((40, 3)) < 0.4
    vectors = truth @ rng.standard_normal((3, 5)) + 0.1 * rng.standard_normal((40, 5))
    of = [str(number % groups) for number in range(40)]
    probe = probe_several.fitted(vectors, truth, ["a", "b", "c"], of)
    if groups == 1:
        assert probe["cost"] == 0.1
    scaler = StandardScaler().fit(vectors)
    for label in range(3):
        model = LogisticRegression(max_iter=5000, C=probe["cost"])
        model.fit(scaler.transform(vectors), truth[:, label])
        expected = model.predict_proba(scaler.transform(vectors))[:, 1]
        scores = probe_several.linear_scores(probe, vectors)[:, label]
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    # Of each query the nearest itself, and the second by hand.
    near = probe_several.neighbour_scores(probe, vectors, 2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    for row in range(40):
        first = np.argsort(-cosines[row], kind="stable")[:2]
        weights = 1 + cosines[row, first]
        expected = (weights[:, None] * truth[first]).sum(0) / weights.sum()
        np.testing.assert_allclose(near[row], expected, atol=1e-3)


def test_labels_that_all_have_or_none() -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 2))
    truth = np.array([[True, row % 2 == 0] for row in range(6)])
    probe = probe_several.fitted(vectors, truth, ["all", "half"], list("abcdef"))
    assert (probe_several.linear_scores(probe, vectors)[:, 0] > 0.99).all()
    truth[:, 1] = False
    with pytest.raises(TaskError, match="no training recording has the label 'none'"):
        probe_several.fitted(vectors, truth, ["all", "none"], list("abcdef"))
