"""`feature: {type: given, from_audio: ...}`: features of a corpus, and those computed in their place from audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mirbricks.errors import DataError, MirbricksError
from mirbricks.features.cache import FeatureCache
from mirbricks.features.given import CorpusFeatures, GivenFeatureConfig
from mirbricks.features.kinds import feature_of
from mirbricks.features.nnls_chroma import NNLSChromaFeature, NNLSChromaFeatureConfig
from mirbricks.features.streaming import stream_feature
from mirbricks.workflows.loading import load_experiment

NNLS = NNLSChromaFeatureConfig(sr_hz=8000, n_fft=1024, hop_length=160, first_samples=80)
GIVEN = GivenFeatureConfig(
    sr_hz=8000, n_features=24, step_s=0.02, first_s=0.01, from_audio=NNLS
)
WAVE = 0.1 * torch.randn(1, 9000, generator=torch.Generator().manual_seed(0))
GRAPH = """\
input: B C=24 T
layers: [{Conv1d: {out_channels: 25, kernel_size: 1}}]
task: {type: chords}
feature: {type: given, n_features: 24, step_s: 0.09287982, first_s: 0.13931973, from_audio: FROM}
"""


@dataclass
class Recording:
    key: str

    def read(self) -> tuple[NDArray[np.float32], int]:
        return WAVE[0].numpy(), 8000


def test_audio_goes_where_it_says() -> None:
    transform, expected = feature_of(GIVEN), NNLSChromaFeature(NNLS)(WAVE)
    assert (transform(WAVE) == expected).all()
    assert transform.n_frames(9000) == expected.shape[-1]
    torch.testing.assert_close(
        torch.cat(list(transform.stream(WAVE.split(500, 1))), -1), expected
    )


def test_without_it_audio_is_refused() -> None:
    transform = feature_of(GIVEN.model_copy(update={"from_audio": None}))
    for call in (
        lambda: transform(WAVE),
        lambda: transform.n_frames(3),
        lambda: list(transform.stream([WAVE])),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert str(caught.value) == (
            "the graph reads features that come with a corpus, `feature: {type: given}`, not audio\n"
            "  help: take a graph whose section 'feature' computes them from audio, or add feature.from_audio"
            "     [E459]"
        )


def test_what_predict_reads(tmp_path: Path) -> None:
    feature = stream_feature(
        lambda: iter([(WAVE[0].numpy(), 8000)]), tmp_path / "f", GIVEN, lambda _: None
    )
    torch.testing.assert_close(feature.read(), NNLSChromaFeature(NNLS)(WAVE)[0])


def test_a_corpus_with_audio_only(tmp_path: Path) -> None:
    features = CorpusFeatures(GIVEN, FeatureCache(tmp_path, NNLS))
    told: list[str] = []
    assert (
        features.build(
            [Recording("a")], n_jobs=1, on_done=lambda key, _: told.append(key)
        )
        == []
    )
    assert told == ["a"]
    torch.testing.assert_close(
        features.open("a").read(),
        NNLSChromaFeature(NNLS)(WAVE)[0],
        rtol=2e-3,
        atol=1e-3,
    )


def failure(tmp_path: Path, section: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(GRAPH.replace("FROM", section))
    with pytest.raises(MirbricksError) as caught:
        load_experiment("g.yaml")
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (
            "{type: chroma}",
            "g.yaml:4:1: feature: n_features is 24, and a frame of from_audio has 12",
        ),
        (
            "{type: nnls_chroma, hop_length: 2048}",
            "g.yaml:4:1: feature: step_s is 0.0928798, and that of from_audio is 0.0464399: they must be equal",
        ),
        (
            "{type: nnls_chroma, first_samples: 4096}",
            "g.yaml:4:1: feature: first_s is 0.13932, and that of from_audio is 0.0928798: they must be equal",
        ),
        (
            "{type: nnls_chroma, sr_hz: 22050}",
            "g.yaml:4:1: feature: sr_hz is 44100, and that of from_audio is 22050: they must be equal",
        ),
        (
            "{type: hcqt}",
            "g.yaml:4:93: feature: 'hcqt' cannot be computed in their place: one of "
            "nnls_chroma, beat_chroma, chroma, logmel",
        ),
        (
            "{type: nnls_chroma, n_fft: 2}",
            "g.yaml:4:93: feature: 'n_fft': Input should be greater than or equal to 16",
        ),
    ],
)
def test_what_does_not_fit_is_told_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, text: str
) -> None:
    assert failure(tmp_path, section, monkeypatch) == text


def test_resolved_graphs_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(GRAPH.replace("FROM", "{type: nnls_chroma}"))
    experiment = load_experiment("g.yaml")
    Path("again.yaml").write_text(experiment.resolved())
    assert load_experiment("again.yaml").feature == experiment.feature
