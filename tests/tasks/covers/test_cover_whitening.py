"""Whitening by the collection against its formulas on whole arrays, and what becomes of models and libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirbricks import compile_graph
from mirbricks.blocks.pointwise.whitening import Whitening
from mirbricks.compiler.compile import load_graph
from mirbricks.data.corpus import Corpus
from mirbricks.errors import TaskError
from mirbricks.features.given import CorpusFeatures, GivenFeatureConfig
from mirbricks.tasks.covers import CoversConfig, CoverSongs, Library
from mirbricks.tasks.covers.whitening import Moments, statistics_of, whitened_by
from mirbricks.workflows.loading import load_experiment

Make = Callable[..., Corpus]
FEATURE = GivenFeatureConfig(n_features=12, step_s=0.5, even=False)
SETTINGS = {
    "patch_frames": 16,
    "hop_frames": 8,
    "chunk_frames": 16,
    "vectors": "chunks",
    "rotations": True,
    "learn_from": "moments",
    "loss": "nt_xent",
}


class Chunks(nn.Module):
    """Means over time, spread out, and whitened: 12 numbers of each chunk become 5."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        self.mix = nn.Parameter(torch.randn(12, 12, generator=generator))
        config = Whitening.Config(num_features=12, out_features=5, shrinkage=0.2)
        self.whiten = Whitening(config)
        # It has been trained: on other music than what is searched.
        self.whiten.train()
        for _ in range(3):
            self.whiten(torch.randn(200, 12, generator=generator).cumsum(1) + 2)
        with torch.no_grad():
            self.whiten.weight.copy_(torch.tensor([1.0, 2.0, 0.5, 1.5, 1.0]))

    def before(self, x: Tensor) -> Tensor:
        return x.mean(2).square() @ self.mix

    def forward(self, x: Tensor) -> Tensor:
        return self.whiten(self.before(x))


def recordings(counts: Sequence[int], size: int = 4, seed: int = 0) -> list[np.ndarray]:
    """Chunks (N, D) of recordings that differ among one another more than within."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(count, size)) * rng.uniform(0.2, 3, size)
        + rng.normal(size=size)
        for count in counts
    ]


def of_whole_arrays(
    made: Sequence[np.ndarray], mean: np.ndarray, training: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Share of the training, mean and covariance, every sum written out."""
    weights = np.array([len(one) for one in made]) / sum(map(len, made))
    moments = [(one - mean).T @ (one - mean) / len(one) for one in made]
    whole = np.concatenate(made) - mean
    s = whole.T @ whole / len(whole)
    pairs = zip(weights, moments, strict=True)
    variance = sum(w**2 * ((q - s) ** 2).sum() for w, q in pairs)
    variance /= 1 - (weights**2).sum()
    share = min(1.0, variance / ((s - training) ** 2).sum())
    shift = (1 - share) * whole.mean(0)
    covariance = share * training + (1 - share) * s - np.outer(shift, shift)
    return share, mean + shift, covariance


def moments_of(
    made: Sequence[np.ndarray], mean: np.ndarray, training: np.ndarray
) -> Moments:
    moments = Moments(torch.from_numpy(mean), torch.from_numpy(training))
    for one in made:
        moments.add(torch.from_numpy(one))
    return moments


@pytest.mark.parametrize("counts", [(3, 40, 7), (5, 5), (9, 1, 30, 2, 2, 60, 11)])
@pytest.mark.parametrize("far", [0.0, 1e4])
def test_moments_by_whole_arrays(counts: Sequence[int], far: float) -> None:
    made = [one + far for one in recordings(counts)]
    mean = np.array([0.5, -1.0, 0.0, 2.0]) + far
    training = np.diag([4.0, 3.0, 2.0, 9.0])
    share, new_mean, covariance = of_whole_arrays(made, mean, training)
    moments = moments_of(made, mean, training)
    assert 0 < share < 1
    assert moments.share_of_training == pytest.approx(share, rel=1e-6)
    found = moments.mixed()
    np.testing.assert_allclose(found[0].numpy(), new_mean, rtol=1e-9)
    np.testing.assert_allclose(found[1].numpy(), covariance, rtol=1e-6, atol=1e-8)


def test_one_recording_says_nothing() -> None:
    """How far it is from others is not known: the training's statistics stay."""
    mean = np.array([0.5, -1.0, 0.0, 2.0])
    training = np.diag([4.0, 3.0, 2.0, 9.0])
    moments = moments_of(recordings([50]), mean, training)
    assert moments.share_of_training == 1.0
    found = moments.mixed()
    assert np.array_equal(found[0].numpy(), mean)
    assert np.array_equal(found[1].numpy(), training)


def test_the_more_recordings_the_less_counts_the_training() -> None:
    mean, training = np.zeros(4), np.diag([4.0, 3.0, 2.0, 9.0])
    shares = [
        np.mean(
            [
                moments_of(
                    recordings([20] * n, seed=seed), mean, training
                ).share_of_training
                for seed in range(20)
            ]
        )
        for n in (2, 6, 20, 100)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.4
    assert shares[-1] < 0.05


def ready(corpus: Corpus, **settings: object) -> tuple[CoverSongs, CorpusFeatures]:
    config = CoversConfig.model_validate({**SETTINGS, **settings})
    task, cache = CoverSongs(config, FEATURE), CorpusFeatures(FEATURE)
    assert cache.build(corpus.features) == []
    task.check_shapes(("B", 12, 16), ("B", 5))
    return task, cache


def test_a_library_by_whole_arrays(covers: Make) -> None:
    """Every chunk in every key goes into the statistics, and is whitened by them; the model stays as it was."""
    corpus = covers([2, 2, 3], n_frames=64)
    task, cache = ready(corpus, whitening="collection")
    model = Chunks()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    library = task.library(model, corpus.features, cache)
    for name, one in model.state_dict().items():
        assert torch.equal(one, before[name]), name

    made = []
    for item in corpus.features:
        x = cache.open(item.key).read()
        starts = range(0, x.shape[-1] - 15, 8)
        chunks = torch.stack([x[:, k : k + 16] for k in starts])
        keys = [chunks.roll(semitones, 1) for semitones in range(12)]
        made.append(torch.stack([model.before(one) for one in keys]).detach().double())
    flat = [one.flatten(0, 1).numpy() for one in made]
    layer = model.whiten
    _, mean, covariance = of_whole_arrays(
        flat, layer.running_mean.double().numpy(), layer.covariance.double().numpy()
    )
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:5], vectors[:, ::-1][:, :5]
    projection = vectors / np.sqrt(values + 0.2 * values.mean() + 1e-8)
    weight = layer.weight.detach().double().numpy()
    # Components have no sign of their own; cosines do not know it.
    wanted = [(one.numpy() - mean) @ projection * weight for one in made]
    wanted = [one / np.linalg.norm(one, axis=-1, keepdims=True) for one in wanted]
    found = library.vectors.split(library.counts.tolist())
    for one, other in zip(found, wanted, strict=True):
        ours = one.movedim(1, 0).flatten(0, 1).double().numpy()
        theirs = other.reshape(-1, 5)
        np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=2e-4)

    # And this is another library than the training's statistics make.
    plain, _ = ready(corpus)
    assert plain.config.whitening == "training"
    own = plain.library(model, corpus.features, cache)
    assert own.whitening == {}
    assert not torch.allclose(own.vectors, library.vectors, atol=0.05)


def test_what_is_embedded_with_the_statistics_of_a_library_is_its_vector(
    covers: Make,
) -> None:
    corpus = covers([2, 2, 3], n_frames=64)
    task, cache = ready(corpus, whitening="collection")
    model = Chunks().eval()
    library = task.library(model, corpus.features, cache)
    feature = cache.open(corpus.features[3].key)
    with torch.inference_mode():
        outside = task.embedded(model, feature)[0]
        with whitened_by(model, library.whitening):
            inside = task.embedded(model, feature)[0]
    torch.testing.assert_close(inside, library.query(3), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(outside, inside, atol=0.05)


def test_figures_are_those_of_the_collection(covers: Make) -> None:
    corpus = covers([2] * 6, n_frames=64)
    task, cache = ready(corpus, whitening="collection")
    model = Chunks()
    found = task.evaluate(model, corpus.features, cache, {})
    library = task.library(model, corpus.features, cache)
    again = Library.of(
        [one.movedim(1, 0) for one in library.vectors.split(library.counts.tolist())],
        normalise=False,
    )
    scores = again.rows(slice(0, 12)).fill_diagonal_(-torch.inf)
    first = scores.argmax(1).tolist()
    right = np.mean([k // 2 == one // 2 for k, one in enumerate(first)])
    assert found.figures["P@1"] == pytest.approx(right)


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = Whitening(Whitening.Config(num_features=6, out_features=6))
        self.second = Whitening(Whitening.Config(num_features=6, out_features=3))
        for layer in (self.first, self.second):
            layer.train()
            layer(torch.randn(50, 6))
            layer.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).square())


def test_a_layer_behind_another_sees_what_that_gives_it() -> None:
    model = TwoLayers()
    made = [torch.randn(n, 6) * torch.rand(6) * 5 for n in (8, 5, 20, 9)]

    def embeddings() -> object:
        return (model(one) for one in made)

    with torch.no_grad():
        found = statistics_of(model, embeddings)  # type: ignore[arg-type]
        assert list(found) == ["first", "second"]
        moments = Moments(model.second.running_mean, model.second.covariance)
        with whitened_by(model, {"first": found["first"]}):
            for one in made:
                moments.add(model.first(one).square())
    torch.testing.assert_close(found["second"][0], moments.mixed()[0].float())


def test_statistics_come_off_where_embedding_fails() -> None:
    model = TwoLayers()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    other = {"second": (torch.ones(6), torch.ones(6, 3))}

    def fail() -> object:
        model(torch.randn(4, 6))
        raise RuntimeError("no such recording")
        yield

    with pytest.raises(RuntimeError, match="no such recording"):
        statistics_of(model, fail)  # type: ignore[arg-type]
    with whitened_by(model, other):
        assert model.second.projection.eq(1).all()
    for name, one in model.state_dict().items():
        assert torch.equal(one, before[name]), name
    assert not model.first._forward_pre_hooks
    for wrong in ({"third": other["second"]}, {"first": other["second"]}):
        with (
            pytest.raises(ValueError, match=r"third|\(6, 6\)"),
            whitened_by(model, wrong),
        ):
            pass


GRAPH = """\
name: plain
input: B C=12 T=16
layers:
  - Mean: {dim: 2}
  - Linear: {out_features: 5}
feature: {type: given, n_features: 12, step_s: 0.5, even: false}
task:
  type: covers
  patch_frames: 16
  whitening: collection
"""


def test_a_graph_without_the_layer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(GRAPH)
    with pytest.raises(TaskError) as caught:
        load_experiment(path)
    assert str(caught.value).splitlines() == [
        f"{path}:10:3: 'task.whitening' is collection, and the graph has no layer Whitening to be given its statistics",
        "   10 |   whitening: collection",
        "      |   ^^^^^^^^^",
        "  help: let the layers end with `- Whitening: {out_features: 64}`, or leave task.whitening out     [E522]",
    ]
    path.write_text(GRAPH.replace("Linear", "Whitening"))
    assert load_experiment(path).task.config.whitening == "collection"


def test_the_layers_of_a_compiled_graph_are_found(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH.replace("Linear", "Whitening"))
    model = compile_graph(load_graph(tmp_path / "g.yaml")).eval()
    made = [torch.rand(4, 12, 16) for _ in range(3)]
    with torch.no_grad():
        found = statistics_of(model, lambda: (model(one) for one in made))
        (mean, projection) = found.popitem()[1]
    assert mean.shape == (12,)
    assert projection.shape == (12, 5)
